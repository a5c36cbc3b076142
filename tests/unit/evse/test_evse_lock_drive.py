"""The lock motor: bounded pulses, spaced retries, and an end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evse.guard.lock_drive import LockDrive, LockMotor, drive_lock, feedback
from evse.model import LockState, LockTarget

PULSE_MS, PAUSE_MS, TRIES = 600, 500, 3
MOVING, LOCKED, UNLOCKED = LockState.MOVING, LockState.LOCKED, LockState.UNLOCKED
LOCK, UNLOCK, KEEP = LockTarget.LOCK, LockTarget.UNLOCK, LockTarget.KEEP


def drive(
    motor: LockMotor, goal: LockTarget, position: LockState, now_ms: int, vetoed: bool = False
) -> LockMotor:
    return drive_lock(
        motor,
        goal,
        position,
        vetoed,
        now_ms,
        pulse_ms=PULSE_MS,
        pause_ms=PAUSE_MS,
        max_tries=TRIES,
    )


@pytest.mark.parametrize(
    ("locked", "unlocked", "position"),
    [
        (True, False, LOCKED),
        (False, True, UNLOCKED),
        (False, False, MOVING),
        (True, True, MOVING),
    ],
)
def test_both_ends_at_once_are_no_position(
    locked: bool, unlocked: bool, position: LockState
) -> None:
    assert feedback(locked, unlocked) is position


@pytest.mark.parametrize(
    ("goal", "begins", "ends", "direction"),
    [(LOCK, UNLOCKED, LOCKED, LockDrive.LOCK), (UNLOCK, LOCKED, UNLOCKED, LockDrive.UNLOCK)],
)
def test_a_lock_is_driven_until_its_feedback_and_rests_before_the_next_pulse(
    goal: LockTarget, begins: LockState, ends: LockState, direction: LockDrive
) -> None:
    motor = drive(LockMotor(), goal, begins, 0)
    assert motor.drive is direction
    assert drive(motor, goal, MOVING, 200) is motor
    motor = drive(motor, goal, ends, 300)
    assert motor.drive is LockDrive.OFF
    assert drive(motor, goal, MOVING, 799).drive is LockDrive.OFF
    assert drive(motor, goal, MOVING, 800).drive is direction


def test_a_plug_that_gets_there_by_hand_during_the_rest_does_not_shorten_it() -> None:
    motor = drive(LockMotor(LOCK, tries=1, since_ms=0), LOCK, LOCKED, 100)
    assert motor == LockMotor(LOCK, since_ms=0)
    assert drive(motor, LOCK, MOVING, 499).drive is LockDrive.OFF
    assert drive(motor, LOCK, MOVING, 500).drive is LockDrive.LOCK


def test_a_jam_is_told_after_three_spaced_pulses() -> None:
    motor, pulses, last = LockMotor(), [], LockDrive.OFF
    for now_ms in range(0, 10_000, 10):
        motor = drive(motor, LOCK, MOVING, now_ms)
        if motor.drive is not last:
            pulses.append((now_ms, motor.drive))
            last = motor.drive
    on, off = LockDrive.LOCK, LockDrive.OFF
    assert pulses == [(0, on), (600, off), (1_100, on), (1_700, off), (2_200, on), (2_800, off)]
    assert motor.jammed


def test_a_jam_ends_when_the_plug_gets_there_by_hand() -> None:
    jammed = LockMotor(LOCK, tries=3, jammed=True)
    assert drive(jammed, LOCK, LOCKED, 0) == LockMotor(LOCK)


def test_a_new_goal_tries_again() -> None:
    jammed = LockMotor(LOCK, tries=3, jammed=True)
    assert drive(jammed, UNLOCK, MOVING, 0) == LockMotor(UNLOCK, LockDrive.UNLOCK, 1, since_ms=0)


def test_a_reversal_rests_first() -> None:
    motor = drive(LockMotor(), LOCK, UNLOCKED, 0)
    motor = drive(motor, UNLOCK, MOVING, 100)
    assert motor.drive is LockDrive.OFF
    assert drive(motor, UNLOCK, MOVING, 590).drive is LockDrive.OFF
    assert drive(motor, UNLOCK, MOVING, 600).drive is LockDrive.UNLOCK


def test_a_veto_stops_an_unlocking_pulse_at_once() -> None:
    motor = drive(LockMotor(), UNLOCK, LOCKED, 0)
    stopped = drive(motor, UNLOCK, MOVING, 10, vetoed=True)
    assert stopped == LockMotor(UNLOCK, since_ms=10), "and costs no try"
    assert drive(stopped, UNLOCK, MOVING, 5_000, vetoed=True).drive is LockDrive.OFF
    assert drive(stopped, UNLOCK, MOVING, 5_000).drive is LockDrive.UNLOCK


def test_a_veto_gives_back_its_own_try_and_no_other() -> None:
    second = LockMotor(UNLOCK, LockDrive.UNLOCK, 2, since_ms=0)
    assert drive(second, UNLOCK, MOVING, 10, vetoed=True) == LockMotor(UNLOCK, tries=1, since_ms=10)


def test_a_veto_of_locking_begins_no_pulse_and_costs_no_try() -> None:
    motor = drive(LockMotor(), LOCK, UNLOCKED, 0, vetoed=True)
    assert motor.drive is LockDrive.OFF
    pulsing = drive(LockMotor(), LOCK, UNLOCKED, 0)
    assert drive(pulsing, LOCK, MOVING, 10, vetoed=True) == LockMotor(LOCK, since_ms=10)


def test_keep_drives_nothing_and_ends_a_pulse() -> None:
    assert drive(LockMotor(), KEEP, UNLOCKED, 0) == LockMotor()
    motor = drive(LockMotor(), LOCK, UNLOCKED, 0)
    assert drive(motor, KEEP, MOVING, 10).drive is LockDrive.OFF


def test_a_lock_that_drifts_is_driven_again() -> None:
    assert drive(LockMotor(LOCK), LOCK, MOVING, 0).drive is LockDrive.LOCK


STEPS = st.lists(
    st.tuples(
        st.sampled_from(LockTarget), st.sampled_from((MOVING, LOCKED, UNLOCKED)), st.booleans()
    ),
    max_size=300,
)


@given(STEPS)
def test_no_pulse_is_longer_than_allowed_and_no_veto_is_crossed(
    steps: list[tuple[LockTarget, LockState, bool]],
) -> None:
    motor, began_ms = LockMotor(), 0
    for period, (goal, position, vetoed) in enumerate(steps):
        now_ms, last = 10 * period, motor.drive
        motor = drive(motor, goal, position, now_ms, vetoed)
        if motor.drive is not last:
            assert LockDrive.OFF in (motor.drive, last)
            began_ms = now_ms
        if motor.drive is not LockDrive.OFF:
            assert now_ms - began_ms < PULSE_MS
        assert not (vetoed and motor.drive is not LockDrive.OFF)
        assert motor.tries <= TRIES
