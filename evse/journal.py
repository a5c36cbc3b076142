"""The journal: every domain event, numbered, durable, handed to consumers from where they stand.

Guarantees: numbers count up without reuse, also over a crash; an event is handed to consumers
only once it is on disk, in order; an event and the session snapshot that goes with it are written
in one transaction. A slow or full disk delays consumers and nothing else: what is not yet written
waits in memory and is tried again.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec

from evse.clock import Clock, earliest
from evse.storage import Job, Storage

MIGRATIONS = (
    """
    CREATE TABLE event (
        seq INTEGER PRIMARY KEY, evse INTEGER NOT NULL, utc REAL NOT NULL, body BLOB NOT NULL);
    CREATE TABLE consumer (name TEXT PRIMARY KEY, seq INTEGER NOT NULL);
    CREATE TABLE snapshot (evse INTEGER PRIMARY KEY, body BLOB NOT NULL)
    """,
)
RETRY_MS = 1_000
"""Pause before a write or read that failed (disk full, disk gone) is tried again."""
PRUNE_EVERY_MS = 3_600_000
"""Old events go with an acknowledgement, but not with each: looking for them reads the table."""

Found = Callable[[list["Record"]], None]
"""Takes what a read found, once the disk gave it."""


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
        self._unread: list[tuple[Job, Found]] = []
        self._reread_at_ms: int | None = None
        self._durable: deque[Record] = deque()
        self._handing_out = False
        self._prune_at_ms = clock.now_ms()
        self._unfollowed_at_ms = clock.now_ms() + PRUNE_EVERY_MS
        self.durable_seq = last_seq
        self.failures = 0
        self.last_failure: str | None = None
        self.on_durable: Callable[[Record], None] = lambda _record: None

    @property
    def last_seq(self) -> int:
        return self._last_seq

    @property
    def next_deadline_ms(self) -> int | None:
        return earliest(self._retry_at_ms, self._reread_at_ms)

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
        """Try again what failed; now and then forget old events that nobody follows."""
        if now_ms >= self._unfollowed_at_ms:
            self._unfollowed_at_ms = now_ms + PRUNE_EVERY_MS
            self._forget_unfollowed()
        if self._retry_at_ms is not None and now_ms >= self._retry_at_ms:
            self._retry_at_ms = None
            self._flush()
        if self._reread_at_ms is not None and now_ms >= self._reread_at_ms:
            self._reread_at_ms = None
            unread, self._unread = self._unread, []
            for job, done in unread:
                self._read(job, done)

    def acknowledge(self, consumer: str, seq: int) -> None:
        """`consumer` holds everything up to `seq` durably itself; never moves back.

        From time to time this also forgets events that are older than `keep_days` and that
        every consumer has acknowledged.
        """
        oldest = (self._clock.utc() - self._keep).timestamp()
        prunes = self._clock.now_ms() >= self._prune_at_ms
        if prunes:
            self._prune_at_ms = self._clock.now_ms() + PRUNE_EVERY_MS

        def job(db: sqlite3.Connection) -> None:
            db.execute(
                "INSERT INTO consumer VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET seq = max(seq, excluded.seq)",
                (consumer, seq),
            )
            if prunes:
                db.execute(
                    "DELETE FROM event WHERE utc < ? AND seq <= (SELECT min(seq) FROM consumer)",
                    (oldest,),
                )

        self._storage.submit(job, self._noted)

    def _forget_unfollowed(self) -> None:
        """A station without a link has no consumer whose acknowledgements would do it."""
        oldest = (self._clock.utc() - self._keep).timestamp()

        def job(db: sqlite3.Connection) -> None:
            db.execute(
                "DELETE FROM event WHERE utc < ? AND NOT EXISTS (SELECT 1 FROM consumer)"
                " AND seq < (SELECT max(seq) FROM event)",  # whose number must not come again
                (oldest,),
            )

        self._storage.submit(job, self._noted)

    def read(self, from_seq: int, limit: int, done: Found) -> None:
        """Up to `limit` durable records from `from_seq` on, oldest first, through `done`."""

        def job(db: sqlite3.Connection) -> list[Record]:
            rows = db.execute(
                "SELECT seq, evse, body FROM event WHERE seq >= ? ORDER BY seq LIMIT ?",
                (from_seq, limit),
            )
            return [Record(*row) for row in rows]

        self._read(job, done)

    def last(self, evse: int | None, done: Found) -> None:
        """The newest durable record of `evse`, or of all, as a list of none or one."""

        def job(db: sqlite3.Connection) -> list[Record]:
            rows = db.execute(
                "SELECT seq, evse, body FROM event WHERE evse = coalesce(?, evse)"
                " ORDER BY seq DESC LIMIT 1",
                (evse,),
            )
            return [Record(*row) for row in rows]

        self._read(job, done)

    def query(self, job: Job, done: Callable[[Any], None]) -> None:
        """Look at the events, or forget some; `done` gets the result or the sqlite3.Error."""
        self._storage.submit(job, done)

    def close(self) -> str:
        """Write once more what waits, whether or not a write of it is under way or has failed.

        Returns "", or, when the disk did not finish in time, what may be missing on it.
        """
        waiting = tuple(self._waiting)
        if waiting:
            self._storage.submit(lambda db: _write_rest(db, waiting), self._noted)
        return "" if self._storage.close() else _unwritten(waiting)

    def _read(self, job: Job, done: Found) -> None:
        def outcome(found: list[Record] | sqlite3.Error) -> None:
            if isinstance(found, sqlite3.Error):
                self._noted(found)
                self._unread.append((job, done))
                self._reread_at_ms = self._clock.now_ms() + RETRY_MS
            else:
                done(found)

        self._storage.submit(job, outcome)

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
        self._durable.extend(write.record for write in done if write.record is not None)
        self._hand_out()
        self._flush()

    def _hand_out(self) -> None:
        """One at a time: what a consumer causes while it is told waits until all are told."""
        if self._handing_out:
            return
        self._handing_out = True
        try:
            while self._durable:
                record = self._durable.popleft()
                self.durable_seq = record.seq
                self.on_durable(record)
        finally:
            self._handing_out = False

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


def _write_rest(db: sqlite3.Connection, batch: tuple[_Write, ...]) -> None:
    """What of `batch` is not on disk yet: the write before this one may have succeeded. A
    snapshot that an event on disk has overtaken must not come back: it may know of a transaction
    that has ended since, which the next start would end once more."""
    stored = last_seq(db)
    begin = 0
    for number, write in enumerate(batch, start=1):
        if write.record is not None and write.record.seq <= stored:
            begin = number
    _write_all(db, batch[begin:])


def _unwritten(waiting: tuple[_Write, ...]) -> str:
    seqs = [write.record.seq for write in waiting if write.record is not None]
    events = f"events {seqs[0]} to {seqs[-1]}" if seqs else "no event"
    evses = sorted({write.evse for write in waiting if write.snapshot is not None})
    return (
        f"the disk did not finish in time; not known to be written: {events}, "
        f"the session of EVSE {', '.join(map(str, evses)) or 'none'}, late acknowledgements"
    )


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
