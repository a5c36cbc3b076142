"""OCPP 1.6 §3.13: the composite schedule against an evaluator that asks minute by minute."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocpp_link.smart.composite import DEFAULT_PHASES, Segment, Supply, composite
from ocpp_link.smart.profiles import (
    OF_THE_STATION,
    Installed,
    Kind,
    Period,
    Profile,
    Purpose,
    RateUnit,
)

MINUTE_MS = 60_000
DAY_MS = 86_400_000
T0_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
WINDOW_MIN = 3 * 24 * 60
SUPPLY = Supply(230.0, 3)


def profile(*periods: tuple[int, float], **fields: object) -> Profile:
    """A profile whose period starts are in minutes."""
    defaults: dict[str, object] = {
        "id": 1,
        "stack_level": 0,
        "purpose": Purpose.TX_DEFAULT,
        "kind": Kind.ABSOLUTE,
        "unit": RateUnit.AMPS,
        "start_ms": T0_MS,
        "periods": tuple(Period(start * 60, limit) for start, limit in periods),
    }
    return Profile(**(defaults | fields))


def limits(
    *installed: Installed, tx_start_ms: int | None = None, minutes: int = WINDOW_MIN
) -> list[tuple[int, int | None]]:
    """(minute, tenths of an ampere) of each segment."""
    segments = composite(
        installed,
        start_ms=T0_MS,
        end_ms=T0_MS + minutes * MINUTE_MS,
        tx_start_ms=tx_start_ms,
        supply=SUPPLY,
    )
    return [((s.start_ms - T0_MS) // MINUTE_MS, s.limit) for s in segments]


def test_nothing_installed_limits_nothing() -> None:
    assert limits() == [(0, None)]


def test_3_13_a_higher_stack_level_rules_while_it_lasts() -> None:
    base = Installed(0, profile((0, 16.0)))
    exception = profile(
        (0, 8.0), id=2, stack_level=1, start_ms=T0_MS + 60 * MINUTE_MS, duration_ms=3_600_000
    )
    assert limits(base, Installed(0, exception)) == [(0, 160), (60, 80), (120, 160)]


def test_3_13_the_station_maximum_caps_the_transaction() -> None:
    station = profile((0, 10.0), (60, 32.0), id=2, purpose=Purpose.STATION_MAX)
    assert limits(Installed(0, station), Installed(1, profile((0, 16.0)))) == [(0, 100), (60, 160)]


def test_3_13_a_tx_profile_overrules_the_default_also_upwards() -> None:
    tx = profile((0, 20.0), id=2, purpose=Purpose.TX, duration_ms=3_600_000)
    default = profile((0, 8.0), stack_level=9)
    assert limits(Installed(1, tx, "s"), Installed(0, default)) == [(0, 200), (60, 80)]


def test_3_13_the_connectors_own_default_beats_that_of_connector_0() -> None:
    own, general = profile((0, 8.0), id=2), profile((0, 16.0))
    assert limits(Installed(0, general), Installed(1, own)) == [(0, 80)]


def test_a_recurring_schedule_runs_from_its_start_not_from_midnight() -> None:
    daily = profile(
        (0, 6.0),
        kind=Kind.RECURRING,
        recurrence_ms=DAY_MS,
        start_ms=T0_MS - 30 * DAY_MS + 22 * 60 * MINUTE_MS,
        duration_ms=8 * 3_600_000,
    )
    found = limits(Installed(0, daily), minutes=24 * 60)
    assert found == [(0, 60), (6 * 60, None), (22 * 60, 60)], "yesterday's run is still active"


def test_a_recurring_duration_longer_than_the_period_is_cut() -> None:
    daily = profile(
        (0, 6.0), (60, 9.0), kind=Kind.RECURRING, recurrence_ms=DAY_MS, duration_ms=9 * DAY_MS
    )
    assert limits(Installed(0, daily), minutes=25 * 60) == [(0, 60), (60, 90), (24 * 60, 60)]


def test_a_relative_schedule_begins_with_the_transaction() -> None:
    relative = profile((0, 6.0), (30, 16.0), kind=Kind.RELATIVE, start_ms=None)
    installed = Installed(0, relative)
    assert limits(installed, tx_start_ms=T0_MS - 10 * MINUTE_MS) == [(0, 60), (20, 160)]
    assert limits(installed) == [(0, 60)], "what a transaction that starts now would get"


def test_watts_are_shared_by_the_phases_and_rounded_down() -> None:
    watts = profile((0, 11_000.0), unit=RateUnit.WATTS)
    assert limits(Installed(0, watts)) == [(0, 159)]


def test_a_single_phase_station_turns_watts_into_the_amperes_of_one_phase() -> None:
    watts = profile((0, 3_680.0), unit=RateUnit.WATTS)
    (segment,) = composite(
        [Installed(0, watts)],
        start_ms=T0_MS,
        end_ms=T0_MS + 1,
        tx_start_ms=None,
        supply=Supply(230.0, 1),
    )
    assert segment.limit == 160


def test_3_13_3_the_lower_limit_of_two_purposes_of_the_station_holds() -> None:
    """2.0.1 K01: external constraints and the operator's maximum both hold."""
    maximum = profile((0, 10.0), (60, 32.0), id=2, purpose=Purpose.STATION_MAX)
    external = profile((0, 20.0), id=3, purpose=Purpose.EXTERNAL)
    assert limits(Installed(0, maximum), Installed(0, external)) == [(0, 100), (60, 200)]


