"""`enforced_limits`: what each EVSE may take, told on change and renewed while it holds.

A consumer that hears nothing for `valid_for` seconds has to assume 0 A (spec evse-core C5), so a
standing limit is told again in good time.
"""

from __future__ import annotations

from msgspec import UNSET

from evse.clock import Clock, earliest
from evse.limits import Effective
from evse.ports import Publisher
from evse.session.session import Session
from evse.types.energy import (
    EnforcedLimits,
    IntegerWithSource,
    LimitsRes,
    SignedNumberWithSource,
)

VALID_S = 60
RENEW_MS = 30_000


class Enforced:
    """The last enforced limit of each EVSE."""

    def __init__(self, publish: Publisher, clock: Clock) -> None:
        self._publish = publish
        self._clock = clock
        self._told: dict[int, tuple[Effective, int, int]] = {}
        """EVSE -> limit, phases, and when it was told."""

    def note(self, evse: int, session: Session) -> None:
        """Tell it where it changed or is due."""
        limit, phases = session.limit(), session.phases_connected
        now_ms = self._clock.now_ms()
        told = self._told.get(evse)
        if told is not None and told[:2] == (limit, phases) and now_ms - told[2] < RENEW_MS:
            return
        self._told[evse] = (limit, phases, now_ms)
        self._publish("evse_manager.enforced_limits", evse, enforced(evse, limit, phases))

    @property
    def next_deadline_ms(self) -> int | None:
        """When a limit has to be told again."""
        return earliest(*(told_ms + RENEW_MS for _, _, told_ms in self._told.values()))


def enforced(evse: int, limit: Effective, phases: int) -> EnforcedLimits:
    """A limit in the shape of the interface page."""
    count_source = limit.phases_source or "configuration"
    return EnforcedLimits(
        uuid=f"evse_{evse}",
        valid_for=VALID_S,
        limits_root_side=LimitsRes(
            total_power_W=UNSET,
            ac_max_current_A=SignedNumberWithSource(value=limit.limit_a, source=limit.source),
            ac_max_phase_count=IntegerWithSource(value=phases, source=count_source),
        ),
        schedule=(),
    )
