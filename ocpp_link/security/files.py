"""Small files that must be whole: written beside their place, flushed, renamed."""

from __future__ import annotations

import logging
import os
from pathlib import Path

PRIVATE = 0o600
PUBLIC = 0o644

_log = logging.getLogger(__name__)


def write(path: Path, data: bytes, *, private: bool = False) -> None:
    """Afterwards `path` holds `data`, or what it held before. A private file is never readable by
    others, not for a moment. Raises OSError."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    mode = PRIVATE if private else PUBLIC
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    flush_directory(path.parent)


def flush_directory(directory: Path) -> None:
    """Make renames and removals in it durable."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def set_aside(path: Path, aside: Path, why: str) -> None:
    """Move what can not be used out of the way, for a person to look at; it is never deleted by
    this, and never used again."""
    _log.error("%s %s: set aside", path, why)
    try:
        aside.mkdir(mode=0o700, exist_ok=True)
        path.replace(aside / path.name)
    except OSError as error:
        _log.error("%s can not be set aside: %s", path, error)
