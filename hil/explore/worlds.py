"""The worlds that are walked: small ones in every test run, wide ones in `make soak`."""

from __future__ import annotations

import msgspec

from evse.board_faults import BoardFault
from evse.guard.facts import Heat
from evse.guard.guard import Hardware, Timing
from evse.model import F_BP, X1_BP, CommandVerb, LockState, LockTarget, Permit, PilotState
from hil.explore.world import GO, A, B, C, World

D, E, F = PilotState.D, PilotState.E, PilotState.F
INVALID = PilotState.INVALID
STOP = Permit(seq=0, close=False, duty_bp=X1_BP)
GO_X1 = Permit(seq=0, close=True, duty_bp=X1_BP)
ON_L1 = Permit(seq=0, close=True, duty_bp=2_666, phases=1)
OFFER = Permit(seq=0, close=False, duty_bp=2_666)
OUT_OF_ORDER = Permit(seq=0, close=False, duty_bp=F_BP)
ACK, FORCE, RETEST = (
    CommandVerb.ACKNOWLEDGE,
    CommandVerb.FORCE_UNLOCK,
    CommandVerb.RCD_SELF_TEST,
)

_STEADY_DIODE = ("bad_diode_opens", "diode_is_latched")
_STEADY_MIRROR = ("weld_is_latched", "mirror_is_latched", "mirror_disagreement_opens")
_STEADY_LEVELS = ("pilot_fault_is_latched",)
_BRISK = msgspec.structs.replace(Timing.small(), lease_ms=10, c1_open_ms=20, f_unlock_ms=20)
_LOCKED = Permit(seq=0, close=True, duty_bp=2_666, lock=LockTarget.LOCK)
_OPENED = Permit(seq=0, close=False, duty_bp=X1_BP, lock=LockTarget.UNLOCK)
_CONTRARY = Permit(seq=0, close=True, duty_bp=2_666, lock=LockTarget.UNLOCK)

