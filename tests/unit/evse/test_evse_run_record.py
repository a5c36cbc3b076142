"""A recording of the board's wire beside a disk that hangs."""

from __future__ import annotations

from pathlib import Path

import pytest

from evse.clock import VirtualClock
from evse.run.record import MAX_WAITING, WRITE_EVERY_MS, LinkRecording
from firmware_bridge.capture import Direction, Record
from hil.sim.station import StallingStorage, new_database


def test_a_disk_that_hangs_fills_no_memory_and_ends_the_recording(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = VirtualClock()
    database = new_database(clock, print)
    storage = StallingStorage(database)
    recording = LinkRecording(tmp_path / "link.cap", clock, storage)
    storage.stalled = True
    piece = Record(0, Direction.TO_BOARD, b"\x01")
    for second in range(1, 6):
        for _ in range(100):
            recording._collect(piece)
        clock.advance_to(second * WRITE_EVERY_MS)
        recording.poll()
    assert len(storage._waiting) == 1, "one piece of work at a time"
    for _ in range(MAX_WAITING):
        recording._collect(piece)
    assert recording.failed == "the disk is too slow"
    assert recording._waiting == []
    assert caplog.text.count("recorded no more") == 1
    storage.resume()
    recording.close()
    database.close()
