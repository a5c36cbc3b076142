"""What goes into the guard, what comes out, and what it is told about its board.

Responsibility: gives every raw reading its meaning once (`observe`), so that the kernel decides
over a small set of facts. It guarantees that a sensor which is not fitted is never believed, and
that a fitted one which gives nothing is "unknown", never "fine".
"""

from __future__ import annotations

import enum

import msgspec

from evse.board_faults import BoardFault, Wiring
from evse.guard.lock_drive import LockDrive, feedback
from evse.guard.phase_contact import ALL_PHASES, L1_ALONE
from evse.guard.proximity import cable_rating_a
from evse.model import Capability, LockState, PilotState
from evse.pilot import PilotSample, classify, low_level_ok

LOW_CURRENT_MA = 1_000
"""Below this a contactor opens without load (IEC 61851-1 Table A.6, sequence 7)."""
COOLED_BY_DC = 100
"""An over-temperature trip may be acknowledged 10 K below its threshold."""


class Inputs(msgspec.Struct, frozen=True, gc=False):
    """One reading of everything, every guard period (10 ms)."""

    sample: PilotSample | None = None
    """None: the burst gave no verdict."""
    mirror_closed: bool = False
    rcd_tripped: bool = False
    lock_locked: bool = False
    lock_unlocked: bool = False
    pp_ohm: int | None = None
    emergency_stop: bool = False
    temperature_dc: int | None = None
    current_ma: int | None = None
    """Largest phase current."""
    phase_feedback: bool | None = None
    """Auxiliary contact of the phase contact: L2 and L3 are connected; None: no reading."""
    faults: BoardFault = BoardFault(0)
    """What the board's own protections say."""
    supply_12v_mv: int = 12_000
    """What the pilot is made of; measured for the core (evse/supply.py), not judged here."""
    supply_minus_12v_mv: int = -12_000
    wiring: Wiring = Wiring(0)
    """What the board finds wrong with its own wires; told, not judged."""
    presses: int = 0
    """Of the stop button, counted; told, not judged."""


class Outputs(msgspec.Struct, frozen=True, gc=False):
    """What the board does until the next step."""

    coil: bool = False
    duty_bp: int = 10_000
    lock_drive: LockDrive = LockDrive.OFF
    rcd_test: bool = False
    phases: int = 0
    """Where the phase contact is driven: 1 = L1 alone, 3 = all; 0: it is left where it is."""


class Hardware(msgspec.Struct, frozen=True, gc=False):
    """What is fitted. Absent means: never read, never driven, never waited for."""

    lock: bool = False
    socket: bool = False
    """A socket outlet: the cable's rating is read from PP."""
    rcd: bool = False
    """The residual-current device's output can be read."""
    rcd_self_test: bool = False
    ventilation: bool = False
    fast_current: bool = False
    emergency_stop: bool = False
    temperature_trip_dc: int | None = None
    """Open above this, tenths of a degree Celsius; None: no sensor."""
    phase_switch: bool = False
    """A contact of its own in L2 and L3."""
    phase_feedback: bool = False
    """That contact's position can be read; without, it is trusted after `Timing.phase_ms`."""
    unlocks_on_power_loss: bool = False
    """The lock has a supply of its own, and lets go of the plug when the mains are lost."""

    def __post_init__(self) -> None:
        if self.phase_feedback and not self.phase_switch:
            raise ValueError("hardware: phase_feedback needs phase_switch, which it watches")
        if self.rcd_self_test and not self.rcd:
            raise ValueError("hardware: rcd_self_test needs rcd, whose output it watches")
        if self.unlocks_on_power_loss and not self.lock:
            raise ValueError("hardware: unlocks_on_power_loss needs a lock")

    def capabilities(self) -> Capability:
        fitted = Capability.OPENS_ON_LOST_LEASE
        for present, capability in (
            (self.lock, Capability.LOCK),
            (self.rcd, Capability.RCD),
            (self.rcd_self_test, Capability.RCD_SELF_TEST),
            (self.socket, Capability.PROXIMITY),
            (self.fast_current, Capability.FAST_CURRENT),
            (self.temperature_trip_dc is not None, Capability.TEMPERATURE),
            (self.emergency_stop, Capability.EMERGENCY_STOP),
            (self.ventilation, Capability.VENTILATION),
            (self.phase_switch, Capability.PHASE_SWITCH),
        ):
            if present:
                fitted |= capability
        return fitted


