"""The station's energy: one fuse shared by its EVSEs, what a meter at the mains leaves of it, and
what a back office or an energy manager allows the station as a whole.

Pure. Fed with what each EVSE claims, it grants. Where the fuse carries all EVSEs at their ratings,
there is no meter at the mains and nobody else limits the station, nothing is shared and nothing
granted. While the meter at the mains is lost, the EVSEs share `[mains] fallback_a`; without one the
fuse itself is the budget.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from evse.clock import earliest
from evse.config.station import StationConfig
from evse.energy import balancing, sharing
from evse.energy.claims import Claim, lines_of
from evse.energy.mains import Amps, Balance, Mode, Phase, Reading, Site
from evse.energy.sharing import FUSE, Fuse, Sharing
from evse.limits import Limit
from evse.model import MeterReading

MS_PER_S = 1_000


def possible(config: StationConfig) -> bool:
    """May the EVSEs ever have to share? A single one is held to a limit of the station by
    itself."""
    return needed(config) or len(config.evses) > 1


def needed(config: StationConfig) -> bool:
    """May the EVSEs of this station together want more than there is?"""
    sum_a = sum(evse.max_current_a for evse in config.evses)
    fuse_a = config.station.fuse_a
    return config.mains is not None or (fuse_a is not None and fuse_a < sum_a)


def watt_lines(config: StationConfig) -> int:
    """Over how many lines of the supply a power for all EVSEs is spread, so that no distribution of
    it exceeds the power. A car of one phase on an unknown line is counted on all lines, so that the
    current of one line is the sum over the cars already."""
    known = [evse for evse in config.evses if evse.phase_rotation != "unknown"]
    if not known:
        return max(evse.phases for evse in config.evses)
    lines = {line for evse in config.evses for line in lines_of(evse.phase_rotation, evse.phases)}
    return len(lines)


_Asked = tuple[tuple[Claim, ...], Reading | None, Limit | None]


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
        self._rated_a = {evse.id: evse.max_current_a for evse in config.evses}
        self.always = needed(config)
        self.watt_lines = watt_lines(config)
        self.limit: Limit | None = None
        """What others allow the station, where that is less than the fuse."""
        self._fuse = self.fuse
        """As the limit leaves it."""
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
        budget_a = self.fuse.limit_a if self.site is None else self.balance.budget_a
        return min(budget_a, self._fuse.limit_a)

    @property
    def source(self) -> str:
        """What is shared, by its name for people."""
        limit = self.limit
        if limit is None or self._fuse.limit_a > self.budget_a:
            return FUSE
        return f"{limit.source}, for the station"

    def idle(self, limit: Limit | None) -> bool:
        """Is nothing shared, with this limit of others? Then there are no grants."""
        return not self.always and self._binding(limit) is None

    def rest(self) -> None:
        """Nothing is shared for now; what was is forgotten."""
        if self.limit is not None:
            self._limit_to(None)
            self.sharing, self._asked = Sharing(), None

    def step(
        self, claims: Sequence[Claim], now_ms: int, *, limit: Limit | None = None
    ) -> Mapping[int, Limit]:
        """What each EVSE may take per phase from now on. All EVSEs of the station claim. `limit`:
        what others allow all of them together per line."""
        limit = self._binding(limit)
        if limit != self.limit:
            if not self.always and not self.sharing.shares:
                self._begin(claims, now_ms)
            self._limit_to(limit)
        asked = tuple(claims), self.reading, limit
        if asked != self._asked or now_ms >= self._due_ms:
            before = self.balance, self.sharing.shares
            self._grants = self._share_out(claims, now_ms)
            self._rest((self.balance, self.sharing.shares) == before, asked, now_ms)
        return self._grants

    def _binding(self, limit: Limit | None) -> Limit | None:
        """The limit, where it is less than the fuse."""
        return limit if limit is not None and limit.limit_a < self.fuse.limit_a else None

    def _limit_to(self, limit: Limit | None) -> None:
        self.limit, self._fuse = limit, self.fuse
        if limit is not None:
            safe_a = min(self.fuse.safe_a, limit.limit_a)
            self._fuse = replace(self.fuse, limit_a=limit.limit_a, safe_a=safe_a)

    def _begin(self, claims: Sequence[Claim], now_ms: int) -> None:
        """So far each could take its rating, and a car has seconds to follow: nobody is granted
        what another one may still be taking."""
        rated = [replace(claim, limit_a=self._rated_a[claim.evse]) for claim in claims]
        budget_a = (self.fuse.limit_a,) * 3
        self.sharing = sharing.step(self.sharing, rated, self.fuse, now_ms, budget_a=budget_a)

    def _share_out(self, claims: Sequence[Claim], now_ms: int) -> Mapping[int, Limit]:
        lost = False
        if self.site is not None:
            wanting = sum(1 for claim in claims if claim.wants)
            self.balance = balancing.step(
                self.balance, self.mode, self.site, self.reading, wanting, now_ms
            )
            lost = self.balance.phase is Phase.FALLBACK
        budget_a: Amps | None = None if lost else (self.budget_a,) * 3
        self.sharing = sharing.step(self.sharing, claims, self._fuse, now_ms, budget_a=budget_a)
        source = self.source
        return {claim.evse: self.sharing.limit(claim.evse, source) for claim in claims}

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
            sharing.next_deadline_ms(self.sharing, self._fuse, now_ms),
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
