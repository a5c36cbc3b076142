"""Faults as session events, for followers in the spelling of September 2023."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evse.core import Core
from evse.door.hub import Connection, Hub, event_line
from evse.door.variables import SESSION_EVENT
from evse.telling.fault_report import FaultReport


class OlderFaults:
    """From now on `Error`, `PermanentFault` and `AllErrorsCleared` go to whoever follows session
    events in that spelling; each without a number, for no journal has it."""

    def __init__(self, hub: Hub, core: Core) -> None:
        self._hub = hub
        self._core = core
        self._blocked: set[int | None] = set()
        hub.taps["sys.fault"] = self._changed
        hub.taps["sys.faults"] = self._stand

    def _changed(self, evse: int | None, report: FaultReport) -> None:
        if report.blocks and report.state == "Active":
            self._blocked.add(evse)
        for connection in self._followers(evse):
            from evse.door.older_events import fault_event  # few ever ask for it

            self._send(connection, evse, fault_event(self._session(evse), report))

    def _stand(self, evse: int | None, reports: list[FaultReport]) -> None:
        if evse not in self._blocked or any(report.blocks for report in reports):
            return
        self._blocked.discard(evse)
        for connection in self._followers(evse):
            from evse.types.seed.events import faults_cleared

            self._send(connection, evse, faults_cleared(self._session(evse)))

    def _followers(self, evse: int | None) -> Iterator[Connection]:
        for connection, follower in self._hub.followers(SESSION_EVENT):
            if follower.older is not None and follower.evse in (None, evse):
                yield connection

    def _session(self, evse: int | None) -> str:
        session = self._core.sessions.get(evse or 0)
        return "" if session is None else session.record.uuid

    @staticmethod
    def _send(connection: Connection, evse: int | None, event: Any) -> None:
        if event is not None and evse is not None:
            connection.wire.send(event_line(SESSION_EVENT, evse, event))
