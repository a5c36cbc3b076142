"""The sensing half of a guard step: what is read, and what ages. Decides nothing.

Responsibility: turns the facts of one period into the next state, with the outputs as they were.
It guarantees that every moment it keeps is the one at which a condition was first seen, so that
stepping twice on the same facts changes nothing.
"""

from __future__ import annotations

from evse.guard.facts import Hardware, Heat, Seen, Timing
from evse.guard.lock_drive import LockDrive, LockMotor
from evse.guard.phase_contact import look
from evse.guard.proximity import Cable, read_cable
from evse.guard.rcd_test import RcdTest, advance, new_session, start
from evse.guard.state import GuardState
from evse.model import DENY, F_BP, PLUGS_MODULUS, LockState, PilotState, Reason, SelfTest
from evse.pilot import (
    PLUGGED,
    POWERED,
    Debounced,
    DiodeCheck,
    check_diode,
    debounce,
    is_pwm,
    sound_duty_bp,
)

_NO_CAR = (PilotState.A, PilotState.F)
_NO_CABLE = Cable()
_UNTESTED = DiodeCheck()


def _held(now_so: bool, since_ms: int | None, now_ms: int) -> int | None:
    """Since when has it been so? The moment at which it was first seen, while it lasts."""
    if not now_so:
        return None
    return now_ms if since_ms is None else since_ms


def sense(hardware: Hardware, timing: Timing, s: GuardState, now_ms: int, seen: Seen) -> GuardState:
    """Everything that is read or that ages; decides nothing."""
    permit, permit_since_ms = s.permit, s.permit_since_ms
    if permit_since_ms is not None and now_ms - permit_since_ms >= timing.lease_ms:
        permit, permit_since_ms = DENY, None
    pilot = debounce(
        s.pilot, seen.band, now_ms, in_ms=timing.debounce_in_ms, out_ms=timing.debounce_out_ms
    )
    proof = seen.band in POWERED if pilot.state in POWERED else seen.band is not None
    own_f = s.duty_bp == F_BP or (
        s.own_f and (pilot.state is PilotState.F or pilot.candidate is PilotState.F)
    )
    session = pilot.state in PLUGGED or (s.session and pilot.state is not PilotState.A)
    cable = _NO_CABLE
    if session and hardware.socket:
        cable = read_cable(s.cable, seen.cable_a, now_ms, confirm_ms=timing.pp_ms)
        if own_f and pilot.state is PilotState.F and cable.rating_a == seen.cable_a == 0:
            session, cable = False, _NO_CABLE
    contactor_open = not s.coil and not seen.mirror_closed
    disagrees = seen.mirror_closed is not s.coil
    live = permit_since_ms is not None
    soft = s.coil and not (live and permit.close and is_pwm(sound_duty_bp(permit.duty_bp)))
    pwm_since_ms = _held(is_pwm(s.duty_bp), s.pwm_since_ms, now_ms)
    idle = not live and contactor_open and pilot.state in _NO_CAR
    return GuardState(
        permit=permit,
        permit_since_ms=permit_since_ms,
        pilot=pilot,
        doubt_since_ms=_held(not proof, s.doubt_since_ms, now_ms),
        own_f=own_f,
        session=session,
        vacant=not session and (s.vacant or s.session or pilot.state is PilotState.A),
        plugs=(s.plugs + 1) % PLUGS_MODULUS if session and s.vacant else s.plugs,
        diode=_sense_diode(timing, s.diode, session, pilot, pwm_since_ms, now_ms, seen),
        pwm_since_ms=pwm_since_ms,
        cable=cable,
        self_test=_sense_self_test(timing, s, session, contactor_open, now_ms, seen),
        coil=s.coil,
        coil_since_ms=now_ms if s.coil_since_ms is None else s.coil_since_ms,
        followed=s.followed or not disagrees,
        mirror_since_ms=_held(disagrees, s.mirror_since_ms, now_ms),
        soft_since_ms=_held(soft, s.soft_since_ms, now_ms),
        soft_reason=_soft_reason(soft, s.soft_reason, live),
        low_since_ms=_held(soft and seen.low_current, s.low_since_ms, now_ms),
        lock_lost_since_ms=_held(
            s.coil and hardware.lock and seen.lock is not LockState.LOCKED,
            s.lock_lost_since_ms,
            now_ms,
        ),
        blind_since_ms=_held(seen.heat is Heat.UNKNOWN, s.blind_since_ms, now_ms),
        idle_since_ms=_held(idle, s.idle_since_ms, now_ms),
        trips=s.trips,
        reason=s.reason,
        open_since_ms=_held(hardware.phase_switch and contactor_open, s.open_since_ms, now_ms),
        phases=look(s.phases, seen.phases, now_ms) if hardware.phase_feedback else s.phases,
        duty_bp=s.duty_bp,
        lock=s.lock,
        forced_unlock=s.forced_unlock and not _unlock_finished(pilot, s.lock, seen),
    )


def _sense_diode(
    timing: Timing,
    diode: DiodeCheck,
    session: bool,
    pilot: Debounced,
    pwm_since_ms: int | None,
    now_ms: int,
    seen: Seen,
) -> DiodeCheck:
    """The low half-wave means something only with PWM on, settled, and a car at the other end."""
    if not session:
        return _UNTESTED
    if pwm_since_ms is None:
        return diode if diode.since_ms is None else DiodeCheck(diode.proven)
    settled = now_ms - pwm_since_ms >= timing.pwm_settle_ms
    testable = settled and seen.band in PLUGGED and pilot.state in PLUGGED
    low_ok = seen.low_ok if testable else None
    return check_diode(diode, low_ok, now_ms, confirm_ms=timing.diode_ms)


def _sense_self_test(
    timing: Timing, s: GuardState, session: bool, contactor_open: bool, now_ms: int, seen: Seen
) -> RcdTest:
    """Runs by itself once a session, with the contactor open."""
    test = new_session(s.self_test) if session and not s.session else s.self_test
    if test.owed and seen.mirror_closed:
        test = RcdTest()  # A predecessor that was charging had no test under way.
    test = advance(
        test,
        seen.rcd_tripped,
        now_ms,
        trip_ms=timing.self_test_trip_ms,
        clear_ms=timing.self_test_clear_ms,
    )
    due = session and contactor_open and not seen.rcd_tripped
    return start(now_ms) if due and test.status is SelfTest.NOT_RUN else test


def _soft_reason(soft: bool, kept: Reason, live: bool) -> Reason:
    if not soft:
        return Reason.NONE
    if kept is not Reason.NONE:
        return kept
    return Reason.OFFER_WITHDRAWN if live else Reason.LEASE_LOST


def _unlock_finished(pilot: Debounced, motor: LockMotor, seen: Seen) -> bool:
    """The car is gone, and the forced unlocking has come to its end, well or ill."""
    resting = motor.drive is LockDrive.OFF and (motor.jammed or seen.lock is LockState.UNLOCKED)
    return pilot.state is PilotState.A and resting
