"""What the state directory tells of a station, whether or not the station lives.

Everything is only read. What can not be read becomes a part that says why, and stops nothing.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from evse.journal.rows import records
from evse.support.pack import Part
from evse.support.redaction import Pseudonym, redacted, tokens_in

CORE_DB = "core.db"
LINK_DB = "ocpp.db"
MAX_EVENTS = 2_000
MAX_LOG_BYTES = 1_000_000
"""Of one log the newest."""
MAX_FLIGHTS = 8
MAX_FLIGHT_BYTES = 4_000_000
MAX_TOKENS = 20_000
TOKEN_ITEMS = ("token", "listed")
"""Kinds of the link's items whose names are tokens: its cache, and the back office's list."""

_FAILURES = (OSError, sqlite3.Error, ValueError)


def text(value: object) -> bytes:
    """JSON for people."""
    return (json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n").encode()


def part(name: str, make: Callable[[], bytes], note: str = "") -> Part:
    """What `make` gives, or why it gives nothing."""
    try:
        return Part(name, make(), note=note)
    except FileNotFoundError:
        return Part(name, missing="there is none")
    except _FAILURES as error:
        return Part(name, missing=f"it can not be read: {error}")


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A database of another process, or of none. Raises FileNotFoundError or sqlite3.Error."""
    if not path.exists():
        raise FileNotFoundError(path)
    closed = not path.with_name(path.name + "-wal").exists()  # then no file is made to read it
    uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' * closed}"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=1.0)) as db:
        yield db


def journal(state_dir: Path, pseudonym: Pseudonym) -> bytes:
    """The newest events, a line each."""
    with opened(state_dir / CORE_DB) as db:
        (last,) = db.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()
        found = records(db, max(0, last - MAX_EVENTS + 1), MAX_EVENTS)
    return b"".join(
        json.dumps(
            {
                "seq": record.seq,
                "evse": record.evse,
                "event": redacted(_decoded(record.body), pseudonym=pseudonym),
            },
            ensure_ascii=False,
        ).encode()
        + b"\n"
        for record in found
    )


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return f"{len(body)} bytes that are no JSON"


def statistics(state_dir: Path, link_dir: Path) -> bytes:
    """Sizes of files, and numbers of rows; nothing of what is in them."""
    if not state_dir.is_dir():
        raise FileNotFoundError(state_dir)
    files = sorted({path for place in (state_dir, link_dir) for path in _files(place)})
    return text(
        {
            "files": {str(path): path.lstat().st_size for path in files},
            CORE_DB: _counted(state_dir / CORE_DB, _journal_counts),
            LINK_DB: _counted(link_dir / LINK_DB, _link_counts),
        }
    )


def _files(directory: Path) -> list[Path]:
    """Names of installed certificates and of session logs are of no use to anybody."""
    found = [*directory.glob("*"), *directory.glob("flight/*")]
    return [path for path in found if path.is_file() and not path.is_symlink()]


def _counted(path: Path, count: Callable[[sqlite3.Connection], dict[str, Any]]) -> Any:
    try:
        with opened(path) as db:
            return count(db)
    except FileNotFoundError:
        return "there is none"
    except _FAILURES as error:
        return f"it can not be read: {error}"


def _journal_counts(db: sqlite3.Connection) -> dict[str, Any]:
    first, last, count = db.execute("SELECT min(seq), max(seq), count(*) FROM event").fetchone()
    return {
        "schema": db.execute("PRAGMA user_version").fetchone()[0],
        "events": count,
        "first_seq": first,
        "last_seq": last,
        "acknowledged": dict(db.execute("SELECT name, seq FROM consumer").fetchall()),
    }


def _link_counts(db: sqlite3.Connection) -> dict[str, Any]:
    waiting = db.execute("SELECT kind, count(*) FROM record WHERE done = 0 GROUP BY kind")
    return {
        "schema": db.execute("PRAGMA user_version").fetchone()[0],
        "waiting": dict(waiting.fetchall()),
        "items": dict(db.execute("SELECT kind, count(*) FROM item GROUP BY kind").fetchall()),
    }


def tokens(state_dir: Path, link_dir: Path) -> set[str]:
    """Every token that the databases know, so that it is found in texts too. What can not be read
    gives none: those texts have their names still."""
    found: set[str] = set()
    for path, query in (
        (state_dir / CORE_DB, "SELECT '', '', body FROM event ORDER BY seq DESC LIMIT ?"),
        (state_dir / CORE_DB, "SELECT '', '', body FROM snapshot LIMIT ?"),
        (link_dir / LINK_DB, "SELECT kind, name, body FROM item LIMIT ?"),
        (link_dir / LINK_DB, "SELECT kind, '', body FROM record ORDER BY id DESC LIMIT ?"),
    ):
        with contextlib.suppress(*_FAILURES), opened(path) as db:
            for kind, name, body in db.execute(query, (MAX_TOKENS,)):
                found |= tokens_in(_decoded(body))
                if kind in TOKEN_ITEMS:
                    found.add(name)
    return found


def tail(paths: Iterable[Path]) -> bytes:
    """The newest lines of a log that is in several files, the oldest first. Raises OSError."""
    kept = b""
    for path in paths:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - MAX_LOG_BYTES))
            kept = (kept + file.read(MAX_LOG_BYTES))[-MAX_LOG_BYTES:]
    if not kept:
        raise FileNotFoundError
    return kept if len(kept) < MAX_LOG_BYTES else kept.partition(b"\n")[2]


def flights(directories: Iterable[Path]) -> Iterator[Part]:
    """The newest recordings of ring 1, unchanged: their checksums hold, and nobody is named."""
    found = {
        path.name: path
        for directory in directories
        if directory.is_dir()
        for path in directory.glob("*.flight*")
        if path.is_file() and not path.is_symlink()
    }
    newest = sorted(found.values(), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    if not newest:
        yield Part("flight/none.txt", missing="nothing was recorded")
    for path in newest[:MAX_FLIGHTS]:
        yield part(f"flight/{path.name}", partial(_read, path, MAX_FLIGHT_BYTES))


def _read(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        return file.read(limit)
