"""A disk that loses power: what SQLite writes and syncs, and what a cut may leave of it.

`Recorder` puts itself between SQLite and the file system (https://www.sqlite.org/vfs.html) and
notes each write, truncation, sync and deletion. `images` then builds the files that a power cut
after any of them may leave: what was synced is there; of what was not, all, nothing, the last
write without those before it, or all with the last one torn at a sector.
"""

from __future__ import annotations

import _sqlite3
import contextlib
import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECTOR = 512
"""A write is torn between sectors, not within one."""
_OK = 0
_IO_METHODS = [
    "xClose",
    "xRead",
    "xWrite",
    "xTruncate",
    "xSync",
    "xFileSize",
    "xLock",
    "xUnlock",
    "xCheckReservedLock",
    "xFileControl",
    "xSectorSize",
    "xDeviceCharacteristics",
    "xShmMap",
    "xShmLock",
    "xShmBarrier",
    "xShmUnmap",
    "xFetch",
    "xUnfetch",
]
_VFS_METHODS = [
    "xDelete",
    "xAccess",
    "xFullPathname",
    "xDlOpen",
    "xDlError",
    "xDlSym",
    "xDlClose",
    "xRandomness",
    "xSleep",
    "xCurrentTime",
    "xGetLastError",
    "xCurrentTimeInt64",
    "xSetSystemCall",
    "xGetSystemCall",
    "xNextSystemCall",
]
_P = ctypes.c_void_p


class _IoMethods(ctypes.Structure):
    _fields_ = [("iVersion", ctypes.c_int), *((name, _P) for name in _IO_METHODS)]


class _File(ctypes.Structure):
    _fields_ = [("methods", ctypes.POINTER(_IoMethods))]


class _Vfs(ctypes.Structure):
    _fields_ = [
        ("iVersion", ctypes.c_int),
        ("szOsFile", ctypes.c_int),
        ("mxPathname", ctypes.c_int),
        ("next", _P),
        ("name", ctypes.c_char_p),
        ("appData", _P),
        ("xOpen", _P),
        *((name, _P) for name in _VFS_METHODS),
    ]


_OPEN = ctypes.CFUNCTYPE(ctypes.c_int, _P, _P, ctypes.POINTER(_File), ctypes.c_int, _P)
"""The path stays a pointer: SQLite goes on reading at its very place."""
_WRITE = ctypes.CFUNCTYPE(ctypes.c_int, _P, _P, ctypes.c_int, ctypes.c_int64)
_TRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, _P, ctypes.c_int64)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, _P, ctypes.c_int)
_DELETE = ctypes.CFUNCTYPE(ctypes.c_int, _P, _P, ctypes.c_int)


def available() -> bool:
    """False where this Python carries an SQLite of its own that can not be reached."""
    return hasattr(ctypes.CDLL(_sqlite3.__file__), "sqlite3_vfs_register")


@dataclass(frozen=True)
class Step:
    """One thing that SQLite did to one file."""

    kind: str
    """`write`, `truncate`, `sync` or `delete`."""
    name: str
    offset: int = 0
    data: bytes = b""


