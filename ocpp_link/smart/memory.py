"""The installed profiles on disk: as they are, or as they were a minute ago.

1.6 errata 3.37 asks for profiles that survive a restart. A solar controller sends one for a running
transaction every ten seconds, and the disk has to last (spec ocpp §6, pitfall 37).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ocpp_link.memory.database import Database, Snapshot
from ocpp_link.smart.profiles import Installed, ProfileTable
from ocpp_link.station import Station

KIND = "profile"
SAVE_MS = 60_000
_TIMER = "profiles"


class ProfileMemory:
    """What of the table differs from the disk, written in one transaction at a time: a back office
    that sends profiles faster than the disk takes them fills no memory."""

    def __init__(self, station: Station, table: ProfileTable) -> None:
        self._station = station
        self._table = table
        self._dirty: set[int] = set()
        self._saved_ms: int | None = None
        self._writing = False
        self._again = False
        """Write anew when the present write is done."""
        station.on_timer[_TIMER] = self.save

    def changed(self, ids: Iterable[int], *, often: bool) -> None:
        """These were installed or removed. `often`: a loss is worth less than the wear."""
        self._dirty.update(ids)
        now_ms, saved_ms = self._station.clock.now_ms(), self._saved_ms
        if not often or saved_ms is None or now_ms - saved_ms >= SAVE_MS:
            self.save()
        elif (_TIMER,) not in self._station.timers:
            self._station.start_timer(saved_ms + SAVE_MS - now_ms, _TIMER)

    def save(self, *, last: bool = False) -> None:
        """Write what has changed since the last time. `last`: behind what is being written, for the
        process ends."""
        if self._writing and not last:
            self._again = True
            return
        if not self._dirty:
            return
        found = {id_: self._table.get(id_) for id_ in sorted(self._dirty)}
        rows = [
            (str(id_), None if entry is None else msgspec.json.encode(entry))
            for id_, entry in found.items()
        ]
        self._dirty.clear()
        self._saved_ms = self._station.clock.now_ms()
        self._writing = True

        def work(database: Database) -> None:
            for name, body in rows:
                if body is None:
                    database.delete(KIND, name)
                else:
                    database.put(KIND, name, body)

        self._station.store.submit(work, self._written)

    def _written(self, _done: None) -> None:
        again, self._writing, self._again = self._again, False, False
        if again:
            self.save()


def remembered(snapshot: Snapshot) -> ProfileTable:
    """As it was saved last."""
    return ProfileTable(list(snapshot.decoded(KIND, Installed).values()))
