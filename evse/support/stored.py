"""What the state directory tells of a station, whether or not the station lives.

Everything is only read. What can not be read becomes a part that says why, and stops nothing. Who
writes there faces the internet, and who packs is often root: nothing is followed that points
elsewhere, and nothing is opened that could keep its reader waiting.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

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
    shown = json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"
    return shown.encode(errors="replace")  # a name of a file may be no text


def plain(path: Path) -> BinaryIO:
    """The file at `path`, for reading. Raises OSError, also for a link, a pipe or a device."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no plain file", str(path))
    return os.fdopen(handle, "rb")


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
    """A database of another process, or of none. Raises OSError or sqlite3.Error."""
    beside = [path.with_name(path.name + end) for end in ("-wal", "-shm")]
    for file in (path, *(one for one in beside if os.path.lexists(one))):
        plain(file).close()
    closed = not beside[0].exists()  # then no file is made to read it
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


def _decoded(body: bytes | str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
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
                if isinstance(body, bytes | str):
                    found |= tokens_in(_decoded(body))
                if kind in TOKEN_ITEMS and isinstance(name, str):
                    found.add(name)
    return found


def tail(paths: Iterable[Path]) -> bytes:
    """The newest lines of a log that is in several files, the oldest first. Raises OSError."""
    kept = b""
    for path in paths:
        with plain(path) as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - MAX_LOG_BYTES))
            kept = (kept + file.read(MAX_LOG_BYTES))[-MAX_LOG_BYTES:]
    if not kept:
        raise FileNotFoundError
    return kept if len(kept) < MAX_LOG_BYTES else kept.partition(b"\n")[2]


def each_line(log: bytes, clean: Callable[[Any], Any], other: Callable[[str], str]) -> bytes:
    """A log of JSON lines, `clean` over each; `other` over what is none, as a torn line."""

    def cleaned(line: bytes) -> bytes:
        try:
            found = json.dumps(clean(json.loads(line)), ensure_ascii=False)
        except (ValueError, RecursionError):
            found = other(line.decode(errors="replace"))
        return found.encode(errors="replace")

    return b"\n".join(map(cleaned, log.splitlines())) + b"\n"


def flights(directories: Iterable[Path]) -> Iterator[Part]:
    """The newest recordings of ring 1, unchanged: their checksums hold, and nobody is named."""
    found: dict[str, tuple[int, Path]] = {}
    for directory in directories:
        try:
            found |= {path.name: (at_ns, path) for at_ns, path in _recorded(directory)}
        except FileNotFoundError:
            continue
        except OSError as error:
            yield Part(f"flight/of-{directory.parent.name}.txt", missing=str(error))
    newest = [path for _, path in sorted(found.values(), reverse=True)]
    if not newest:
        yield Part("flight/none.txt", missing="nothing was recorded")
    for path in newest[:MAX_FLIGHTS]:
        yield part(f"flight/{path.name}", partial(_read, path, MAX_FLIGHT_BYTES))


def _recorded(directory: Path) -> list[tuple[int, Path]]:
    """(when it was written in ns, path) of what ring 1 left in `directory`. Raises OSError."""
    found = []
    for path in [path for path in directory.iterdir() if ".flight" in path.name]:
        with contextlib.suppress(FileNotFoundError):  # the core has just taken it away
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                found.append((status.st_mtime_ns, path))
    return found


def _read(path: Path, limit: int) -> bytes:
    with plain(path) as file:
        return file.read(limit)
