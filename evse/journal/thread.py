"""The process's one extra thread: it alone waits for the disk.

Outcomes go back through `post` (`loop.call_soon_threadsafe`), in the order of the jobs. A job that
raises anything but sqlite3.Error is a defect: the thread ends, `on_fault` hears of it on that
thread, and nothing is written any more.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

from evse.journal.storage import (
    Done,
    Job,
    StorageEnded,
    StorageError,
    is_damage,
    run_job,
    verdict_of,
)

CLOSE_WAIT_S = 1.0
"""How long a closing process waits for its disk: a supervisor gives it 3 s in all to end."""
TOO_LATE = "the disk did not finish in time"


class ThreadStorage:
    """A `Storage` whose jobs run on one thread."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        post: Callable[[Callable[[], None]], object],
        *,
        on_fault: Callable[[Exception], object] | None = None,
        renew: Callable[[str], sqlite3.Connection] | None = None,
    ) -> None:
        """Without `on_fault` a defect is heard of by the thread's excepthook and at the next
        `submit`. `renew` makes a new database where the old one turns out damaged (it is told how);
        it runs on the thread and may raise StorageError, and is then asked again."""
        self._connection = connection
        self._post = post
        self._on_fault = on_fault
        self._renew = renew
        self._damage = ""
        self.on_renewed: Callable[[], None] = lambda: None
        """Called through `post`: nothing of what was written is in the file any more."""
        self._jobs: queue.SimpleQueue[tuple[Job, Done] | None] = queue.SimpleQueue()
        self._last: Job | None = None
        self._verdict = "the storage thread had ended"
        self._thread = threading.Thread(target=self._supervise, name="storage", daemon=True)
        self._thread.start()

    def submit(self, job: Job, done: Done) -> None:
        """Raises StorageEnded once the thread died: nothing would ever be written again."""
        if not self._thread.is_alive():
            raise StorageEnded("the storage thread has ended; nothing can be written any more")
        self._jobs.put((job, done))

    def close(self, last: Job | None = None, *, wait_s: float = CLOSE_WAIT_S) -> str:
        self._last = last
        self._jobs.put(None)
        self._thread.join(wait_s)
        if self._thread.is_alive():
            return TOO_LATE
        self._connection.close()
        return self._verdict

    def _supervise(self) -> None:
        try:
            self._work()
        except Exception as error:  # whatever it is, it is the end: it is passed on, never eaten
            if self._on_fault is None:
                raise
            self._on_fault(error)

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, done = item
            self._deliver(done, self._run(job))
        last = self._last
        self._verdict = verdict_of(self._run(last)) if last else ""

    def _run(self, job: Job) -> Any:
        if not self._damage:
            outcome = run_job(self._connection, job)
            if self._renew is None or not is_damage(outcome):
                return outcome
            self._damage = str(outcome)
            self._connection.close()
        return self._run_anew(job)

    def _run_anew(self, job: Job) -> Any:
        """`job` on a new database; an sqlite3.Error where there can be none yet."""
        assert self._renew is not None, "nothing else notes damage"
        try:
            self._connection = self._renew(self._damage)
        except StorageError as error:
            return sqlite3.OperationalError(str(error))
        self._damage = ""
        self._deliver(lambda _none: self.on_renewed(), None)
        return run_job(self._connection, job)

    def _deliver(self, done: Done, outcome: Any) -> None:
        try:
            self._post(lambda: done(outcome))
        except RuntimeError:  # the loop is closed: nobody is left to be told
            return
