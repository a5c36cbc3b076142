"""Where the database's work runs: at once (simulation), or on the one storage thread."""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from evse.clock import Clock
from evse.journal.spool import Spool
from evse.journal.thread import ThreadStorage
from ocpp_link.errors import DatabaseDamaged
from ocpp_link.memory.database import Database, Snapshot

T = TypeVar("T")
Work = Callable[[Database], Any]
OnDone = Callable[[Any], None]
Entry = tuple[Work, OnDone | None]

MAX_BATCH = 64
"""Works that share one commit, and so one fsync."""
CLOSE_WAIT_S = 1.5

_log = logging.getLogger(__name__)


class InlineStore:
    """Runs work in the caller's thread, in virtual time. `latency_ms` is how slow the disk is."""

    def __init__(self, database: Database, *, latency_ms: int = 0) -> None:
        self._database = database
        self.latency_ms = latency_ms
        self._now_ms = 0
        self._due: deque[tuple[int, Work, OnDone | None]] = deque()

    def load(self) -> Snapshot:
        return self._database.load()

    def submit(
        self, work: Callable[[Database], T], on_done: Callable[[T], None] | None = None
    ) -> None:
        if self.latency_ms or self._due:
            self._due.append((self._now_ms + self.latency_ms, work, on_done))
        else:
            self._run(work, on_done)

    @property
    def next_deadline_ms(self) -> int | None:
        return self._due[0][0] if self._due else None

    def poll(self, now_ms: int) -> None:
        self._now_ms = now_ms
        while self._due and self._due[0][0] <= now_ms:
            _, work, on_done = self._due.popleft()
            self._run(work, on_done)

    def _run(self, work: Work, on_done: OnDone | None) -> None:
        self._database.begin()
        try:
            result = work(self._database)
            self._database.commit()
        finally:
            self._database.rollback()
        if on_done:
            on_done(result)


class ThreadStore:
    """Runs work on the storage thread, many works to a commit, in order: work that the disk
    refuses is tried again, and everything behind it waits. Work may run twice: it is idempotent.

    `post` hands a callable to the engine's thread (`loop.call_soon_threadsafe`). `on_fault` hears,
    on the storage thread, of a damaged file and of an error that is not the disk's: nothing is
    durable any more.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        post: Callable[[Callable[[], None]], object],
        on_fault: Callable[[Exception], object],
    ) -> None:
        self._database = database
        self._snapshot = database.load()
        self._storage = ThreadStorage(
            database.connection, post, on_fault=on_fault, renew=_give_up_damaged
        )
        self._spool = Spool[Entry](
            self._storage,
            clock,
            write=self._write,
            on_written=_tell,
            on_refused=_refused,
            max_batch=MAX_BATCH,
        )

    @property
    def failures(self) -> int:
        return self._spool.failures

    @property
    def commits(self) -> int:
        return self._spool.commits

    def load(self) -> Snapshot:
        return self._snapshot

    def submit(
        self, work: Callable[[Database], T], on_done: Callable[[T], None] | None = None
    ) -> None:
        """Raises StorageEnded once the thread died."""
        self._spool.put((work, on_done))

    @property
    def next_deadline_ms(self) -> int | None:
        return self._spool.next_deadline_ms

    def poll(self, now_ms: int) -> None:
        """Try again what the disk refused."""
        self._spool.poll(now_ms)

    def close(self, *, wait_s: float = CLOSE_WAIT_S) -> str:
        """Finish what was submitted; what that causes is not told any more. Empty, or why it is
        not known to be on disk."""
        rest = self._spool.waiting
        why = self._storage.close(lambda db: self._write(db, rest), wait_s=wait_s)
        if why:
            _log.error("%s; %d changes may be missing in the OCPP database", why, len(rest))
        return why

    def _write(self, _db: sqlite3.Connection, batch: tuple[Entry, ...]) -> list[Any]:
        return [work(self._database) for work, _ in batch]


def _give_up_damaged(why: str) -> sqlite3.Connection:
    """What is in memory refers to rows that are gone: the process ends, and its next start sets
    the file aside and asks the core for what it had not acknowledged."""
    raise DatabaseDamaged(f"the OCPP database is damaged: {why}")


def _refused(why: str) -> None:
    _log.error("the OCPP database takes nothing (%s): trying again", why)


def _tell(batch: tuple[Entry, ...], results: list[Any]) -> None:
    for (_, on_done), result in zip(batch, results, strict=True):
        if on_done:
            on_done(result)
