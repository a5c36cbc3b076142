"""The soft over-current guardian: (offered + 0.5 A) x 1.10 for 7 s on any phase trips."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evse.energy.current_guard import (
    DEFAULT_POLICY,
    FOLLOW_MS,
    MIN_TIMEOUT_MS,
    TIMEOUT_MS,
    Amps,
    Policy,
    State,
    Trip,
    next_deadline_ms,
    step,
)

phase_currents = st.none() | st.floats(-100, 100)


def hold(state: State, offered_a: float, current_a: Amps, start_ms: int, end_ms: int) -> State:
    for now_ms in range(start_ms, end_ms + 1, 500):
        state = step(state, offered_a, current_a, now_ms)
    return state


@pytest.mark.parametrize(
    ("offered_a", "allowed_a"), [(6, 7.15), (16, 18.15), (32, 35.75), (0, 0.55)]
)
def test_the_tolerance_is_half_an_ampere_and_ten_percent(
    offered_a: float, allowed_a: float
) -> None:
    assert DEFAULT_POLICY.allowed_a(offered_a) == pytest.approx(allowed_a)


@pytest.mark.parametrize("phase", [1, 2, 3])
def test_one_phase_over_for_7_s_trips_and_names_the_phase(phase: int) -> None:
    one, two, three = (20.0 if n == phase else None for n in (1, 2, 3))
    over: Amps = (one, two, three)
    state = hold(State(), 16, over, 0, TIMEOUT_MS - 500)
    assert state.trip is None
    assert next_deadline_ms(state, TIMEOUT_MS - 500) == TIMEOUT_MS
    state = step(state, 16, over, TIMEOUT_MS)
    assert state.trip == Trip(phase, 20.0, DEFAULT_POLICY.allowed_a(16))
    assert next_deadline_ms(state, TIMEOUT_MS) is None


def test_a_meter_of_one_phase_guards_that_phase_and_a_missing_one_counts_as_0() -> None:
    assert hold(State(), 16, (20.0, None, None), 0, 7_000).trip is not None
    assert hold(State(), 16, (None, None, None), 0, 60_000).trip is None


def test_one_reading_in_bounds_starts_the_time_anew_and_phases_do_not_add_up() -> None:
    state = hold(State(), 16, (20.0, 0.0, 0.0), 0, 6_500)
    state = hold(state, 16, (0.0, 20.0, 0.0), 7_000, 13_500)
    assert state.trip is None
    assert hold(state, 16, (0.0, 20.0, 0.0), 14_000, 14_000).trip is not None


def test_a_paused_car_that_takes_current_trips() -> None:
    assert hold(State(), 0, (1.0, None, None), 0, 7_000).trip is not None


def test_a_trip_stays_whatever_comes_and_a_new_state_forgets_it() -> None:
    state = hold(State(), 16, (20.0, 0.0, 0.0), 0, 7_000)
    assert step(state, 32, (0.0, 0.0, 0.0), 10**6) == state


@pytest.mark.parametrize("strange", [float("nan"), -20.0])
def test_not_a_number_and_a_reversed_transformer_count_as_over(strange: float) -> None:
    assert hold(State(), 16, (strange, 0.0, 0.0), 0, 7_000).trip is not None


def test_a6_seq6_a_car_that_is_lowered_twice_has_5_s_for_each_but_14_s_in_all() -> None:
    state = hold(State(), 32, (32.0, 0.0, 0.0), 0, 0)
    state = hold(state, 20, (32.0, 0.0, 0.0), 500, 5_000)
    state = hold(state, 10, (20.0, 0.0, 0.0), 5_500, 10_000)
    assert state.trip is None, "over for 9.5 s, yet it follows each step in time"
    state = hold(state, 8, (20.0, 0.0, 0.0), 10_500, 500 + 2 * TIMEOUT_MS - 500)
    assert state.trip is None
    assert step(state, 7, (20.0, 0.0, 0.0), 500 + 2 * TIMEOUT_MS).trip is not None


def test_the_timeout_cannot_be_set_under_6_s_nor_the_tolerance_under_the_offer() -> None:
    with pytest.raises(ValueError, match="timeout_ms 5999 is under 6000"):
        Policy(timeout_ms=MIN_TIMEOUT_MS - 1)
    with pytest.raises(ValueError, match="would trip at the offer itself"):
        Policy(tolerance=0.99)
    with pytest.raises(ValueError, match="would trip at the offer itself"):
        Policy(noise_a=-0.1)


def test_a_car_that_is_lowered_while_over_has_5_s_from_then_to_follow() -> None:
    over: Amps = (20.0, None, None)
    state = hold(State(), 16, over, 0, 6_000)
    state = step(state, 10, over, 6_500)
    assert next_deadline_ms(state, 6_500) == 11_500
    assert step(state, 10, over, 11_499).trip is None
    assert step(state, 10, over, 11_500).trip is not None


def test_exactly_what_is_allowed_is_not_over_and_the_bounds_themselves_are_allowed() -> None:
    plain = Policy(noise_a=0, tolerance=1, timeout_ms=MIN_TIMEOUT_MS)
    assert plain.allowed_a(16) == 16
    state = State()
    for now_ms in range(0, 20_000, 500):
        state = step(state, 16, (16.0, None, None), now_ms, plain)
    assert state.trip is None


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5_000),
            st.sampled_from([0.0, 6.0, 16.0, 32.0]),
            st.tuples(phase_currents, phase_currents, phase_currents),
        ),
        max_size=30,
    )
)
def test_it_trips_only_after_7_s_over_without_a_break_and_never_later_than_14_s(
    script: list[tuple[int, float, Amps]],
) -> None:
    state, now_ms = State(), 0
    over_since: list[int | None] = [None, None, None]
    for wait_ms, offered_a, current_a in script:
        now_ms += wait_ms
        state = step(state, offered_a, current_a, now_ms)
        allowed_a = DEFAULT_POLICY.allowed_a(offered_a)
        for i, amps in enumerate(current_a):
            over = abs(amps or 0.0) > allowed_a
            over_since[i] = (now_ms if over_since[i] is None else over_since[i]) if over else None
        longest = max((now_ms - at for at in over_since if at is not None), default=-1)
        if state.trip is not None:
            assert longest >= TIMEOUT_MS
            return
        assert longest < 2 * TIMEOUT_MS
        lowered_ms = state.lowered_ms
        assert longest < TIMEOUT_MS or (lowered_ms is not None and now_ms - lowered_ms < FOLLOW_MS)


@given(st.floats(0, 80), st.floats(0, 1))
def test_an_obedient_car_never_trips(offered_a: float, share: float) -> None:
    amps = offered_a * share
    assert hold(State(), offered_a, (amps, amps, amps), 0, 30_000).trip is None
