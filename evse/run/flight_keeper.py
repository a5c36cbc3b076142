"""Brings finished flights from the run directory onto the disk, where they survive a power cut."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from evse.clock import Clock
from evse.guard.flight_file import MAX_BYTES
from evse.journal.storage import Storage
from evse.run.flight import DIRECTORY, ask_for_flight, by_age

LOOK_MS = 5_000
MAX_FILES = 32
MAX_TOTAL_BYTES = 8_000_000
BURST = 8
EVERY_MS = 600_000
"""Beyond a burst, one file in this time: a fault that comes and goes for ever wears out no card.
The others stay in the run directory, which holds the newest."""
DIRECTORY_MODE = 0o750
FILE_MODE = 0o640

_log = logging.getLogger(__name__)


class FlightKeeper:
    """Looks every few seconds; all that touches files is done on the storage thread."""

    def __init__(self, run_dir: Path, state_dir: Path, clock: Clock, storage: Storage) -> None:
        self._source = run_dir / DIRECTORY
        self._target = state_dir / DIRECTORY
        self._clock = clock
        self._storage = storage
        self._due_ms = clock.now_ms() + LOOK_MS
        self._busy = False
        self._known: set[str] = set()
        """Names that were brought over, also where they could not be taken away."""
        self._allowed = BURST
        self._earned_ms = clock.now_ms()
        self._trouble = ""

    def poll(self) -> None:
        now_ms = self._clock.now_ms()
        if now_ms < self._due_ms or self._busy:
            return
        self._due_ms = now_ms + LOOK_MS
        earned = (now_ms - self._earned_ms) // EVERY_MS
        self._earned_ms += earned * EVERY_MS
        self._allowed = min(BURST, self._allowed + earned)
        self._busy = True
        allowed = self._allowed
        self._storage.submit(lambda _db: self._bring(allowed), self._brought)

    def ask(self, why: str, done: Callable[[str], None]) -> None:
        """Have ring 1 record its last minute; `done` gets why that can not be, or nothing."""
        self._storage.submit(lambda _db: self._asked(why), lambda outcome: done(str(outcome)))

    def _asked(self, why: str) -> str:
        """On the storage thread."""
        try:
            ask_for_flight(self._source, why)
        except FileNotFoundError:
            return "no ring 1 on this computer records"
        except OSError as error:
            return str(error)
        return ""

    def _bring(self, allowed: int) -> tuple[list[str], str]:
        """On the storage thread: the names of what was brought, and what went wrong."""
        brought: list[str] = []
        try:
            if not self._source.is_dir():
                return brought, ""
            found = by_age(self._source)
            self._known &= {path.name for path in found}
            for path in [path for path in found if path.name not in self._known][:allowed]:
                with contextlib.suppress(FileNotFoundError):  # its writer made room
                    self._copy(path)
                self._known.add(path.name)
                brought.append(path.name)
                self._make_room()
                path.unlink(missing_ok=True)
        except OSError as error:
            return brought, str(error)
        return brought, ""

    def _brought(self, outcome: tuple[list[str], str] | sqlite3.Error) -> None:
        self._busy = False
        brought, trouble = ([], str(outcome)) if isinstance(outcome, sqlite3.Error) else outcome
        self._allowed -= len(brought)
        for name in brought:
            _log.warning("%s is kept: `evse replay` shows what happened", name)
        if trouble and trouble != self._trouble:
            _log.error("flights can not be kept: %s", trouble)
        if trouble:  # a card that fails is not worn out by trying
            self._due_ms = self._clock.now_ms() + EVERY_MS
        self._trouble = trouble

    def _copy(self, path: Path) -> None:
        """Raises OSError. One sync for data and name; were the name there without all of the data,
        the file would say so itself."""
        source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(source, "rb") as file:
            data = file.read(MAX_BYTES)
        self._target.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        fresh = self._target / (path.name + ".new")
        fresh.unlink(missing_ok=True)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        with os.fdopen(os.open(fresh, flags, FILE_MODE), "wb") as file:
            file.write(data)
            file.flush()
            fresh.rename(self._target / path.name)
            os.fsync(file.fileno())

    def _make_room(self) -> None:
        """The oldest go."""
        kept = by_age(self._target)
        sizes = [path.stat().st_size for path in kept]
        while kept and (len(kept) > MAX_FILES or sum(sizes) > MAX_TOTAL_BYTES):
            kept.pop(0).unlink(missing_ok=True)
            sizes.pop(0)
