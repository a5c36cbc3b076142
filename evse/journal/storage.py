"""Durable storage: one SQLite file, versioned, checked at its start, set aside when damaged.

A job is a function of the connection; it runs inside one transaction, and its outcome comes back
through `done`. `InlineStorage` runs jobs at once (simulations, tests, tools); the thread that keeps
every fsync off the loops is evse/journal/thread.py.

Guarantee: a job whose result was told survives a power cut. WAL with synchronous = FULL syncs the
log at each commit, before the commit returns (https://www.sqlite.org/pragma.html#pragma_synchronous);
the directory is synced with the log's first commit.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from evse.journal.private_file import keep_private

Job = Callable[[sqlite3.Connection], Any]
Done = Callable[[Any], None]
"""Takes the job's result, or the sqlite3.Error that rolled it back."""

LOCK_WAIT_S = 1.0
"""The file is ours alone; whoever else holds it (a copy, a look into it) does so for a moment."""
MAX_SET_ASIDE = 3
"""Damaged files that are kept for a look; the oldest goes, or they would fill the disk."""


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


MEMORY = ":memory:"
"""Names a database that ends with its owner; there is nothing in it to check."""


class Storage(Protocol):
    """Where records go that must survive."""

    def submit(self, job: Job, done: Done) -> None:
        """Run `job` in a transaction; later `done` gets its result or its sqlite3.Error."""

    def close(self, last: Job | None = None) -> str:
        """Finish what was submitted, run `last`, close the file. Empty when that succeeded; else
        why it did not, and then nothing is known of what had not been told as done."""


def open_database(
    path: str | Path, migrations: Sequence[str], *, utc: datetime, say: Callable[[str], None]
) -> sqlite3.Connection:
    """Open or make the database and bring its schema up to `len(migrations)`.

    A file that is no sound database is set aside beside the new one and `say` is told; one that
    can not be opened or is locked is left alone. Nobody may do more with the files than FILE_MODE
    says, whatever the umask; `say` is told where that can not be had. Raises SchemaTooNew when a
    newer program wrote it, StorageUnavailable when it can not be used.
    """
    try:
        connection, version = _open(path, say)
    except _Damaged as error:
        aside = _set_aside(Path(path), utc)
        say(f"{Path(path).name} is damaged ({error}); set aside as {aside.name}, starting anew")
        connection, version = _open(path, say)
    try:
        _migrate(connection, path, version, migrations)
    except (sqlite3.Error, SchemaTooNew) as error:
        connection.close()
        if isinstance(error, SchemaTooNew):
            raise
        raise StorageUnavailable(f"{path}: {error}") from error
    return connection


def renew_database(
    path: Path, migrations: Sequence[str], *, utc: datetime, say: Callable[[str], None], why: str
) -> sqlite3.Connection:
    """A new database in the place of one that turned out damaged while it was used, and that is
    closed. Raises StorageUnavailable."""
    try:
        aside = _set_aside(path, utc)
    except OSError as error:
        raise StorageUnavailable(f"{path}: {error}") from error
    say(f"{path.name} is damaged ({why}); set aside as {aside.name}, going on with a new one")
    return open_database(path, migrations, utc=utc, say=say)


def _migrate(
    connection: sqlite3.Connection, path: str | Path, version: int, migrations: Sequence[str]
) -> None:
    """Each step is one transaction with its number. Raises SchemaTooNew or sqlite3.Error."""
    if version > len(migrations):
        raise SchemaTooNew(
            f"{path} has schema {version}, this program knows up to {len(migrations)}: "
            "install the newer version again, or move the file away to start anew"
        )
    for number in range(version, len(migrations)):
        connection.executescript(
            f"BEGIN; {migrations[number]}; PRAGMA user_version = {number + 1}; COMMIT;"
        )


class Ephemeral(sqlite3.Connection):
    """A database in memory, which ends with its owner: there is nothing that a close would keep,
    and a simulation that is dropped need not say so (Python 3.13 warns of what was not closed)."""

    def __del__(self) -> None:
        self.close()


def connection_class(path: str | Path) -> type[sqlite3.Connection]:
    """What to open `path` with."""
    return Ephemeral if str(path) == MEMORY else sqlite3.Connection


def _open(path: str | Path, say: Callable[[str], None]) -> tuple[sqlite3.Connection, int]:
    """A sound database and its schema version. Raises _Damaged or StorageUnavailable."""
    try:
        if str(path) != MEMORY:
            keep_private(Path(path), say)
        connection = sqlite3.connect(
            path,
            timeout=LOCK_WAIT_S,
            isolation_level=None,
            check_same_thread=False,
            factory=connection_class(path),
        )
    except OSError as error:
        raise StorageUnavailable(f"{path}: {error.strerror}") from error
    except sqlite3.Error as error:
        raise StorageUnavailable(f"{path}: {error}") from error
    try:
        return connection, _prepared(connection, check=str(path) != MEMORY)
    except sqlite3.Error as error:
        connection.close()
        if is_damage(error):
            raise _Damaged(str(error)) from error
        raise StorageUnavailable(f"{path}: {error}") from error
    except _Damaged:
        connection.close()
        raise


def _prepared(connection: sqlite3.Connection, *, check: bool) -> int:
    """Set up and check; the schema version. The log is never shortened: a disk that has filled up
    since still takes the commits that fit into it."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -256")
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0] if check else "ok"
    if verdict != "ok":
        raise _Damaged(verdict)
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _set_aside(path: Path, utc: datetime) -> Path:
    """Rename the file and its log to the first free name of this second; the newest
    MAX_SET_ASIDE stay. A clock that restarts in 1970 at each boot overwrites nothing."""
    stamp = f"{path.name}.damaged-{utc:%Y%m%dT%H%M%S}"
    names = (stamp if n == 1 else f"{stamp}-{n}" for n in itertools.count(1))
    aside = next(p for name in names if not (p := path.with_name(name)).exists())
    for end in ("", "-wal"):
        with contextlib.suppress(FileNotFoundError):  # SQLite may have removed an empty log
            path.with_name(path.name + end).rename(aside.with_name(aside.name + end))
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    kept = [p for p in path.parent.glob(f"{path.name}.damaged-*") if not p.name.endswith("-wal")]
    for old in sorted(kept, key=lambda p: p.stat().st_mtime)[:-MAX_SET_ASIDE]:
        for end in ("", "-wal"):
            old.with_name(old.name + end).unlink(missing_ok=True)
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


def is_damage(outcome: Any) -> bool:
    """Is it an error that says that the file is no sound database?"""
    return getattr(outcome, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def verdict_of(outcome: Any) -> str:
    """Empty, or why the disk refused a job."""
    return str(outcome) if isinstance(outcome, sqlite3.Error) else ""


def _roll_back(connection: sqlite3.Connection) -> None:
    with contextlib.suppress(sqlite3.Error):  # then the next BEGIN fails, and is told
        connection.execute("ROLLBACK")


class InlineStorage:
    """Runs every job at once on the caller."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def submit(self, job: Job, done: Done) -> None:
        done(run_job(self._connection, job))

    def close(self, last: Job | None = None) -> str:
        verdict = verdict_of(run_job(self._connection, last)) if last else ""
        self._connection.close()
        return verdict
