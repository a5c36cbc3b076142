"""The reference front-end's values, and what follows from them for every level that is read. Pure.

The drawing of docs/hardware.md, the board profile and the windows of evse/pilot.py have to agree:
here each level is computed from the parts, at their nominal values and with every part at the
worse end of its tolerance, and read back through the profile's own scale. No figure here was
measured.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import NamedTuple

from drivers.adc.mcp3x08 import CHIPS
from drivers.adc.plateau import FrontEnd

REFERENCE_MV = 3_300
FULL_COUNTS = CHIPS["mcp3208"].full_counts

RAIL_MV, RAIL_SPREAD_MV = 12_000, 600
"""Open circuit at the generator (IEC 61851-1 Annex A, [pilot.circuit] of evse/clauses.toml)."""
SOURCE_OHM, SOURCE_TOLERANCE = 1_000.0, 0.03
"""R1, of a standard's tolerance; a part of 1 % leaves 2 % for the switch in front of it."""
CAR_TOLERANCE = 0.03
CAR_OHM = {"B": 2_740.0, "C": 2_740.0 * 1_300 / 4_040, "D": 2_740.0 * 270 / 3_010}
DIODE_MV = (550.0, 700.0, 850.0)

REFERENCE_TOLERANCE = 0.005
BUFFER_OFFSET_MV = 4.5
"""A rail-to-rail operational amplifier of the plain kind, over temperature (datasheets of such)."""
CONVERTER_ERROR_COUNTS = 2.0
"""Integral nonlinearity of the MCP3208's C grade (its datasheet, from memory)."""

PULL_UP_TOLERANCE = 0.01


class Divider(NamedTuple):
    """Three resistors that meet at the converter's input: from the signal, from the reference,
    from ground."""

    signal_ohm: float
    reference_ohm: float
    ground_ohm: float

    @property
    def source_ohm(self) -> float:
        """What the converter, or its buffer, sees."""
        return 1 / (1 / self.signal_ohm + 1 / self.reference_ohm + 1 / self.ground_ohm)

    @property
    def share(self) -> float:
        """Of the signal at the input."""
        return self.source_ohm / self.signal_ohm

    def input_mv(self, signal_mv: float, reference_mv: float = REFERENCE_MV) -> float:
        lifted_mv = reference_mv * self.source_ohm / self.reference_ohm
        return signal_mv * self.share + lifted_mv

    def signal_mv(self, input_mv: float, reference_mv: float = REFERENCE_MV) -> float:
        """What it takes to see `input_mv`."""
        return (input_mv - self.input_mv(0.0, reference_mv)) / self.share

    def seen_from_signal(self, reference_mv: float = REFERENCE_MV) -> tuple[float, float]:
        """(mV, ohm) of the source that it is for the signal: how much it loads."""
        below = 1 / (1 / self.reference_ohm + 1 / self.ground_ohm)
        return reference_mv * below / self.reference_ohm, self.signal_ohm + below


PILOT_DIVIDER = Divider(300_000, 75_000, 100_000)
DIVIDER_TOLERANCE = 0.001
RESERVE_DIVIDER_OHM = (100_000.0, 20_000.0)


class Build(NamedTuple):
    """One specimen of station and car: every part as it happens to be."""

    rail_mv: float = RAIL_MV
    source_ohm: float = SOURCE_OHM
    car_factor: float = 1.0
    diode_mv: float = DIODE_MV[1]
    divider: Divider = PILOT_DIVIDER
    reference_mv: float = REFERENCE_MV
    offset_mv: float = 0.0
    error_counts: float = 0.0


NOMINAL = Build()


def scale_of(divider: Divider) -> FrontEnd:
    """What a profile must say of it."""
    mv_per_count = REFERENCE_MV / FULL_COUNTS
    return FrontEnd(divider.input_mv(0.0) / mv_per_count, mv_per_count / divider.share)


def specimens(off: float = DIVIDER_TOLERANCE) -> Iterable[Build]:
    """Every part at one or the other end of its tolerance; `off`: that of the divider's."""
    dividers = [
        Divider(*(ohm * factor for ohm, factor in zip(PILOT_DIVIDER, factors, strict=True)))
        for factors in itertools.product((1 - off, 1 + off), repeat=3)
    ]
    ends = itertools.product((-1, 1), repeat=7)
    for (rail, source, car, diode, reference, offset, error), divider in itertools.product(
        ends, dividers
    ):
        yield Build(
            RAIL_MV + rail * RAIL_SPREAD_MV,
            SOURCE_OHM * (1 + source * SOURCE_TOLERANCE),
            1 + car * CAR_TOLERANCE,
            DIODE_MV[1 + diode],
            divider,
            REFERENCE_MV * (1 + reference * REFERENCE_TOLERANCE),
            offset * BUFFER_OFFSET_MV,
            error * CONVERTER_ERROR_COUNTS,
        )


