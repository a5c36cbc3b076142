"""Who may read a database: tokens are in it, and in its log."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

FILE_MODE = 0o640
"""The owner writes, the group may read, and nobody else is there."""


def keep_private(path: Path, say: Callable[[str], None]) -> None:
    """Make the database `path`, whatever the umask, before SQLite does, which gives its log and its
    index the mode of the file; or take from what is there, damaged ones included, what FILE_MODE
    does not allow. `say` is told where that can not be had. Raises OSError when the file can be
    neither made nor found."""
    with contextlib.suppress(FileExistsError):
        _make(path)
    beside = (path.with_name(path.name + end) for end in ("-wal", "-shm"))
    for file in (path, *beside, *path.parent.glob(f"{path.name}.damaged-*")):
        _tighten(file, say)


def _make(path: Path) -> None:
    """Raises FileExistsError, or another OSError. A file that is there is not opened: closing it
    would drop the locks that this process has on it."""
    made = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, FILE_MODE)
    try:
        os.fchmod(made, FILE_MODE)
    finally:
        os.close(made)


def _tighten(file: Path, say: Callable[[str], None]) -> None:
    try:
        found = file.stat().st_mode
        if stat.S_ISREG(found) and stat.S_IMODE(found) & ~FILE_MODE:
            file.chmod(found & FILE_MODE)
    except FileNotFoundError:
        return
    except OSError as error:
        say(f"{file} can not be kept from others' eyes: {error.strerror}")
