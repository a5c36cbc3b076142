"""Load balancing and solar surplus with SmartEVSE's numbers; a lost mains meter falls back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from evse.energy.balancing import (
    HARD_ROUNDS,
    RESTART_MS,
    SOLAR_SETTLE_MS,
    next_deadline_ms,
    step,
)
from evse.energy.mains import (
    MAINS_LOST_MS,
    SOLAR_STOP_MS,
    Amps,
    Balance,
    Mode,
    Phase,
    Reading,
    Site,
)

SITE = Site(max_mains_a=25, max_circuit_a=32, fallback_a=8)
ROUND_MS = 2_000


def flat(amps: float) -> Amps:
    return (amps, amps, amps)


def follow(
    balance: Balance,
    mode: Mode,
    *mains_a: float | Amps,
    evse_a: float | None = None,
    cars: int = 1,
    site: Site = SITE,
) -> Balance:
    """One round of readings after another; a single number is that of every phase."""
    now_ms = balance.seen_ms or 0
    for amps in mains_a:
        now_ms += ROUND_MS
        reading = Reading(
            now_ms,
            amps if isinstance(amps, tuple) else flat(amps),
            None if evse_a is None else flat(evse_a),
        )
        balance = step(balance, mode, site, reading, cars, now_ms)
    return balance


def running(budget_a: float, **more: object) -> Balance:
    return replace(Balance(budget_a=budget_a, phase=Phase.RUNNING, admitted=1, seen_ms=0), **more)


# --- normal ---------------------------------------------------------------------------------------


def test_normal_gives_the_circuit_and_does_not_ask_the_meter() -> None:
    assert step(Balance(), Mode.NORMAL, SITE, None, 2, 0).budget_a == 32
    assert step(Balance(), Mode.NORMAL, SITE, None, 0, 0).budget_a == 0
    big = Site(max_mains_a=200, max_circuit_a=200)
    assert step(Balance(), Mode.NORMAL, big, None, 9, 0) == Balance(80, Phase.RUNNING, 9)
    assert step(Balance(80, Phase.RUNNING, 9), Mode.NORMAL, big, None, 0, 0) == Balance()
    assert Balance().admitted == 0


# --- smart ----------------------------------------------------------------------------------------


def test_smart_starts_at_6_a_where_the_mains_have_room_and_waits_where_not() -> None:
    begun = follow(Balance(), Mode.SMART, 19.0)
    assert (begun.budget_a, begun.phase, begun.admitted) == (6, Phase.RUNNING, 1)
    waiting = follow(Balance(), Mode.SMART, 19.1)
    assert (waiting.budget_a, waiting.phase) == (0, Phase.WAITING)
    assert follow(waiting, Mode.SMART, (10, 10, 19.1)).budget_a == 0, "the worst phase counts"


def test_smart_rises_by_a_quarter_of_the_room_and_falls_by_all_that_is_missing_at_once() -> None:
    assert follow(running(10), Mode.SMART, 17.0).budget_a == 12
    assert follow(running(20), Mode.SMART, 30.0).budget_a == 15
    assert follow(running(20), Mode.SMART, 25.0).budget_a == 20


def test_smart_is_limited_by_the_circuit_by_80_a_and_by_the_sum_of_the_phases() -> None:
    assert follow(running(31), Mode.SMART, *[0.0] * 9).budget_a == 32
    big = Site(max_mains_a=200, max_circuit_a=200)
    assert follow(running(79), Mode.SMART, *[0.0] * 9, site=big).budget_a == 80
    summed = Site(max_mains_a=25, max_circuit_a=32, max_sum_a=45)
    assert follow(running(10), Mode.SMART, 17.0, site=summed).budget_a == 8, "3 x 17 = 51 A"


def test_room_that_the_cars_do_not_take_does_not_wind_the_budget_up() -> None:
    # 10 A of others and a car that takes 6 A of its 15 A: no more than 15 A is ever there.
    balance = follow(running(15), Mode.SMART, *[16.0] * 20, evse_a=6)
    assert balance.budget_a == 15
    # Another 5 A: the offer is cut before the car takes it.
    assert follow(balance, Mode.SMART, 21.0, evse_a=6).budget_a == 10


def test_an_overload_that_the_cars_are_still_following_does_not_lower_twice() -> None:
    balance = follow(running(16), Mode.SMART, 29.0, 29.0, evse_a=16)
    assert balance.budget_a == 12


def test_6_a_is_held_for_three_readings_of_overload_then_all_stop_for_60_s() -> None:
    balance = follow(running(6), Mode.SMART, 26.0, 26.0, 25.0)
    assert (balance.budget_a, balance.over_rounds) == (6, 0)
    balance = follow(balance, Mode.SMART, 26.0, 26.0)
    assert (balance.budget_a, balance.phase) == (6, Phase.RUNNING)
    balance = follow(balance, Mode.SMART, 26.0)
    assert (balance.budget_a, balance.phase) == (0, Phase.HARD_SHORTAGE)
    stopped_ms = balance.seen_ms or 0
    balance = follow(balance, Mode.SMART, *[0.0] * (RESTART_MS // ROUND_MS - 1))
    assert (balance.budget_a, balance.phase) == (0, Phase.HARD_SHORTAGE)
    balance = follow(balance, Mode.SMART, 0.0)
    assert balance.seen_ms == stopped_ms + RESTART_MS
    assert balance.budget_a == 6


def test_too_much_in_the_sum_of_the_phases_is_an_overload_as_well() -> None:
    summed = replace(SITE, max_sum_a=45)
    balance = follow(running(6), Mode.SMART, *[16.0] * HARD_ROUNDS, site=summed)
    assert balance.phase is Phase.HARD_SHORTAGE
    balance = follow(running(6), Mode.SMART, *[15.0] * HARD_ROUNDS, site=summed)
    assert balance.phase is Phase.RUNNING, "all of it may be taken"
    one_phase: list[float | Amps] = [(26.0, 0.0, 0.0)] * HARD_ROUNDS
    assert follow(running(6), Mode.SMART, *one_phase, site=summed).phase is Phase.HARD_SHORTAGE


def test_one_phase_that_is_over_is_an_overload() -> None:
    one_phase: list[float | Amps] = [(26.0, 0.0, 0.0)] * HARD_ROUNDS
    assert follow(running(6), Mode.SMART, *one_phase).phase is Phase.HARD_SHORTAGE
    assert follow(running(16), Mode.SMART, (50.1, 0, 0)).phase is Phase.HARD_SHORTAGE


def test_a_car_that_is_lowered_to_6_a_has_three_rounds_to_follow() -> None:
    balance = follow(running(32), Mode.SMART, *[50.0] * HARD_ROUNDS, evse_a=31)
    assert balance.budget_a == 6
    assert follow(balance, Mode.SMART, 50.0, evse_a=31).phase is Phase.HARD_SHORTAGE


def test_more_than_twice_the_mains_limit_stops_at_once() -> None:
    assert follow(running(16), Mode.SMART, 50.1).phase is Phase.HARD_SHORTAGE
    assert follow(running(16), Mode.SMART, 50.0).phase is Phase.RUNNING


def test_unplugging_and_plugging_in_does_not_shorten_the_60_s() -> None:
    balance = follow(running(6), Mode.SMART, 60.0)
    balance = follow(balance, Mode.SMART, 0.0, cars=0)
    assert follow(balance, Mode.SMART, 0.0).budget_a == 0


def test_no_car_no_budget() -> None:
    balance = follow(running(16), Mode.SMART, 0.0, cars=0)
    assert balance == Balance(seen_ms=ROUND_MS)


def test_without_the_sun_all_cars_are_admitted_and_no_shortage_of_it_goes_on() -> None:
    short = follow(running(6), Mode.SOLAR, (5.0, 0, 0))
    balance = follow(short, Mode.SMART, 10.0, cars=3)
    assert (balance.admitted, balance.stop_ms, balance.phase) == (3, None, Phase.RUNNING)


def test_it_acts_once_on_each_reading() -> None:
    reading = Reading(2_000, flat(17))
    once = step(running(10), Mode.SMART, SITE, reading, 1, 2_000)
    assert step(once, Mode.SMART, SITE, reading, 1, 3_000) == once
    older = Reading(1_000, flat(50))
    assert step(once, Mode.SMART, SITE, older, 1, 3_000) == once


# --- the meter is lost ----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [Mode.SMART, Mode.SOLAR])
def test_a_mains_meter_of_11_s_means_the_fallback_until_it_returns(mode: Mode) -> None:
    reading = Reading(2_000, flat(-17))
    balance = step(running(10), mode, SITE, reading, 1, 2_000)
    assert next_deadline_ms(balance, SITE, 2_000) == 13_000
    early = step(balance, mode, SITE, reading, 1, 12_999)
    assert early.phase is Phase.RUNNING
    assert next_deadline_ms(early, SITE, 13_000) is None
    lost = step(early, mode, SITE, reading, 1, 13_000)
    assert lost == Balance(8, Phase.FALLBACK, admitted=1, seen_ms=2_000)
    assert next_deadline_ms(lost, SITE, 12_999) is None
    back_ms = 20_000
    back = step(lost, mode, SITE, Reading(back_ms, flat(-1)), 1, back_ms)
    assert back.phase is Phase.RUNNING
    assert back.budget_a > 8


def test_a_reading_that_is_none_falls_back_until_the_next_one_and_names_no_deadline() -> None:
    strange = Reading(4_000, (1.0, float("nan"), 1.0))
    balance = step(running(10), Mode.SMART, SITE, strange, 1, 4_000)
    assert balance.phase is Phase.FALLBACK
    assert next_deadline_ms(balance, SITE, 4_000) is None
    assert next_deadline_ms(Balance(), SITE, 0) is None
    unknown = Reading(5_000, flat(1), (1.0, float("inf"), 1.0))
    assert step(running(10), Mode.SMART, SITE, unknown, 1, 5_000).phase is Phase.FALLBACK


def test_losing_the_meter_does_not_shorten_the_60_s() -> None:
    strict = Site(max_mains_a=25, max_circuit_a=32)
    stopped = follow(running(6), Mode.SMART, 60.0, site=strict)
    lost = step(stopped, Mode.SMART, strict, None, 1, 20_000)
    assert lost.phase is Phase.FALLBACK
    assert step(lost, Mode.SMART, strict, Reading(21_000, flat(0)), 1, 21_000).budget_a == 0
    assert step(lost, Mode.SMART, strict, Reading(62_000, flat(0)), 1, 62_000).budget_a == 6


def test_after_a_reading_that_is_none_an_older_one_is_not_believed_again() -> None:
    sound, strange = Reading(2_000, flat(0)), Reading(4_000, flat(float("nan")))
    balance = step(running(10), Mode.SMART, SITE, sound, 1, 2_000)
    lost = step(balance, Mode.SMART, SITE, strange, 1, 4_000)
    assert step(lost, Mode.SMART, SITE, sound, 1, 5_000) == lost


def test_no_reading_yet_a_fallback_of_0_and_not_a_number_never_charge() -> None:
    strict = Site(max_mains_a=25, max_circuit_a=32)
    assert step(Balance(), Mode.SMART, strict, None, 1, 0).budget_a == 0
    strange = Reading(0, (1.0, float("nan"), 1.0))
    assert step(running(16), Mode.SMART, strict, strange, 1, 0).budget_a == 0
    assert step(running(16), Mode.SMART, SITE, strange, 0, 0).budget_a == 0


# --- solar ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sum_a", "budget_a"),
    [
        (-9.0, 10.5),
        (-1.1, 10.5),
        (-1.0, 10.1),
        (-0.1, 10.1),
        (0.0, 10.0),
        (0.3, 10.0),
        (0.4, 9.9),
        (1.0, 9.9),
        (1.1, 9.5),
        (2.0, 9.5),
        (2.2, 8.9),
        (6.0, 7.0),
    ],
)
def test_the_budget_follows_the_sun_in_smartevse_s_steps(sum_a: float, budget_a: float) -> None:
    found = follow(running(10), Mode.SOLAR, (sum_a, 0, 0)).budget_a
    assert found == pytest.approx(budget_a)
    bought = replace(SITE, solar_import_a=3)
    assert follow(running(10), Mode.SOLAR, (sum_a + 3, 0, 0), site=bought).budget_a == (
        pytest.approx(budget_a)
    )


def test_solar_starts_when_more_than_4_a_flow_out_and_stays_at_6_a_for_40_s() -> None:
    balance = follow(Balance(), Mode.SOLAR, (-4.0, 0, 0))
    assert (balance.budget_a, balance.phase) == (0, Phase.WAITING)
    balance = follow(balance, Mode.SOLAR, (-4.1, 0, 0))
    assert balance.budget_a == 6
    rounds = SOLAR_SETTLE_MS // ROUND_MS
    balance = follow(balance, Mode.SOLAR, *[(-9.0, 0.0, 0.0)] * (rounds - 1))
    assert balance.budget_a == 6
    assert follow(balance, Mode.SOLAR, (-9.0, 0, 0)).budget_a == 6.5


def test_too_little_sun_is_bridged_for_10_minutes_then_it_stops() -> None:
    balance = follow(running(6), Mode.SOLAR, (5.0, 0, 0))
    assert (balance.budget_a, balance.phase) == (6, Phase.SOFT_SHORTAGE)
    rounds = SOLAR_STOP_MS // ROUND_MS
    balance = follow(balance, Mode.SOLAR, *[(5.0, 0.0, 0.0)] * (rounds - 1))
    assert balance.phase is Phase.SOFT_SHORTAGE
    balance = follow(balance, Mode.SOLAR, (5.0, 0, 0))
    assert (balance.budget_a, balance.phase) == (0, Phase.WAITING)


def test_a_surplus_ends_the_shortage_and_the_dead_band_does_not() -> None:
    short = follow(running(6), Mode.SOLAR, (5.0, 0, 0))
    assert follow(short, Mode.SOLAR, (0.2, 0, 0)).stop_ms == short.stop_ms
    assert follow(short, Mode.SOLAR, (-0.2, 0, 0)).stop_ms is None


def test_a_second_car_is_admitted_to_the_minimum_only_with_a_surplus_of_its_own() -> None:
    balance = follow(running(8), Mode.SOLAR, (-4.0, 0, 0), cars=2)
    assert balance.admitted == 1
    balance = follow(balance, Mode.SOLAR, (-4.1, 0, 0), cars=2)
    assert (balance.admitted, balance.budget_a) == (2, 12)
    assert follow(balance, Mode.SOLAR, (0.0, 0, 0), cars=1).admitted == 1
    rounds = SOLAR_SETTLE_MS // ROUND_MS
    settling = follow(balance, Mode.SOLAR, *[(-9.0, 0.0, 0.0)] * (rounds - 1), cars=2)
    assert settling.budget_a == 12, "it shows first what it takes"
    assert follow(settling, Mode.SOLAR, (-9.0, 0, 0), cars=2).budget_a == 12.5


@pytest.mark.parametrize(("circuit_a", "admitted"), [(11.9, 1), (12.0, 2)])
def test_a_second_car_is_admitted_where_the_circuit_has_6_a_for_each(
    circuit_a: float, admitted: int
) -> None:
    narrow = replace(SITE, max_circuit_a=circuit_a)
    balance = follow(running(8), Mode.SOLAR, (-4.1, 0, 0), cars=2, site=narrow)
    assert balance.admitted == admitted


def test_a_shortage_of_sun_counts_while_a_new_car_settles_too() -> None:
    begun = follow(Balance(), Mode.SOLAR, (-4.1, 0, 0))
    assert follow(begun, Mode.SOLAR, (5.0, 0, 0)).phase is Phase.SOFT_SHORTAGE


def test_the_dead_band_is_no_shortage() -> None:
    balance = follow(running(6), Mode.SOLAR, (0.2, 0, 0))
    assert (balance.phase, balance.stop_ms) == (Phase.RUNNING, None)


def test_the_mains_limit_holds_in_the_sun_as_well() -> None:
    # One phase is full though the sum flows out.
    balance = follow(running(16), Mode.SOLAR, (28.0, -40.0, -40.0))
    assert balance.budget_a == 13


# --- in any script --------------------------------------------------------------------------------

amps = st.one_of(st.floats(-60, 60), st.sampled_from([0.0, 25.0, 25.1, 50.1, float("nan")]))
readings = st.tuples(amps, amps, amps)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 15_000),
            st.sampled_from([Mode.SMART, Mode.SOLAR]),
            readings,
            st.none() | st.tuples(*[st.floats(0, 40)] * 3),
            st.integers(0, 3),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_0_or_at_least_6_a_never_over_the_circuit_and_the_fallback_without_a_meter(
    script: list[tuple[int, Mode, Amps, Amps | None, int, bool]],
) -> None:
    balance, reading, now_ms = Balance(), None, 0
    for wait_ms, mode, mains_a, evse_a, cars, answers in script:
        now_ms += wait_ms
        if answers:
            reading = Reading(now_ms, mains_a, evse_a)
        before, balance = balance, step(balance, mode, SITE, reading, cars, now_ms)
        assert balance.budget_a == 0 or 6 <= balance.budget_a <= SITE.max_circuit_a
        if reading is None or not reading.sound or now_ms - reading.taken_ms >= MAINS_LOST_MS:
            assert balance.budget_a == (SITE.fallback_a if cars else 0)
        if before.budget_a == 0 < balance.budget_a and balance.phase is not Phase.FALLBACK:
            assert balance.blocked_ms is None or now_ms >= balance.blocked_ms
        assert step(balance, mode, SITE, reading, cars, now_ms) == balance


@given(st.floats(0, 24), st.floats(6, 32), st.floats(6, 32))
def test_with_steady_others_smart_settles_at_the_mains_limit_from_below(
    others_a: float, start_a: float, wants_a: float
) -> None:
    """A car that takes what it is offered, up to what it wants, one round late."""
    balance, car_a = running(start_a), min(start_a, wants_a)
    last_a = 0.0
    for _ in range(60):
        balance = follow(balance, Mode.SMART, others_a + car_a, evse_a=car_a)
        last_a, car_a = car_a, min(balance.budget_a, wants_a)
    if others_a <= 19 and balance.phase is Phase.RUNNING:
        assert others_a + car_a <= SITE.max_mains_a + 1e-6
        assert car_a == pytest.approx(last_a), "it has come to rest"
        most_a = min(SITE.max_mains_a - others_a, wants_a, SITE.max_circuit_a)
        assert car_a >= most_a - 0.5


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"max_mains_a": 0.0}, "must be above 0"),
        ({"max_circuit_a": float("nan")}, "must be above 0"),
        ({"fallback_a": 33.0}, "fallback_a 33.0 must lie between 0 and max_circuit_a 32"),
        ({"fallback_a": -1.0}, "fallback_a -1.0"),
        ({"max_circuit_a": 0.0}, "must be above 0"),
        ({"mains_lost_ms": 0}, "must be above 0"),
    ],
)
def test_a_site_that_does_not_fit_together_is_refused(fields: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replace(SITE, **fields)


def test_a_site_at_the_bounds_is_allowed() -> None:
    least = Site(max_mains_a=0.1, max_circuit_a=0.1, fallback_a=0.1, mains_lost_ms=1)
    assert least.most_a == 0.1
