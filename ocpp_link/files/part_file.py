"""A file that is being fetched: partial and going on, then whole under its name, or gone.

Belongs to a process of its own: everything here blocks.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from ocpp_link.files.errors import DiskFull, FileTooLarge, Interrupted
from ocpp_link.files.jobs import End, Limits, Outcome

CHUNK_BYTES = 1 << 16
LOOK_BYTES = 4 << 20
"""The disk is asked for its room each time that so much has come."""

OnProgress = Callable[[int, int], None]


class PartFile:
    """`<path>.part`, with its size so far and the validator that its server named for it.

    `close`d without `finish`, it stays for the next attempt. Errors are those of this room, and
    OSError of the disk.
    """

    def __init__(self, path: Path, limits: Limits, on_progress: OnProgress) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._tag = path.with_name(path.name + ".tag")
        self._limits = limits
        self._on_progress = on_progress
        self._digest = hashlib.sha256()
        self._looked_at = 0
        self.total = 0
        """Of the whole file; 0 = not known."""
        self.size = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = self._part.open("a+b")
        self._file.seek(0)
        while chunk := self._file.read(CHUNK_BYTES):
            self._digest.update(chunk)
            self.size += len(chunk)

    def __enter__(self) -> PartFile:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def validator(self) -> str:
        """What the server called the version of the file that the part is of; empty: unknown."""
        with contextlib.suppress(FileNotFoundError):
            return self._tag.read_text("utf-8", errors="replace")
        return ""

    def begin(self, total: int, validator: str = "") -> None:
        """Before the first bytes of this attempt. Raises FileTooLarge, DiskFull."""
        self.total = total
        self._tag.write_text(validator, "utf-8")
        if total > self._limits.max_bytes:
            raise FileTooLarge(f"{total} bytes, and at most {self._limits.max_bytes} are taken")
        self._look_for_room(max(0, total - self.size))

    def restart(self) -> None:
        """Forget what came before: it can not be gone on with."""
        self._file.seek(0)
        self._file.truncate()
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """Raises FileTooLarge, DiskFull."""
        if self.size + len(chunk) > self._limits.max_bytes:
            raise FileTooLarge(f"more than {self._limits.max_bytes} bytes")
        if self.size - self._looked_at >= LOOK_BYTES:
            self._look_for_room(len(chunk))
        self._file.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)
        self._on_progress(self.size, self.total)

    def finish(self) -> End:
        """All is there: durable under its name. Raises Interrupted where it is not."""
        if self.total and self.size != self.total:
            came = self.size
            if came > self.total:
                self.restart()
            raise Interrupted(f"{came} of {self.total} bytes came")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._path)
        self._tag.unlink(missing_ok=True)
        sync_directory(self._path.parent)
        return End(Outcome.DONE, sha256=self._digest.hexdigest(), bytes=self.size)

    def _look_for_room(self, wanted: int) -> None:
        self._looked_at = self.size
        need_room(self._part.parent, wanted, self._limits.spare_bytes)


def need_room(directory: Path, wanted: int, spare: int) -> None:
    """Raises DiskFull where `wanted` bytes would not leave `spare` ones free."""
    free = shutil.disk_usage(directory).free
    if wanted + spare > free:
        raise DiskFull(f"{wanted} bytes are to come, {free} are free and {spare} must stay so")


def sync_directory(directory: Path) -> None:
    """What was renamed in it survives a power cut."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def discard(path: Path) -> None:
    """Nothing of a file stays, whole or partial."""
    for suffix in ("", ".part", ".tag"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
