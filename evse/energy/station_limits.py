"""What others allow the whole station: external limits of all EVSEs together, kept over restarts.

Each EVSE is held to such a limit by itself (evse/session/offer.py), and where there are several,
they share it (evse/energy/station.py). A limit is on disk within a minute, so that a core that
starts while nobody tells it anything does not exceed what it was told before.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from evse.clock import Clock, earliest
from evse.limits import LOWEST_PRIORITY, Limit
from evse.session.external_limits import ExternalLimitSources, Lifetime
from evse.types.energy import ExternalLimits

KEEP_EVERY_MS = 60_000
"""Own: who balances a car park tells a new limit every few seconds, and the disk has to last."""

Keep = Callable[[bytes], None]
"""Stores the limits over restarts."""


class _Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """One source's limit as it is stored; its lifetime as the wall time at which it ends."""

    limits: ExternalLimits
    expires: datetime | None = None
    fallback_a: float | None = None
    priority: int = LOWEST_PRIORITY

    def life(self, utc: datetime) -> Lifetime:
        left_s = None if self.expires is None else max(0.0, (self.expires - utc).total_seconds())
        return Lifetime(left_s, self.fallback_a, self.priority)


_Body = dict[str, _Kept]


class StationLimits:
    """By source, as those of an EVSE."""

    def __init__(
        self,
        clock: Clock,
        nominal_v: float,
        *,
        keep: Keep,
        body: bytes | None = None,
        say: Callable[[str], None],
    ) -> None:
        """`body`: what `keep` was last given. One that can not be read is said and ignored."""
        self._clock = clock
        self._keep = keep
        self.sources = ExternalLimitSources(clock, nominal_v)
        self._kept: _Body = {}
        self._kept_ms: int | None = None
        self._unkept = False
        if body is not None:
            self._restore(body, say)

    def _restore(self, body: bytes, say: Callable[[str], None]) -> None:
        try:
            kept = msgspec.json.decode(body, type=_Body)
            for source, entry in kept.items():
                self.sources.put(source, entry.limits, entry.life(self._clock.utc()))
        except (ValueError, UnicodeDecodeError) as error:
            say(f"the stored limits of the station can not be read and do not hold: {error}")
            return
        self._kept = kept

    def put(self, source: str, limits: ExternalLimits, life: Lifetime) -> None:
        """Replace what `source` said. Raises ValueError, and then nothing changed."""
        self.sources.put(source, limits, life)
        if not limits.schedule_import:
            self._kept.pop(source, None)
        else:
            lifetime_s, utc = life.lifetime_s, self._clock.utc()
            expires = None if lifetime_s is None else utc + timedelta(seconds=lifetime_s)
            self._kept[source] = _Kept(limits, expires, life.fallback_a, life.priority)
        self._unkept = True
        self.poll()

    def limit(self, phases: int) -> Limit | None:
        """The lowest one now, per line; watts are spread over `phases` lines."""
        if self.sources.empty:
            return None
        found = [limit for limit in self.sources.limits(phases).values() if limit is not None]
        return min(found, key=lambda limit: limit.limit_a, default=None)

    def poll(self) -> None:
        """Store what has changed, unless that was done just now."""
        due_ms = self._due_ms
        if due_ms is not None and self._clock.now_ms() >= due_ms:
            self._unkept = False
            self._kept_ms = self._clock.now_ms()
            known = {name: self._kept[name] for name in self._kept if name in self.sources.names}
            self._kept = known
            self._keep(msgspec.json.encode(known))

    @property
    def _due_ms(self) -> int | None:
        if not self._unkept:
            return None
        return 0 if self._kept_ms is None else self._kept_ms + KEEP_EVERY_MS

    def next_deadline_ms(self, now_ms: int) -> int | None:
        """When a limit changes by itself, or has to be stored."""
        return earliest(self._due_ms, self.sources.next_deadline_ms(now_ms))
