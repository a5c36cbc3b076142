"""A spool: what must reach the disk, in order and once, however slow, full or hung the disk is.

Entries wait in memory until the disk has them; one write is under way at a time and takes all that
wait, so that load groups commits. A write that fails is tried again with everything behind it:
nothing overtakes. Synchronous; the owner calls `poll`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from evse.clock import Clock
from evse.journal.storage import Storage

E = TypeVar("E")

RETRY_MS = 1_000
"""Pause before a write that failed (disk full, disk gone) is tried again."""


class Spool(Generic[E]):
    """`write` puts entries into the database, on the storage's thread and maybe more than once;
    `on_written` gets them, with what it returned, once they are durable."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        *,
        write: Callable[[sqlite3.Connection, tuple[E, ...]], Any],
        on_written: Callable[[tuple[E, ...], Any], None],
        on_refused: Callable[[str], None] = lambda _why: None,
        thin: Callable[[list[E]], None] = lambda _entries: None,
        max_batch: int | None = None,
    ) -> None:
        """`on_refused` hears why the disk begins to refuse. `thin` takes out of a list what need
        not be written any more; where it does so for the sake of a later entry, `max_batch` must
        be None: both must meet in one write."""
        self._storage = storage
        self._clock = clock
        self._write = write
        self._on_written = on_written
        self._on_refused = on_refused
        self._thin = thin
        self._max_batch = max_batch
        self._under_way: tuple[E, ...] = ()
        self.pending: list[E] = []
        """Not handed to the disk yet: the owner may take some out, but not reorder them."""
        self._retry_at_ms: int | None = None
        self.late_since_ms: int | None = None
        """Since when the disk has taken nothing of what waits; None while nothing waits."""
        self.failures = 0
        self.commits = 0
        self.last_failure: str | None = None
        """Why the last write failed; None since one has succeeded."""

    @property
    def waiting(self) -> tuple[E, ...]:
        """Everything that is not known to be on disk, the oldest first."""
        return (*self._under_way, *self.pending)

    @property
    def next_deadline_ms(self) -> int | None:
        return self._retry_at_ms

    def put(self, entry: E) -> None:
        self.pending.append(entry)
        self.flush()

    def poll(self, now_ms: int) -> None:
        """Try again what failed."""
        if self._retry_at_ms is not None and now_ms >= self._retry_at_ms:
            self._retry_at_ms = None
            self.flush()

    def flush(self) -> None:
        """Hand over what waits, unless a write is under way or has just failed."""
        if self._under_way or not self.pending or self._retry_at_ms is not None:
            return
        self._thin(self.pending)
        batch = tuple(self.pending[: self._max_batch])
        self._under_way = batch
        del self.pending[: len(batch)]
        if self.late_since_ms is None:
            self.late_since_ms = self._clock.now_ms()
        self._storage.submit(lambda db: self._write(db, batch), self._written)

    def _written(self, outcome: Any) -> None:
        batch, self._under_way = self._under_way, ()
        if isinstance(outcome, sqlite3.Error):
            self.failures += 1
            self.pending[:0] = batch
            self._retry_at_ms = self._clock.now_ms() + RETRY_MS
            if self.last_failure is None:
                self._on_refused(str(outcome))
            self.last_failure = str(outcome)
            return
        self.commits += 1
        self.last_failure = None
        self.late_since_ms = None
        self._on_written(batch, outcome)
        self.flush()
