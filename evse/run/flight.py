"""Writes flights down: beside ring 1 into memory-backed files, beside the core onto the disk.

`FlightWriter` belongs to the guard's loop, gives it back after a fraction of a millisecond, and
writes to the run directory alone, where no write waits for a disk (a tmpfs under systemd).
`FlightKeeper` belongs to the core: its storage thread brings finished flights into the state
directory. Nothing is written at all while nothing is wrong.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib
import logging
import os
import stat
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from evse import __version__
from evse.clock import Clock, rfc3339
from evse.guard.flight_file import FlightEncoder, Origin
from evse.guard.host import GuardHost
from evse.guard.recorder import Cause, Flight

DIRECTORY = "flight"
"""In the run directory, and in the state directory."""
SUFFIX = ".flight"
PART = ".part"
REQUEST = "request"
"""A file of this name in the run directory's asks for a recording; its first line says why."""
FILE_MODE = 0o640
DIRECTORY_MODE = 0o770
"""The core, of the same group, takes the files away."""
MAX_FILES = 8
TURN_BUDGET_NS = 300_000
"""Of one turn of the guard, for writing."""
MAX_LINES = 40
"""Of one turn, however fast the computer is."""
LOOK_MS = 1_000
MAX_REASON_CHARS = 100

KERNEL = (
    "evse.guard.causes",
    "evse.guard.commands",
    "evse.guard.facts",
    "evse.guard.kernel",
    "evse.guard.lock_drive",
    "evse.guard.phase_contact",
    "evse.guard.proximity",
    "evse.guard.rcd_test",
    "evse.guard.rules",
    "evse.guard.sense",
    "evse.guard.state",
    "evse.guard.view",
    "evse.model",
    "evse.pilot",
)
"""What decides: every module that a step runs through."""

_log = logging.getLogger(__name__)


def kernel_name() -> str:
    """Of the text of all that decides, sixteen hexadecimal digits. Reads it: ask before time
    counts."""
    text = hashlib.sha256()
    for name in KERNEL:
        text.update(Path(importlib.import_module(name).__file__ or "").read_bytes())
    return text.hexdigest()[:16]


