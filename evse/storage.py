"""Durable storage: one SQLite file, one thread that touches it, no fsync on any loop.

A job is a function of the connection; it runs inside one transaction, and its outcome comes back
through `done`. `InlineStorage` runs jobs at once (simulations, tests, tools); `ThreadStorage` owns
the process's only extra thread and hands outcomes back through `post`, in the order of the jobs.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

Job = Callable[[sqlite3.Connection], Any]
Done = Callable[[Any], None]
"""Takes the job's result, or the sqlite3.Error that rolled it back."""


class StorageError(Exception):
    """Base of what this module raises."""


class SchemaTooNew(StorageError, ValueError):
    """A newer program wrote this file; this one leaves it alone."""


class Storage(Protocol):
    """Where records go that must survive."""

    def submit(self, job: Job, done: Done) -> None:
        """Run `job` in a transaction; later `done` gets its result or its sqlite3.Error."""

    def close(self) -> None:
        """Finish what was submitted and close the file."""


def open_database(
    path: str | Path, migrations: Sequence[str], *, utc: datetime, say: Callable[[str], None]
) -> sqlite3.Connection:
    """Open or make the database and bring its schema up to `len(migrations)`.

    A file that is no sound database is set aside beside the new one and `say` is told. Raises
    SchemaTooNew when a newer program wrote it.
    """
    try:
        connection = _connect(path)
        version = _sound_version(connection)
    except sqlite3.DatabaseError as error:
        aside = _set_aside(Path(path), utc)
        say(f"{Path(path).name} is damaged ({error}); set aside as {aside.name}, starting anew")
        connection = _connect(path)
        version = 0
    if version > len(migrations):
        connection.close()
        raise SchemaTooNew(
            f"{path} has schema {version}, this program knows up to {len(migrations)}: "
            "install the newer version again, or move the file away to start anew"
        )
    for number in range(version, len(migrations)):
        connection.executescript(
            f"BEGIN; {migrations[number]}; PRAGMA user_version = {number + 1}; COMMIT;"
        )
    return connection


def _connect(path: str | Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -256")
    return connection


def _sound_version(connection: sqlite3.Connection) -> int:
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        connection.close()
        raise sqlite3.DatabaseError(verdict)
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _set_aside(path: Path, utc: datetime) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{utc:%Y%m%dT%H%M%S}")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return aside


def run_job(connection: sqlite3.Connection, job: Job) -> Any:
    """`job` in one transaction; its result, or the sqlite3.Error after rolling back."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        result = job(connection)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return error
    return result


class InlineStorage:
    """Runs every job at once on the caller."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def submit(self, job: Job, done: Done) -> None:
        done(run_job(self._connection, job))

    def close(self) -> None:
        self._connection.close()


class ThreadStorage:
    """Runs jobs on one thread; `post` carries each outcome back to the owner's loop."""

    def __init__(
        self, connection: sqlite3.Connection, post: Callable[[Callable[[], None]], object]
    ) -> None:
        self._connection = connection
        self._post = post
        self._jobs: queue.SimpleQueue[tuple[Job, Done] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="storage", daemon=True)
        self._thread.start()

    def submit(self, job: Job, done: Done) -> None:
        self._jobs.put((job, done))

    def close(self) -> None:
        self._jobs.put(None)
        self._thread.join()
        self._connection.close()

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, done = item
            self._deliver(done, run_job(self._connection, job))

    def _deliver(self, done: Done, outcome: Any) -> None:
        try:
            self._post(lambda: done(outcome))
        except RuntimeError:  # the loop is closed: nobody is left to be told
            return
