"""Who limits the current, for how long, and which limit holds: the lowest one in force.

Pure. Amps are per phase. A limit has a lifetime; past it, its fallback holds (so a back office
that falls silent leaves a configured value behind), or nothing where it has none. Nobody in
force with a finite limit means 0 A: silence never charges.
"""

from __future__ import annotations

import math
from collections.abc import Hashable

import msgspec
from msgspec.structs import replace

MIN_OFFER_A = 6.0
"""Below this there is no duty to signal: pause (IEC 61851-1 Table A.8; DESIGN settled numbers)."""
DUTY_INTERVAL_MS = 5_100
"""At least this between two changes of the offer while charging, except downwards for safety: the
5 s that a car has to follow (Table A.6 sequence 6), and one renewal of the permit, since one change
may take that much longer to the pilot than the next."""
UNLIMITED_A = math.inf
"""The limit of a source that restricts only the phases."""
HIGHEST_PRIORITY = 0
LOWEST_PRIORITY = 1000
"""Range of the interface page's SetpointType; 0 is the highest."""


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """What one source allows. Raises ValueError for a value that cannot be a limit."""

    source: str
    """Name to show to people; who may replace the limit is decided by its key in `Sources`."""
    limit_a: float
    priority: int = LOWEST_PRIORITY
    """Names the winner among equal limits. A higher priority never lifts a lower limit."""
    phases: int = 3
    expires_ms: int | None = None
    """From this moment `fallback_a` holds instead; None = for ever."""
    fallback_a: float | None = None
    """None = the limit ceases when it expires."""
    safety: bool = False
    """Lowering it may not wait for the pace that a charging car is owed."""
    measured: bool = False
    """It follows a measurement, so that around 6 A it may flutter."""

    def __post_init__(self) -> None:
        for name in ("limit_a", "fallback_a"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"limit of {self.source}: {name} {value} is not 0 A or more")
        if not 1 <= self.phases <= 3:
            raise ValueError(f"limit of {self.source}: {self.phases} phases, not 1 to 3")
        if not HIGHEST_PRIORITY <= self.priority <= LOWEST_PRIORITY:
            raise ValueError(f"limit of {self.source}: priority {self.priority}, not 0 to 1000")

    def at(self, now_ms: int) -> Limit | None:
        """What is left of it at `now_ms`."""
        if self.expires_ms is None or now_ms < self.expires_ms:
            return self
        if self.fallback_a is None:
            return None
        return replace(self, limit_a=self.fallback_a, expires_ms=None, fallback_a=None)


class Effective(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome for one EVSE: the lowest limit and whose it is."""

    limit_a: float
    source: str
    phases: int = 3
    phases_source: str = ""
    """Who restricts the phases; empty when nobody does."""
    safety_a: float = UNLIMITED_A
    """The lowest limit among the safety sources: to be kept at once even when another one,
    that may wait, is lower still."""
    measured: bool = False

    @property
    def enough(self) -> bool:
        """Can this be offered at all?"""
        return self.limit_a >= MIN_OFFER_A


NOBODY = Effective(limit_a=0.0, source="nobody", safety_a=0.0)
"""No source is in force: deny."""


class Sources:
    """The limits of one EVSE, one for each key; a key's newest limit replaces its last one."""

    def __init__(self) -> None:
        self._limits: dict[Hashable, Limit] = {}

    def put(self, key: Hashable, limit: Limit) -> None:
        self._limits[key] = limit

    def put_or_clear(self, key: Hashable, limit: Limit | None) -> bool:
        """`put`, or `clear` for None. True when that changed anything."""
        if self._limits.get(key) == limit:
            return False
        if limit is None:
            self.clear(key)
        else:
            self.put(key, limit)
        return True

    def clear(self, key: Hashable) -> None:
        """Forget the limit of `key`, its fallback included; nothing happens if there is none."""
        self._limits.pop(key, None)

    def in_force(self, now_ms: int) -> list[Limit]:
        """What holds at `now_ms`, the deciding one first."""
        found = [left for limit in self._limits.values() if (left := limit.at(now_ms)) is not None]
        return sorted(found, key=_rank)

    def effective(self, now_ms: int) -> Effective:
        return lowest(self.in_force(now_ms))

    def next_deadline_ms(self, now_ms: int) -> int | None:
        """When a limit expires by itself."""
        ahead = (limit.expires_ms for limit in self._limits.values())
        return min((at for at in ahead if at is not None and at > now_ms), default=None)


def _rank(limit: Limit) -> tuple[float, bool, int, str]:
    """Lowest first; among equals the safety source, then priority, then the name."""
    return limit.limit_a, not limit.safety, limit.priority, limit.source


def lowest(limits: list[Limit]) -> Effective:
    """The outcome of `limits`, in any order."""
    first = min(limits, key=_rank, default=None)
    if first is None or math.isinf(first.limit_a):
        return NOBODY
    fewest = min(limits, key=lambda limit: (limit.phases, *_rank(limit)))
    return Effective(
        limit_a=first.limit_a,
        source=first.source,
        phases=fewest.phases,
        phases_source=fewest.source if fewest.phases < 3 else "",
        safety_a=min((limit.limit_a for limit in limits if limit.safety), default=UNLIMITED_A),
        measured=first.measured,
    )
