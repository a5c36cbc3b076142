"""The RCD self-test: trips in time, clears in time, or fails."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evse.guard.rcd_test import UNANSWERED, RcdTest, advance, new_session, start
from evse.model import SelfTest

TRIP_MS, CLEAR_MS = 500, 2_000


def look(test: RcdTest, tripped: bool, now_ms: int) -> RcdTest:
    return advance(test, tripped, now_ms, trip_ms=TRIP_MS, clear_ms=CLEAR_MS)


def test_a_device_that_trips_and_clears_passes() -> None:
    test = look(start(0), False, 100)
    assert test == start(0)
    test = look(test, True, 200)
    assert (test.status, test.driving) == (SelfTest.RUNNING, False)
    test = look(test, True, 1_400)
    assert look(test, False, 1_410) == RcdTest(SelfTest.PASSED)


def test_a_device_that_does_not_trip_fails_and_is_released() -> None:
    assert look(start(0), False, TRIP_MS - 1).status is SelfTest.RUNNING
    assert look(start(0), False, TRIP_MS) == RcdTest(SelfTest.FAILED)


def test_a_device_that_does_not_clear_fails() -> None:
    released = look(start(0), True, 100)
    assert look(released, True, 100 + CLEAR_MS - 1).status is SelfTest.RUNNING
    assert look(released, True, 100 + CLEAR_MS) == RcdTest(SelfTest.FAILED)


def test_a_pass_of_a_test_begun_before_plug_in_counts_for_nothing() -> None:
    void = new_session(start(0))
    assert (void.driving, void.void) == (True, True)
    released = look(void, True, 100)
    assert look(released, False, 200) == RcdTest(SelfTest.NOT_RUN)


def test_a_start_gives_an_unanswered_test_the_time_to_clear_and_no_more() -> None:
    waiting = look(UNANSWERED, True, 70)
    assert look(waiting, True, 70 + CLEAR_MS - 1).status is SelfTest.RUNNING
    assert look(waiting, True, 70 + CLEAR_MS) == RcdTest(SelfTest.NOT_RUN)
    assert look(waiting, False, 80) == RcdTest(SelfTest.NOT_RUN)


def test_a_start_waits_for_a_pulse_that_may_still_rise_as_long_as_a_test_may_take() -> None:
    waiting = look(UNANSWERED, False, 70)
    assert look(waiting, False, 70 + TRIP_MS - 1).status is SelfTest.RUNNING
    assert look(waiting, False, 70 + TRIP_MS) == RcdTest(SelfTest.NOT_RUN)
    risen = look(waiting, True, 70 + TRIP_MS - 1)
    assert look(risen, True, 70 + TRIP_MS + CLEAR_MS - 2).status is SelfTest.RUNNING
    assert look(risen, True, 70 + TRIP_MS + CLEAR_MS - 1) == RcdTest(SelfTest.NOT_RUN)


def test_a_car_that_comes_meanwhile_changes_nothing_of_what_is_owed() -> None:
    assert new_session(UNANSWERED) == UNANSWERED
    assert not UNANSWERED.driving


def test_a_failure_counts_whenever_it_began() -> None:
    assert look(new_session(start(0)), False, TRIP_MS) == RcdTest(SelfTest.FAILED)


@pytest.mark.parametrize("status", [SelfTest.PASSED, SelfTest.FAILED, SelfTest.NOT_RUN])
def test_a_new_session_forgets_the_result(status: SelfTest) -> None:
    assert new_session(RcdTest(status)) == RcdTest(SelfTest.NOT_RUN)


def test_what_is_not_fitted_stays_not_fitted() -> None:
    absent = RcdTest(SelfTest.NOT_FITTED)
    assert new_session(absent) is absent
    assert look(absent, True, 0) is absent


@given(st.lists(st.booleans(), min_size=300, max_size=300))
def test_a_verdict_comes_in_bounded_time(readings: list[bool]) -> None:
    test = start(0)
    for period, tripped in enumerate(readings, start=1):
        test = look(test, tripped, 10 * period)
    assert test.status in (SelfTest.PASSED, SelfTest.FAILED)
    assert not test.driving
