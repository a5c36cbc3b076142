"""What a session offers the car: the limit now, the duty, and for how long it has been on."""

from __future__ import annotations

from datetime import datetime

from evse.clock import earliest
from evse.config_model import EvseTable
from evse.limits import Effective, ExternalSchedule, OfferPacer, Source, effective
from evse.model import BoardStatus
from evse.pilot import amps_to_duty_bp
from evse.types.energy import ExternalLimits

CAR_LATE_MS = 40_000
"""PWM without C for so long: the car is not interested (spec §C2: 30 s, and 10 s more)."""


class Offer:
    """The current that one EVSE offers."""

    def __init__(self, config: EvseTable, default_a: float | None) -> None:
        self._config = config
        self._fixed = [Source("configuration", config.max_current_a, safety=True)]
        if default_a is not None:
            self._fixed.append(Source("local default", default_a))
        self._external = ExternalSchedule(ExternalLimits())
        self._pacer = OfferPacer()
        self._since_ms: int | None = None

    def set_external(self, limits: ExternalLimits) -> None:
        """Raises ValueError for a time that no calendar has; then nothing changed."""
        self._external = ExternalSchedule(limits)

    def limit(self, status: BoardStatus, utc: datetime) -> Effective:
        """The lowest of all sources."""
        phases = self._external.phases(utc, self._config.phases)
        sources = list(self._fixed)
        if self._config.connector == "socket" and status.cable_a:
            sources.append(Source("cable", float(status.cable_a), safety=True))
        volts = self._config.nominal_voltage_v
        sources += self._external.sources(utc, nominal_v=volts, phases=phases)
        return effective(sources, phases)

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

    def next_deadline_ms(self, limit: Effective, utc: datetime, now_ms: int) -> int | None:
        """When the limit or the duty may change by itself, or the car is late."""
        change = self._external.next_change(utc)
        wait_ms = None if change is None else int((change - utc).total_seconds() * 1000) + 1
        late_ms = self.late_ms
        return earliest(
            None if wait_ms is None else now_ms + wait_ms,
            self._pacer.pending_until_ms(limit),
            late_ms if late_ms is not None and late_ms > now_ms else None,
        )