def terminal_mv(state: str, build: Build = NOMINAL) -> float:
    """Level at the pilot terminal: the high one of A to E, the steady one of F. E is a short."""
    divider_mv, divider_ohm = build.divider.seen_from_signal(build.reference_mv)
    rail_mv = -build.rail_mv if state == "F" else build.rail_mv
    ends = [(rail_mv, build.source_ohm), (divider_mv, divider_ohm)]
    if state == "E":
        return 0.0
    if state in CAR_OHM:
        ends.append((build.diode_mv, CAR_OHM[state] * build.car_factor))
    return sum(mv / ohm for mv, ohm in ends) / sum(1 / ohm for _, ohm in ends)


def read_mv(state: str, scale: FrontEnd, build: Build = NOMINAL) -> int:
    """What the profile's `scale` makes of it."""
    at_input_mv = build.divider.input_mv(terminal_mv(state, build), build.reference_mv)
    counts = (at_input_mv + build.offset_mv) * FULL_COUNTS / build.reference_mv
    return scale.mv(min(max(round(counts + build.error_counts), 0), FULL_COUNTS))


def extremes_mv(
    state: str, scale: FrontEnd, divider_tolerance: float = DIVIDER_TOLERANCE
) -> tuple[int, int]:
    """Lowest and highest reading of any specimen."""
    found = [read_mv(state, scale, build) for build in specimens(divider_tolerance)]
    return min(found), max(found)


def loading_mv(state: str) -> float:
    """How far the divider moves the level at the terminal."""
    unloaded = NOMINAL._replace(divider=Divider(1e15, 75_000, 100_000))
    return terminal_mv(state) - terminal_mv(state, unloaded)


# --- PP, temperature ---------------------------------------------------------------------------


def pulled_up_mv(ohm: float, pull_up_ohm: float, supply_mv: float = REFERENCE_MV) -> float:
    """Across a resistor to ground below a pull-up."""
    return supply_mv * ohm / (ohm + pull_up_ohm)


def counted_mv(at_input_mv: float, error_counts: float = 0.0) -> float:
    """What a bare channel of the converter makes of it."""
    counts = round(at_input_mv * FULL_COUNTS / REFERENCE_MV + error_counts)
    return min(max(counts, 0), FULL_COUNTS) * REFERENCE_MV / FULL_COUNTS


def ntc_ohm(celsius: float, ohm_25c: float, beta_k: float) -> float:
    return ohm_25c * math.exp(beta_k * (1 / (celsius + 273.15) - 1 / 298.15))


# --- ring 0 ------------------------------------------------------------------------------------

MONOSTABLE_OHM, MONOSTABLE_F = 200_000.0, 1e-6
MONOSTABLE_TOLERANCE = 0.11
"""1 % of the resistor, 5 % of a film capacitor, 5 % of the part itself."""

GATE_OHM = (21_500.0, 22_600.0, 56_200.0)
"""From the reference to ground; the two comparators of the pilot gate look between them."""
GATE_TAU_MS = 22.0
"""220 kohm and 100 nF of its peak detector, towards half the reference."""
LONGEST_LOW_MS = 0.95
"""Between two high half-waves: at 5 %."""


def monostable_ms() -> tuple[float, float, float]:
    """How long it lasts after an edge, t = R C: least, nominal, most."""
    nominal_ms = MONOSTABLE_OHM * MONOSTABLE_F * 1_000
    spread = 1 + MONOSTABLE_TOLERANCE
    return nominal_ms / spread, nominal_ms, nominal_ms * spread


def gate_mv() -> tuple[float, float]:
    """Pilot levels between which the gate lets the coil have its supply."""
    upper, middle, lower = GATE_OHM
    total = upper + middle + lower
    return (
        PILOT_DIVIDER.signal_mv(REFERENCE_MV * lower / total),
        PILOT_DIVIDER.signal_mv(REFERENCE_MV * (middle + lower) / total),
    )


def gate_sees_mv(high_mv: float) -> float:
    """The least that the peak detector has kept of a level when the next half-wave comes."""
    return high_mv * math.exp(-LONGEST_LOW_MS / GATE_TAU_MS)


def gate_short_ms() -> float:
    """From a short at the pilot in state C to the coil's supply gone."""
    return GATE_TAU_MS * math.log(terminal_mv("C") / gate_mv()[0])


# --- the lock's reserve ------------------------------------------------------------------------

MOTOR_W, MOTOR_S = 7.5, 3.0
"""What a published reference design (TIDA-010239) sizes its reserve for."""
PULSE_S = 0.6
COMPUTER_W = 5.0
"""A guess for a Raspberry Pi with its front-end: measure yours."""
CELLS, CELL_F, CELL_V = 5, 6.8, 2.7
EMPTY_V = 8.0
"""Where a motor of 12 V is no longer trusted to move."""


def reserve_farad() -> float:
    return CELL_F / CELLS


def joule(from_v: float, to_v: float = EMPTY_V) -> float:
    """What the reserve gives between two voltages."""
    return reserve_farad() * (from_v**2 - to_v**2) / 2