class FlightWriter:
    """The flights of one guard process, whatever hosts it lives through."""

    def __init__(
        self,
        run_dir: Path,
        clock: Clock,
        *,
        station: str = "",
        now_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        """What a process that was killed left unfinished stays, as a torn flight. A directory that
        can not be used is told, and then nothing is written."""
        self._directory = run_dir / DIRECTORY
        self._clock = clock
        self._now_ns = now_ns
        self._origin = Origin(
            station=station,
            evse=0,
            boot="",
            version=__version__,
            kernel=kernel_name(),
            utc="",
            utc_at_ms=0,
        )
        self._host: GuardHost | None = None
        self._boot = ""
        self._number = 0
        self._waiting: deque[tuple[int, str, Flight]] = deque()
        self._lines: Iterator[bytes] | None = None
        self._file = -1
        self._path = self._directory
        self._look_ms = 0
        self._written: deque[Path] = deque()
        """Oldest first; others may take them away."""
        self._usable = self._prepare()

    def watch(self, host: GuardHost, boot_id: int, now_ms: int) -> None:
        """Another life of ring 1 begins: nothing has been told to `host` yet. What was triggered
        in the last one is written as it is."""
        self._collect(now_ms, at_once=True)
        self._host, self._boot = host, f"{boot_id:08x}"
        host.record()

    def trigger(self, cause: Cause, detail: str, now_ms: int) -> None:
        """Keep the last minute of every EVSE."""
        if self._host is not None:
            for recorder in self._host.recorders.values():
                recorder.trigger(cause, detail, now_ms)

    def turn(self, now_ms: int) -> None:
        """Once a period, when everything else is done. Never raises, and never works for long."""
        self._collect(now_ms, at_once=False)
        if now_ms >= self._look_ms:
            self._look_ms = now_ms + LOOK_MS
            self._look_for_request(now_ms)
        if self._lines is not None or self._waiting:
            self._write_some(self._now_ns() + TURN_BUDGET_NS, MAX_LINES)

    def close(self, now_ms: int) -> None:
        """Write all that was triggered. Blocks for as long as that takes: the outputs are safe."""
        self._collect(now_ms, at_once=True)
        while self._lines is not None or self._waiting:
            self._write_some(self._now_ns() + TURN_BUDGET_NS, MAX_LINES)

    def _collect(self, now_ms: int, *, at_once: bool) -> None:
        if self._host is None or not self._usable:
            return
        for evse, recorder in self._host.recorders.items():
            flight = recorder.collect(now_ms, at_once=at_once)
            if flight is not None:
                self._waiting.append((evse, self._boot, flight))

    # --- the directory ----------------------------------------------------------------------------

    def _prepare(self) -> bool:
        try:
            self._make_directory()
            for torn in self._directory.glob("*" + PART):
                torn.rename(torn.with_suffix(""))
            self._written.extend(by_age(self._directory))
        except OSError as error:
            _log.error("no flight is recorded: %s", error)
            return False
        return True

    def _make_directory(self) -> None:
        """Raises OSError."""
        with contextlib.suppress(FileExistsError):
            self._directory.mkdir()
            self._directory.chmod(DIRECTORY_MODE)  # whatever the umask
        if not self._directory.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "is no directory", str(self._directory))

    def _look_for_request(self, now_ms: int) -> None:
        path = self._directory / REQUEST
        try:
            if not os.path.lexists(path):
                return
            said = _read_request(path)
            path.unlink()
        except OSError as error:
            _log.error("a request for a flight can not be taken: %s", error)
            self._look_ms = now_ms + 60 * LOOK_MS
            return
        detail = "".join(c for c in said.partition("\n")[0] if c.isprintable())
        self.trigger(Cause.ASKED, detail or "without a word", now_ms)

    # --- the file ---------------------------------------------------------------------------------

    def _write_some(self, until_ns: int, max_lines: int) -> None:
        try:
            lines = self._lines or self._begin()
            batch = []
            for line in lines:
                batch.append(line)
                if len(batch) >= max_lines or self._now_ns() >= until_ns:
                    break
            else:
                self._lines = None
            self._put(b"".join(batch))
            if self._lines is None:
                self._finish()
        except OSError as error:
            self._give_up(error)

    def _put(self, data: bytes) -> None:
        """Raises OSError."""
        if os.write(self._file, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _begin(self) -> Iterator[bytes]:
        evse, boot, flight = self._waiting.popleft()
        self._number += 1
        name = f"flight-evse{evse}-{boot}-{self._number}{SUFFIX}{PART}"
        self._path = self._directory / name
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        self._file = os.open(self._path, flags, FILE_MODE)
        origin = msgspec.structs.replace(
            self._origin,
            evse=evse,
            boot=boot,
            utc=rfc3339(self._clock.utc()),
            utc_at_ms=self._clock.now_ms(),
        )
        self._lines = FlightEncoder(flight, origin).lines()
        return self._lines

    def _finish(self) -> None:
        os.close(self._file)
        self._file = -1
        whole = self._path.with_suffix("")
        self._path.rename(whole)
        _log.warning("recorded %s", whole.name)
        self._written.append(whole)
        while len(self._written) > MAX_FILES:
            self._written.popleft().unlink(missing_ok=True)

    def _give_up(self, error: OSError) -> None:
        """This flight is lost, and with it what it would have taken."""
        _log.error("%s can not be written: %s", self._path.name, error.strerror)
        self._lines = None
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._path.unlink(missing_ok=True)


def _read_request(path: Path) -> str:
    """Its beginning; nothing of what is no plain file, which might keep its reader waiting. Raises
    OSError."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return ""
        return os.read(file, MAX_REASON_CHARS).decode("utf-8", errors="replace")
    finally:
        os.close(file)


def by_age(directory: Path) -> list[Path]:
    """Finished flights, the oldest first; nothing else that lies there. Raises OSError."""
    found = []
    for path in directory.glob("*" + SUFFIX):
        with contextlib.suppress(FileNotFoundError):  # another process has just taken it
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                found.append((status.st_mtime_ns, path))
    return [path for _, path in sorted(found)]
