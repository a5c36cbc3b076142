"""Between the plant's vocabulary and the guard's: ring 1 wired to simulated metal."""

from __future__ import annotations

from evse.guard.facts import Inputs, Outputs
from evse.pilot import PilotSample
from hil.plant.model import Driven, LockDrive, Sensed


def inputs(sensed: Sensed) -> Inputs:
    """One reading of the plant as the guard's inputs."""
    return Inputs(
        PilotSample(sensed.hi_mv, sensed.lo_mv) if sensed.sampled else None,
        sensed.mirror_closed,
        sensed.rcd_tripped,
        sensed.lock_locked,
        sensed.lock_unlocked,
        sensed.pp_ohm,
        sensed.emergency_stop,
        sensed.temperature_dc,
        sensed.current_ma,
        sensed.phase_feedback,
        sensed.faults,
        sensed.supply_mv,
        wiring=sensed.wiring,
    )


def driven(outputs: Outputs) -> Driven:
    """The guard's outputs as what drives the plant."""
    return Driven(
        outputs.coil,
        outputs.duty_bp,
        LockDrive[outputs.lock_drive.name],
        outputs.rcd_test,
        outputs.phases,
    )
