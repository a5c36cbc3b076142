"""The predicates of the rules that open the contactor. Pure.

Responsibility: as in `evse/guard/view.py`, each is one physical question about one half-done step.
"""

from __future__ import annotations

from evse.board_faults import WARNINGS, BoardFault
from evse.guard.facts import Heat
from evse.guard.view import View, phase_settled
from evse.model import LockState, PilotState, SelfTest

_STOPPING = ~WARNINGS
_RESIDUAL_KINDS = BoardFault.RCD_DC | BoardFault.RCD_AC

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


def phase_contact(v: View) -> bool:
    wrong_since_ms = v.state.phases.wrong_since_ms
    if wrong_since_ms is None:
        return False
    return v.lasted(wrong_since_ms, v.timing.mirror_glitch_ms) and phase_settled(v)


def board_fault(v: View) -> bool:
    """The two kinds of residual current are the tripped device's own, and its test is no fault."""
    faults = v.seen.faults
    if not faults:
        return False
    if v.state.self_test.status is SelfTest.RUNNING:
        faults &= ~_RESIDUAL_KINDS
    return bool(faults & _STOPPING)


# --- opening without a latch ---------------------------------------------------------------------


def left_cd(v: View) -> bool:
    return not v.energy_wanted


def soft_time_over(v: View) -> bool:
    return v.lasted(v.state.soft_since_ms, v.timing.c1_open_ms)


def soft_low_current(v: View) -> bool:
    return v.lasted(v.state.low_since_ms, v.timing.low_current_ms)
