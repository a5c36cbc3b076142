"""What a guard rule may look at, and the predicates that the rules are made of. Pure.

Responsibility: each predicate is one physical question about one half-done step, answered from
facts, ages and the permit only.
"""

from __future__ import annotations

import msgspec

from evse.guard.facts import Hardware, Heat, Seen, Timing
from evse.guard.lock_drive import LockDrive
from evse.guard.state import GuardState
from evse.model import LockState, LockTarget, PilotState, SelfTest
from evse.pilot import is_pwm, sound_duty_bp


class View(msgspec.Struct, gc=False):
    """All that a rule may look at: one step, half done."""

    hardware: Hardware
    timing: Timing
    now_ms: int
    seen: Seen
    state: GuardState
    """With everything sensed in this step, and nothing decided yet."""
    trips: int = 0
    coil: bool = False
    """As decided so far."""
    coil_since_ms: int | None = None
    lock_goal: LockTarget = LockTarget.KEEP

    def lasted(self, since_ms: int | None, limit_ms: int) -> bool:
        """Has that been so for `limit_ms`?"""
        return since_ms is not None and self.now_ms - since_ms >= limit_ms

    @property
    def energy_wanted(self) -> bool:
        """Is the car in C, or in D where the station is ventilated?"""
        pilot = self.state.pilot.state
        return pilot is PilotState.C or (pilot is PilotState.D and self.hardware.ventilation)


def lock_goal(v: View) -> LockTarget:
    s = v.state
    if s.forced_unlock:
        return LockTarget.UNLOCK
    if s.live:
        return s.permit.lock
    patience_ms = v.timing.unlock_after_a_ms if s.unplugged else v.timing.f_unlock_ms
    return LockTarget.UNLOCK if v.lasted(s.idle_since_ms, patience_ms) else LockTarget.KEEP


# --- trips ---------------------------------------------------------------------------------------


def emergency_stop(v: View) -> bool:
    return v.seen.emergency_stop


def rcd(v: View) -> bool:
    return v.seen.rcd_tripped and v.state.self_test.status is not SelfTest.RUNNING


def mirror_closed(v: View) -> bool:
    return v.seen.mirror_closed


def mirror_disagrees(v: View) -> bool:
    s = v.state
    if s.followed:
        return v.lasted(s.mirror_since_ms, v.timing.mirror_glitch_ms)
    travel_ms = v.timing.mirror_close_ms if s.coil else v.timing.mirror_release_ms
    return s.mirror_since_ms is not None and v.lasted(s.coil_since_ms, travel_ms)


def weld(v: View) -> bool:
    return not v.state.coil and mirror_disagrees(v)


def mirror(v: View) -> bool:
    return v.state.coil and mirror_disagrees(v)


def diode(v: View) -> bool:
    return v.state.diode.bad


def faulty_level(v: View) -> bool:
    pilot = v.state.pilot.state
    if pilot is PilotState.F:
        return not v.state.own_f
    return pilot is PilotState.E or pilot is PilotState.INVALID


def pilot_fault(v: View) -> bool:
    return v.state.session and faulty_level(v)


def in_doubt(v: View) -> bool:
    return v.state.doubt_since_ms is not None


def stalled(v: View) -> bool:
    return v.lasted(v.state.doubt_since_ms, v.timing.stall_ms)


def lock_lost(v: View) -> bool:
    return v.lasted(v.state.lock_lost_since_ms, v.timing.lock_lost_ms)


def lock_unknown(v: View) -> bool:
    return v.seen.lock is LockState.MOVING


def proximity(v: View) -> bool:
    return v.state.session and v.state.cable.rating_a == 0


def over_temperature(v: View) -> bool:
    blind = v.lasted(v.state.blind_since_ms, v.timing.temperature_lost_ms)
    return blind or v.seen.heat is Heat.HOT


def not_cool(v: View) -> bool:
    return v.seen.heat is not Heat.OK


def asks_ventilation(v: View) -> bool:
    return v.state.pilot.state is PilotState.D and not v.hardware.ventilation


def ventilation(v: View) -> bool:
    return v.state.coil and asks_ventilation(v)


def self_test_failed(v: View) -> bool:
    return v.state.self_test.status is SelfTest.FAILED


# --- opening without a latch ---------------------------------------------------------------------


def left_cd(v: View) -> bool:
    return not v.energy_wanted


def soft_time_over(v: View) -> bool:
    return v.lasted(v.state.soft_since_ms, v.timing.c1_open_ms)


def soft_low_current(v: View) -> bool:
    return v.lasted(v.state.low_since_ms, v.timing.low_current_ms)


# --- closing -------------------------------------------------------------------------------------


def permitted(v: View) -> bool:
    return v.state.live and v.state.permit.close


def offered(v: View) -> bool:
    return is_pwm(sound_duty_bp(v.state.permit.duty_bp))


def car_ready(v: View) -> bool:
    return v.energy_wanted


def certain(v: View) -> bool:
    return v.seen.band is v.state.pilot.state


def diode_proven(v: View) -> bool:
    return v.state.diode.proven


def self_test_passed(v: View) -> bool:
    return v.state.self_test.status is SelfTest.PASSED or not v.hardware.rcd_self_test


def no_trip(v: View) -> bool:
    return not v.trips


def mirror_open(v: View) -> bool:
    return not v.seen.mirror_closed


def rested(v: View) -> bool:
    return v.lasted(v.state.coil_since_ms, v.timing.min_off_ms)


def locked(v: View) -> bool:
    return v.seen.lock is LockState.LOCKED or not v.hardware.lock


def stays_locked(v: View) -> bool:
    s = v.state
    return s.permit.lock is not LockTarget.UNLOCK and s.lock.drive is not LockDrive.UNLOCK


def cable_rated(v: View) -> bool:
    rating_a = v.state.cable.rating_a
    return not v.hardware.socket or (rating_a is not None and v.seen.cable_a >= rating_a > 0)


def not_forced(v: View) -> bool:
    return not v.state.forced_unlock


def temperature_known(v: View) -> bool:
    return v.seen.heat is Heat.OK or v.seen.heat is Heat.WARM


# --- unlocking -----------------------------------------------------------------------------------


def coil_on(v: View) -> bool:
    return v.coil


def releasing(v: View) -> bool:
    return not v.lasted(v.coil_since_ms, v.timing.mirror_release_ms)
