"""The journal: every domain event, numbered, durable, handed to consumers from where they stand.

Guarantees: numbers count up without reuse, also over a crash; an event is handed to consumers
only once it is on disk, in order; an event and the session snapshot that goes with it are written
in one transaction. A slow or full disk delays consumers and nothing else: what is not yet written
waits in memory and is tried again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec

from evse.clock import Clock
from evse.storage import Storage

MIGRATIONS = (
    """
    CREATE TABLE event (
        seq INTEGER PRIMARY KEY, evse INTEGER NOT NULL, utc REAL NOT NULL, body BLOB NOT NULL);
    CREATE TABLE consumer (name TEXT PRIMARY KEY, seq INTEGER NOT NULL);
    CREATE TABLE snapshot (evse INTEGER PRIMARY KEY, body BLOB NOT NULL)
    """,
)
RETRY_MS = 1_000
"""Pause before a write that failed (disk full, disk gone) is tried again."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One event as stored: `body` is the SessionEvent's JSON."""

    seq: int
    evse: int
    body: bytes


class _Write(msgspec.Struct):
    record: Record | None
    utc: float
    evse: int
    snapshot: bytes | None


class Journal:
    """Appends events and snapshots; tells `on_durable` when a record may be handed out."""

    def __init__(
        self, storage: Storage, clock: Clock, *, keep_days: int = 365, last_seq: int = 0
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._keep = timedelta(days=keep_days)
        self._last_seq = last_seq
        self._waiting: list[_Write] = []
        self._writing = 0
        self._retry_at_ms: int | None = None
        self.durable_seq = last_seq
        self.failures = 0
        self.last_failure: str | None = None
        self.on_durable: Callable[[Record], None] = lambda _record: None

    @property
    def last_seq(self) -> int:
        return self._last_seq

    @property
    def next_deadline_ms(self) -> int | None:
        return self._retry_at_ms

    def append(self, evse: int, body: bytes, snapshot: bytes) -> int:
        """Record an event with the session snapshot after it; returns its number."""
        self._last_seq += 1
        record = Record(self._last_seq, evse, body)
        self._enqueue(_Write(record, self._clock.utc().timestamp(), evse, snapshot))
        return record.seq

    def checkpoint(self, evse: int, snapshot: bytes) -> None:
        """Replace the snapshot of `evse` without an event."""
        self._enqueue(_Write(None, 0.0, evse, snapshot))

    def poll(self, now_ms: int) -> None:
        if self._retry_at_ms is not None and now_ms >= self._retry_at_ms:
            self._retry_at_ms = None
            self._flush()

    def acknowledge(self, consumer: str, seq: int) -> None:
        """`consumer` holds everything up to `seq` durably itself; never moves back."""
        oldest = (self._clock.utc() - self._keep).timestamp()

        def job(db: sqlite3.Connection) -> None:
            db.execute(
                "INSERT INTO consumer VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET seq = max(seq, excluded.seq)",
                (consumer, seq),
            )
            db.execute(
                "DELETE FROM event WHERE utc < ? AND seq <= (SELECT min(seq) FROM consumer)",
                (oldest,),
            )

        self._storage.submit(job, self._noted)

    def read(
        self, from_seq: int, limit: int, done: Callable[[list[Record] | sqlite3.Error], None]
    ) -> None:
        """Up to `limit` durable records from `from_seq` on, oldest first, through `done`."""

        def job(db: sqlite3.Connection) -> list[Record]:
            rows = db.execute(
                "SELECT seq, evse, body FROM event WHERE seq >= ? ORDER BY seq LIMIT ?",
                (from_seq, limit),
            )
            return [Record(*row) for row in rows]

        self._storage.submit(job, done)

    def acknowledged(self, consumer: str, done: Callable[[int | sqlite3.Error], None]) -> None:
        """The last number that `consumer` acknowledged (0 = none), through `done`."""

        def job(db: sqlite3.Connection) -> int:
            row = db.execute("SELECT seq FROM consumer WHERE name = ?", (consumer,)).fetchone()
            return int(row[0]) if row else 0

        self._storage.submit(job, done)

    def close(self) -> None:
        self._flush()
        self._storage.close()

    def _enqueue(self, write: _Write) -> None:
        self._waiting.append(write)
        self._flush()

    def _flush(self) -> None:
        """One write at a time, all that waits in it: under load this groups commits."""
        if self._writing or not self._waiting or self._retry_at_ms is not None:
            return
        batch = tuple(self._waiting)
        self._writing = len(batch)
        self._storage.submit(lambda db: _write_all(db, batch), self._written)

    def _written(self, outcome: Any) -> None:
        count, self._writing = self._writing, 0
        if isinstance(outcome, sqlite3.Error):
            self._noted(outcome)
            self._retry_at_ms = self._clock.now_ms() + RETRY_MS
            return
        self.last_failure = None
        done, self._waiting = self._waiting[:count], self._waiting[count:]
        for write in done:
            if write.record is not None:
                self.durable_seq = write.record.seq
                self.on_durable(write.record)
        self._flush()

    def _noted(self, outcome: Any) -> None:
        if isinstance(outcome, sqlite3.Error):
            self.failures += 1
            self.last_failure = str(outcome)


def _write_all(db: sqlite3.Connection, batch: tuple[_Write, ...]) -> None:
    for write in batch:
        if write.record is not None:
            row = (write.record.seq, write.evse, write.utc, write.record.body)
            db.execute("INSERT INTO event VALUES (?, ?, ?, ?)", row)
        if write.snapshot is not None:
            db.execute("REPLACE INTO snapshot VALUES (?, ?)", (write.evse, write.snapshot))


def last_seq(db: sqlite3.Connection) -> int:
    """The highest number ever given out: events may be pruned, acknowledgements remember."""
    row = db.execute(
        "SELECT max(coalesce((SELECT max(seq) FROM event), 0),"
        " coalesce((SELECT max(seq) FROM consumer), 0))"
    ).fetchone()
    return int(row[0])


def snapshots(db: sqlite3.Connection) -> dict[int, bytes]:
    """The last snapshot of each EVSE, as found at start."""
    return dict(db.execute("SELECT evse, body FROM snapshot").fetchall())