WORLDS = {
    world.name: world
    for world in (
        World(
            "contactor",
            Hardware(),
            bands=(None, B, C),
            mirror=(False, True),
            permits=(None, STOP, GO),
            commands=(),
            leaves_out=_STEADY_DIODE + _STEADY_LEVELS,
        ),
        World(
            "lease",
            Hardware(fast_current=True),
            low_current=(False, True),
            permits=(None, STOP, GO, GO_X1, OFFER),
            commands=(),
            leaves_out=_STEADY_DIODE + _STEADY_MIRROR,
        ),
        World(
            "levels",
            Hardware(),
            bands=(B, C, E),
            mirror=(None,),
            permits=(None, GO),
            leaves_out=_STEADY_DIODE + _STEADY_MIRROR,
        ),
        World(
            "unavailable",
            Hardware(),
            bands=(A, C, F),
            permits=(None, GO, OUT_OF_ORDER),
            leaves_out=_STEADY_DIODE + _STEADY_MIRROR,
        ),
        World(
            "unventilated",
            Hardware(),
            bands=(B, C, D, INVALID),
            leaves_out=_STEADY_DIODE + _STEADY_MIRROR,
        ),
        World(
            "ventilated",
            Hardware(ventilation=True),
            bands=(None, B, C, D),
            leaves_out=_STEADY_DIODE + _STEADY_MIRROR,
        ),
        World(
            "diode",
            Hardware(),
            low_ok=(None, False, True),
            leaves_out=_STEADY_MIRROR + _STEADY_LEVELS,
        ),
        World(
            "residual",
            Hardware(rcd=True, rcd_self_test=True),
            bands=(A, C),
            rcd=(False, True),
            commands=(ACK, RETEST),
            leaves_out=_STEADY_DIODE + _STEADY_MIRROR + _STEADY_LEVELS,
        ),
        World(
            "stops",
            Hardware(emergency_stop=True, temperature_trip_dc=900),
            bands=(C,),
            emergency_stop=(False, True),
            heat=tuple(Heat),
            faults=(BoardFault(0), BoardFault.VENDOR_WARNING, BoardFault.TILT),
            leaves_out=_STEADY_DIODE + _STEADY_MIRROR + _STEADY_LEVELS,
        ),
        World(
            "socket",
            Hardware(socket=True),
            bands=(A, C),
            cable_a=(0, 20, 32),
            leaves_out=_STEADY_DIODE + _STEADY_MIRROR + _STEADY_LEVELS,
        ),
        World(
            "lock",
            Hardware(lock=True),
            timing=_BRISK,
            bands=(A, C),
            lock=(LockState.UNLOCKED, LockState.LOCKED),
            permits=(None, _LOCKED, _CONTRARY),
            commands=(FORCE,),
            leaves_out=_STEADY_DIODE + _STEADY_LEVELS + _STEADY_MIRROR,
        ),
        World(
            "veto",
            Hardware(lock=True),
            bands=(C,),
            mirror=(False, True),
            lock=(LockState.MOVING, LockState.LOCKED),
            permits=(None, _LOCKED, _OPENED),
            commands=(FORCE, ACK),
            leaves_out=_STEADY_DIODE + _STEADY_LEVELS,
        ),
        World(
            "power loss",
            Hardware(lock=True, unlocks_on_power_loss=True),
            timing=_BRISK,
            bands=(C,),
            mirror=(False, True),
            lock=(LockState.UNLOCKED, LockState.LOCKED),
            permits=(None, _LOCKED),
            faults=(BoardFault(0), BoardFault.POWER_LOSS),
            commands=(),
            leaves_out=_STEADY_DIODE + _STEADY_LEVELS,
        ),
        World(
            "phases",
            Hardware(phase_switch=True),
            timing=_BRISK,
            bands=(B, C),
            mirror=(False, True),
            permits=(None, GO, ON_L1),
            leaves_out=_STEADY_DIODE + _STEADY_LEVELS,
        ),
        World(
            "phases read back",
            Hardware(phase_switch=True, phase_feedback=True),
            timing=_BRISK,
            bands=(C,),
            phases=(0, 1, 3),
            permits=(None, GO, ON_L1),
            leaves_out=_STEADY_DIODE + _STEADY_LEVELS + _STEADY_MIRROR,
        ),
        World(
            "swap",
            Hardware(socket=True),
            timing=_BRISK,
            bands=(A, C, F),
            cable_a=(0, 32),
            permits=(None, OUT_OF_ORDER),
            commands=(),
            leaves_out=_STEADY_DIODE + _STEADY_MIRROR,
        ),
    )
}
"""Small enough for every test run."""

WIDE_WORLDS = {
    world.name: world
    for world in (
        World(
            "lock, all free",
            Hardware(lock=True),
            bands=(A, C),
            mirror=(False, True),
            lock=(LockState.UNLOCKED, LockState.LOCKED, LockState.MOVING),
            permits=(None, _LOCKED, _OPENED, _CONTRARY),
            commands=(ACK, FORCE),
            leaves_out=_STEADY_DIODE + _STEADY_LEVELS,
        ),
        World(
            "residual, all free",
            Hardware(rcd=True, rcd_self_test=True),
            mirror=(False, True),
            rcd=(False, True),
            commands=(ACK, RETEST),
            leaves_out=_STEADY_DIODE + _STEADY_LEVELS,
        ),
        World(
            "all levels",
            Hardware(),
            bands=(None, A, B, C, D, E, F, INVALID),
            permits=(None, GO, OUT_OF_ORDER),
            leaves_out=_STEADY_DIODE + _STEADY_MIRROR,
        ),
        World(
            "contactor and current",
            Hardware(fast_current=True),
            bands=(None, A, B, C),
            mirror=(False, True),
            low_current=(False, True),
            permits=(None, STOP, GO, GO_X1),
            leaves_out=_STEADY_DIODE + _STEADY_LEVELS,
        ),
        World(
            "phases, all free",
            Hardware(phase_switch=True, phase_feedback=True),
            timing=_BRISK,
            bands=(B, C),
            mirror=(False, True),
            phases=(1, 3),
            permits=(None, GO, ON_L1),
            leaves_out=_STEADY_DIODE + _STEADY_LEVELS,
        ),
    )
}
"""Groups of inputs freed together: minutes each."""
