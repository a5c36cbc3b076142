"""Which connector status the back office knows, and which it has yet to be told (OCPP 1.6 §4.9).

While connected every change is told that lasts for MinimumStatusDuration; after an interruption
only what differs now, unless QueueAllMessages wants more.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from evse.faults import of_code
from evse.telling.fault_report import FaultReport
from ocpp_link.memory.database import Snapshot
from ocpp_link.records import EvseStatus, StatusReport
from ocpp_link.rpc.outcome import Outcome, OutcomeKind
from ocpp_link.station import Station
from ocpp_link.status_backlog import StatusBacklog

NO_ERROR = "NoError"
CORE_GRACE_MS = 10_000
"""A core that restarts within this is not reported as a fault."""
RETELL_MS = 60_000
"""After a status that the back office never answered."""


class StatusReporter:
    def __init__(self, station: Station, kept: Snapshot) -> None:
        self._station = station
        self._backlog = StatusBacklog(station, kept, on_empty=self._tell_all)
        self._young: dict[int, tuple[StatusReport, int]] = {}
        """What has yet to last for the minimal duration, and since when it does."""
        self._fault_clocks: dict[int, str] = {}
        """As TxRecord.clock, of the faults' times."""
        self._told: dict[int, StatusReport] = {}
        """As the spoken version sees it."""
        self._gone_ms: int | None = None
        """Since when the back office is out of reach, where it was in reach before."""
        self._core_lost = False
        self._faults: dict[int, tuple[FaultReport, ...]] = {}
        self._warnings: dict[int, str] = {}
        self.station_operative = True
        self.keeps_free: Callable[[int], bool] = lambda _evse: False
        """Is this free EVSE kept for whoever reserved the station?"""
        self.is_wanted: Callable[[int], bool] = lambda _evse: True
        """Is this EVSE to be in operation?"""
        station.on_timer["core"] = self.core_stayed_away
        station.on_timer["retell"] = self.sync
        station.on_timer["settle"] = self.tell
        station.occasions.registered.append(self._registered)
        station.occasions.disconnected.append(self._disconnected)
        station.occasions.resumed.append(self._resumed)
        station.occasions.core_came.append(self.core_came)
        station.occasions.evse_changed.append(self.tell)

    def sync(self) -> None:
        """Tell whatever the back office does not know yet: what was kept for it, then how things
        are now, the station (0) first."""
        if len(self._backlog):
            self._backlog.drain()
        else:
            self._tell_all()

    def _tell_all(self) -> None:
        for connector in (0, *self._station.evses):
            self.tell(connector)

    def _disconnected(self) -> None:
        if self._gone_ms is None:
            self._gone_ms = self._station.clock.now_ms()

    def _resumed(self) -> None:
        """2.0.1 B04: after a long interruption everything is told again."""
        station, since_ms = self._station, self._gone_ms
        self._gone_ms = None
        threshold_ms = station.settings.offline_threshold_s * 1_000
        gone_ms = 0 if since_ms is None else station.clock.now_ms() - since_ms
        if station.dialect.retells_statuses and gone_ms > threshold_ms:
            self._told.clear()
        self.sync()

    def _registered(self) -> None:
        """After a registration everything is told again."""
        self._gone_ms = None
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
        corrected = self._station.clock.corrected
        self._faults[evse] = tuple(
            msgspec.structs.replace(each, timestamp=corrected(each.timestamp)) for each in faults
        )
        self._fault_clocks[evse] = self._station.time.mark_of(self._station.timestamp())
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
        seen = station.dialect.seen(report)
        if not (station.core_up or self._core_lost):
            return  # before the core has spoken nothing is known to tell
        if report.status is EvseStatus.AVAILABLE and not self._may_be_free(connector):
            return  # the core is about to say that it is out of operation
        if even_if_known:
            if station.rpc.is_open:
                self._send(connector, report)
        elif not station.operational or len(self._backlog):
            self._put_off(connector, report)
        elif _same(self._told.get(connector), seen):
            self._young.pop(connector, None)
        elif self._has_lasted(connector, seen):
            self._send(connector, report)

    def _may_be_free(self, connector: int) -> bool:
        """A car that keeps an EVSE from being switched off leaves it for an instant as if free."""
        return connector == 0 or self.is_wanted(connector)

    def _put_off(self, connector: int, report: StatusReport) -> None:
        """Nobody hears it now; by default the present status is told later, and no other."""
        if not self._station.settings.queue_all_messages:
            return
        seen = self._station.dialect.seen
        kept = self._backlog.last_of(connector)
        last = self._told.get(connector) if kept is None else seen(kept)
        if not _same(last, seen(report)):
            self._backlog.add(report)
            self._told[connector] = seen(report)

    def _has_lasted(self, connector: int, report: StatusReport) -> bool:
        """OCPP 1.6 §9.1.20: a status that was left within the minimal duration is never told. The
        first one after a registration does not wait."""
        minimum_ms = self._station.settings.min_status_s * 1_000
        now_ms = self._station.clock.now_ms()
        if not minimum_ms or connector not in self._told:
            return True
        before, since_ms = self._young.get(connector, (None, now_ms))
        if not _same(before, report):
            since_ms = now_ms
            self._station.start_timer(minimum_ms, "settle", connector)
        self._young[connector] = report, since_ms
        return now_ms - since_ms >= minimum_ms

    def _send(self, connector: int, report: StatusReport) -> None:
        self._told[connector] = self._station.dialect.seen(report)
        self._young.pop(connector, None)

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
        return self._with_cause(report)

    def _with_cause(self, report: StatusReport) -> StatusReport:
        """A fault that blocks makes the connector Faulted (spec evse-core D); the oldest such one
        is told, else the oldest of all, beside the status as it is."""
        faults = self._faults.get(report.connector, ())
        told = next((fault for fault in faults if fault.blocks), next(iter(faults), None))
        if told is None:
            return report
        row = of_code(told.type, told.sub_type)
        clock = self._fault_clocks[report.connector]
        return msgspec.structs.replace(
            report,
            status=EvseStatus.FAULTED if told.blocks else report.status,
            error=row.ocpp16,
            info=f"caused_by:{told.type}",
            vendor_id=row.vendor_id,
            vendor_error=row.vendor_code,
            timestamp=self._station.time.mended(told.timestamp, clock),
        )

    def _untold(self, connector: int) -> None:
        self._told.pop(connector, None)
        self._station.start_timer(RETELL_MS, "retell")


def _same(told: StatusReport | None, report: StatusReport) -> bool:
    return told is not None and msgspec.structs.replace(told, timestamp="") == (
        msgspec.structs.replace(report, timestamp="")
    )
