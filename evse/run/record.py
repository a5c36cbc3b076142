"""`evse run --record FILE`: what crosses the board's wire, written by the storage thread.

The event loop only collects; a disk that fails ends the recording and nothing else.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from evse.clock import Clock
from evse.storage import Storage
from firmware_bridge.capture import CaptureFile, Record, RecordedTransport, Recorder
from firmware_bridge.transports import Transport

WRITE_EVERY_MS = 1_000

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
        """Hand over what was collected."""
        batch, self._waiting = self._waiting, []
        if batch and not self.failed:
            self._storage.submit(lambda _db: self._write(batch), self._written)

    def close(self) -> None:
        """Hand over the rest, and close the file when it is written."""
        self.flush()
        self._storage.submit(lambda _db: self._file.close(), lambda _outcome: None)

    def _collect(self, record: Record) -> None:
        if not self.failed:
            self._waiting.append(record)

    def _write(self, batch: list[Record]) -> str:
        """On the storage thread; why it could not."""
        try:
            for record in batch:
                self._file.append(record)
        except OSError as error:
            return str(error)
        return ""

    def _written(self, outcome: str | sqlite3.Error) -> None:
        if outcome and not self.failed:
            self.failed = str(outcome)
            _log.error("the link is recorded no more: %s", self.failed)
