"""`evse meter verify`: what a technician reads of a signed record, and what a script gets."""

from __future__ import annotations

import argparse
import base64
import io
from pathlib import Path

import pytest

from evse.cli import meter_verify

DATA = Path(__file__).parents[2] / "data" / "ocmf"
ISKRA = DATA / "iskra_wm3m4c.txt"
ISKRA_KEY = (
    "3059301306072A8648CE3D020106082A8648CE3D03010703420004890ADD61803B4665C9BFC3F4E40C4696DF54C8"
    "FB8E067613CC465D7EA67411C0A9517C0D1A021B0859A829B85D5F6FA567047E5CBD91CD9C01F643003FEA3646"
)


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    meter_verify.add(parser)
    return meter_verify.run(parser.parse_args([*arguments, "--key", ISKRA_KEY]))


def test_a_sound_record_shows_its_readings_and_its_energy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(str(ISKRA)) == 0
    shown = capsys.readouterr().out
    assert "T241: signature VALID (ECDSA-secp256r1-SHA256)" in shown
    assert "2023-04-14T11:51:06+00:00 synchronised  begin                    80.77 kWh" in shown
    assert "note: reading 2: the meter says that its time can not be used (EF)" in shown
    assert shown.endswith("result: 0.20 kWh in 0:03:37\n")


def test_a_changed_record_says_so_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = tmp_path / "changed.txt"
    changed.write_bytes(ISKRA.read_bytes().replace(b"80.97", b"80.87"))
    assert run(str(changed)) == 1
    shown = capsys.readouterr().out
    assert "signature NOT VALID, the text was changed, or another key signed it" in shown
    assert shown.endswith("result: NOT to be billed from\n")


def test_a_record_comes_in_base64_or_on_the_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapped = tmp_path / "wrapped.txt"
    wrapped.write_bytes(base64.encodebytes(ISKRA.read_bytes()))
    assert run(str(wrapped)) == 0
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(ISKRA.read_bytes())))
    assert run("-") == 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "can not be checked: No such file or directory"),
        ("<xml/>", "can not be checked: it does not begin with OCMF|"),
        ('OCMF|{"PG":"T1","PG":"T1"}|{}', "can not be checked: payload: PG is there twice"),
    ],
)
def test_what_can_not_be_checked_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, sentence: str
) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_text(content)
    assert run(str(file)) == 1
    assert sentence in capsys.readouterr().err


def test_a_record_can_not_act_on_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(ISKRA.read_bytes().replace(b"W4155775", rb"\u001b[2J"))
    assert run(str(file)) == 1
    assert "\x1b" not in capsys.readouterr().out
