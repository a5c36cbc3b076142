"""SI 2021/1467 regulation 11: what comes by itself waits; people and safety do not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evse.energy.random_delay import (
    DEFAULT_MAX_S,
    Cause,
    Change,
    Delay,
    Draws,
    Policy,
    Uniform,
    cancel,
    step,
)

ON = Policy(enabled=True)


class Fixed:
    """A source of one random number."""

    def __init__(self, value: float) -> None:
        self.value = value

    def random(self) -> float:
        return self.value


HALF = Fixed(0.5)


def auto(limit_a: float, **more: float) -> Change:
    return Change(limit_a, Cause.AUTOMATIC, **more)


def test_switched_off_everything_applies_at_once() -> None:
    assert step(Delay(), auto(16), 0, Policy(), HALF) == Delay(16, 16)


def test_a_start_waits_and_its_countdown_is_published() -> None:
    delay = step(Delay(), auto(16), 1_000, ON, HALF)
    assert delay == Delay(applied_a=0, wanted_a=16, ends_ms=301_000)
    assert delay.remaining_s(1_000) == 300
    assert delay.remaining_s(300_001) == 1
    assert step(delay, auto(16), 300_999, ON, HALF).applied_a == 0
    assert (delay.remaining_s(301_000), delay.remaining_s(302_000)) == (0, 0)
    done = step(delay, auto(16), 301_000, ON, HALF)
    assert done == Delay(16, 16)
    assert done.remaining_s(301_000) == 0


@pytest.mark.parametrize("cause", [Cause.USER, Cause.SAFETY, Cause.LOCAL])
def test_a_person_safety_and_what_is_measured_here_do_not_wait(cause: Cause) -> None:
    assert step(Delay(), Change(16, cause), 0, ON, HALF) == Delay(16, 16)
    running = step(Delay(), auto(16), 0, ON, HALF)
    assert step(running, Change(10, cause), 1, ON, HALF) == Delay(10, 10)


def test_a_cause_without_a_change_does_not_end_a_running_delay() -> None:
    running = step(Delay(), auto(16), 0, ON, HALF)
    assert step(running, Change(16, Cause.LOCAL), 1, ON, HALF) == running


def test_it_can_be_cancelled() -> None:
    assert cancel(Delay()) == Delay(0, 0), "nothing runs, nothing changes"
    assert cancel(step(Delay(), auto(16), 0, ON, HALF)) == Delay(16, 16)
    assert cancel(Delay(8, 8)) == Delay(8, 8)


def test_a_further_change_neither_prolongs_nor_restarts_it_and_the_newest_applies() -> None:
    delay = step(Delay(), auto(16), 0, ON, HALF)
    delay = step(delay, auto(20), 299_000, ON, HALF)
    assert delay == Delay(0, 20, 300_000)
    assert step(delay, auto(25), 300_000, ON, HALF) == Delay(25, 25)


def test_going_back_to_what_applies_ends_it() -> None:
    delay = step(Delay(8, 8), auto(16), 0, ON, HALF)
    assert step(delay, auto(8), 10, ON, HALF) == Delay(8, 8)


def test_a_change_while_charging_waits_only_where_any_change_is_to_wait() -> None:
    starts_only = Policy(enabled=True, at_any_change=False)
    assert step(Delay(8, 8), auto(16), 0, ON, HALF).ends_ms == 300_000
    assert step(Delay(8, 8), auto(16), 0, starts_only, HALF) == Delay(16, 16)
    assert step(Delay(8, 8), auto(0), 0, starts_only, HALF).ends_ms == 300_000
    assert step(Delay(), auto(8), 0, starts_only, HALF).ends_ms == 300_000


def test_safety_holds_during_a_delay_even_when_the_wanted_limit_is_lower_still() -> None:
    delay = step(Delay(16, 16), auto(0), 0, ON, HALF)
    assert delay.applied_a == 16
    assert step(delay, auto(0, safety_a=10), 1, ON, HALF) == Delay(10, 0, 300_000)


@pytest.mark.parametrize(("number", "wait_s"), [(0.0, 0), (0.999999, 600), (1.0, 600)])
def test_the_delay_is_0_to_600_whole_seconds(number: float, wait_s: int) -> None:
    delay = step(Delay(), auto(16), 0, ON, Fixed(number))
    assert (delay.ends_ms or 0) == wait_s * 1_000
    assert delay.applied_a == (0 if wait_s else 16)


def test_delays_are_spread_evenly_and_the_same_seed_gives_the_same_ones() -> None:
    def delays(rng: Uniform) -> list[int]:
        return [step(Delay(), auto(16), 0, ON, rng).ends_ms or 0 for _ in range(6_010)]

    found = delays(random.Random(1))
    assert found == delays(random.Random(1))
    assert len(set(found)) > 0.99 * (DEFAULT_MAX_S + 1)
    assert sum(found) / len(found) == pytest.approx(300_000, rel=0.03)


@pytest.mark.parametrize("max_s", [-1, 1_801])
def test_the_maximum_is_configurable_to_1800_s(max_s: int) -> None:
    with pytest.raises(ValueError, match=f"max_s {max_s}, not 0 to 1800"):
        Policy(max_s=max_s)


def test_a_maximum_of_0_delays_nothing_and_1800_s_is_allowed() -> None:
    assert step(Delay(), auto(16), 0, Policy(enabled=True, max_s=0), HALF) == Delay(16, 16)
    longest = Policy(enabled=True, max_s=1_800)
    assert step(Delay(), auto(16), 0, longest, Fixed(1.0)).ends_ms == 1_800_000


amps = st.sampled_from([0.0, 6.0, 10.0, 16.0, 32.0])
changes = st.builds(
    lambda a, cause, safety: Change(min(a, safety), cause, safety),
    amps,
    st.sampled_from(Cause),
    st.sampled_from([8.0, 40.0]),
)


@given(
    st.lists(st.tuples(st.integers(0, 400_000), changes), max_size=20),
    st.booleans(),
    st.integers(0, 10**6),
)
def test_nothing_is_delayed_past_the_maximum_nor_above_safety(
    script: list[tuple[int, Change]], at_any_change: bool, seed: int
) -> None:
    policy, rng = Policy(enabled=True, at_any_change=at_any_change), random.Random(seed)
    delay, now_ms, differs_since = Delay(), 0, None
    for wait_ms, change in script:
        now_ms += wait_ms
        delay = step(delay, change, now_ms, policy, rng)
        assert delay.wanted_a == change.wanted_a
        assert delay.applied_a <= change.safety_a
        assert (delay.ends_ms is None) == (delay.applied_a == delay.wanted_a)
        differs_since = None if delay.ends_ms is None else (differs_since or now_ms)
        if differs_since is not None:
            assert delay.ends_ms is not None
            assert now_ms < delay.ends_ms <= differs_since + DEFAULT_MAX_S * 1_000


def test_draws_are_spread_evenly_and_differ_by_seed_and_turn() -> None:
    one = Draws("boot 1 DE*PNX*E0000001*1")
    drawn = [one.random() for _ in range(2_000)]
    assert all(0 <= x < 1 for x in drawn)
    assert len(set(drawn)) == len(drawn)
    tenths = [sum(1 for x in drawn if i / 10 <= x < (i + 1) / 10) for i in range(10)]
    assert min(tenths) >= 150
    assert Draws("boot 2 DE*PNX*E0000001*1").random() != drawn[0]
    assert Draws("boot 1 DE*PNX*E0000001*1").random() == drawn[0]
