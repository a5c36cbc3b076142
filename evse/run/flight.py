"""Writes flights down: beside ring 1 into memory-backed files, beside the core onto the disk.

`FlightWriter` belongs to the guard's loop, gives it back after a fraction of a millisecond, and
writes to the run directory alone, where no write waits for a disk (a tmpfs under systemd).
`FlightKeeper` belongs to the core: its storage thread brings finished flights into the state
directory. Nothing is written at all while nothing is wrong.
"""

from __future__ import annotations

import contextlib
import errno
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
from evse.run.kernel_name import kernel_name

DIRECTORY = "flight"
"""In the run directory, and in the state directory."""
SUFFIX = ".flight"
PART = ".part"
REQUEST = "request"
"""A file of this name in the run directory's asks for a recording; its first line says why."""
FILE_MODE = 0o640
REQUEST_MODE = 0o644
DIRECTORY_MODE = 0o770
"""The core, of the same group, takes the files away."""
MAX_FILES = 8
TURN_BUDGET_NS = 300_000
"""Of one turn of the guard, for writing."""
MAX_STEPS = 20
"""Of one turn, however fast the computer is; a step is a line, or one look at the directory."""
LOOK_MS = 1_000
MAX_REASON_CHARS = 100

_log = logging.getLogger(__name__)


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
        self._steps: Iterator[bool] | None = None
        self._look_ms = 0
        self._written: deque[str] = deque()
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
        if self._steps is not None or self._waiting:
            self._work()

    def close(self, now_ms: int) -> None:
        """Write all that was triggered. Blocks for as long as that takes: the outputs are safe."""
        self._collect(now_ms, at_once=True)
        while self._steps is not None or self._waiting:
            self._work()

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
            self._written.extend(map(str, by_age(self._directory)))
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

    def _work(self) -> None:
        """As many steps as a turn has time for, at least one."""
        until_ns = self._now_ns() + TURN_BUDGET_NS
        for _ in range(MAX_STEPS):
            if self._steps is None:
                if not self._waiting:
                    return
                self._steps = self._write(*self._waiting.popleft())
            if not next(self._steps, False):
                self._steps = None
            if self._now_ns() >= until_ns:
                return

    def _write(self, evse: int, boot: str, flight: Flight) -> Iterator[bool]:
        """One flight in small steps, true after each. Whatever fails, only the flight is lost."""
        self._number += 1
        path = f"{self._directory}/flight-evse{evse}-{boot}-{self._number}{SUFFIX}"
        try:
            yield from self._write_part(path + PART, self._origin_of(evse, boot), flight)
            os.rename(path + PART, path)
            yield True
            self._written.append(path)
            if len(self._written) > MAX_FILES:
                _remove(self._written.popleft())
                yield True
            _log.warning("recorded %s", path)
        except OSError as error:
            _log.error("%s can not be written: %s", path, error.strerror)
            _remove(path + PART)

    def _origin_of(self, evse: int, boot: str) -> Origin:
        utc, at_ms = rfc3339(self._clock.utc()), self._clock.now_ms()
        return msgspec.structs.replace(self._origin, evse=evse, boot=boot, utc=utc, utc_at_ms=at_ms)

    @staticmethod
    def _write_part(path: str, origin: Origin, flight: Flight) -> Iterator[bool]:
        """Raises OSError."""
        with open(path, "xb", opener=_private) as file:
            yield True
            for line in FlightEncoder(flight, origin).lines():
                file.write(line)
                yield True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, FILE_MODE)


def _remove(path: str) -> None:
    """Also where others took it away, or do not let us."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def ask_for_flight(directory: Path, why: str) -> None:
    """Have the guard that writes to `directory` record its last minute. Raises OSError,
    FileNotFoundError where there is no such guard."""
    fresh = directory / f"{REQUEST}.new"
    fresh.unlink(missing_ok=True)
    # who asks may be root: nothing is written where a link of others points to
    with open(fresh, "xb", opener=_private) as file:
        os.fchmod(file.fileno(), REQUEST_MODE)  # whatever the umask
        file.write(f"{why}\n".encode(errors="replace"))
    fresh.rename(directory / REQUEST)


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