class Timing(msgspec.Struct, frozen=True, gc=False):
    """Every time the guard knows, milliseconds. Clauses: `evse/clauses.toml`, [timing]."""

    lease_ms: int = 500
    c1_open_ms: int = 6_000
    low_current_ms: int = 200
    """How long < 1 A must last in a soft opening."""
    debounce_in_ms: int = 100
    debounce_out_ms: int = 20
    stall_ms: int = 40
    """Longest time without proof: of C or D while in C or D, of any level elsewhere."""
    diode_ms: int = 30
    pwm_settle_ms: int = 30
    """After PWM starts, the low half-wave is not judged for this long."""
    mirror_close_ms: int = 250
    mirror_release_ms: int = 250
    mirror_glitch_ms: int = 20
    """Longest disagreement of a mirror that had already followed the coil."""
    min_off_ms: int = 2_000
    self_test_trip_ms: int = 500
    self_test_clear_ms: int = 2_000
    pp_ms: int = 200
    lock_pulse_ms: int = 600
    lock_pause_ms: int = 500
    lock_tries: int = 3
    lock_lost_ms: int = 50
    temperature_lost_ms: int = 5_000
    unlock_after_a_ms: int = 4_000
    """Without a core, at A: so that the pulse ends within the 5 s of sequence 2.1."""
    f_unlock_ms: int = 5_000
    phase_ms: int = 500
    """How long the phase contact may take to its other position."""

    @classmethod
    def small(cls) -> Timing:
        """One to three periods of 10 ms each: for exhaustive exploration only."""
        return cls(
            lease_ms=20,
            c1_open_ms=30,
            low_current_ms=10,
            debounce_in_ms=20,
            debounce_out_ms=10,
            stall_ms=20,
            diode_ms=10,
            pwm_settle_ms=10,
            mirror_close_ms=20,
            mirror_release_ms=20,
            mirror_glitch_ms=10,
            min_off_ms=30,
            self_test_trip_ms=20,
            self_test_clear_ms=20,
            pp_ms=10,
            lock_pulse_ms=20,
            lock_pause_ms=10,
            lock_tries=2,
            lock_lost_ms=10,
            temperature_lost_ms=20,
            unlock_after_a_ms=20,
            f_unlock_ms=30,
            phase_ms=20,
        )


class Heat(enum.IntEnum):
    """Temperature against the trip threshold."""

    OK = 0
    WARM = 1
    """Below the threshold, but not yet far enough for an acknowledgement."""
    HOT = 2
    UNKNOWN = 3
    """A sensor is fitted and gives nothing."""


class Seen(msgspec.Struct, frozen=True, gc=False):
    """The facts of one `Inputs`: all that the kernel decides over."""

    band: PilotState | None = None
    low_ok: bool | None = None
    """Negative half-wave as behind a diode; None: not caught."""
    mirror_closed: bool = False
    rcd_tripped: bool = False
    lock: LockState = LockState.ABSENT
    cable_a: int = 0
    emergency_stop: bool = False
    heat: Heat = Heat.OK
    low_current: bool = False
    """Known to be under 1 A."""
    phases: int = 0
    """What the phase contact's feedback shows: 1 or 3; 0 where it shows nothing."""
    faults: BoardFault = BoardFault(0)
    wiring: Wiring = Wiring(0)
    presses: int = 0


def observe(hardware: Hardware, inputs: Inputs, pilot: PilotState) -> Seen:
    """Facts of `inputs`, given the believed pilot state (for the hysteresis between windows)."""
    sample = inputs.sample
    lo_mv = None if sample is None else sample.lo_mv
    current_ma = inputs.current_ma
    return Seen(
        None if sample is None else classify(sample.hi_mv, pilot),
        None if lo_mv is None else low_level_ok(lo_mv),
        inputs.mirror_closed,
        hardware.rcd and inputs.rcd_tripped,
        feedback(inputs.lock_locked, inputs.lock_unlocked) if hardware.lock else LockState.ABSENT,
        cable_rating_a(inputs.pp_ohm) if hardware.socket else 0,
        hardware.emergency_stop and inputs.emergency_stop,
        _heat(hardware.temperature_trip_dc, inputs.temperature_dc),
        hardware.fast_current and current_ma is not None and current_ma < LOW_CURRENT_MA,
        _phases(inputs.phase_feedback) if hardware.phase_feedback else 0,
        inputs.faults,
        inputs.wiring,
        inputs.presses,
    )


def _phases(feedback: bool | None) -> int:
    if feedback is None:
        return 0
    return ALL_PHASES if feedback else L1_ALONE


def _heat(trip_dc: int | None, temperature_dc: int | None) -> Heat:
    if trip_dc is None:
        return Heat.OK
    if temperature_dc is None:
        return Heat.UNKNOWN
    if temperature_dc >= trip_dc:
        return Heat.HOT
    return Heat.WARM if temperature_dc > trip_dc - COOLED_BY_DC else Heat.OK
