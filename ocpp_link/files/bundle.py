"""What a back office gets when it asks for diagnostics or the security log.

Blocking; reads what other processes write, so each part may be missing or torn at its end: that
is told in the bundle and stops nothing. Bounded in size, newest first to stay.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import sqlite3
import tarfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from evse.journal.rows import records
from evse.support.redaction import redacted
from evse.support.stored import flights
from ocpp_link.files.errors import FileError
from ocpp_link.files.jobs import Bundle, End, Extract, Outcome
from ocpp_link.files.part_file import sync_directory
from ocpp_link.wire.rotated_file import parts

MAX_PART_BYTES = 16 << 20
"""Of one part before packing; of longer ones the newest stay."""
MAX_LINE_BYTES = 1 << 20
JOURNAL_PAGE = 500
TIME_NAMES = ("time", "timestamp", "at", "utc")
"""Under which a line tells when it was written."""

Alive = Callable[[int], None]


class Window:
    """From `oldest` to `latest`, both included; what tells no time is inside."""

    def __init__(self, oldest: str, latest: str) -> None:
        self._oldest = _moment(oldest)
        self._latest = _moment(latest)

    def holds(self, text: str) -> bool:
        moment = _moment(text)
        if moment is None:
            return True
        after = self._oldest is None or moment >= self._oldest
        return after and (self._latest is None or moment <= self._latest)


def build(job: Bundle, alive: Alive) -> End:
    """Write the bundle. Raises OSError where that can not be done."""
    path, window = Path(job.path), Window(job.oldest, job.latest)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    with gzip.open(fresh, "wb", compresslevel=6) as packed:
        if job.plain:
            for _, content in _parts(job, window, alive):
                packed.write(content)
        else:
            _pack(packed, _parts(job, window, alive))
    fresh.replace(path)
    sync_directory(path.parent)
    return End(Outcome.DONE, bytes=path.stat().st_size)


def _pack(packed: gzip.GzipFile, parts: Iterable[tuple[str, bytes]]) -> None:
    with tarfile.open(fileobj=packed, mode="w|") as tar:
        for name, content in parts:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            tar.addfile(info, io.BytesIO(content))


def _parts(job: Bundle, window: Window, alive: Alive) -> Iterator[tuple[str, bytes]]:
    """Each with its name; alive is called after each."""
    for name, text in job.documents.items():
        yield name, text.encode()
    if job.journal:
        yield "journal.jsonl", _told(lambda: _tail(_journal(job.journal, window, alive)))
    for number, extract in enumerate(job.extracts, 1):
        yield extract.name, _told(partial(_extract, extract, window))
        alive(number)
    if job.flights:
        for part in flights([Path(job.flights)]):
            yield part.name, part.content or f"{part.missing}\n".encode()


def _told(read: Callable[[], bytes]) -> bytes:
    """What it gives, or why it gives nothing."""
    try:
        return read()
    except (OSError, sqlite3.Error, ValueError, FileError) as error:
        return f"this part can not be read: {error}\n".encode()


def _journal(path: str, window: Window, alive: Alive) -> Iterator[bytes]:
    """Session events, oldest first. The file is another process's and is only read."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        next_seq = 0
        while page := records(db, next_seq, JOURNAL_PAGE):
            for record in page:
                body = msgspec.json.decode(record.body)
                if window.holds(_time_of(body)):
                    line = {"seq": record.seq, "evse": record.evse, "event": redacted(body)}
                    yield msgspec.json.encode(line) + b"\n"
            next_seq = page[-1].seq + 1
            alive(next_seq)


def _extract(extract: Extract, window: Window) -> bytes:
    return _tail(_lines(extract, window))


def _lines(extract: Extract, window: Window) -> Iterator[bytes]:
    for path in parts(Path(extract.path)):
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            while line := file.readline(MAX_LINE_BYTES):
                if window.holds(_time_in(line)):
                    yield line


def _tail(lines: Iterable[bytes]) -> bytes:
    """The newest that are not too many."""
    kept: list[bytes] = []
    size = 0
    for line in lines:
        kept.append(line)
        size += len(line)
        if size > 2 * MAX_PART_BYTES:
            kept, size = _newest(kept)
    return b"".join(_newest(kept)[0])


def _newest(lines: list[bytes]) -> tuple[list[bytes], int]:
    size = 0
    for index in range(len(lines) - 1, -1, -1):
        if size + len(lines[index]) > MAX_PART_BYTES:
            return lines[index + 1 :], size
        size += len(lines[index])
    return lines, size


def _time_in(line: bytes) -> str:
    """What the line says of its time: a member of an object, or the first word."""
    if not line.startswith(b"{"):
        return line.split(b" ", 1)[0].decode("utf-8", errors="replace")
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        return _time_of(msgspec.json.decode(line))
    return ""


def _time_of(entry: Any) -> str:
    if isinstance(entry, dict):
        for name in TIME_NAMES:
            if isinstance(entry.get(name), str):
                return str(entry[name])
    return ""


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
