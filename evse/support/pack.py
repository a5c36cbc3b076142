"""A bundle of bounded size, with a list of what is in it and of what is missing and why."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterable
from typing import BinaryIO

import msgspec

MAX_BYTES = 10_000_000
SPARE_BYTES = 64_000
"""For the list, and for what the format puts between the parts."""
FILE_MODE = 0o600
CONTENTS = "contents.txt"


class Part(msgspec.Struct, frozen=True):
    """One file of the bundle, or, without content, why there is none."""

    name: str
    content: bytes = b""
    missing: str = ""
    note: str = ""
    """For the list: what one should know of it."""


class _Counted:
    """A file that knows how much was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.bytes = 0

    def write(self, data: bytes) -> int:
        self.bytes += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def pack(
    file: BinaryIO, parts: Iterable[Part], *, utc_s: int, max_bytes: int = MAX_BYTES
) -> list[str]:
    """Write a .tar.gz of at most `max_bytes`; what no longer fits is left out, so the most needed
    parts come first. The lines of its list, which is the last file in it. Raises OSError."""
    counted = _Counted(file)
    listed: list[str] = []
    with (
        gzip.GzipFile(fileobj=counted, mode="wb", compresslevel=6, mtime=utc_s) as packed,
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        for part in map(_told, parts):
            packed.flush()
            room = max_bytes - counted.bytes - SPARE_BYTES
            reason = part.missing or _too_large(part.content, room)
            if not reason:
                _add(tar, part.name, part.content, utc_s)
            listed.append(_line(part, reason))
        _add(tar, CONTENTS, "".join(f"{line}\n" for line in listed).encode(), utc_s)
    return listed


def _told(part: Part) -> Part:
    """Names and reasons may hold what others chose: they may break no line of the list, and act on
    no terminal that it is shown on."""
    name, missing = _on_one_line(part.name), _on_one_line(part.missing)
    return msgspec.structs.replace(part, name=name, missing=missing)


def _on_one_line(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def _too_large(content: bytes, room: int) -> str:
    if len(content) <= room or len(zlib.compress(content, 6)) <= room:
        return ""
    return f"left out: {len(content)} bytes, and the bundle is full"


def _line(part: Part, reason: str) -> str:
    if reason:
        return f"MISSING  {part.name}: {reason}"
    note = f"  ({part.note})" if part.note else ""
    return f"{len(part.content):>8} {part.name}{note}"


def _add(tar: tarfile.TarFile, name: str, content: bytes, utc_s: int) -> None:
    info = tarfile.TarInfo(f"pievse-support/{name}")
    info.size, info.mode, info.mtime = len(content), FILE_MODE, utc_s
    tar.addfile(info, io.BytesIO(content))
