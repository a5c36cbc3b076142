"""Driving a connector lock: bounded pulses, end feedback, spaced retries, then JAMMED. Pure.

Responsibility: turns a wanted position into motor pulses. It guarantees that the motor is never
driven longer than one pulse at a time, never reversed without a pause, and not for ever; it does
not decide *whether* moving is safe: the guard does, and says so with `vetoed`, which stops a pulse
in the same step.
"""

from __future__ import annotations

import enum

import msgspec

from evse.model import LockState, LockTarget


class LockDrive(enum.IntEnum):
    """What the motor bridge does."""

    OFF = 0
    LOCK = 1
    UNLOCK = 2


_DIRECTION = {LockTarget.LOCK: LockDrive.LOCK, LockTarget.UNLOCK: LockDrive.UNLOCK}


class LockMotor(msgspec.Struct, frozen=True, gc=False):
    """Where the drive stands."""

    goal: LockTarget = LockTarget.KEEP
    drive: LockDrive = LockDrive.OFF
    tries: int = 0
    """Pulses already spent on this goal."""
    jammed: bool = False
    since_ms: int | None = None
    """When the present pulse, or the pause after the last one, began."""


def feedback(locked: bool, unlocked: bool) -> LockState:
    """What the two end switches say; both or neither is somewhere between."""
    if locked is unlocked:
        return LockState.MOVING
    return LockState.LOCKED if locked else LockState.UNLOCKED


def drive_lock(
    motor: LockMotor,
    goal: LockTarget,
    position: LockState,
    vetoed: bool,
    now_ms: int,
    *,
    pulse_ms: int,
    pause_ms: int,
    max_tries: int,
) -> LockMotor:
    """One step towards `goal`. `vetoed`: that is forbidden now, and costs no try."""
    if goal is not motor.goal:
        resting_since_ms = motor.since_ms if motor.drive is LockDrive.OFF else now_ms
        motor = LockMotor(goal, since_ms=resting_since_ms)
    age_ms = None if motor.since_ms is None else now_ms - motor.since_ms
    if motor.drive is not LockDrive.OFF:
        assert age_ms is not None
        return _pulsing(motor, position, vetoed, now_ms, age_ms >= pulse_ms, max_tries)
    if age_ms is not None and age_ms >= pause_ms:
        motor, age_ms = LockMotor(motor.goal, motor.drive, motor.tries, motor.jammed), None
    if goal is LockTarget.KEEP or _reached(goal, position):
        return LockMotor(goal, since_ms=motor.since_ms) if motor.tries else motor
    blocked = motor.jammed or vetoed or age_ms is not None
    if blocked:
        return motor
    return LockMotor(goal, _DIRECTION[goal], motor.tries + 1, since_ms=now_ms)


def _pulsing(
    motor: LockMotor,
    position: LockState,
    vetoed: bool,
    now_ms: int,
    spent: bool,
    max_tries: int,
) -> LockMotor:
    if _reached(motor.goal, position):
        return LockMotor(motor.goal, since_ms=now_ms)
    if vetoed:
        return LockMotor(motor.goal, tries=motor.tries - 1, since_ms=now_ms)
    if not spent:
        return motor
    return LockMotor(
        motor.goal, tries=motor.tries, jammed=motor.tries >= max_tries, since_ms=now_ms
    )


def _reached(goal: LockTarget, position: LockState) -> bool:
    if goal is LockTarget.LOCK:
        return position is LockState.LOCKED
    return goal is LockTarget.UNLOCK and position is LockState.UNLOCKED
