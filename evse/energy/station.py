"""The station's energy: one fuse shared by its EVSEs, and what a meter at the mains leaves of it.

Pure. Fed with what each EVSE claims, it grants; a station whose fuse carries all its EVSEs at their
ratings, and which has no meter at the mains, needs none of this (`needed`). While the meter at the
mains is lost, the EVSEs share `[mains] fallback_a`; without one the fuse itself is the budget.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from evse.clock import earliest
from evse.config.station import StationConfig
from evse.energy import balancing, sharing
from evse.energy.claims import Claim
from evse.energy.mains import Amps, Balance, Mode, Phase, Reading, Site
from evse.energy.sharing import Fuse, Sharing
from evse.limits import Limit
from evse.model import MeterReading

MS_PER_S = 1_000


def needed(config: StationConfig) -> bool:
    """May the EVSEs of this station together want more than there is?"""
    sum_a = sum(evse.max_current_a for evse in config.evses)
    fuse_a = config.station.fuse_a
    return config.mains is not None or (fuse_a is not None and fuse_a < sum_a)


_Asked = tuple[tuple[Claim, ...], Reading | None]


class StationEnergy:
    """The grants of one station."""

    def __init__(self, config: StationConfig) -> None:
        sum_a = sum(evse.max_current_a for evse in config.evses)
        fuse_a = min(sum_a, config.station.fuse_a or sum_a)
        mains = config.mains
        self.fuse = Fuse(
            limit_a=fuse_a,
            safe_a=fuse_a if mains is None else mains.fallback_a,
            slice_ms=config.station.fuse_turn_s * MS_PER_S,
        )
        self.site: Site | None = None
        """None where there is no meter at the mains."""
        self.mode = Mode.NORMAL
        if mains is not None:
            self.mode = Mode(mains.mode)
            self.site = Site(
                max_mains_a=mains.max_mains_a,
                max_circuit_a=fuse_a,
                max_sum_a=mains.max_sum_a,
                fallback_a=mains.fallback_a,
                mains_lost_ms=mains.meter.lost_ms,
                solar_import_a=mains.solar_import_a,
                solar_start_a=mains.solar_start_a,
                solar_stop_ms=mains.solar_stop_s * MS_PER_S,
            )
        self.balance = Balance()
        self.sharing = Sharing()
        self.reading: Reading | None = None
        """The last one of the meter at the mains."""
        self._read: frozenset[int] = frozenset()
        """Lines of which it has ever told the current."""
        self._asked: _Asked | None = None
        """What the last step had to go by, if the same again changes nothing ..."""
        self._due_ms = math.inf
        """... before this."""
        self._grants: Mapping[int, Limit] = {}

    def heard(self, reading: MeterReading, claims: Sequence[Claim]) -> None:
        """A reading of the meter at the mains. Currents that it gives without a sign get that of
        the power of their phase. A line that a meter of one phase never tells counts as 0 A; one
        that it told before and now does not leaves the whole reading out."""
        told = frozenset(line for line, amps in enumerate(reading.current_a) if amps is not None)
        self._read |= told
        if not told or told != self._read:
            return
        one, two, three = (
            _signed(amps or 0.0, watts)
            for amps, watts in zip(reading.current_a, reading.power_phase_w, strict=True)
        )
        self.reading = Reading(reading.taken_ms, (one, two, three), _drawn(claims))

    @property
    def budget_a(self) -> float:
        """What all EVSEs together may take per line now."""
        return self.fuse.limit_a if self.site is None else self.balance.budget_a

    def step(self, claims: Sequence[Claim], now_ms: int) -> Mapping[int, Limit]:
        """What each EVSE may take per phase from now on. All EVSEs of the station claim."""
        asked = tuple(claims), self.reading
        if asked != self._asked or now_ms >= self._due_ms:
            before = self.balance, self.sharing.shares
            self._grants = self._share_out(claims, now_ms)
            self._rest((self.balance, self.sharing.shares) == before, asked, now_ms)
        return self._grants

    def _share_out(self, claims: Sequence[Claim], now_ms: int) -> Mapping[int, Limit]:
        lost = False
        if self.site is not None:
            wanting = sum(1 for claim in claims if claim.wants)
            self.balance = balancing.step(
                self.balance, self.mode, self.site, self.reading, wanting, now_ms
            )
            lost = self.balance.phase is Phase.FALLBACK
        budget_a: Amps | None = None if lost else (self.budget_a,) * 3
        self.sharing = sharing.step(self.sharing, claims, self.fuse, now_ms, budget_a=budget_a)
        return {claim.evse: self.sharing.limit(claim.evse) for claim in claims}

    def _rest(self, unchanged: bool, asked: _Asked, now_ms: int) -> None:
        """A step that changed nothing needs no other one before the deadline: most inputs of a
        core are ticks of its clock and statuses that repeat themselves. Turns count time."""
        rests = unchanged and self.sharing.turn_ends_ms is None
        self._asked = asked if rests else None
        due_ms = self.next_deadline_ms(now_ms)
        self._due_ms = math.inf if due_ms is None else due_ms

    def next_deadline_ms(self, now_ms: int) -> int | None:
        """When the grants may change though the claims do not."""
        site = self.site
        return earliest(
            sharing.next_deadline_ms(self.sharing, self.fuse, now_ms),
            None if site is None else balancing.next_deadline_ms(self.balance, site, now_ms),
        )


def _signed(amps: float, watts: float | None) -> float:
    return -abs(amps) if watts is not None and watts < 0 else amps


def _drawn(claims: Sequence[Claim]) -> Amps | None:
    """What all EVSEs take on the lines of the supply; None while one of them is not known."""
    total = [0.0, 0.0, 0.0]
    for claim in claims:
        if claim.draw_a is None:
            return None
        total = [sum_a + own_a for sum_a, own_a in zip(total, claim.draw_a, strict=True)]
    one, two, three = total
    return one, two, three
