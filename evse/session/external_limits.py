"""Limits that come in over the interface, one for each source that named itself.

Pure but for the clock. A call that names no source replaces what such a call set before, as the
interface page has it. A limit may have a lifetime; past it its fallback holds, or nothing where it
has none: a back office that falls silent leaves behind what it said it would.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from evse.clock import Clock, earliest
from evse.energy.external import ExternalSchedule
from evse.limits import LOWEST_PRIORITY, Limit
from evse.types.energy import ExternalLimits, ScheduleReqEntry

MS_PER_S = 1_000
MAX_SOURCES = 16
"""More are nobody's: each costs memory and time."""
UNNAMED = ""


class Lifetime:
    """How long a limit holds, and what holds then."""

    def __init__(
        self,
        lifetime_s: float | None = None,
        fallback_a: float | None = None,
        priority: int = LOWEST_PRIORITY,
    ) -> None:
        self.lifetime_s = lifetime_s
        self.fallback_a = fallback_a
        self.priority = priority


class _Slot:
    def __init__(
        self, source: str, schedule: ExternalSchedule, life: Lifetime, now_ms: int
    ) -> None:
        self.source = source
        self.schedule = schedule
        self.life = life
        lifetime_s = life.lifetime_s
        self.expires_ms = None if lifetime_s is None else now_ms + round(lifetime_s * MS_PER_S)
        self.known: tuple[ScheduleReqEntry | None, int, Limit | None] = (None, 0, None)
        """The limit as last worked out: from which entry, for how many phases."""

    def over(self, now_ms: int) -> bool:
        return self.expires_ms is not None and now_ms >= self.expires_ms

    def gone(self, now_ms: int) -> bool:
        """Over, and nothing holds in its place."""
        return self.over(now_ms) and self.life.fallback_a is None


class ExternalLimitSources:
    """What each source allows now."""

    def __init__(self, clock: Clock, nominal_v: float) -> None:
        self._clock = clock
        self._nominal_v = nominal_v
        self._slots: dict[str, _Slot] = {}

    def put(self, source: str, limits: ExternalLimits, life: Lifetime) -> None:
        """Replace what `source` said. Raises ValueError for a time that no calendar has, a limit
        that is no finite number, or too many sources; then nothing changed."""
        schedule = ExternalSchedule(limits)
        if schedule.empty:
            self._slots.pop(source, None)
            return
        now_ms = self._clock.now_ms()
        known = {name: slot for name, slot in self._slots.items() if not slot.gone(now_ms)}
        if source not in known and len(known) >= MAX_SOURCES:
            raise ValueError(f"there are limits of {MAX_SOURCES} sources already")
        known[source] = _Slot(source, schedule, life, now_ms)
        self._slots = known

    @property
    def empty(self) -> bool:
        return not self._slots

    @property
    def names(self) -> Iterable[str]:
        return self._slots.keys()

    def limits(self, phases: int) -> dict[str, Limit | None]:
        """Source -> its limit now, for so many phases in use; None where it limits nothing."""
        return {source: self._limit(slot, phases) for source, slot in self._slots.items()}

    def _limit(self, slot: _Slot, phases: int) -> Limit | None:
        if slot.over(self._clock.now_ms()):
            fallback_a = slot.life.fallback_a
            if fallback_a is None:
                return None
            name = slot.source or "external limit"
            return Limit(source=f"{name}, expired", limit_a=fallback_a, priority=slot.life.priority)
        utc = self._clock.utc()
        entry = slot.schedule.active(utc)
        if entry is not slot.known[0] or phases != slot.known[1]:
            limit = slot.schedule.limit(utc, nominal_v=self._nominal_v, phases=phases)
            if limit is not None:
                limit = replace(limit, priority=slot.life.priority)
            slot.known = (entry, phases, limit)
        return slot.known[2]

    def next_deadline_ms(self, now_ms: int) -> int | None:
        """When a limit changes by itself."""
        if not self._slots:
            return None
        return earliest(*(self._change_ms(slot, now_ms) for slot in self._slots.values()))

    def _change_ms(self, slot: _Slot, now_ms: int) -> int | None:
        if slot.over(now_ms):
            return None
        utc = self._clock.utc()
        change = slot.schedule.next_change(utc)
        changes_ms = (
            None if change is None else now_ms + int((change - utc).total_seconds() * MS_PER_S) + 1
        )
        return earliest(changes_ms, slot.expires_ms)
