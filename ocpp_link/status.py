"""Which connector status the back office knows, and which it has yet to be told (OCPP 1.6 §4.9).

While connected every change is told; after an interruption only what differs now.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from evse.faults import of_code
from evse.telling.fault_report import FaultReport
from ocpp_link.records import EvseStatus, StatusReport
from ocpp_link.rpc.outcome import Outcome, OutcomeKind
from ocpp_link.station import Station

NO_ERROR = "NoError"
CORE_GRACE_MS = 10_000
"""A core that restarts within this is not reported as a fault."""
RETELL_MS = 60_000
"""After a status that the back office never answered."""


class StatusReporter:
    def __init__(self, station: Station) -> None:
        self._station = station
        self._told: dict[int, StatusReport] = {}
        self._core_lost = False
        self._faults: dict[int, tuple[FaultReport, ...]] = {}
        self._warnings: dict[int, str] = {}
        self.station_operative = True
        self.keeps_free: Callable[[int], bool] = lambda _evse: False
        """Is this free EVSE kept for whoever reserved the station?"""
        station.on_timer["core"] = self.core_stayed_away
        station.on_timer["retell"] = self.sync
        station.occasions.registered.append(self._registered)
        station.occasions.resumed.append(self.sync)
        station.occasions.core_came.append(self.core_came)
        station.occasions.evse_changed.append(self.tell)

    def sync(self) -> None:
        """Tell whatever the back office does not know yet, the station (0) first."""
        for connector in (0, *self._station.evses):
            self.tell(connector)

    def _registered(self) -> None:
        """After a registration everything is told again."""
        self._told.clear()
        self.sync()

    def core_came(self) -> None:
        self._core_lost = False
        self._station.timers.cancel(("core",))
        self.sync()

    def core_went(self) -> None:
        """Reported as a fault once the grace is over (timer `core`)."""
        self._station.start_timer(CORE_GRACE_MS, "core")

    def core_stayed_away(self) -> None:
        self._core_lost = True
        self.sync()

    def faults_are(self, evse: int, faults: tuple[FaultReport, ...]) -> None:
        """What stands at an EVSE now, the oldest first. Raises KeyError for an EVSE that is not
        here and a fault that the catalogue does not have; nothing has changed then."""
        if evse not in self._station.states:
            raise KeyError(f"evse {evse}")
        for fault in faults:
            of_code(fault.type, fault.sub_type)
        self._faults[evse] = faults
        self.tell(evse)

    def warn(self, connector: int, error: str) -> None:
        """Something went wrong that keeps nobody from charging; empty takes it back."""
        self._warnings[connector] = error
        self.tell(connector)

    def tell(self, connector: int, *, even_if_known: bool = False) -> None:
        """Report a connector, if that is allowed now and it differs from what was told.

        `even_if_known`: the back office asked, which allows it before registration too.
        """
        report, station = self.current(connector), self._station
        allowed = station.rpc.is_open if even_if_known else station.operational
        known = _same(self._told.get(connector), report) and not even_if_known
        if known or not allowed or not (station.core_up or self._core_lost):
            return  # before the core has spoken nothing is known to tell
        self._told[connector] = report

        def done(outcome: Outcome) -> None:
            if outcome.kind in (OutcomeKind.TIMEOUT, OutcomeKind.LINK_LOST, OutcomeKind.UNSENDABLE):
                self._untold(connector)

        for message in self._station.dialect.status(report):
            self._station.request(message, done)

    def current(self, connector: int) -> StatusReport:
        now = self._station.timestamp()
        if self._core_lost:
            return StatusReport(
                connector, EvseStatus.FAULTED, "InternalError", "station controller away", now
            )
        if connector == 0:
            status = EvseStatus.AVAILABLE if self.station_operative else EvseStatus.UNAVAILABLE
            return StatusReport(0, status, self._warnings.get(0) or NO_ERROR, timestamp=now)
        state = self._station.states[connector]
        at = self._station.time.mended(state.status_at, state.clock) if state.status_at else now
        status = EvseStatus.RESERVED if self.keeps_free(connector) else state.status
        report = StatusReport(connector, status, info=state.info, timestamp=at)
        return _with_cause(report, self._faults.get(connector, ()))

    def _untold(self, connector: int) -> None:
        self._told.pop(connector, None)
        self._station.start_timer(RETELL_MS, "retell")


def _with_cause(report: StatusReport, faults: tuple[FaultReport, ...]) -> StatusReport:
    """A fault that blocks makes the connector Faulted (spec evse-core D); the oldest such one is
    told, else the oldest of all, beside the status as it is."""
    told = next((fault for fault in faults if fault.blocks), next(iter(faults), None))
    if told is None:
        return report
    row = of_code(told.type, told.sub_type)
    return msgspec.structs.replace(
        report,
        status=EvseStatus.FAULTED if told.blocks else report.status,
        error=row.ocpp16,
        info=f"caused_by:{told.type}",
        vendor_id=row.vendor_id,
        vendor_error=row.vendor_code,
        timestamp=told.timestamp,
    )


def _same(told: StatusReport | None, report: StatusReport) -> bool:
    return told is not None and msgspec.structs.replace(told, timestamp="") == (
        msgspec.structs.replace(report, timestamp="")
    )
