"""The vocabulary of the simulated metal: what ring 1 drives, what it senses, what is true."""

from __future__ import annotations

import enum

import msgspec

from evse.board_faults import BoardFault, Wiring
from evse.model import X1_BP
from hil.errors import OutOfRange

NEVER_MS = 1 << 62
"""A deadline that does not come: larger than any simulated time, and compares as fast as one."""

RESIDUAL_LIMIT_MA = 6.0
"""Smooth DC residual current at which supply is removed (IEC 62955; hardware.md §1.7)."""

CABLE_OHM = {13: 1500, 20: 680, 32: 220, 63: 100, 70: 100}
"""PP coding resistor by the cable's rating in amps (IEC 61851-1 Annex B); 70 A is 1-phase."""


class LockDrive(enum.IntEnum):
    """What the H-bridge of the lock motor does."""

    UNLOCK = -1
    OFF = 0
    LOCK = 1


class Driven(msgspec.Struct, frozen=True, gc=False):
    """What ring 1 outputs."""

    coil: bool = False
    duty_bp: int = X1_BP
    """0 = F (steady -12 V), 10000 = X1 (steady +12 V), between: PWM."""
    lock: LockDrive = LockDrive.OFF
    rcd_test: bool = False
    phases: int = 0
    """Where the phase contact is driven: 1, 3, or 0: not at all."""


class Sensed(msgspec.Struct, frozen=True, gc=False):
    """What ring 1's sensors read at one instant."""

    sampled: bool
    """False: the converter gave no verdict; hi_mv and lo_mv are then 0."""
    hi_mv: int
    lo_mv: int
    """Plateaus of both half-waves; equal without PWM."""
    mirror_closed: bool
    rcd_tripped: bool
    lock_locked: bool
    lock_unlocked: bool
    pp_ohm: int | None
    """None: no plug, no socket, or an open PP line."""
    emergency_stop: bool
    temperature_dc: int | None
    current_ma: int | None
    """Largest phase current; None: the board does not measure it."""
    phase_feedback: bool | None
    """L2 and L3 are connected; None: no phase contact is fitted."""
    faults: BoardFault
    supply_mv: int
    """The board's own +12 V."""
    wiring: Wiring = Wiring(0)
    """What the board finds wrong with its own wires."""


class MeterTruth(msgspec.Struct, frozen=True, gc=False):
    """What an ideal meter at the station's supply shows. Power factor 1."""

    voltage_v: tuple[float, float, float]
    current_a: tuple[float, float, float]
    power_w: tuple[float, float, float]
    energy_import_wh: float
    """Total since the plant's start, exact to the rounding of one float division."""
    frequency_hz: float


class PilotCircuit(msgspec.Struct, frozen=True):
    """The station's half of the pilot circuit (IEC 61851-1 Annex A; hardware.md §1.1)."""

    high_mv: int = 12_000
    low_mv: int = -12_000
    source_ohm: int = 1000
    diode_mv: int = 700
    loop_ohm: float = 0.0
    """Resistance of the cable's pilot and earth conductors together."""
    short_ohm: float = 80.0
    """What `pilot_short` puts from CP to PE: the value of test A.4.9, the hardest to see."""


class ContactorSpec(msgspec.Struct, frozen=True):
    """Times of a power contactor with a mirror contact, ms."""

    close_ms: tuple[int, int] = (20, 30)
    open_ms: tuple[int, int] = (15, 20)
    bounce_ms: tuple[int, ...] = (2, 3)
    """Gaps between the mirror's edges after it first moved; an even count ends where it began."""


class ResidualSpec(msgspec.Struct, frozen=True):
    """A residual-current monitor, as fast as good modules are; the standard allows 10 s at 6 mA,
    0.3 s at 60 mA and 0.1 s at 200 mA (hardware.md §1.7)."""

    trip: tuple[tuple[float, int], ...] = ((200.0, 80), (60.0, 250), (RESIDUAL_LIMIT_MA, 1000))
    """(at least so many mA, trips after so many ms), highest first."""
    release_ms: int = 1200
    """Below the limit for so long, and the output is free again (RCMB102 manual 2.5)."""
    test_trip_ms: int = 100
    test_release_ms: int = 300


class PlantConfig(msgspec.Struct, frozen=True):
    """One EVSE's metal."""

    phases: int = 3
    voltage_mv: int = 230_000
    frequency_hz: float = 50.0
    socket: bool = True
    """A socket outlet with PP; False: tethered cable."""
    lock: bool = True
    current_sensor: bool = True
    coil_watchdog_ms: int | None = 200
    """Ring 0's monostable in the coil's supply: so long after the last `drive` the coil drops.
    None: always supplied, for owners that skip quiet time and do not refresh."""
    pilot_gated: bool = False
    """The same monostable also forces the pilot to X1. False: hardware PWM runs on unattended."""
    noise_mv: int = 30
    """Largest deviation of a plateau reading; constant within each 10 ms."""
    pilot: PilotCircuit = PilotCircuit()
    contactor: ContactorSpec = ContactorSpec()
    residual: ResidualSpec = ResidualSpec()
    lock_travel_ms: int = 300
    phase_switch: bool = False
    """A phase contact is fitted; else L2 and L3 are always connected."""
    phase_contact_ms: int = 30
    ambient_dc: int = 250
    heating_dc: int = 0
    """Final temperature rise at 32 A, tenths of a degree; 0: no heating."""
    heating_tau_s: int = 600

    def __post_init__(self) -> None:
        if self.phases not in (1, 2, 3):
            raise OutOfRange(f"phases {self.phases}: a station has 1, 2 or 3")
        if self.coil_watchdog_ms is not None and self.coil_watchdog_ms <= 0:
            raise OutOfRange(f"coil_watchdog_ms {self.coil_watchdog_ms}: above 0, or None")
        for name in (
            "voltage_mv",
            "noise_mv",
            "lock_travel_ms",
            "phase_contact_ms",
            "heating_dc",
        ):
            if getattr(self, name) < 0:
                raise OutOfRange(f"{name} {getattr(self, name)}: must not be negative")
        if self.heating_tau_s < 10:
            raise OutOfRange(f"heating_tau_s {self.heating_tau_s}: at least one step of 10 s")


class Violation(msgspec.Struct, frozen=True):
    """The metal was in a state that no station may allow."""

    t_ms: int
    evse: int
    rule: str
    faults: tuple[str, ...]
    """Injected faults at that time: a weld excuses what a guard would not be forgiven."""
