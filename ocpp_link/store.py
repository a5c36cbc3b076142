"""Where the database's work runs: at once (simulation), or on the one storage thread."""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from ocpp_link.database import Database, Snapshot

T = TypeVar("T")
Work = Callable[[Database], Any]
OnDone = Callable[[Any], None]

RETRY_S = 1.0
"""Pause before work that the disk refused is tried again."""
MAX_BATCH = 64
"""Works that share one commit, and so one fsync."""

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
    """Runs work on one thread of its own, many works to a commit.

    `post` hands a callable to the engine's thread (`loop.call_soon_threadsafe`). After `close`
    nothing more is posted; what was submitted before is made durable first. `on_fault` hears, on
    the storage thread, of an error that is not the disk's: nothing is durable any more.
    """

    next_deadline_ms: int | None = None

    def __init__(
        self,
        database: Database,
        post: Callable[[Callable[[], None]], object],
        on_fault: Callable[[Exception], object],
    ) -> None:
        self._database = database
        self._post = post
        self._on_fault = on_fault
        self._work: queue.SimpleQueue[tuple[Work, OnDone | None] | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="ocpp-storage", daemon=True)
        self.failures = 0
        self.stats_commits = 0

    def load(self) -> Snapshot:
        """Read what was kept, in the caller's thread, then start the storage thread."""
        snapshot = self._database.load()
        self._thread.start()
        return snapshot

    def submit(
        self, work: Callable[[Database], T], on_done: Callable[[T], None] | None = None
    ) -> None:
        self._work.put((work, on_done))

    def poll(self, now_ms: int) -> None:
        """Nothing to do: the thread reports by itself."""

    def close(self, timeout_s: float = 1.5) -> bool:
        """Finish what was submitted. False when the disk did not finish it in time."""
        self._closing.set()
        self._work.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _supervise(self) -> None:
        try:
            self._serve()
        except Exception as error:  # noqa: BLE001 - a storage thread must not die unheard
            self._on_fault(error)

    def _serve(self) -> None:
        running = True
        while running:
            batch = [self._work.get()]
            while len(batch) < MAX_BATCH and not self._work.empty():
                batch.append(self._work.get())
            running = None not in batch
            works = [entry for entry in batch if entry is not None]
            while works and not self._committed(works):
                if self._closing.wait(RETRY_S):
                    self._committed(works)  # the last chance before the process ends
                    break
        self._database.close()

    def _committed(self, works: list[tuple[Work, OnDone | None]]) -> bool:
        """One commit for all; False, with nothing changed, when the disk refused."""
        try:
            self._database.begin()
            results = [work(self._database) for work, _ in works]
            self._database.commit()
        except sqlite3.Error as error:
            self.failures += 1
            _log.error("the OCPP database cannot be written (%s): trying again", error)
            self._undo()
            return False
        self.stats_commits += 1
        if not self._closing.is_set():
            for (_, on_done), result in zip(works, results, strict=True):
                if on_done:
                    self._post(_bound(on_done, result))
        return True

    def _undo(self) -> None:
        try:
            self._database.rollback()
        except sqlite3.Error as error:
            _log.error("rollback failed: %s", error)


def _bound(on_done: OnDone, result: Any) -> Callable[[], None]:
    return lambda: on_done(result)