def test_7_12_amperes_become_the_power_of_all_phases() -> None:
    (segment,) = composite(
        [Installed(0, profile((0, 10.0)))],
        start_ms=T0_MS,
        end_ms=T0_MS + 1,
        tx_start_ms=None,
        supply=SUPPLY,
        unit=RateUnit.WATTS,
    )
    assert segment.limit == 69_000


def test_errata_3_34_a_limit_for_more_phases_than_there_are_is_used_as_given() -> None:
    body = profile((0, 16.0), periods=(Period(0, 16.0, 3),))
    (segment,) = composite(
        [Installed(0, body)],
        start_ms=T0_MS,
        end_ms=T0_MS + 1,
        tx_start_ms=None,
        supply=Supply(230.0, 1),
    )
    assert segment.limit == 160


@pytest.mark.parametrize("tenths", range(1_000))
def test_a_limit_in_tenths_survives_binary_fractions(tenths: int) -> None:
    assert limits(Installed(0, profile((0, tenths / 10)))) == [(0, tenths)]


def test_an_absurd_limit_stays_finite() -> None:
    assert limits(Installed(0, profile((0, 1.7e308)))) == [(0, 10_000_000_000)]


@st.composite
def profiles(draw: st.DrawFn) -> Installed:
    kind = draw(st.sampled_from(Kind))
    purpose = draw(st.sampled_from(Purpose))
    starts = sorted({0, *draw(st.lists(st.integers(1, 2_000), max_size=4))})
    recurrence = draw(st.sampled_from([DAY_MS, 7 * DAY_MS])) if kind is Kind.RECURRING else None
    start = None if kind is Kind.RELATIVE else T0_MS + draw(st.integers(-9_000, 5_000)) * MINUTE_MS
    valid_from = draw(st.none() | st.integers(-100, 4_000))
    valid_for = draw(st.none() | st.integers(1, 4_000))
    of_station = purpose in OF_THE_STATION
    evse = 0 if of_station else 1 if purpose is Purpose.TX else draw(st.integers(0, 1))
    body = Profile(
        id=draw(st.integers(1, 10**6)),
        stack_level=draw(st.integers(0, 3)),
        purpose=purpose,
        kind=kind,
        unit=draw(st.sampled_from(RateUnit)),
        periods=tuple(
            Period(
                start * 60,
                draw(st.integers(0, 25_000)) / 10,
                draw(st.sampled_from([None, 1, 2, 3])),
            )
            for start in starts
        ),
        start_ms=start,
        duration_ms=draw(st.none() | st.integers(1, 3_000).map(lambda m: m * MINUTE_MS)),
        recurrence_ms=recurrence,
        valid_from_ms=None if valid_from is None else T0_MS + valid_from * MINUTE_MS,
        valid_to_ms=(
            None if valid_for is None else T0_MS + ((valid_from or -100) + valid_for) * MINUTE_MS
        ),
    )
    return Installed(evse, body)


