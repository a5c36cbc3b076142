"""Captures: bounded, readable, and decoded without loss."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evse.clock import VirtualClock
from evse.model import Capability, Permit
from firmware_bridge.capture import (
    HEADER,
    RING_RECORDS,
    CaptureFile,
    Direction,
    Record,
    RecordedTransport,
    Recorder,
    read_capture,
)
from firmware_bridge.codec import pack
from firmware_bridge.dump import describe, dump
from firmware_bridge.errors import CaptureError
from firmware_bridge.frames import encode
from firmware_bridge.loopback import Loopback
from firmware_bridge.messages import Hello, PermitMessage

PERMIT = PermitMessage(1, 0xCAFE, 5, 6, Permit(7, True, 2666))
PERMIT_LINE = (
    "PERMIT evse=1 session=0000cafe heard_ms=5 held_ms=6 seq=7 close=yes duty_bp=2666 lock=KEEP "
    "phases=3 indicator=OFF"
)
records = st.lists(
    st.builds(Record, st.integers(0, 2**40), st.sampled_from(Direction), st.binary(min_size=1)),
    max_size=20,
)


def test_the_ring_keeps_the_last_records_and_the_sink_gets_all() -> None:
    sunk: list[Record] = []
    recorder = Recorder(sunk.append)
    for t_ms in range(1000):
        recorder.add(Record(t_ms, Direction.TO_BOARD, b"x"))
    assert len(sunk) == 1000
    assert recorder.records() == sunk[-RING_RECORDS:]


def test_a_recorded_transport_tells_both_directions_with_their_time() -> None:
    loopback, clock, recorder = Loopback(), VirtualClock(), Recorder()
    received: list[bytes] = []
    transport = RecordedTransport(loopback.host, recorder, clock)
    transport.start(received.append, lambda: None, lambda why: None)
    transport.write(b"out")
    clock.advance_to(12)
    loopback.board.write(b"in")
    loopback.deliver()
    assert received == [b"in"]
    assert recorder.records() == [
        Record(0, Direction.TO_BOARD, b"out"),
        Record(12, Direction.FROM_BOARD, b"in"),
    ]
    assert (transport.name, transport.ready) == ("loopback", True)
    transport.close()


@given(records)
def test_a_capture_file_reads_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, written: list[Record]
) -> None:
    path = tmp_path_factory.mktemp("capture") / "link.txt"
    capture = CaptureFile(path)
    for record in written:
        capture.append(record)
    capture.close()
    with path.open(encoding="ascii") as lines:
        assert list(read_capture(lines)) == written


def test_a_capture_file_is_bounded_and_keeps_the_newest(tmp_path: Path) -> None:
    path = tmp_path / "link.txt"
    capture = CaptureFile(path, max_bytes=1000)
    for t_ms in range(1000):
        capture.append(Record(t_ms, Direction.FROM_BOARD, b"some telemetry"))
    capture.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["link.txt", "link.txt.1"]
    assert all(file.stat().st_size <= 1000 for file in files)
    older, newer = (
        list(read_capture(file.read_text().splitlines(keepends=True))) for file in reversed(files)
    )
    times = [record.t_ms for record in older + newer]
    assert times == list(range(times[0], 1000))


def test_a_last_line_without_its_end_is_passed_over() -> None:
    lines = [f"{HEADER}\n", "5 > 00ff\n", "6 < 00f"]
    assert list(read_capture(lines)) == [Record(5, Direction.TO_BOARD, b"\0\xff")]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "line 1 is not 'pievse-link-capture 1'"),
        (["something else\n"], "this is no link capture"),
        ([f"{HEADER}\n", "5 > 00\n", "5 ? 00\n"], "line 3 is no record: '5 [?] 00'"),
        ([f"{HEADER}\n", "5 > 0\n"], "line 2 is no record"),
        ([f"{HEADER}\n", "x > 00\n"], "line 2 is no record"),
        ([f"{HEADER}\n", "\n"], "line 2 is no record: ''"),
    ],
)
def test_what_is_no_capture_is_named_by_line(lines: list[str], sentence: str) -> None:
    with pytest.raises(CaptureError, match=sentence):
        list(read_capture(lines))


def test_dump_gives_a_line_a_message_and_one_for_what_was_dropped() -> None:
    frame = encode(pack(PERMIT))
    pieces = [
        Record(1000, Direction.TO_BOARD, frame[:9]),
        Record(1001, Direction.FROM_BOARD, b"\0\x09ab\0"),
        Record(1002, Direction.TO_BOARD, frame[9:]),
        Record(61_003, Direction.FROM_BOARD, encode(b"\xee\x01")),
    ]
    assert list(dump(pieces)) == [
        "       1.001 < ! 1 damaged: 0009616200",
        f"       1.002 > {PERMIT_LINE}",
        "      61.003 < ! 0xee is no message type: ee01",
    ]


def test_describe_names_flags_absent_values_and_text(tmp_path: Path) -> None:
    from bridge_wire import identity

    who = identity(capabilities=Capability(0), board='a "b"')
    line = describe(Hello(1, 2, 3, 4, who))
    assert 'board="a \\"b\\"" firmware="1.0"' in line
    assert "capabilities=none config_crc=00c0ffee evses=1" in line
    both = identity(capabilities=Capability.LOCK | Capability.RCD)
    assert "capabilities=LOCK|RCD " in describe(Hello(1, 2, 3, 4, both))


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_dump_never_raises(pieces: list[bytes]) -> None:
    list(dump(Record(0, Direction.FROM_BOARD, piece) for piece in pieces))
