"""What a session offers the car: the limit now, the duty, and for how long it has been on."""

from __future__ import annotations

from evse.clock import Clock, earliest
from evse.config.model import EvseTable
from evse.limits import (
    Effective,
    ExternalSchedule,
    OfferPacer,
    Source,
    effective,
    phases_of,
    sources_of,
)
from evse.model import BoardStatus
from evse.pilot import amps_to_duty_bp
from evse.types.energy import ExternalLimits, ScheduleReqEntry

CAR_LATE_MS = 40_000
"""PWM without C for so long: the car is not interested (spec §C2: 30 s, and 10 s more)."""


class Offer:
    """The current that one EVSE offers."""

    def __init__(self, config: EvseTable, default_a: float | None, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._fixed = [Source("configuration", config.max_current_a, safety=True)]
        if default_a is not None:
            self._fixed.append(Source("local default", default_a))
        self._external = ExternalSchedule(ExternalLimits(schedule_import=()))
        self._pacer = OfferPacer()
        self._since_ms: int | None = None
        self._known: tuple[int, ScheduleReqEntry | None, Effective] | None = None

    def set_external(self, limits: ExternalLimits) -> None:
        """Raises ValueError for a time that no calendar has; then nothing changed."""
        self._external = ExternalSchedule(limits)
        self._known = None

    def limit(self, status: BoardStatus) -> Effective:
        """The lowest of all sources. Asked often; worked out when the cable or the schedule's
        active entry is another one."""
        external = self._external
        entry = None if external.empty else external.active(self._clock.utc())
        known = self._known
        if known is not None and known[0] == status.cable_a and known[1] is entry:
            return known[2]
        found = self._work_out(status.cable_a, entry)
        self._known = (status.cable_a, entry, found)
        return found

    def sources(self, status: BoardStatus) -> list[Source]:
        """Every limit that stands now, for people who ask who set it."""
        external = self._external
        entry = None if external.empty else external.active(self._clock.utc())
        return self._gather(status.cable_a, entry)[0]

    def _work_out(self, cable_a: int, entry: ScheduleReqEntry | None) -> Effective:
        return effective(*self._gather(cable_a, entry))

    def _gather(self, cable_a: int, entry: ScheduleReqEntry | None) -> tuple[list[Source], int]:
        """All sources, and the phases that may be used."""
        phases: int = self._config.phases
        sources = list(self._fixed)
        if self._config.connector == "socket" and cable_a:
            sources.append(Source("cable", float(cable_a), safety=True))
        if entry is not None:
            phases = phases_of(entry, phases)
            volts = self._config.nominal_voltage_v
            sources += sources_of(entry, nominal_v=volts, phases=phases)
        return sources, phases

    def duty_bp(self, limit: Effective, now_ms: int) -> int:
        """Pilot duty for `limit`, with the pace that a charging car is owed."""
        return amps_to_duty_bp(self._pacer.offer(limit, now_ms))

    def note(self, *, offering: bool, now_ms: int) -> None:
        """Whether PWM is on, so that its age is known and a new offer is not held back."""
        if not offering:
            self._since_ms = None
            self._pacer.reset()
        elif self._since_ms is None:
            self._since_ms = now_ms

    @property
    def late_ms(self) -> int | None:
        """When a car that has not asked for power counts as late."""
        return None if self._since_ms is None else self._since_ms + CAR_LATE_MS

    def next_deadline_ms(self, limit: Effective, now_ms: int) -> int | None:
        """When the limit or the duty may change by itself, or the car is late."""
        late_ms = self.late_ms
        return earliest(
            None if self._external.empty else self._schedule_ms(now_ms),
            self._pacer.pending_until_ms(limit),
            late_ms if late_ms is not None and late_ms > now_ms else None,
        )

    def _schedule_ms(self, now_ms: int) -> int | None:
        utc = self._clock.utc()
        change = self._external.next_change(utc)
        return None if change is None else now_ms + int((change - utc).total_seconds() * 1000) + 1
