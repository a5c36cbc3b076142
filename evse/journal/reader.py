"""Questions to the journal's file: bounded in number, and asked again where the disk fails."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from typing import Any

from evse.clock import Clock
from evse.journal.entries import Record
from evse.journal.rows import newest, records
from evse.journal.spool import RETRY_MS
from evse.journal.storage import Job, Storage

MAX_READS = 64
"""Questions that wait for the disk; asking goes on for ever, memory does not."""

Take = Callable[[list[Record]], None]
"""Takes what a read found, once the disk gave it."""


class Reader:
    """Reads records; the owner calls `poll`. Whoever asks for somebody outside looks at `busy`
    before: nothing is refused here."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._asked = 0
        self._unread: list[tuple[Job, Take]] = []
        self._retry_at_ms: int | None = None
        self.failures = 0

    @property
    def busy(self) -> bool:
        """The disk has not answered MAX_READS questions."""
        return self._asked + len(self._unread) >= MAX_READS

    @property
    def next_deadline_ms(self) -> int | None:
        return self._retry_at_ms

    def poll(self, now_ms: int) -> None:
        """Ask again what failed."""
        if self._retry_at_ms is not None and now_ms >= self._retry_at_ms:
            self._retry_at_ms = None
            unread, self._unread = self._unread, []
            for job, take in unread:
                self._read(job, take)

    def read(self, from_seq: int, limit: int, take: Take) -> None:
        """Up to `limit` durable records from `from_seq` on, oldest first, through `take`."""
        self._read(functools.partial(records, from_seq=from_seq, limit=limit), take)

    def last(self, evse: int | None, take: Take) -> None:
        """The newest durable record of `evse`, or of all, as a list of none or one."""
        self._read(functools.partial(newest, evse=evse), take)

    def query(self, job: Job, done: Callable[[Any], None]) -> None:
        """Look at the events, or forget some; `done` gets the result or the sqlite3.Error."""
        self._asked += 1

        def outcome(found: Any) -> None:
            self._asked -= 1
            done(found)

        self._storage.submit(job, outcome)

    def _read(self, job: Job, take: Take) -> None:
        def outcome(found: list[Record] | sqlite3.Error) -> None:
            if isinstance(found, sqlite3.Error):
                self.failures += 1
                self._unread.append((job, take))
                self._retry_at_ms = self._clock.now_ms() + RETRY_MS
            else:
                take(found)

        self.query(job, outcome)
