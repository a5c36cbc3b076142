"""The folders of session logs: named, written, finished, forgotten. For the storage thread.

Nothing outside the root is ever touched, and in it nothing whose name is not one of ours. No line
is synced: what a power cut takes of a log is told by the journal.
"""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from evse.session_log.lines import Line
from evse.session_log.page import page

COLUMNS = ("timestamp", "origin", "message", "xml")
"""Spec evse-core C8. `xml` is for ISO 15118 messages and empty with AC basic charging."""
LOG = "eventlog.csv"
PAGE = "eventlog.html"
INCOMPLETE = "incomplete-"
"""Before the name of a log whose session has not ended."""
MAX_FOLDERS = 10_000
"""Whatever their age, the oldest go: a clock that stands in 1970 must not fill the disk."""
DATED_FROM = datetime(2026, 1, 1, tzinfo=UTC)
"""A name with an older time was given before the clock was set; its age is not known."""
_STAMP = "%Y-%m-%dT%H-%M-%SZ"
_NAME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)-([A-Za-z0-9-]{1,64})\Z")
_SUFFIX = re.compile(r"[A-Za-z0-9-]{1,64}\Z")


class Entry(NamedTuple):
    """A line for a session's log, or, without one, its end."""

    folder: str
    at: str
    """RFC 3339."""
    line: Line | None


class Folder(NamedTuple):
    path: Path
    began: datetime
    uuid: str


def folder_name(began: datetime, uuid: str) -> str:
    """Raises ValueError for what would be no plain name of a folder."""
    if not _SUFFIX.match(uuid):
        raise ValueError(f"{uuid!r} is no name for a session's log")
    return f"{began.astimezone(UTC):{_STAMP}}-{uuid}"


def folders(root: Path) -> list[Folder]:
    """Ours, the oldest first. Empty where there is no such place."""
    found = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for path in root.iterdir():
            match = _NAME.match(path.name)
            if match and not path.is_symlink() and path.is_dir():
                with contextlib.suppress(ValueError):  # the 31st of February
                    began = datetime.strptime(match[1], _STAMP).replace(tzinfo=UTC)
                    found.append(Folder(path, began, match[2]))
    return sorted(found)


def write(root: Path, entries: Iterable[Entry], *, html: bool) -> None:
    """Append to the logs, and finish those that end. Raises OSError."""
    for name, group in groupby(entries, key=lambda entry: entry.folder):
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        _write_one(folder, list(group), html=html)


def _write_one(folder: Path, entries: list[Entry], *, html: bool) -> None:
    path = folder / f"{INCOMPLETE}{LOG}"
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(COLUMNS)
        writer.writerows((e.at, e.line.origin, e.line.message, "") for e in entries if e.line)
    if any(entry.line is None for entry in entries):
        path.replace(folder / LOG)
        if html:
            with (folder / LOG).open(encoding="utf-8", newline="") as file:
                text = page(folder.name, list(csv.DictReader(file)))
            (folder / PAGE).write_text(text, encoding="utf-8")


def find(root: Path, uuid: str) -> str:
    """The folder of a session that an earlier process began; empty where there is none."""
    return next((f.path.name for f in reversed(folders(root)) if f.uuid == uuid), "")


def forget(root: Path, before: datetime, running: frozenset[str]) -> int:
    """Remove the logs of sessions that began, and were last written to, before then; how many.
    Raises OSError."""
    return sum(
        _remove(folder)
        for folder in folders(root)
        if folder.uuid not in running
        and folder.began < before
        and folder.path.stat().st_mtime < before.timestamp()
    )


def tidy(root: Path, before: datetime, running: frozenset[str]) -> int:
    """Remove logs older than `before`, and the oldest beyond MAX_FOLDERS. Raises OSError."""
    known = [folder for folder in folders(root) if folder.uuid not in running]
    spare = known[: max(0, len(known) - MAX_FOLDERS)]
    old = [folder for folder in known[len(spare) :] if DATED_FROM <= folder.began < before]
    return sum(_remove(folder) for folder in [*spare, *old])


def _remove(folder: Folder) -> int:
    """Our files, and the folder if nothing else is in it."""
    for path in _files(folder.path):
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # somebody put something of theirs beside them
        folder.path.rmdir()
    return 1


def _files(folder: Path) -> Iterator[Path]:
    return (folder / name for name in (LOG, PAGE, f"{INCOMPLETE}{LOG}"))
