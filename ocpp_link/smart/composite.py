"""The composite schedule: what all installed profiles together allow, and when.

Pure and exact: whole milliseconds and whole tenths of a unit, rounded down. Profiles of one kind
form a layer: at any time the one with the highest stack level that is valid and active then rules
(a TxProfile before the TxDefaultProfiles); of several layers the lowest limit holds. Source: OCPP
1.6 §3.13; 2.0.1 part 2 K01.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from heapq import heappop, heappush

import msgspec

from ocpp_link.smart.profiles import STATION, Installed, Kind, Period, Profile, Purpose, RateUnit

MAX_LIMIT = 1_000_000_000.0
"""In A or W: a larger limit means the same, none. It keeps what a hostile peer sends finite."""
DEFAULT_PHASES = 3  # OCPP 1.6 §7.14: numberPhases is 3 unless given
TRANSACTION = (Purpose.TX, Purpose.TX_DEFAULT)


class Supply(msgspec.Struct, frozen=True):
    """What turns watts into amperes per phase, and back: nominal, not measured (1.6 §7.12)."""

    nominal_voltage_v: float = 230.0
    phases: int = 3


class Segment(msgspec.Struct, frozen=True, order=True, gc=False):
    """From `start_ms` to before `end_ms`: at most `limit` tenths of the unit (None = no limit), on
    at most `phases` phases (None = as many as there are)."""

    start_ms: int
    end_ms: int
    limit: int | None = None
    phases: int | None = None


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: a span of time, a unit, and what turns one unit into the other."""

    start_ms: int
    end_ms: int
    tx_start_ms: int | None = None
    """Anchors relative schedules; without it they hold their first period, which is what a
    transaction that starts at any time would get."""
    supply: Supply = Supply()
    unit: RateUnit = RateUnit.AMPS


def composite(
    installed: Iterable[Installed],
    *,
    start_ms: int,
    end_ms: int,
    tx_start_ms: int | None,
    supply: Supply,
    unit: RateUnit = RateUnit.AMPS,
) -> list[Segment]:
    """What one EVSE may take, its own profiles and the station's taken together: adjoining segments
    that cover the span; neighbours differ."""
    scope = Scope(
        start_ms=start_ms, end_ms=end_ms, tx_start_ms=tx_start_ms, supply=supply, unit=unit
    )
    known = list(installed)
    return lowest(transaction_limits(known, scope), station_limits(known, scope))


def transaction_limits(installed: Iterable[Installed], scope: Scope) -> list[Segment]:
    """Of the profiles of transactions alone."""
    return _layer(installed, TRANSACTION, scope)


def station_limits(installed: Iterable[Installed], scope: Scope) -> list[Segment]:
    """Of the profiles for the station as a whole."""
    known = list(installed)
    maximum = _layer(known, (Purpose.STATION_MAX,), scope)
    external = _layer(known, (Purpose.EXTERNAL,), scope)
    return maximum if external == nothing(scope) else lowest(maximum, external)


def lowest(one: list[Segment], two: list[Segment]) -> list[Segment]:
    """Two schedules over the same span, merged to the lower limit."""
    return _merged(one, two, _min)


def total(one: list[Segment], two: list[Segment]) -> list[Segment]:
    """The sum of two schedules over the same span; without a limit in one there is none. Of how
    many phases a sum is, nobody can tell."""
    return _merged(one, two, _sum, phases=False)


def nothing(scope: Scope) -> list[Segment]:
    """Where no profile says anything."""
    return [Segment(scope.start_ms, scope.end_ms)]


def _layer(
    installed: Iterable[Installed], purposes: Collection[Purpose], scope: Scope
) -> list[Segment]:
    """At any time the first in precedence of those that are active then."""
    mine = [entry for entry in installed if entry.profile.purpose in purposes]
    ranked = enumerate(sorted(mine, key=_precedence))
    runs = sorted(run for rank, entry in ranked for run in _runs(rank, entry.profile, scope))
    segments: list[Segment] = []
    active: list[tuple[int, int, _Run]] = []
    at_ms, begun = scope.start_ms, 0
    while at_ms < scope.end_ms:
        while begun < len(runs) and runs[begun].start_ms <= at_ms:
            run = runs[begun]
            heappush(active, (run.rank, begun, run))
            begun += 1
        while active and active[0][2].end_ms <= at_ms:
            heappop(active)
        until_ms = runs[begun].start_ms if begun < len(runs) else scope.end_ms
        if active:
            run = active[0][2]
            until_ms = min(until_ms, run.end_ms)
            segments += run.between(at_ms, until_ms, scope)
        else:
            segments.append(Segment(at_ms, until_ms))
        at_ms = until_ms
    return segments


