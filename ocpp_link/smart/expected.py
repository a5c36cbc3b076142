"""What a back office is told to expect: the composite schedule of an EVSE, or of the station.

Pure. Where no profile says anything, the configured default is told, as far as the hardware allows;
no limit is told that the hardware does not allow, and no schedule is empty. What is told for a
second is what holds at its begin. Source: OCPP 1.6 §5.7, errata 3.24 to 3.30 and 3.57; 2.0.1 part 2
K08.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import reduce
from itertools import chain

import msgspec
from msgspec import UNSET

from evse.clock import rfc3339
from evse.types.ocpp_schedules import (
    ChargingRateUnit,
    ChargingSchedule,
    ChargingSchedulePeriod,
    ChargingSchedules,
)
from ocpp_link.smart.composite import (
    Scope,
    Segment,
    Supply,
    in_tenths,
    lowest,
    nothing,
    station_limits,
    total,
    transaction_limits,
)
from ocpp_link.smart.profiles import STATION, Installed, RateUnit
from ocpp_link.station import EPOCH

MAX_PERIODS_TOLD = 1_000
"""More do not fit into a message of 65 000 characters; the schedule is told shorter then."""


SLICE_MS = 86_400_000
"""A long schedule is worked out day by day, until no more fits."""


class Evse(msgspec.Struct, frozen=True):
    """One EVSE as far as schedules go."""

    id: int
    max_current_a: float
    phases: int = 3
    tx_start_ms: int | None = None
    """Of the transaction that runs; relative profiles begin there."""


class Default(msgspec.Struct, frozen=True):
    """What is told where no profile says anything."""

    limit_a: float
    limit_w: float
    phases: int


class Site(msgspec.Struct, frozen=True):
    """The station as far as schedules go."""

    evses: tuple[Evse, ...]
    default: Default
    nominal_voltage_v: float = 230.0
    lines: int = 3
    """Of the supply that the EVSEs load: a power for the station is spread over them."""
    fuse_a: float | None = None
    """Of the supply, per line; None = it carries all EVSEs."""


class ExpectedPeriod(msgspec.Struct, frozen=True):
    start_s: int
    limit: float
    phases: int | None = None


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """The schedule of an EVSE (STATION: of all together) from `start_ms` on."""

    evse: int
    start_ms: int
    duration_s: int
    unit: RateUnit
    periods: tuple[ExpectedPeriod, ...]
    """The first one starts at 0; at least one."""


def expected(
    installed: Iterable[Installed],
    site: Site,
    evse: int,
    *,
    start_ms: int,
    duration_s: int,
    unit: RateUnit,
) -> Expected:
    """From the whole second `start_ms` on; a duration of 0 tells what holds now. `evse` is STATION
    or one of the site's (else StopIteration)."""
    end_ms = start_ms + max(1, duration_s) * 1_000
    known = list(installed)
    slices = (
        _slice(known, site, evse, unit, (start_ms, at_ms, min(end_ms, at_ms + SLICE_MS)))
        for at_ms in range(start_ms, end_ms, SLICE_MS)
    )
    periods, told_s = _periods(chain.from_iterable(slices), start_ms, duration_s)
    return Expected(evse=evse, start_ms=start_ms, duration_s=told_s, unit=unit, periods=periods)


def charging_schedules(found: Iterable[Expected]) -> ChargingSchedules:
    """As the `ocpp` interface publishes them."""
    return ChargingSchedules(schedules=tuple(_schedule(one) for one in found))


_Span = tuple[int, int, int]
"""When the schedule as a whole begins; what part of it is asked for."""


def _slice(
    installed: list[Installed], site: Site, evse: int, unit: RateUnit, span: _Span
) -> list[Segment]:
    if evse == STATION:
        scope = _scope(site.lines, site, unit, span)
        own = [_told(installed, site, one, unit, span) for one in site.evses]
        told = lowest(reduce(total, own), _fuse(site, scope))
    else:
        one = next(one for one in site.evses if one.id == evse)
        scope = _scope(one.phases, site, unit, span)
        told = _told(installed, site, one, unit, span)
    return lowest(told, station_limits(installed, scope))


def _scope(
    phases: int, site: Site, unit: RateUnit, span: _Span, tx_start_ms: int | None = None
) -> Scope:
    """A relative profile begins with the schedule where no transaction runs: that is what one would
    get that began now."""
    begins_ms, start_ms, end_ms = span
    return Scope(
        start_ms=start_ms,
        end_ms=end_ms,
        tx_start_ms=begins_ms if tx_start_ms is None else tx_start_ms,
        supply=Supply(site.nominal_voltage_v, phases),
        unit=unit,
    )


def _fuse(site: Site, scope: Scope) -> list[Segment]:
    if site.fuse_a is None:
        return nothing(scope)
    limit = in_tenths(site.fuse_a, site.lines, RateUnit.AMPS, scope)
    return [Segment(scope.start_ms, scope.end_ms, limit)]


def _told(
    installed: list[Installed], site: Site, evse: Evse, unit: RateUnit, span: _Span
) -> list[Segment]:
    """Of one EVSE without the station's limits."""
    scope = _scope(evse.phases, site, unit, span, evse.tx_start_ms)
    mine = [entry for entry in installed if entry.evse in (STATION, evse.id)]
    most = in_tenths(evse.max_current_a, evse.phases, RateUnit.AMPS, scope)
    default = site.default
    amount = default.limit_a if unit is RateUnit.AMPS else default.limit_w
    usual = min(most, in_tenths(amount, None, unit, scope)), min(default.phases, evse.phases)
    return [
        Segment(segment.start_ms, segment.end_ms, *usual)
        if segment.limit is None
        else Segment(
            segment.start_ms,
            segment.end_ms,
            min(most, segment.limit),
            None if segment.phases is None else min(segment.phases, evse.phases),
        )
        for segment in transaction_limits(mine, scope)
    ]


def _periods(
    segments: Iterable[Segment], start_ms: int, duration_s: int
) -> tuple[tuple[ExpectedPeriod, ...], int]:
    """Whole seconds: a segment that begins within one rules from the next one on. What does not fit
    is never worked out."""
    found: list[ExpectedPeriod] = []
    for segment in segments:
        start_s = -((start_ms - segment.start_ms) // 1_000)
        end_s = -((start_ms - segment.end_ms) // 1_000)
        limit = (segment.limit or 0) / 10
        same = found and (found[-1].limit, found[-1].phases) == (limit, segment.phases)
        if start_s == end_s or same:
            continue
        if len(found) == MAX_PERIODS_TOLD:
            return tuple(found), start_s
        found.append(ExpectedPeriod(start_s, limit, segment.phases))
    return tuple(found), duration_s


def _schedule(told: Expected) -> ChargingSchedule:
    return ChargingSchedule(
        evse=told.evse,
        charging_rate_unit=ChargingRateUnit(told.unit.value),
        charging_schedule_period=tuple(
            ChargingSchedulePeriod(
                start_period=period.start_s,
                limit=period.limit,
                number_phases=UNSET if period.phases is None else period.phases,
            )
            for period in told.periods
        ),
        duration=told.duration_s,
        start_schedule=rfc3339(EPOCH + timedelta(milliseconds=told.start_ms)),
    )
