"""Session logs: collects what the EVSEs' narrators say and hands it to the storage thread.

Guarantee: nothing here waits for the disk or raises because of it; a log that can not be written
is said once, and charging knows nothing of it. What waits for a slow disk is bounded.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from evse.clock import Clock, rfc3339
from evse.fault_model import FaultChange
from evse.journal.storage import Storage
from evse.limits import Effective
from evse.model import BoardStatus, MeterReading
from evse.session_log import lines
from evse.session_log.folders import Entry, find, folder_name, forget, tidy, write
from evse.session_log.lines import Line, Narrator, Origin
from evse.types.session import SessionEvent, SessionEventEnum

FLUSH_MS = 5_000
TIDY_EVERY_MS = 86_400_000
MAX_WAITING = 2_000
"""Lines that wait for the disk; what is more is counted and left out. Events have twice as much."""
MAX_ENDS = 100
"""Sessions that ended while the disk refused, and whose logs are finished when it takes again."""
MAX_LINES = 20_000
"""Of one session, about 1.5 MB: a pilot that flaps for a day must not fill the disk."""

_Done = Callable[[Any], None]


class _Open:
    """The log of a session that runs."""

    def __init__(self, uuid: str, folder: str) -> None:
        self.uuid = uuid
        self.folder = folder
        self.count = 0


class SessionLogs:
    """The logs of all EVSEs below `root`. Synchronous; the owner calls `poll`."""

    def __init__(
        self,
        root: Path,
        clock: Clock,
        storage: Storage,
        *,
        keep_days: int = 365,
        html: bool = True,
        say: Callable[[str], None] = lambda _words: None,
    ) -> None:
        self._root = root
        self._clock = clock
        self._storage = storage
        self._keep = timedelta(days=keep_days)
        self._html = html
        self._say = say
        self._narrators: dict[int, Narrator] = {}
        self._open: dict[int, _Open] = {}
        self._waiting: list[Entry] = []
        self._busy = False
        self._lost = 0
        self._failing = False
        self._flush_ms = clock.now_ms() + FLUSH_MS
        self._tidy_ms: int | None = clock.now_ms()

    def path(self, uuid: str, utc: datetime) -> str | None:
        """Where the log of a session that begins now will be; None where it can have none."""
        try:
            return str(self._root / folder_name(utc, uuid))
        except ValueError as error:
            self._say(f"no session log: {error}")
            return None

    # --- what happens -----------------------------------------------------------------------------

    def on_event(self, evse: int, event: SessionEvent) -> None:
        if event.event is SessionEventEnum.SessionStarted:
            self._begin(evse, event)
        elif event.event is SessionEventEnum.SessionResumed:
            self._resume(evse, event)
        self._add(evse, [lines.event(event)], room=2 * MAX_WAITING)
        if event.event is SessionEventEnum.SessionFinished:
            self._end(evse)

    def on_status(self, evse: int, status: BoardStatus) -> None:
        self._add(evse, self._narrator(evse).status(status))

    def on_limit(self, evse: int, limit: Effective) -> None:
        self._add(evse, self._narrator(evse).limit(limit))

    def on_reading(self, evse: int, reading: MeterReading) -> None:
        if evse in self._open:
            self._add(evse, self._narrator(evse).reading(reading, self._clock.now_ms()))

    def on_fault(self, evse: int, change: FaultChange) -> None:
        self._add(evse, [lines.fault(change)])

    def _begin(self, evse: int, event: SessionEvent) -> None:
        if self.path(event.uuid, self._clock.utc()) is None:
            return
        self._open[evse] = _Open(event.uuid, folder_name(self._clock.utc(), event.uuid))
        self._add(evse, self._narrator(evse).begin())

    def _resume(self, evse: int, event: SessionEvent) -> None:
        """An earlier process began it; its folder is looked for when it is written to."""
        if self.path(event.uuid, self._clock.utc()) is not None:
            self._open[evse] = _Open(event.uuid, "")

    def _end(self, evse: int) -> None:
        log = self._open.pop(evse, None)
        if log is not None:
            self._waiting.append(self._entry(log, None))
            self._flush()

    def _add(self, evse: int, said: list[Line], room: int = MAX_WAITING) -> None:
        log = self._open.get(evse)
        if log is None:
            return
        for line in said:
            log.count += 1
            if len(self._waiting) >= room:
                self._lost += 1
            elif log.count < MAX_LINES:
                self._waiting.append(self._entry(log, line))
            elif log.count == MAX_LINES:
                full = Line(Origin.SYS, f"this log is full: {MAX_LINES} lines")
                self._waiting.append(self._entry(log, full))

    def _entry(self, log: _Open, line: Line | None) -> Entry:
        return Entry(log.folder or f"?{log.uuid}", rfc3339(self._clock.utc()), line)

    def _narrator(self, evse: int) -> Narrator:
        return self._narrators.setdefault(evse, Narrator())

    # --- the disk ---------------------------------------------------------------------------------

    def poll(self, now_ms: int) -> None:
        """Write what waits; once a day, forget what is old."""
        if now_ms >= self._flush_ms:
            self._flush_ms = now_ms + FLUSH_MS
            self._flush()
        if self._tidy_ms is not None and now_ms >= self._tidy_ms:
            self._tidy_ms = None  # until this one is done, however long the disk hangs
            before = self._clock.utc() - self._keep
            self._submit(functools.partial(tidy, self._root, before, self._running()), self._tidied)

    def delete_before(self, before: datetime, done: Callable[[int | str], None]) -> None:
        """Forget the logs of sessions that were over before then; `done` gets how many, or why
        not."""
        self._submit(functools.partial(forget, self._root, before, self._running()), done)

    def close(self) -> None:
        """Hand over what waits."""
        self._busy = False
        self._flush()

    def _running(self) -> frozenset[str]:
        return frozenset(log.uuid for log in self._open.values())

    def _flush(self) -> None:
        if self._busy or not self._waiting:
            return
        batch, self._waiting = self._waiting, []
        missing = self._lost + sum(entry.line is not None for entry in batch)
        if self._lost:
            lost = Line(Origin.SYS, f"{self._lost} lines are missing: the disk did not take them")
            batch.insert(0, batch[0]._replace(line=lost))
            self._lost = 0
        self._busy = True
        act = functools.partial(_write, self._root, batch, html=self._html)
        self._submit(act, functools.partial(self._written, batch, missing))

    def _written(self, batch: list[Entry], missing: int, outcome: int | str) -> None:
        """Lines that the disk refused are given up, `missing` of them; that a session has ended
        is said later."""
        self._busy = False
        failed = isinstance(outcome, str)
        if failed:
            ends = [entry for entry in batch if entry.line is None]
            self._waiting[:0] = ends[-MAX_ENDS:]
            self._lost += missing
            if not self._failing:
                self._say(f"session logs can not be written: {outcome}")
        self._failing = failed

    def _tidied(self, outcome: int | str) -> None:
        self._tidy_ms = self._clock.now_ms() + TIDY_EVERY_MS
        if isinstance(outcome, str):
            self._say(f"old session logs can not be removed: {outcome}")

    def _submit(self, act: Callable[[], int | None], done: _Done) -> None:
        """`done` gets what `act` gave, or in words why it could not."""

        def job(_db: sqlite3.Connection) -> int | str:
            try:
                return act() or 0
            except OSError as error:
                return str(error)

        self._storage.submit(job, lambda out: done(out if isinstance(out, int) else str(out)))


def _write(root: Path, batch: list[Entry], *, html: bool) -> None:
    """A session of an earlier process is told by its uuid. Raises OSError."""
    known: dict[str, str] = {}
    for entry in batch:
        if entry.folder.startswith("?") and entry.folder not in known:
            uuid = entry.folder[1:]
            known[entry.folder] = find(root, uuid) or folder_name(
                datetime.fromisoformat(entry.at), uuid
            )
    named = [entry._replace(folder=known.get(entry.folder, entry.folder)) for entry in batch]
    write(root, sorted(named, key=lambda entry: entry.folder), html=html)
