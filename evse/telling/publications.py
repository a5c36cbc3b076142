"""What the core tells of each EVSE beside its events: the variables of the interface, on change."""

from __future__ import annotations

from collections.abc import Callable

from evse.clock import Clock, earliest
from evse.config.station import StationConfig
from evse.fault_model import ActiveFault, FaultChange
from evse.limits import Effective
from evse.model import BoardAnalog, Capability
from evse.ports import Publisher
from evse.session.session import Session
from evse.telling.countdown import Countdowns
from evse.telling.enforced import Enforced
from evse.telling.facts import Facts
from evse.telling.fault_report import report_active, report_change
from evse.types.session import Limits, Telemetry


class Publications:
    """The variables of a station. `on_limit` hears of each EVSE's limit when it is looked at."""

    def __init__(
        self,
        config: StationConfig,
        clock: Clock,
        publish: Publisher,
        on_limit: Callable[[int, Effective], None],
    ) -> None:
        self._clock = clock
        self._publish = publish
        self._on_limit = on_limit
        self._limits: dict[int, Limits] = {}
        self._faults: dict[int, tuple[ActiveFault, ...]] = {}
        self._enforced = Enforced(publish, clock)
        delayed = config.limits.random_delay.enabled
        self._countdowns = Countdowns(publish, clock) if delayed else None
        self.facts = Facts(config, publish)
        for table in config.evses:
            publish("evse_manager.evse_id", table.id, table.evse_id)

    def note(self, evse: int, session: Session, able: Capability | None) -> None:
        """A session has taken an input; `able`: what its board declared."""
        self._enforced.note(evse, session)
        if self._countdowns is not None:
            self._countdowns.note(evse, session)
        self.facts.note(evse, session, able)
        self._tell_limits(evse, session)
        self._tell_faults(evse, session)

    @property
    def next_deadline_ms(self) -> int | None:
        """When something has to be told though nothing changed."""
        return earliest(
            self._enforced.next_deadline_ms,
            None if self._countdowns is None else self._countdowns.next_deadline_ms,
        )

    def fault(self, evse: int, change: FaultChange) -> None:
        """A fault was raised or cleared."""
        self._publish("sys.fault", evse, report_change(change, self._clock))

    def telemetry(self, evse: int, analog: BoardAnalog, *, energised: bool) -> None:
        """What the board measures."""
        told = Telemetry(
            evse_temperature_C=(analog.temperature_dc or 0) / 10,
            fan_rpm=0.0,
            supply_voltage_12V=analog.supply_12v_mv / 1000,
            supply_voltage_minus_12V=analog.supply_minus_12v_mv / 1000,
            relais_on=energised,
        )
        self._publish("evse_manager.telemetry", evse, told)

    def meter(self, evse: int, session: Session) -> None:
        """What the billing meter read last, unless that can not be billed (see told.py)."""
        if session.record.meter is not None:
            self._publish("evse_manager.powermeter", evse, session.record.meter)

    def public_key(self, evse: int, key: str) -> None:
        """By which everybody may verify what the meter signs."""
        self._publish("evse_manager.powermeter_public_key_ocmf", evse, key)

    def _tell_limits(self, evse: int, session: Session) -> None:
        now = session.limit()
        self._on_limit(evse, now)
        limits = Limits(
            max_current=now.limit_a,
            nr_of_phases_available=session.phases_connected,
            uuid=f"evse_{evse}",
        )
        if limits != self._limits.get(evse):
            self._limits[evse] = limits
            self._publish("evse_manager.limits", evse, limits)

    def _tell_faults(self, evse: int, session: Session) -> None:
        """All that stand, for those who came too late to hear each of them raised."""
        active = session.fault_model.active
        if active != self._faults.get(evse, ()):
            self._faults[evse] = active
            reports = [report_active(fault, self._clock) for fault in active]
            self._publish("sys.faults", evse, reports)
