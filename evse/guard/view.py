"""What a guard rule may look at, and the predicates of the rules that give leave or veto. Pure.

Responsibility: each predicate is one physical question about one half-done step, answered from
facts, ages and the permit only. Those that open the contactor are in `evse/guard/causes.py`.
"""

from __future__ import annotations

import msgspec

from evse.board_faults import BoardFault
from evse.guard.facts import Hardware, Heat, Seen, Timing
from evse.guard.lock_drive import LockDrive
from evse.guard.phase_contact import POSITIONS
from evse.guard.state import GuardState
from evse.model import LockState, LockTarget, PilotState, Reason, SelfTest
from evse.pilot import is_pwm, sound_duty_bp

_MIRROR_TRIPS = (1 << Reason.WELD) | (1 << Reason.MIRROR)


class View(msgspec.Struct, gc=False):
    """All that a rule may look at: one step, half done."""

    hardware: Hardware
    timing: Timing
    now_ms: int
    seen: Seen
    state: GuardState
    """With everything sensed in this step, and nothing decided yet."""
    trips: int
    coil: bool
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
    if s.forced_unlock or (v.hardware.unlocks_on_power_loss and power_lost(v)):
        return LockTarget.UNLOCK
    if s.live:
        return s.permit.lock
    patience_ms = v.timing.unlock_after_a_ms if s.unplugged else v.timing.f_unlock_ms
    return LockTarget.UNLOCK if v.lasted(s.idle_since_ms, patience_ms) else LockTarget.KEEP


def power_lost(v: View) -> bool:
    """What is left in the lock's own supply is for letting go of the plug."""
    return BoardFault.POWER_LOSS in v.seen.faults


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


def phase_unsettled(v: View) -> bool:
    return v.state.phases.wrong_since_ms is not None or not phase_settled(v)


def phases_placed(v: View) -> bool:
    wanted = v.state.permit.phases == v.state.phases.driven
    return not v.hardware.phase_switch or (wanted and not phase_unsettled(v))


# --- moving the phase contact --------------------------------------------------------------------


def phase_settled(v: View) -> bool:
    contact = v.state.phases
    found = contact.since_ms is None and contact.driven != 0
    return found or v.lasted(contact.since_ms, v.timing.phase_ms)


def phase_wished(v: View) -> bool:
    phases = v.state.permit.phases
    return v.state.live and phases in POSITIONS and phases != v.state.phases.driven


def confirmed_open(v: View) -> bool:
    return not v.coil and v.lasted(v.state.open_since_ms, v.timing.mirror_release_ms)


def mirror_trusted(v: View) -> bool:
    return not v.trips & _MIRROR_TRIPS


# --- unlocking -----------------------------------------------------------------------------------


def coil_on(v: View) -> bool:
    return v.coil


def releasing(v: View) -> bool:
    return not v.lasted(v.coil_since_ms, v.timing.mirror_release_ms)
