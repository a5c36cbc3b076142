"""`evse run --record FILE`: what crosses the board's wire, written by the storage thread.

The event loop only collects; a disk that fails ends the recording and nothing else.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from evse.clock import Clock
from evse.journal.storage import Storage
from firmware_bridge.capture import CaptureFile, Record, RecordedTransport, Recorder
from firmware_bridge.transports import Transport

WRITE_EVERY_MS = 1_000
MAX_WAITING = 20_000
"""Pieces that wait for the disk, a few minutes of eight EVSEs: a disk that takes longer ends the
recording rather than fill the memory."""

_log = logging.getLogger(__name__)


class LinkRecording:
    """One file for all connections of a core's life."""

    def __init__(self, path: Path, clock: Clock, storage: Storage) -> None:
        """Begins the file anew; what an earlier core wrote becomes NAME.1. Raises OSError."""
        if path.exists():
            path.replace(path.with_name(path.name + ".1"))
        self._file = CaptureFile(path)
        self._clock = clock
        self._storage = storage
        self._recorder = Recorder(self._collect)
        self._waiting: list[Record] = []
        self._due_ms = clock.now_ms() + WRITE_EVERY_MS
        self._writing = False
        self.failed = ""
        """Why the disk refused; empty while it writes."""

    def around(self, transport: Transport) -> Transport:
        """`transport`, recorded."""
        return RecordedTransport(transport, self._recorder, self._clock)

    def poll(self) -> None:
        """Hand over what was collected, about once a second."""
        if self._clock.now_ms() >= self._due_ms:
            self._due_ms = self._clock.now_ms() + WRITE_EVERY_MS
            self.flush()

    def flush(self) -> None:
        """Hand over what was collected, one piece of work at a time."""
        if self._writing or not self._waiting or self.failed:
            return
        batch, self._waiting = self._waiting, []
        self._writing = True
        self._storage.submit(lambda _db: self._write(batch), self._written)

    def close(self) -> None:
        """Hand over the rest, and close the file when it is written."""
        self._writing = False
        self.flush()
        self._storage.submit(lambda _db: self._file.close(), lambda _outcome: None)

    def _collect(self, record: Record) -> None:
        if self.failed:
            return
        self._waiting.append(record)
        if len(self._waiting) > MAX_WAITING:
            self._waiting.clear()
            self._end("the disk is too slow")

    def _write(self, batch: list[Record]) -> str:
        """On the storage thread; why it could not."""
        try:
            for record in batch:
                self._file.append(record)
        except OSError as error:
            return str(error)
        return ""

    def _written(self, outcome: str | sqlite3.Error) -> None:
        self._writing = False
        if outcome and not self.failed:
            self._end(str(outcome))

    def _end(self, why: str) -> None:
        self.failed = why
        _log.error("the link is recorded no more: %s", why)
