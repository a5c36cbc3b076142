"""`evse ocpp log`, on files as the link writes them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from evse.cli import main
from evse.cli.ocpp_log import lines
from ocpp_link.wire.rotated_file import RotatedFile

LOG = """\
{"time":"2026-01-01T08:00:00.000Z","direction":"link","words":"connected to ws://x/CP, ocpp1.6"}
{"time":"2026-01-01T08:00:01.000Z","direction":"sent","type":2,"id":"1","action":"Heartbeat","payload":{}}
{"time":"2026-01-01T08:00:01.035Z","direction":"received","type":3,"id":"1","action":"Heartbeat","payload":{"currentTime":"x"}}
{"time":"2026-01-01T09:00:00.000Z","direction":"received","type":2,"id":"a","action":"Reset","payload":{"type":"Soft"}}
{"time":"2026-01-01T09:00:00.001Z","direction":"sent","type":4,"id":"a","action":"Reset","payload":{},"code":"NotSupported","words":"no"}
{"time":"2026-01-01T09:00:02.000Z","direction":"sent","type":2,"id":"2","action":"Authorize","payload":{"idTag":"***"}}
{"time":"2026-01-01T09:00:03.000Z","direction":"received","words":"garbage"}
torn by a power cut
{"time":"2026-01-01T09:00:30.000Z","direction":"received","type":2,"id":"b","action":"SendLocalList","left_out_chars":60000}
{"time":"2026-01-01T09:00:31.000Z","direction":"sent","type":3,"id":"b","action":"SendLocalList","payload":{"status":"Accepted"}}
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "ocpp-frames.jsonl"
    path.write_text(LOG, "utf-8")
    return path


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["ocpp", "log", *arguments]) == 0
    return capsys.readouterr().out


def test_calls_are_shown_with_their_answers(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, str(log))
    assert out.startswith(
        "2026-01-01 08:00:00.000 · connected to ws://x/CP, ocpp1.6\n"
        "2026-01-01 08:00:01.000 → Heartbeat {}\n"
        '                        ← 35 ms {"currentTime":"x"}\n'
        '2026-01-01 09:00:00.000 ← Reset {"type":"Soft"}\n'
        "                        → 1 ms CALLERROR NotSupported: no {}\n"
    )
    assert '→ Authorize {"idTag":"***"}\n                          no answer\n' in out
    assert "← no frame of OCPP-J: garbage" in out
    assert "SendLocalList (60000 characters, too long for the log)" in out
    assert "→ Heartbeat                             1       0       0     35 ms     35 ms" in out
    assert "1 connections, 0 failures of the link, 1 unreadable frames" in out


def test_filters_choose(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, str(log), "--action", "heartbeat", "--action", "RESET")
    assert "Heartbeat" in out
    assert "Reset" in out
    assert "Authorize" not in out
    out = shown(capsys, str(log), "--errors")
    assert "Heartbeat" not in out
    assert "CALLERROR" in out
    assert "no answer" in out
    out = shown(capsys, str(log), "--since", "2026-01-01T09:00:10Z")
    assert "SendLocalList" in out
    assert "Reset" not in out
    assert "SendLocalList" not in shown(capsys, str(log), "--since", "10m")


def test_raw_is_the_log_itself(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, str(log), "--raw", "--action", "Heartbeat")
    assert out == "".join(x + "\n" for x in LOG.splitlines() if "Heartbeat" in x)


def test_the_stations_own_log_needs_no_name(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Heartbeat" in shown(capsys, "--state-dir", str(log.parent))
    assert main(["ocpp", "log", "--state-dir", str(log.parent / "elsewhere")]) == 1
    assert "there is no log of frames at" in capsys.readouterr().err


def test_what_is_wrong_with_the_usage_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ocpp", "log", "--since", "yesterday"])
    assert ended.value.code == 2
    assert "'yesterday' is no time such as 10m or 2h" in capsys.readouterr().err
    assert main(["ocpp"]) == 2
    assert "--config" in capsys.readouterr().err


def test_following_survives_rotation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that is there all the time misses nothing when the file is moved away under it."""
    monkeypatch.setattr("evse.cli.ocpp_log.POLL_S", 0.001)
    path = tmp_path / "frames.jsonl"
    file = RotatedFile(path, max_bytes=300, files=3)
    found: list[str] = []
    enough = threading.Event()

    def follow() -> None:
        for line in lines(path, follow=True):
            found.append(line.id)
            if len(found) == 40:
                enough.set()
                return

    def line(number: int) -> bytes:
        return b'{"time":"","direction":"sent","type":2,"id":"%d"}\n' % number

    file.append(line(0))
    reader = threading.Thread(target=follow)
    reader.start()
    for number in range(1, 40):
        while len(found) < number:
            enough.wait(0.001)
        if number % 2:
            file.append(line(number))
            continue
        for part in (line(number)[:20], line(number)[20:]):  # as a slow disk shows it
            with path.open("ab") as handle:
                handle.write(part)
    assert enough.wait(10)
    reader.join()
    assert found == [str(number) for number in range(40)]


def test_a_filter_that_finds_nothing_says_so(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ocpp", "log", str(log), "--action", "Heartbeet"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"nothing in {log} is what was asked for\n")
