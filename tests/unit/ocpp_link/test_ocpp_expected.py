"""OCPP 1.6 §5.7: the schedule that is told, against an evaluator that asks second by second."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evse.types.ocpp_schedules import ChargingSchedules
from ocpp_link.smart.expected import (
    MAX_PERIODS_TOLD,
    Default,
    Evse,
    Expected,
    Site,
    charging_schedules,
    expected,
)
from ocpp_link.smart.profiles import (
    OF_THE_STATION,
    STATION,
    Installed,
    Kind,
    Period,
    Profile,
    Purpose,
    RateUnit,
)

T0_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
DAY_MS = 86_400_000
VOLTS = 230.0
AMPS, WATTS = RateUnit.AMPS, RateUnit.WATTS
DEFAULT = Default(limit_a=48, limit_w=33_120, phases=3)


def site(*evses: Evse, default: Default = DEFAULT) -> Site:
    return Site(evses=evses or (Evse(1, 32.0),), default=default, nominal_voltage_v=VOLTS)


def profile(*periods: tuple[int, float], **fields: Any) -> Profile:
    """A profile whose period starts are in seconds."""
    return Profile(
        **{
            "id": 1,
            "stack_level": 0,
            "purpose": Purpose.TX_DEFAULT,
            "kind": Kind.ABSOLUTE,
            "unit": AMPS,
            "start_ms": T0_MS,
            "periods": tuple(Period(start_s, limit) for start_s, limit in periods),
            **fields,
        }
    )


def told(
    *installed: Installed, of: Site | None = None, evse: int = 1, seconds: int = 600, **more: Any
) -> Expected:
    more = {"unit": AMPS, "start_ms": T0_MS, **more}
    return expected(installed, of or site(), evse, duration_s=seconds, **more)


def limits(of: Expected) -> list[tuple[int, float]]:
    return [(period.start_s, period.limit) for period in of.periods]


@pytest.mark.parametrize("seconds", [0, 1])
def test_pitfall_27_a_duration_of_nothing_tells_what_holds_now(seconds: int) -> None:
    found = told(Installed(0, profile((0, 10.0))), seconds=seconds)
    assert limits(found) == [(0, 10.0)]
    assert found.duration_s == seconds


def test_pitfall_27_a_period_that_begins_within_the_window_is_told() -> None:
    assert limits(told(Installed(0, profile((0, 10.0), (30, 8.0))))) == [(0, 10.0), (30, 8.0)]


def test_pitfall_15_without_a_profile_the_default_is_told_as_far_as_the_hardware_goes() -> None:
    assert limits(told()) == [(0, 32.0)]
    low = Default(limit_a=16, limit_w=5_000, phases=1)
    found = told(of=site(default=low))
    assert (limits(found), found.periods[0].phases) == ([(0, 16.0)], 1)
    assert limits(told(of=site(default=low), unit=WATTS)) == [(0, 5_000.0)]


def test_a_gap_between_two_profiles_is_told_as_the_default() -> None:
    first = profile((0, 10.0), duration_ms=100_000)
    second = profile((0, 8.0), id=2, stack_level=1, start_ms=T0_MS + 200_000)
    found = limits(told(Installed(0, first), Installed(0, second)))
    assert found == [(0, 10.0), (100, 32.0), (200, 8.0)]


def test_no_limit_is_told_that_the_hardware_does_not_allow() -> None:
    assert limits(told(Installed(0, profile((0, 99.0))))) == [(0, 32.0)]
    assert limits(told(Installed(0, profile((0, 99_000.0), unit=WATTS)), unit=WATTS)) == [
        (0, 22_080.0)
    ]


def test_a_limit_in_the_unit_that_is_asked_for_is_told_to_the_digit() -> None:
    """TC_056: 6000 W are 6000 W, though 8.6 A are not."""
    watts = Installed(0, profile((0, 6_000.0), unit=WATTS))
    assert limits(told(watts, unit=WATTS)) == [(0, 6_000.0)]
    assert limits(told(watts)) == [(0, 8.6)]


def test_5_7_connector_0_is_what_all_may_take_within_the_stations_maximum() -> None:
    two = site(Evse(1, 32.0), Evse(2, 16.0))
    assert limits(told(of=two, evse=STATION)) == [(0, 48.0)]
    own = Installed(1, profile((0, 10.0), (60, 0.0)))
    assert limits(told(own, of=two, evse=STATION)) == [(0, 26.0), (60, 16.0)]
    most = Installed(0, profile((0, 20.0), id=2, purpose=Purpose.STATION_MAX))
    assert limits(told(own, most, of=two, evse=STATION)) == [(0, 20.0), (60, 16.0)]
    assert limits(told(most, of=two, evse=1)) == [(0, 20.0)]
    assert limits(told(most, of=two, evse=2)) == [(0, 16.0)]


def test_5_7_connector_0_is_no_more_than_the_fuse_carries() -> None:
    two = msgspec.structs.replace(site(Evse(1, 32.0), Evse(2, 32.0)), fuse_a=40.0)
    assert limits(told(of=two, evse=STATION)) == [(0, 40.0)]
    assert limits(told(of=two, evse=STATION, unit=WATTS)) == [(0, 40 * 690.0)]
    assert limits(told(of=two, evse=1)) == [(0, 32.0)]


def test_5_7_connector_0_in_watts_adds_the_power_of_each() -> None:
    mixed = site(Evse(1, 32.0, 3), Evse(2, 16.0, 1))
    found = limits(told(of=mixed, evse=STATION, unit=WATTS))
    assert found == [(0, 32 * 690.0 + 16 * 230.0)]


def test_a_relative_profile_begins_now_where_no_transaction_runs() -> None:
    relative = Installed(0, profile((0, 6.0), (60, 16.0), kind=Kind.RELATIVE, start_ms=None))
    assert limits(told(relative)) == [(0, 6.0), (60, 16.0)]
    running = site(Evse(1, 32.0, tx_start_ms=T0_MS - 20_000))
    assert limits(told(relative, of=running)) == [(0, 6.0), (40, 16.0)]


def test_a_schedule_of_several_days_is_one() -> None:
    """It is worked out day by day."""
    days = [(0, 6.0), (2 * 86_400, 16.0), (2 * 86_400 + 60, 8.0)]
    relative = Installed(0, profile(*days, kind=Kind.RELATIVE, start_ms=None))
    assert limits(told(relative, seconds=5 * 86_400, start_ms=T0_MS + 7_000)) == days


def test_pitfall_28_yesterdays_run_of_a_daily_profile_still_rules() -> None:
    daily = profile(
        (0, 6.0),
        kind=Kind.RECURRING,
        recurrence_ms=DAY_MS,
        start_ms=T0_MS - 10 * DAY_MS + DAY_MS - 3_600_000,
        duration_ms=7_200_000,
    )
    found = limits(told(Installed(0, daily), seconds=86_400))
    assert found == [(0, 6.0), (3_600, 32.0), (82_800, 6.0)]


def test_a_weekly_profile_rules_on_its_day_only() -> None:
    weekly = profile(
        (0, 6.0),
        kind=Kind.RECURRING,
        recurrence_ms=7 * DAY_MS,
        start_ms=T0_MS - 5 * DAY_MS,
        duration_ms=DAY_MS,
    )
    found = limits(told(Installed(0, weekly), seconds=7 * 86_400))
    assert found == [(0, 32.0), (2 * 86_400, 6.0), (3 * 86_400, 32.0)]


def test_what_begins_within_a_second_is_told_from_the_next_one_on() -> None:
    base = Installed(0, profile((0, 16.0)))
    late = profile((0, 8.0), id=2, stack_level=1, start_ms=T0_MS + 10_500, duration_ms=400)
    assert limits(told(base, Installed(0, late))) == [(0, 16.0)]
    longer = msgspec.structs.replace(late, duration_ms=1_000)
    assert limits(told(base, Installed(0, longer))) == [(0, 16.0), (11, 8.0), (12, 16.0)]


def test_a_schedule_that_does_not_fit_into_a_message_is_told_shorter() -> None:
    daily = profile(
        *((minute * 60, 6.0 + minute % 2) for minute in range(1_440)),
        kind=Kind.RECURRING,
        recurrence_ms=DAY_MS,
    )
    found = told(Installed(0, daily), seconds=7 * 86_400)
    assert len(found.periods) == MAX_PERIODS_TOLD
    assert found.duration_s == MAX_PERIODS_TOLD * 60
    assert len(msgspec.json.encode(charging_schedules([found]))) < 65_000


def test_phases_are_told_where_a_profile_names_them_and_never_more_than_there_are() -> None:
    body = profile(periods=(Period(0, 10.0, 3), Period(60, 10.0, 1), Period(120, 10.0)))
    assert [p.phases for p in told(Installed(0, body)).periods] == [3, 1, None]
    single = site(Evse(1, 32.0, 1))
    assert [p.phases for p in told(Installed(0, body), of=single).periods] == [1, None]


def test_the_schedules_of_the_interface_have_the_form_of_its_page() -> None:
    found = charging_schedules([told(evse=STATION), told(Installed(1, profile((0, 10.0))))])
    body = msgspec.json.decode(msgspec.json.encode(found))
    assert body["schedules"][1] == {
        "evse": 1,
        "charging_rate_unit": "A",
        "charging_schedule_period": [{"start_period": 0, "limit": 10.0}],
        "duration": 600,
        "start_schedule": "2026-01-01T00:00:00.000Z",
    }
    assert msgspec.convert(body, ChargingSchedules) == found


# --- against the rules, second by second ----------------------------------------------------------

WINDOW_S = 240


@st.composite
def profiles(draw: st.DrawFn) -> Installed:
    kind = draw(st.sampled_from(Kind))
    purpose = draw(st.sampled_from(Purpose))
    if purpose in OF_THE_STATION and kind is Kind.RELATIVE:
        kind = Kind.ABSOLUTE
    starts = sorted({0, *draw(st.lists(st.integers(1, 200), max_size=4))})
    start = T0_MS + draw(st.integers(-200_000, 200_000))
    recurrence = draw(st.sampled_from([60_000, 90_000])) if kind is Kind.RECURRING else None
    valid_from = draw(st.none() | st.integers(-50_000, 200_000))
    valid_for = draw(st.none() | st.integers(1, 200_000))
    evse = 0 if purpose in OF_THE_STATION else draw(st.integers(1, 2))
    if purpose is Purpose.TX_DEFAULT:
        evse = draw(st.integers(0, 2))
    limit = st.integers(0, 400).map(lambda tenths: tenths / 10)
    unit = draw(st.sampled_from(RateUnit))
    factor = 1 if unit is AMPS else 690
    body = profile(
        id=draw(st.integers(1, 10**6)),
        stack_level=draw(st.integers(0, 2)),
        purpose=purpose,
        kind=kind,
        unit=unit,
        periods=tuple(
            Period(start_s, draw(limit) * factor, draw(st.sampled_from([None, 1, 2, 3])))
            for start_s in starts
        ),
        start_ms=None if kind is Kind.RELATIVE else start,
        duration_ms=draw(st.none() | st.integers(1, 300).map(lambda s: s * 1_000)),
        recurrence_ms=recurrence,
        valid_from_ms=None if valid_from is None else T0_MS + valid_from,
        valid_to_ms=None if valid_for is None else T0_MS + (valid_from or -50_000) + valid_for,
    )
    return Installed(evse, body)


def ruling(installed: list[Installed], purposes: set[Purpose], evse: Evse, at_ms: int) -> Any:
    """(period, unit) of the prevailing profile, or None; from the rules, not from the code."""
    found = []
    for entry in installed:
        body = entry.profile
        if body.purpose not in purposes or entry.evse not in (0, evse.id):
            continue
        if not (body.valid_from_ms or 0) <= at_ms < (body.valid_to_ms or at_ms + 1):
            continue
        begin_ms = evse.tx_start_ms if body.kind is Kind.RELATIVE else body.start_ms
        since_ms = at_ms - (T0_MS if begin_ms is None else begin_ms)
        if body.recurrence_ms:
            since_ms %= body.recurrence_ms
        if since_ms < 0 or (body.duration_ms and since_ms >= body.duration_ms):
            continue
        period = [p for p in body.periods if p.start_s * 1_000 <= since_ms][-1]
        rank = (body.purpose is Purpose.TX, body.stack_level, entry.evse, -body.id)
        found.append((rank, period, body.unit))
    return max(found, key=lambda one: one[0])[1:] if found else None


def rate(ruler: Any, phases: int, unit: RateUnit) -> float:
    period, own = ruler
    volts = VOLTS * min(period.phases or 3, phases)
    found = period.limit
    if own is not unit:
        found = found / volts if unit is AMPS else found * volts
    return int(found * 10 + 1e-6) / 10


def at(installed: list[Installed], of: Site, evse: int, at_ms: int, unit: RateUnit) -> float:
    """What the rules tell for one moment."""
    tenths = []
    for one in of.evses if evse == STATION else [of.evses[evse - 1]]:
        volts = VOLTS * one.phases
        most = one.max_current_a if unit is AMPS else one.max_current_a * volts
        usual = of.default.limit_a if unit is AMPS else of.default.limit_w
        ruler = ruling(installed, {Purpose.TX, Purpose.TX_DEFAULT}, one, at_ms)
        own = usual if ruler is None else rate(ruler, one.phases, unit)
        tenths.append(round(min(own, most) * 10))
    phases = of.lines if evse == STATION else of.evses[evse - 1].phases
    found = [sum(tenths) / 10]
    for purpose in OF_THE_STATION:
        ruler = ruling(installed, {purpose}, Evse(0, 0.0), at_ms)
        found += [] if ruler is None else [rate(ruler, phases, unit)]
    return min(found)


@given(
    st.lists(profiles(), max_size=6, unique_by=lambda entry: entry.profile.id),
    st.none() | st.integers(-100_000, 0),
    st.sampled_from([0, 1, 2]),
    st.sampled_from(RateUnit),
)
@settings(max_examples=150, deadline=None)
def test_the_schedule_tells_what_the_rules_say_at_every_second(
    installed: list[Installed], tx_start_ms: int | None, evse: int, unit: RateUnit
) -> None:
    begun = None if tx_start_ms is None else T0_MS + tx_start_ms
    of = site(Evse(1, 32.0, 3, begun), Evse(2, 16.0, 1))
    found = told(*installed, of=of, evse=evse, seconds=WINDOW_S, unit=unit)
    starts = [period.start_s for period in found.periods]
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    assert starts[-1] < WINDOW_S
    for second in range(WINDOW_S):
        (period,) = [p for p in found.periods if p.start_s <= second][-1:]
        expected_limit = at(installed, of, evse, T0_MS + second * 1_000, unit)
        assert period.limit == pytest.approx(expected_limit, abs=1e-9), second
