"""Durable storage: one SQLite file, one thread that touches it, no fsync on any loop.

A job is a function of the connection; it runs inside one transaction, and its outcome comes back
through `done`. `InlineStorage` runs jobs at once (simulations, tests, tools); `ThreadStorage` owns
the process's only extra thread and hands outcomes back through `post`, in the order of the jobs.
"""

from __future__ import annotations

import contextlib
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

CLOSE_WAIT_S = 1.0
"""How long a closing process waits for its disk: a supervisor gives it 3 s in all to end."""
LOCK_WAIT_S = 1.0
"""The file is ours alone; whoever else holds it (a copy, a look into it) does so for a moment."""


class StorageError(Exception):
    """Base of what this module raises."""


class SchemaTooNew(StorageError, ValueError):
    """A newer program wrote this file; this one leaves it alone."""


class StorageUnavailable(StorageError, OSError):
    """The file can not be used now: no such folder, no permission, locked, disk full or failing."""


class StorageEnded(StorageError, RuntimeError):
    """The storage thread died of a job that raised something other than sqlite3.Error."""


class _Damaged(Exception):
    """The file is no sound database."""


_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Storage(Protocol):
    """Where records go that must survive."""

    def submit(self, job: Job, done: Done) -> None:
        """Run `job` in a transaction; later `done` gets its result or its sqlite3.Error."""

    def close(self) -> bool:
        """Finish what was submitted and close the file. False, and nothing is known of what had
        not been told as done, when the disk did not finish within CLOSE_WAIT_S."""


def open_database(
    path: str | Path, migrations: Sequence[str], *, utc: datetime, say: Callable[[str], None]
) -> sqlite3.Connection:
    """Open or make the database and bring its schema up to `len(migrations)`.

    A file that is no sound database is set aside beside the new one and `say` is told; one that
    can not be opened or is locked is left alone. Raises SchemaTooNew when a newer program wrote
    it, StorageUnavailable when it can not be used.
    """
    try:
        connection, version = _open(path)
    except _Damaged as error:
        aside = _set_aside(Path(path), utc)
        say(f"{Path(path).name} is damaged ({error}); set aside as {aside.name}, starting anew")
        connection, version = _open(path)
    if version > len(migrations):
        connection.close()
        raise SchemaTooNew(
            f"{path} has schema {version}, this program knows up to {len(migrations)}: "
            "install the newer version again, or move the file away to start anew"
        )
    try:
        for number in range(version, len(migrations)):
            connection.executescript(
                f"BEGIN; {migrations[number]}; PRAGMA user_version = {number + 1}; COMMIT;"
            )
    except sqlite3.Error as error:
        connection.close()
        raise StorageUnavailable(f"{path}: {error}") from error
    return connection


class Ephemeral(sqlite3.Connection):
    """A database in memory, which ends with its owner: there is nothing that a close would keep,
    and a simulation that is dropped need not say so (Python 3.13 warns of what was not closed)."""

    def __del__(self) -> None:
        self.close()


def connection_class(path: str | Path) -> type[sqlite3.Connection]:
    """What to open `path` with."""
    return Ephemeral if str(path) == ":memory:" else sqlite3.Connection


def _open(path: str | Path) -> tuple[sqlite3.Connection, int]:
    """A sound database and its schema version. Raises _Damaged or StorageUnavailable."""
    try:
        connection = sqlite3.connect(
            path,
            timeout=LOCK_WAIT_S,
            isolation_level=None,
            check_same_thread=False,
            factory=connection_class(path),
        )
    except sqlite3.Error as error:
        raise StorageUnavailable(f"{path}: {error}") from error
    try:
        return connection, _prepared(connection)
    except sqlite3.Error as error:
        connection.close()
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
            raise _Damaged(str(error)) from error
        raise StorageUnavailable(f"{path}: {error}") from error
    except _Damaged:
        connection.close()
        raise


def _prepared(connection: sqlite3.Connection) -> int:
    """Set up and check; the schema version."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -256")
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise _Damaged(verdict)
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _set_aside(path: Path, utc: datetime) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{utc:%Y%m%dT%H%M%S}")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return aside


def run_job(connection: sqlite3.Connection, job: Job) -> Any:
    """`job` in one transaction; its result, or the sqlite3.Error after rolling back.

    Whatever else the job raises is a defect and passes through, also rolled back.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        result = job(connection)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        return error
    finally:
        if connection.in_transaction:
            _roll_back(connection)
    return result


def _roll_back(connection: sqlite3.Connection) -> None:
    with contextlib.suppress(sqlite3.Error):  # then the next BEGIN fails, and is told
        connection.execute("ROLLBACK")


class InlineStorage:
    """Runs every job at once on the caller."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def submit(self, job: Job, done: Done) -> None:
        done(run_job(self._connection, job))

    def close(self) -> bool:
        self._connection.close()
        return True


class ThreadStorage:
    """Runs jobs on one thread; `post` carries each outcome back to the owner's loop."""

    def __init__(
        self, connection: sqlite3.Connection, post: Callable[[Callable[[], None]], object]
    ) -> None:
        self._connection = connection
        self._post = post
        self._jobs: queue.SimpleQueue[tuple[Job, Done] | None] = queue.SimpleQueue()
        self._finished = False
        self._thread = threading.Thread(target=self._work, name="storage", daemon=True)
        self._thread.start()

    def submit(self, job: Job, done: Done) -> None:
        """Raises StorageEnded once the thread died: nothing would ever be written again."""
        if not self._thread.is_alive():
            raise StorageEnded("the storage thread has ended; nothing can be written any more")
        self._jobs.put((job, done))

    def close(self) -> bool:
        self._jobs.put(None)
        self._thread.join(CLOSE_WAIT_S)
        if not self._thread.is_alive():
            self._connection.close()
        return self._finished

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, done = item
            self._deliver(done, run_job(self._connection, job))
        self._finished = True

    def _deliver(self, done: Done, outcome: Any) -> None:
        try:
            self._post(lambda: done(outcome))
        except RuntimeError:  # the loop is closed: nobody is left to be told
            return
