"""The frame log: whole, redacted, bounded, and never in the way."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evse.clock import VirtualClock
from ocpp_link.wire.frame_log import MAX_PAYLOAD_CHARS, MAX_WAITING_BYTES, FrameLog, Level
from ocpp_link.wire.redaction import Redaction
from ocpp_link.wire.rotated_file import RotatedFile, parts


class Disk:
    """Takes lines at once, or when told."""

    def __init__(self) -> None:
        self.text = b""
        self.writes = 0
        self.hangs = False
        self._done: Callable[[], None] = lambda: None

    def write(self, lines: bytes, done: Callable[[], None]) -> None:
        self.text += lines
        self.writes += 1
        self._done = done
        if not self.hangs:
            done()

    def goes_on(self) -> None:
        self.hangs = False
        self._done()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


class Later:
    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def __call__(self, _seconds: float, act: Callable[[], None]) -> None:
        self.due.append(act)

    def comes(self) -> None:
        due, self.due = self.due, []
        for act in due:
            act()


class Bench:
    def __init__(self, **options: Any) -> None:
        self.disk, self.later = Disk(), Later()
        self.log = FrameLog(self.disk.write, VirtualClock(), self.later, **options)

    @property
    def lines(self) -> list[dict[str, Any]]:
        self.later.comes()
        return self.disk.lines


AT = "2026-01-01T00:00:00.000Z"


def test_each_frame_is_a_line_with_its_parts() -> None:
    b = Bench()
    b.log.sent('[2,"1","Heartbeat",{}]')
    b.log.received('[3, "1", {"currentTime": "x"}]')
    b.log.received('[2,"a","Reset",{"type":"Soft"}]')
    b.log.sent('[4,"a","InternalError","no",{"why":1}]')
    b.log.note("the connection broke")

    def line(direction: str, **rest: Any) -> dict[str, Any]:
        return {"time": AT, "direction": direction, **rest}

    assert b.lines == [
        line("sent", type=2, id="1", action="Heartbeat", payload={}),
        line("received", type=3, id="1", action="Heartbeat", payload={"currentTime": "x"}),
        line("received", type=2, id="a", action="Reset", payload={"type": "Soft"}),
        line(
            "sent",
            type=4,
            id="a",
            action="Reset",
            payload={"why": 1},
            code="InternalError",
            words="no",
        ),
        line("link", words="the connection broke"),
    ]
    assert b.disk.writes == 1, "lines that come together go out together"


def test_secrets_are_out_of_every_part() -> None:
    b = Bench()
    b.log.received('[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"00AA"}]')
    b.log.received('[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"00AA"')
    b.log.sent('[4,"1","GenericError","to ftp://me:00AA@host",{"password":"00AA"}]')
    assert b"00AA" not in (b.later.comes() or b.disk.text)
    b = Bench(redaction=Redaction(hide_tokens=True))
    b.log.sent('[2,"1","Authorize",{"idTag":"04A1B2C3"}]')
    assert b.lines[0]["payload"] == {"idTag": "***"}


def test_a_frame_on_many_lines_is_one_line() -> None:
    b = Bench()
    b.log.received('[2,"1","Reset",\r\n{\n"type":\n"Soft"}]')
    assert b.lines[0]["payload"] == {"type": "Soft"}


def test_a_long_payload_is_left_out_and_told() -> None:
    b = Bench()
    text = json.dumps([2, "1" * 400, "SendLocalList", {"x": "y" * MAX_PAYLOAD_CHARS}])
    b.log.received(text)
    (line,) = b.lines
    assert line["left_out_chars"] == len(text)
    assert "payload" not in line
    assert len(line["id"]) == 255


def test_errors_are_told_with_the_call_that_they_answer() -> None:
    b = Bench(level=Level.ERRORS)
    b.log.sent('[2,"1","Heartbeat",{}]')
    b.log.received('[3,"1",{"currentTime":"x"}]')
    b.log.sent('[2,"2","Authorize",{"idTag":"X"}]')
    b.log.received('[4,"2","InternalError","",{}]')
    b.log.received("no json")
    b.log.note("gone")
    assert [(x.get("type", 0), x.get("action", "")) for x in b.lines] == [
        (2, "Authorize"),
        (4, "Authorize"),
        (0, ""),
        (0, ""),
    ]


def test_off_writes_nothing() -> None:
    b = Bench(level=Level.OFF)
    b.log.sent('[2,"1","Heartbeat",{}]')
    b.log.received("no json")
    b.log.note("gone")
    assert (b.lines, b.later.due) == ([], [])


def test_a_disk_that_hangs_costs_lines_and_no_memory() -> None:
    b = Bench()
    b.disk.hangs = True
    b.log.sent('[2,"1","Heartbeat",{}]')
    b.later.comes()
    frame = json.dumps([2, "1", "DataTransfer", {"data": "x" * 1_000}])
    for _ in range(500):
        b.log.sent(frame)
    assert b.later.due == [], "one write at a time"
    b.disk.goes_on()
    lines = b.lines
    assert MAX_WAITING_BYTES / 1_200 < len(lines) < 300
    assert "lines are missing here" in lines[-1]["words"]


@given(st.lists(st.tuples(st.booleans(), st.text(max_size=60)), max_size=20))
def test_no_frame_makes_it_raise_and_every_frame_is_one_line(
    frames: list[tuple[bool, str]],
) -> None:
    b = Bench()
    for ours, text in frames:
        (b.log.sent if ours else b.log.received)(text)
    assert len(b.lines) == len(frames)


@given(
    st.lists(
        st.one_of(
            st.integers(-1, 7),
            st.text(max_size=5),
            st.none(),
            st.dictionaries(st.text(), st.none()),
        ),
        max_size=6,
    )
)
def test_no_shape_of_a_frame_makes_it_raise(frame: list[Any]) -> None:
    b = Bench()
    b.log.received(json.dumps(frame))
    assert len(b.lines) == 1


def test_deep_json_is_unreadable_and_harmless() -> None:
    b = Bench()
    b.log.received("[" * 50_000)
    b.log.received('[2,"1","X",' + '{"password":' * 5_000 + "1" + "}" * 5_000 + "]")
    assert len(b.lines) == 2


# The files


def test_files_are_rotated_and_bounded(tmp_path: Path) -> None:
    path = tmp_path / "frames.jsonl"
    log = RotatedFile(path, max_bytes=100, files=3)
    for number in range(60):
        log.append(f"{number:09d}\n".encode())
    found = parts(path)
    assert [one.name for one in found] == ["frames.2.jsonl", "frames.1.jsonl", "frames.jsonl"]
    assert all(one.stat().st_size <= 100 for one in found)
    text = "".join(one.read_text() for one in found)
    assert text.split() == [f"{number:09d}" for number in range(30, 60)]
    assert path.stat().st_mode & 0o007 == 0


def test_a_single_file_begins_anew(tmp_path: Path) -> None:
    log = RotatedFile(tmp_path / "a.log", max_bytes=10, files=1)
    log.append(b"12345678\n")
    log.append(b"next\n")
    assert [one.read_bytes() for one in parts(tmp_path / "a.log")] == [b"next\n"]
    with pytest.raises(ValueError):
        RotatedFile(tmp_path / "a.log", max_bytes=10, files=0)


def test_a_line_that_was_torn_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b'{"time":"torn')
    RotatedFile(path, max_bytes=1_000, files=1).append(b"whole\n")
    assert path.read_bytes().split(b"\n") == [b'{"time":"torn', b"whole", b""]


def test_a_log_that_ended_well_is_continued_without_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    for line in (b"one\n", b"two\n"):
        RotatedFile(path, max_bytes=1_000, files=1).append(line)
    assert path.read_bytes() == b"one\ntwo\n"


def test_a_full_disk_is_told_and_survived(tmp_path: Path) -> None:
    """/dev/full refuses every write; afterwards the log goes on in its file."""
    path = tmp_path / "a.log"
    path.symlink_to("/dev/full")
    log = RotatedFile(path, max_bytes=1_000, files=1)
    with pytest.raises(OSError, match="No space left"):
        log.append(b"lost\n")
    path.unlink()
    log.append(b"kept\n")
    assert path.read_bytes() == b"kept\n"


def test_no_file_stays_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    log = RotatedFile(tmp_path / "a.log", max_bytes=50, files=2)
    for _ in range(20):
        log.append(b"line\n")
    assert len(os.listdir("/proc/self/fd")) == before
