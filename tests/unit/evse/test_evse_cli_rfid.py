"""`evse rfid watch`, as whoever stands before a reader uses it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from evse.cli import main

WATCH = ("rfid", "watch", "--seconds")


def test_a_card_is_printed_as_it_is_presented(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = tmp_path / "reader.tty"
    config = tmp_path / "station.toml"
    config.write_text(
        (Path(__file__).parents[3] / "hil" / "station_free.toml").read_text("utf-8")
        + f'[[rfid]]\nkind = "pn532"\nport = "{link}"\n'
    )
    chip = subprocess.Popen(
        [sys.executable, "-m", "hil.rfid.process", "--link", str(link)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with chip:
        assert chip.stdin is not None
        assert chip.stdout is not None
        chip.stdin.write("card 04a2b3c4d5e6f7\n")
        chip.stdin.flush()
        assert str(link) in chip.stdout.readline()
        assert main([*WATCH, "1", "--config", str(config)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert f"reader 1 (pn532 at {link}) answers: PN532, firmware 1.6." in first
    assert second.endswith("reader 1: 04A2B3C4D5E6F7  (ISO14443)")


def test_a_reader_that_is_not_there_is_told_with_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*WATCH, "0.01", "--port", "/dev/ttyNOPE"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert "reader 1 (pn532 at /dev/ttyNOPE) is not there. Plug it in" in line


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--port", "ttyX"], 'port = "ttyX" must be an absolute path'),
        (["--port", "/dev/x", "--baud", "12"], "baud = 12 must be a whole number from 1200"),
        (["--port", "/dev/x", "--kind", "keyboard", "--baud", "9600"], "baud is for kind"),
        (["--config", "/nowhere/station.toml"], "cannot be read"),
    ],
)
def test_what_can_not_be_watched_is_said(
    options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*WATCH, "1", *options]) == 2
    assert says in capsys.readouterr().err


def test_a_station_without_a_reader_has_none_to_watch(
    capsys: pytest.CaptureFixture[str],
) -> None:
    demo = Path(__file__).parents[3] / "hil" / "station_demo.toml"
    assert main([*WATCH, "1", "--config", str(demo)]) == 2
    assert "has no [[rfid]]" in capsys.readouterr().err
