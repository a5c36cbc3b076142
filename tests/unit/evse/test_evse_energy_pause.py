"""The offer: paused below 6 A, resumed late, raised slowly, changed every 5 s, safe at once."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evse.energy.pause import (
    DEFAULT_POLICY,
    RESUME_DWELL_MS,
    RESUME_STEADY_MS,
    Offer,
    Policy,
    next_deadline_ms,
    step,
)
from evse.limits import DUTY_INTERVAL_MS, MIN_OFFER_A, UNLIMITED_A, Effective

RAMP = Policy(ramp_a_per_s=0.5)


def wanted(limit_a: float, *, safety_a: float = UNLIMITED_A, measured: bool = False) -> Effective:
    return Effective(limit_a=limit_a, source="test", safety_a=safety_a, measured=measured)


def run(*steps: tuple[int, Effective], policy: Policy = DEFAULT_POLICY) -> list[float]:
    offer, found = Offer(), []
    for now_ms, limit in steps:
        offer = step(offer, limit, now_ms, policy)
        found.append(offer.offered_a)
    return found


def test_below_6_a_there_is_no_offer_and_6_a_is_enough() -> None:
    assert run((0, wanted(5.99))) == [0]
    assert run((0, wanted(6.0))) == [6]
    assert run((0, wanted(float("nan")))) == [0]


def test_a_command_that_pauses_acts_at_once_and_one_that_resumes_too() -> None:
    assert run((0, wanted(16)), (1, wanted(0)), (2, wanted(6))) == [16, 0, 6]


def test_a_measured_pause_ends_after_6_5_a_for_60_s_without_a_break() -> None:
    low, high = wanted(5, measured=True), wanted(6.5, measured=True)
    dip_ms = 100 + RESUME_DWELL_MS // 2
    begin_ms = dip_ms + 1
    steps = [(0, wanted(16)), (1, low), (100, high), (dip_ms, low), (begin_ms, high)]
    assert run(*steps, (begin_ms + RESUME_DWELL_MS - 1, high))[-1] == 0
    assert run(*steps, (begin_ms + RESUME_DWELL_MS, high))[-1] == 6.5


def test_a_measured_limit_that_stays_at_6_a_resumes_after_300_s() -> None:
    low, just = wanted(5, measured=True), wanted(6, measured=True)
    assert run((0, low), (1, just), (300_000, just))[-1] == 0
    assert run((0, low), (1, just), (300_001, just))[-1] == 6


def test_a_limit_that_has_sunk_under_6_5_a_does_not_end_the_60_s() -> None:
    low, high, just = (wanted(a, measured=True) for a in (5, 6.5, 6.4))
    assert run((0, low), (1, high), (60_001, just), (60_002, high))[-3:] == [0, 0, 0]


def test_a_measured_pause_that_a_command_prolongs_still_resumes_with_hysteresis() -> None:
    low = wanted(5, measured=True)
    assert run((0, low), (1, wanted(0)), (2, wanted(16)))[-1] == 0


def test_a6_seq6_the_car_has_5_s_and_a_permit_s_renewal_between_two_changes() -> None:
    assert run(
        (0, wanted(16)),
        (1, wanted(10)),
        (5_099, wanted(10)),
        (5_100, wanted(10)),
        (5_101, wanted(20)),
        (10_200, wanted(20)),
    ) == [16, 16, 16, 10, 10, 20]


def test_downwards_for_safety_goes_out_at_once() -> None:
    assert run((0, wanted(16)), (1, wanted(10, safety_a=10))) == [16, 10]
    assert run((0, wanted(10)), (1, wanted(16, safety_a=16))) == [10, 10], "upwards is no hurry"


def test_a_lower_limit_that_may_wait_does_not_hold_up_a_safety_limit() -> None:
    assert run((0, wanted(32)), (1, wanted(8, safety_a=13))) == [32, 8]


def test_a_safety_limit_that_is_kept_already_hurries_nothing() -> None:
    assert run((0, wanted(16, safety_a=16)), (1, wanted(10, safety_a=16))) == [16, 16]


def test_the_ramp_starts_at_6_a_and_rises_by_one_interval_at_a_time_but_falls_whole() -> None:
    s = DUTY_INTERVAL_MS
    assert run(
        (0, wanted(16)),
        (s, wanted(16)),
        (100 * s, wanted(16)),
        (101 * s, wanted(11.5)),
        (102 * s, wanted(7)),
        policy=RAMP,
    ) == pytest.approx([6, 6 + s / 2_000, 6 + 2 * s / 2_000, 11.5, 7])


def test_a_deadline_is_named_for_a_held_change_and_for_a_resumption() -> None:
    offer = step(Offer(), wanted(16), 0)
    assert next_deadline_ms(offer, wanted(16), 1) is None
    assert next_deadline_ms(offer, wanted(10), 1) == DUTY_INTERVAL_MS
    paused = step(step(Offer(), wanted(5, measured=True), 0), wanted(7, measured=True), 10)
    assert next_deadline_ms(paused, wanted(7), 10) == 10 + RESUME_DWELL_MS
    just = step(step(Offer(), wanted(5, measured=True), 0), wanted(6, measured=True), 10)
    assert next_deadline_ms(just, wanted(6), 10) == 10 + RESUME_STEADY_MS


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"margin_a": -1.0}, "margin_a -1.0 is negative"),
        ({"dwell_ms": 9, "steady_ms": 8}, "dwell_ms 9 must lie between 0 and steady_ms 8"),
        ({"ramp_a_per_s": 0.0}, "0.0 A/s does not rise"),
    ],
)
def test_a_policy_out_of_range_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Policy(**fields)


def test_a_policy_without_margin_and_dwell_resumes_at_once() -> None:
    at_once = Policy(margin_a=0, dwell_ms=0, steady_ms=0)
    low, high = wanted(5, measured=True), wanted(6, measured=True)
    assert run((0, low), (1, high), policy=at_once) == [0, 6]


amps = st.sampled_from([0.0, 5.9, 6.0, 6.4, 6.5, 10.0, 16.0, 32.0])


@st.composite
def limits(draw: st.DrawFn) -> Effective:
    limit_a = draw(amps)
    safety_a = draw(st.sampled_from([limit_a, limit_a + 3, UNLIMITED_A]))
    return wanted(limit_a, safety_a=safety_a, measured=draw(st.booleans()))


scripts = st.lists(st.tuples(st.integers(0, 70_000), limits()), max_size=25)


@given(scripts, st.sampled_from([DEFAULT_POLICY, RAMP]))
def test_the_rules_hold_in_any_script(script: list[tuple[int, Effective]], policy: Policy) -> None:
    offer, now_ms = Offer(), 0
    for wait_ms, limit in script:
        now_ms += wait_ms
        before, offer = offer, step(offer, limit, now_ms, policy)
        assert offer.offered_a == 0 or offer.offered_a >= MIN_OFFER_A
        assert offer.offered_a <= limit.safety_a
        assert offer.offered_a == 0 or limit.enough
        if offer.offered_a > before.offered_a:
            assert offer.offered_a <= limit.limit_a
        if 0 < before.offered_a != offer.offered_a > 0:
            paced = now_ms - before.changed_ms >= DUTY_INTERVAL_MS
            assert paced or limit.safety_a < before.offered_a
        assert step(offer, limit, now_ms, policy) == offer, "twice is as good as once"


@given(
    st.lists(st.tuples(st.integers(1, 600).map(lambda n: n * 300), limits()), max_size=6),
    st.sampled_from([DEFAULT_POLICY, RAMP]),
)
def test_stepping_at_deadlines_sees_what_stepping_every_300_ms_sees(
    script: list[tuple[int, Effective]], policy: Policy
) -> None:
    ticked = skipped = Offer()
    now_ms = 0
    for wait_ms, limit in script:
        end_ms = now_ms + wait_ms
        skipped = step(skipped, limit, now_ms, policy)
        due_ms = next_deadline_ms(skipped, limit, now_ms, policy)
        while due_ms is not None and due_ms < end_ms:
            skipped = step(skipped, limit, due_ms, policy)
            due_ms = next_deadline_ms(skipped, limit, due_ms, policy)
        for moment in range(now_ms, end_ms, 300):
            ticked = step(ticked, limit, moment, policy)
        assert ticked == skipped
        now_ms = end_ms


@given(st.lists(st.floats(5, 7), min_size=1, max_size=200))
def test_a_limit_that_flutters_every_second_does_not_work_the_contactor(
    values: list[float],
) -> None:
    found = run(*((i * 1_000, wanted(v, measured=True)) for i, v in enumerate(values)))
    starts = [i for i in range(1, len(found)) if found[i] and not found[i - 1]]
    assert all(b - a > RESUME_DWELL_MS // 1_000 for a, b in pairwise(starts))
