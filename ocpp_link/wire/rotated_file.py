"""A log of bounded size in a few files. For the storage thread: it alone waits for the disk.

Never synced: a log is not worth the wear of the flash, and a power cut may take its last seconds.
"""

from __future__ import annotations

import os
from pathlib import Path

MODE = 0o640
"""Who charged when is nobody else's business."""


class RotatedFile:
    """`path` is written to; at `max_bytes` it becomes `name.1.ext`, and that `name.2.ext`, …; of
    all there are at most `files`. What is already there is continued."""

    def __init__(self, path: Path, *, max_bytes: int, files: int) -> None:
        if files < 1 or max_bytes < 1:
            raise ValueError("a log needs room for one file with one byte")
        self._path = path
        self._max_bytes = max_bytes
        self._files = files
        self._torn = True
        """The file may end in the middle of a line: after a crash, or on a full disk."""

    def append(self, lines: bytes) -> None:
        """Write whole lines. Raises OSError; part of them may be in the file then."""
        if self._size() + len(lines) > self._max_bytes and self._size():
            self._rotate()
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, MODE)
        try:
            begin = b"\n" if self._torn and _ends_within_a_line(handle) else b""
            self._torn = True
            rest = memoryview(begin + lines)
            while rest:
                rest = rest[os.write(handle, rest) :]
            self._torn = False
        finally:
            os.close(handle)

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def _rotate(self) -> None:
        kept = [self._path, *(_numbered(self._path, n) for n in range(1, self._files))]
        kept[-1].unlink(missing_ok=True)
        for older, newer in zip(reversed(kept), reversed(kept[:-1]), strict=False):
            if newer.exists():
                newer.replace(older)


def _ends_within_a_line(handle: int) -> bool:
    size = os.fstat(handle).st_size
    return size > 0 and os.pread(handle, 1, size - 1) != b"\n"


def parts(path: Path) -> list[Path]:
    """The files of such a log that are there, the oldest first."""
    found = []
    number = 1
    while (older := _numbered(path, number)).exists():
        found.append(older)
        number += 1
    return [*reversed(found), *([path] if path.exists() else [])]


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}.{number}{path.suffix}")
