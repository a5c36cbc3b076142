"""Statuses that nobody could be told, for back offices that want them all (QueueAllMessages).

By default only the present status is told after an interruption (OCPP 1.6 §4.9, rule 3); with
`queue_all_messages` every one is kept, over restarts, and told in the order of the events (rule 4)
before the present one. Of too many the oldest are dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from ocpp_link.memory.database import Snapshot
from ocpp_link.records import StatusReport
from ocpp_link.rpc.outcome import Outcome, OutcomeKind
from ocpp_link.station import Station

KIND = "status"
MAX_KEPT = 500
RETRY_MS = 60_000
"""After a status that was never answered."""


class KeptStatus(msgspec.Struct, frozen=True):
    report: StatusReport
    clock: str = ""
    """As in TxRecord."""


class StatusBacklog:
    """`on_empty` is called when all has been told."""

    def __init__(self, station: Station, kept: Snapshot, on_empty: Callable[[], None]) -> None:
        self._station = station
        self._on_empty = on_empty
        self._waiting = deque(sorted(kept.decoded(KIND, KeptStatus).items()))
        self._number = 1 + int(self._waiting[-1][0]) if self._waiting else 0
        self._in_flight = False
        station.on_timer["status_backlog"] = self.drain

    def __len__(self) -> int:
        return len(self._waiting)

    def last_of(self, connector: int) -> StatusReport | None:
        """What is kept last of a connector."""
        found = (each.report for _, each in reversed(self._waiting))
        return next((report for report in found if report.connector == connector), None)

    def add(self, report: StatusReport) -> None:
        """Keep what can not be told now."""
        name = f"{self._number:012}"
        self._number += 1
        kept = KeptStatus(report, self._station.time.mark_of(report.timestamp))
        self._waiting.append((name, kept))
        self._station.keep(KIND, name, kept)
        if len(self._waiting) > MAX_KEPT:
            self._station.forget(KIND, self._waiting.popleft()[0])

    def drain(self) -> None:
        """Tell the oldest, and the others after it."""
        if self._in_flight or not self._station.operational:
            return
        if not self._waiting:
            self._on_empty()
            return
        name, kept = self._waiting[0]
        at = self._station.time.mended(kept.report.timestamp, kept.clock)
        messages = self._station.dialect.status(msgspec.structs.replace(kept.report, timestamp=at))
        if not messages:
            self._told(name)
        for message in messages:
            self._in_flight = True
            self._station.request(message, lambda outcome: self._concluded(name, outcome))

    def _concluded(self, name: str, outcome: Outcome) -> None:
        self._in_flight = False
        if outcome.kind in (OutcomeKind.RESULT, OutcomeKind.ERROR):
            self._told(name)
        else:
            self._station.start_timer(RETRY_MS, "status_backlog")

    def _told(self, name: str) -> None:
        if self._waiting and self._waiting[0][0] == name:
            self._waiting.popleft()
        self._station.forget(KIND, name)
        self.drain()