class Recorder:
    """`with Recorder() as disk:` notes what every database does that is opened within."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._kept: list[object] = []
        """What SQLite holds pointers to."""

    def __enter__(self) -> Recorder:
        self._library = library = ctypes.CDLL(_sqlite3.__file__)
        library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        self._real = library.sqlite3_vfs_find(None)
        self._ours = _Vfs()
        ctypes.pointer(self._ours)[0] = self._real[0]
        self._ours.name = b"recorder"
        self._ours.next = None
        self._ours.xOpen = self._pointer(_OPEN(self._opener()))
        self._ours.xDelete = self._pointer(_DELETE(self._deleter()))
        assert library.sqlite3_vfs_register(ctypes.byref(self._ours), 1) == _OK
        return self

    def __exit__(self, *_exception: object) -> None:
        self._library.sqlite3_vfs_unregister(ctypes.byref(self._ours))
        self._library.sqlite3_vfs_register(self._real, 1)

    def bytes_written(self, begin: int = 0) -> int:
        return sum(len(step.data) for step in self.steps[begin:])

    def _pointer(self, callback: Any) -> int | None:
        self._kept.append(callback)
        return ctypes.cast(callback, _P).value

    def _opener(self) -> Callable[..., int]:
        real = _OPEN(self._real[0].xOpen)

        def opened(vfs: int, path: int | None, file: Any, flags: int, out: int) -> int:
            result: int = real(vfs, path, file, flags, out)
            if result == _OK and path:
                self._watch(file, Path(ctypes.string_at(path).decode()).name)
            return result

        return opened

    def _deleter(self) -> Callable[..., int]:
        real = _DELETE(self._real[0].xDelete)

        def deleted(vfs: int, path: int, sync: int) -> int:
            self.steps.append(Step("delete", Path(ctypes.string_at(path).decode()).name))
            return int(real(vfs, path, sync))

        return deleted

    def _watch(self, file: Any, name: str) -> None:
        methods = _IoMethods()
        real = file[0].methods[0]
        ctypes.pointer(methods)[0] = real
        write, truncate, sync = _WRITE(real.xWrite), _TRUNCATE(real.xTruncate), _SYNC(real.xSync)

        def writes(this: int, data: int, size: int, offset: int) -> int:
            self.steps.append(Step("write", name, offset, ctypes.string_at(data, size)))
            return int(write(this, data, size, offset))

        def truncates(this: int, size: int) -> int:
            self.steps.append(Step("truncate", name, size))
            return int(truncate(this, size))

        def syncs(this: int, flags: int) -> int:
            self.steps.append(Step("sync", name))
            return int(sync(this, flags))

        methods.xWrite = self._pointer(_WRITE(writes))
        methods.xTruncate = self._pointer(_TRUNCATE(truncates))
        methods.xSync = self._pointer(_SYNC(syncs))
        self._kept.append(methods)
        file[0].methods = ctypes.pointer(methods)


Image = tuple[tuple[str, bytes], ...]
"""File names and contents."""


class _Disk:
    """Files as far as they are synced, and what has been done to them since."""

    def __init__(self) -> None:
        self._synced: dict[str, bytes] = {}
        self._since: dict[str, list[Step]] = {}

    def do(self, step: Step) -> None:
        if step.kind == "sync":
            todo = self._since.pop(step.name, [])
            self._synced[step.name] = _applied(self._synced.get(step.name, b""), todo)
        elif step.kind == "delete":
            self._synced.pop(step.name, None)
            self._since.pop(step.name, None)
        else:
            self._since.setdefault(step.name, []).append(step)

    def images(self) -> Iterator[Image]:
        """After a cut now."""
        yield self._with(lambda steps: steps)
        yield self._with(lambda _steps: [])
        yield self._with(lambda steps: steps[-1:])
        yield self._with(lambda steps: [*steps[:-1], *(_torn(s) for s in steps[-1:])])

    def _with(self, survives: Callable[[list[Step]], list[Step]]) -> Image:
        found = dict(self._synced)
        for name, steps in self._since.items():
            if left := survives(steps):
                found[name] = _applied(found.get(name, b""), left)
        return tuple(sorted(found.items()))


def _torn(step: Step) -> Step:
    half = max(SECTOR, len(step.data) // 2 // SECTOR * SECTOR)
    return Step(step.kind, step.name, step.offset, step.data[:half])


def _applied(body: bytes, steps: list[Step]) -> bytes:
    file = bytearray(body)
    for step in steps:
        if step.kind == "truncate":
            del file[step.offset :]
            continue
        file.extend(bytes(max(0, step.offset - len(file))))
        file[step.offset : step.offset + len(step.data)] = step.data
    return bytes(file)


def images(steps: list[Step]) -> Iterator[tuple[int, Image]]:
    """(steps done, what may be found) for a cut before the first step and after each one."""
    disk = _Disk()
    for done in range(len(steps) + 1):
        for image in disk.images():
            yield done, image
        if done < len(steps):
            disk.do(steps[done])


@contextlib.contextmanager
def laid_out(image: Image, folder: Path) -> Iterator[Path]:
    """The files of `image` in `folder`, for a while."""
    for name, body in image:
        (folder / name).write_bytes(body)
    yield folder
    for path in folder.iterdir():
        path.unlink()
