"""The guard kernel: one pure step from what was, what is seen and what is permitted.

Responsibility: decides whether current may flow. It guarantees that the contactor closes only when
every closing rule holds in that very step, that it opens in the step in which any opening rule
applies, that the plug is not driven open while a veto holds, that the phase contact is sent nowhere
unless every moving rule holds, and that nothing is offered beside a trip or without a live permit.
It assumes one call a period with fresh facts, or none at all while the facts stay and no deadline
has come. Who checks it: the exhaustive exploration, in which each rule of `evse/guard/rules.py` is
shown to be needed.
"""

from __future__ import annotations

import msgspec

from evse.board_faults import BoardFault
from evse.guard.facts import Hardware, Outputs, Seen, Timing
from evse.guard.lock_drive import LockMotor, drive_lock
from evse.guard.phase_contact import PhaseContact, send
from evse.guard.rcd_test import UNANSWERED, RcdTest
from evse.guard.rules import Rules
from evse.guard.sense import sense
from evse.guard.state import GuardState
from evse.guard.view import View, lock_goal
from evse.model import X1_BP, LockTarget, Permit, Reason, SelfTest
from evse.pilot import is_pwm, sound_duty_bp


def initial(hardware: Hardware) -> GuardState:
    """Before the first step: nothing known, nothing on."""
    if hardware.rcd_self_test:
        return GuardState(self_test=UNANSWERED)
    return GuardState(self_test=RcdTest(SelfTest.NOT_FITTED))


def renew(state: GuardState, permit: Permit, now_ms: int) -> GuardState:
    """Take a permit; it counts from the next step on, for lease_ms from `now_ms`."""
    return msgspec.structs.replace(state, permit=permit, permit_since_ms=now_ms)


def step(
    hardware: Hardware, timing: Timing, rules: Rules, state: GuardState, now_ms: int, seen: Seen
) -> GuardState:
    """One period. Returns `state` itself when nothing changed."""
    sensed = sense(hardware, timing, state, now_ms, seen)
    view = View(hardware, timing, now_ms, seen, sensed, sensed.trips, sensed.coil)
    decided = _decide(rules, view)
    return state if decided == state else decided


def outputs(state: GuardState) -> Outputs:
    """What `state` drives."""
    return Outputs(
        state.coil,
        state.duty_bp,
        state.lock.drive,
        state.self_test.driving,
        state.phases.driven,
    )


def _decide(rules: Rules, v: View) -> GuardState:
    """Trips, the contactor, the phase contact, the offer, the lock: each sees what came before."""
    s = v.state
    v.lock_goal = lock_goal(v)
    reason = _latch_trips(rules, v)
    v.coil, reason = _contactor(rules, v, reason)
    changed = v.coil is not s.coil
    v.coil_since_ms = v.now_ms if changed else s.coil_since_ms
    return msgspec.structs.replace(
        s,
        trips=v.trips,
        reason=reason,
        coil=v.coil,
        coil_since_ms=v.coil_since_ms,
        followed=s.followed and not changed,
        mirror_since_ms=None if changed else s.mirror_since_ms,
        phases=_phases(rules, v),
        duty_bp=_duty_bp(v),
        lock=_lock(rules, v),
    )


def _latch_trips(rules: Rules, v: View) -> Reason:
    reason = v.state.reason
    for rule in rules.trips:
        if rule.applies(v):
            if not v.trips:
                reason = rule.reason
            v.trips |= 1 << rule.reason
    return reason


def _contactor(rules: Rules, v: View, reason: Reason) -> tuple[bool, Reason]:
    """The coil, and the reason for not being closed."""
    if v.coil:
        if v.trips:
            return False, reason
        if any(rule.holds(v) for rule in rules.opens):
            return False, v.state.soft_reason or Reason.PILOT_LEFT_CD
        return True, reason
    for rule in rules.closes:
        if not rule.holds(v):
            return False, reason
    return True, Reason.NONE


def _phases(rules: Rules, v: View) -> PhaseContact:
    if v.hardware.phase_switch and all(rule.holds(v) for rule in rules.moves):
        return send(v.state.phases, v.state.permit.phases, v.seen.phases, v.now_ms)
    return v.state.phases


def _duty_bp(v: View) -> int:
    """The permit's output, if it means something; never an offer beside a trip or a stop."""
    wanted_bp = sound_duty_bp(v.state.permit.duty_bp)
    stopping = v.coil and v.state.soft_since_ms is not None
    return X1_BP if is_pwm(wanted_bp) and (v.trips or stopping) else wanted_bp


def vetoed(rules: Rules, v: View) -> bool:
    return any(rule.holds(v) for rule in rules.vetoes)


def _lock_vetoed(rules: Rules, v: View) -> bool:
    """Unlocking under load; locking without the reserve that unlocks again on a power loss."""
    if v.lock_goal is LockTarget.UNLOCK:
        return vetoed(rules, v)
    return v.lock_goal is LockTarget.LOCK and BoardFault.LOCK_CAPACITOR in v.seen.faults


def _lock(rules: Rules, v: View) -> LockMotor:
    motor, timing = v.state.lock, v.timing
    if not v.hardware.lock:
        return motor
    return drive_lock(
        motor,
        v.lock_goal,
        v.seen.lock,
        _lock_vetoed(rules, v),
        v.now_ms,
        pulse_ms=timing.lock_pulse_ms,
        pause_ms=timing.lock_pause_ms,
        max_tries=timing.lock_tries,
    )