def active_period(body: Profile, at_ms: int, tx_start_ms: int | None) -> Period | None:
    """The period that a profile alone gives at a time; written from the rules, not the code."""
    if body.valid_from_ms is not None and at_ms < body.valid_from_ms:
        return None
    if body.valid_to_ms is not None and at_ms >= body.valid_to_ms:
        return None
    if body.kind is Kind.RELATIVE:
        if tx_start_ms is None:
            return body.periods[0]
        since_ms = at_ms - tx_start_ms
    else:
        since_ms = at_ms - (body.start_ms or 0)
    duration_ms = body.duration_ms
    if body.recurrence_ms is not None:
        since_ms %= body.recurrence_ms
    if since_ms < 0 or (duration_ms is not None and since_ms >= duration_ms):
        return None
    return [p for p in body.periods if p.start_s * 1_000 <= since_ms][-1]


def allowed(
    installed: list[Installed],
    at_ms: int,
    tx_start_ms: int | None,
    supply: Supply,
    unit: RateUnit = RateUnit.AMPS,
) -> tuple[int | None, int | None]:
    """What the rules allow at one moment: tenths of the unit, phases."""
    rulers = []
    layers = ((Purpose.TX, Purpose.TX_DEFAULT), (Purpose.STATION_MAX,), (Purpose.EXTERNAL,))
    for purposes in layers:
        candidates = [
            (entry, period)
            for entry in installed
            if entry.profile.purpose in purposes
            and (period := active_period(entry.profile, at_ms, tx_start_ms)) is not None
        ]
        if candidates:
            rulers.append(
                max(
                    candidates,
                    key=lambda found: (
                        found[0].profile.purpose is Purpose.TX,
                        found[0].profile.stack_level,
                        found[0].evse,
                        -found[0].profile.id,
                    ),
                )
            )
    tenths, phases = [], []
    for entry, period in rulers:
        rate = period.limit
        volts = supply.nominal_voltage_v * min(period.phases or DEFAULT_PHASES, supply.phases)
        if (entry.profile.unit, unit) == (RateUnit.WATTS, RateUnit.AMPS):
            rate /= volts
        elif (entry.profile.unit, unit) == (RateUnit.AMPS, RateUnit.WATTS):
            rate *= volts
        tenths.append(int(rate * 10 + 1e-6))
        phases += [period.phases] if period.phases else []
    return min(tenths, default=None), min(phases, default=None)


@given(
    st.lists(profiles(), max_size=6, unique_by=lambda entry: entry.profile.id),
    st.none() | st.integers(-300, 100),
    st.sampled_from([SUPPLY, Supply(230.0, 1)]),
    st.sampled_from(RateUnit),
)
@settings(max_examples=120, deadline=None)
def test_the_schedule_equals_the_rules_at_every_probed_minute(
    installed: list[Installed], tx_start_min: int | None, supply: Supply, unit: RateUnit
) -> None:
    tx_start_ms = None if tx_start_min is None else T0_MS + tx_start_min * MINUTE_MS
    end_ms = T0_MS + WINDOW_MIN * MINUTE_MS
    segments = composite(
        installed,
        start_ms=T0_MS,
        end_ms=end_ms,
        tx_start_ms=tx_start_ms,
        supply=supply,
        unit=unit,
    )
    check_shape(segments, end_ms)
    for segment in segments:
        last_ms = segment.end_ms - 1
        step_ms = max(MINUTE_MS, (segment.end_ms - segment.start_ms) // 23 // 60_000 * 60_000)
        for at_ms in [*range(segment.start_ms, segment.end_ms, step_ms), last_ms]:
            expected = allowed(installed, at_ms, tx_start_ms, supply, unit)
            assert (segment.limit, segment.phases) == expected, at_ms


def check_shape(segments: list[Segment], end_ms: int) -> None:
    """The window is covered without gaps, and neighbours differ."""
    assert segments[0].start_ms == T0_MS
    assert segments[-1].end_ms == end_ms
    for one, two in pairwise(segments):
        assert one.end_ms == two.start_ms
        assert (one.limit, one.phases) != (two.limit, two.phases)


def test_a_hundred_profiles_of_1440_periods_give_one_schedule() -> None:
    """The worst case of the budget; the time is printed, not judged."""
    installed = [
        Installed(
            0,
            profile(
                *((minute, 6.0 + (minute + level) % 26) for minute in range(1_440)),
                id=level,
                stack_level=level % 10,
                purpose=Purpose.STATION_MAX if level % 2 else Purpose.TX_DEFAULT,
            ),
        )
        for level in range(100)
    ]
    begun_s = time.perf_counter()
    found = limits(*installed, minutes=1_440)
    print(f"composite of 100 × 1440: {(time.perf_counter() - begun_s) * 1e3:.1f} ms")
    assert len(found) > 1_000