def _precedence(entry: Installed) -> tuple[bool, int, bool, int]:
    """Smaller rules: TxProfile, then stack level, then the EVSE's own before that of all."""
    profile = entry.profile
    is_default = profile.purpose is not Purpose.TX
    return is_default, -profile.stack_level, entry.evse == STATION, profile.id


class _Run(msgspec.Struct, frozen=True, order=True, gc=False):
    """A schedule run through once, as far as it is asked for and valid."""

    start_ms: int
    end_ms: int
    rank: int
    """Of the profile; the smallest rules."""
    anchor_ms: int
    """Where its periods count from."""
    periods: tuple[Period, ...]
    unit: RateUnit

    def between(self, start_ms: int, end_ms: int, scope: Scope) -> list[Segment]:
        """The periods, cut to a part of the run."""
        anchor_ms, periods, segments = self.anchor_ms, self.periods, []
        index = bisect_right(periods, (start_ms - anchor_ms) // 1_000, key=_start_s)
        while start_ms < end_ms:
            next_ms = end_ms
            if index < len(periods):
                next_ms = min(end_ms, anchor_ms + periods[index].start_s * 1_000)
            period = periods[index - 1]
            limit = in_tenths(period.limit, period.phases, self.unit, scope)
            segments.append(Segment(start_ms, next_ms, limit, period.phases))
            start_ms = next_ms
            index += 1
        return segments


def _start_s(period: Period) -> int:
    return period.start_s


def _runs(rank: int, profile: Profile, scope: Scope) -> Iterator[_Run]:
    """The runs that touch the span, in order."""
    start_ms = max(scope.start_ms, profile.valid_from_ms or scope.start_ms)
    end_ms = scope.end_ms
    if profile.valid_to_ms is not None:
        end_ms = min(end_ms, profile.valid_to_ms)
    for anchor_ms, length_ms, periods in _repetitions(profile, scope, start_ms, end_ms):
        begins_ms = max(start_ms, anchor_ms)
        ends_ms = end_ms if length_ms is None else min(end_ms, anchor_ms + length_ms)
        if begins_ms < ends_ms:
            yield _Run(begins_ms, ends_ms, rank, anchor_ms, periods, profile.unit)


def _repetitions(
    profile: Profile, scope: Scope, start_ms: int, end_ms: int
) -> Iterator[tuple[int, int | None, tuple[Period, ...]]]:
    """Where a run begins, how long it is (None: for ever) and its periods."""
    periods, step_ms = profile.periods, profile.recurrence_ms
    if profile.kind is Kind.RELATIVE:
        if scope.tx_start_ms is None:
            yield start_ms, None, periods[:1]
        else:
            yield scope.tx_start_ms, profile.duration_ms, periods
        return
    anchor_ms = profile.start_ms or 0
    if step_ms is None:
        yield anchor_ms, profile.duration_ms, periods
        return
    length_ms = min(step_ms, profile.duration_ms or step_ms)
    run_ms = anchor_ms + (start_ms - anchor_ms) // step_ms * step_ms
    while run_ms < end_ms:
        yield run_ms, length_ms, periods
        run_ms += step_ms


def in_tenths(limit: float, phases: int | None, unit: RateUnit, scope: Scope) -> int:
    """A limit in tenths of the wanted unit, rounded down. A power for more phases than there are is
    not spread over the missing ones (1.6 errata 3.34)."""
    if unit is not scope.unit:
        supply = scope.supply
        volts = supply.nominal_voltage_v * min(phases or DEFAULT_PHASES, supply.phases)
        limit = limit / volts if unit is RateUnit.WATTS else limit * volts
    # A limit of 16.3 is 162.99999 tenths in binary: forgive one part in a million.
    return int(min(limit, MAX_LIMIT) * 10 + 1e-6)


def _merged(
    one: list[Segment],
    two: list[Segment],
    join: Callable[[int | None, int | None], int | None],
    *,
    phases: bool = True,
) -> list[Segment]:
    merged: list[Segment] = []
    start_ms, held_limit, held_phases = one[0].start_ms, None, None
    i = j = 0
    begun = False
    at_ms = start_ms
    while i < len(one) and j < len(two):
        a, b = one[i], two[j]
        limit = join(a.limit, b.limit)
        count = _min(a.phases, b.phases) if phases else None
        if begun and (limit != held_limit or count != held_phases):
            merged.append(Segment(start_ms, at_ms, held_limit, held_phases))
            start_ms = at_ms
        begun, held_limit, held_phases = True, limit, count
        at_ms = min(a.end_ms, b.end_ms)
        i += a.end_ms == at_ms
        j += b.end_ms == at_ms
    merged.append(Segment(start_ms, at_ms, held_limit, held_phases))
    return merged


def _min(a: int | None, b: int | None) -> int | None:
    if a is None or b is None:
        return b if a is None else a
    return a if a < b else b


def _sum(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a + b
