"""The billing meters of a station: one supervisor each, and who hears of what.

Pure. The running core and the simulation feed the same desk, so that both believe the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from evse.config.evse import EvseTable
from evse.metering.plausibility import Finding
from evse.metering.supervisor import HealthChanged, MeterChange, MeterHealth, MeterSupervisor
from evse.model import MeterReading

OVERDRAW = 2.0
"""So many times the EVSE's rating may flow before somebody has opened: beyond it no counter that
measures this EVSE alone can have counted (own)."""


class MeterDesk:
    """`on_reading` gets what may be billed from; `on_findings` all that is odd, when it changes."""

    def __init__(
        self,
        evses: Iterable[EvseTable],
        *,
        start_ms: int,
        on_reading: Callable[[int, MeterReading], None],
        on_lost: Callable[[int], None],
        on_findings: Callable[[int, frozenset[Finding]], None],
        say: Callable[[int, MeterChange], None],
    ) -> None:
        self._on_reading = on_reading
        self._on_lost = on_lost
        self._on_findings = on_findings
        self._say = say
        self._supervisors = {table.id: _supervisor(table, start_ms) for table in evses}

    def expect(self, evse: int, known_wh: float, unseen_ms: int = 0) -> None:
        """What the counter was last known to say (EnergyGuard.expect)."""
        if evse in self._supervisors:
            self._supervisors[evse].expect(known_wh, unseen_ms)

    def took(self, evse: int, reading: MeterReading, now_ms: int) -> None:
        """The meter answered. What is odd is told ahead of the reading."""
        supervisor = self._supervisors[evse]
        self._note(evse, supervisor.took(reading, now_ms))
        if supervisor.reading is not None:
            self._on_reading(evse, supervisor.reading)

    def failed(self, evse: int, why: str, now_ms: int) -> None:
        """It did not."""
        self._note(evse, self._supervisors[evse].failed(why, now_ms))

    def tick(self, now_ms: int) -> None:
        """Let age act: a meter whose bus hangs is called stale and lost all the same."""
        for evse, supervisor in self._supervisors.items():
            self._note(evse, supervisor.tick(now_ms))

    def accept(self, evse: int) -> bool:
        """Somebody vouches for the counter (EnergyGuard.accept). False where nothing is doubted."""
        supervisor = self._supervisors.get(evse)
        return supervisor is not None and supervisor.accept()

    def _note(self, evse: int, changes: list[MeterChange]) -> None:
        if not changes:
            return
        for change in changes:
            self._say(evse, change)
        supervisor = self._supervisors[evse]
        if not all(isinstance(change, HealthChanged) for change in changes):
            self._on_findings(evse, frozenset(supervisor.findings))
        if any(isinstance(c, HealthChanged) and c.health is MeterHealth.LOST for c in changes):
            self._on_lost(evse)


def _supervisor(table: EvseTable, start_ms: int) -> MeterSupervisor:
    rated_w = table.max_current_a * table.nominal_voltage_v * table.phases
    return MeterSupervisor(
        start_ms=start_ms,
        stale_ms=table.meter.stale_ms,
        lost_ms=table.meter.lost_ms,
        max_power_w=OVERDRAW * rated_w,
    )
