"""The pilot circuit: levels at the station, the offer as a car reads it, and sampling noise."""

from __future__ import annotations

import msgspec

from evse.model import F_BP, X1_BP
from hil.plant.model import PilotCircuit

_MASK = (1 << 64) - 1


class CarResistors(msgspec.Struct, frozen=True):
    """The car's half of the pilot circuit (hardware.md §1.1), ohms."""

    r2_ohm: float = 2740.0
    r3_c_ohm: float = 1300.0
    r3_d_ohm: float = 270.0

    def load_ohm(self, *, s2: bool, ventilation: bool) -> float:
        """What lies behind the diode: R2, or R2 with the R3 of state C or D parallel to it."""
        if not s2:
            return self.r2_ohm
        r3_ohm = self.r3_d_ohm if ventilation else self.r3_c_ohm
        return self.r2_ohm * r3_ohm / (self.r2_ohm + r3_ohm)


def levels_mv(
    circuit: PilotCircuit,
    duty_bp: int,
    load_ohm: float | None,
    *,
    diode_short: bool = False,
    shorted: bool = False,
) -> tuple[int, int]:
    """(hi_mv, lo_mv): plateaus of both half-waves, equal where there is no PWM.

    `load_ohm` None: nothing connected. `shorted`: CP to PE, beside which the car is ignored.
    """
    if shorted:
        ratio = circuit.short_ohm / (circuit.short_ohm + circuit.source_ohm)
        hi_mv, lo_mv = circuit.high_mv * ratio, circuit.low_mv * ratio
    elif load_ohm is None:
        hi_mv, lo_mv = float(circuit.high_mv), float(circuit.low_mv)
    else:
        seen_ohm = load_ohm + circuit.loop_ohm
        ratio = seen_ohm / (seen_ohm + circuit.source_ohm)
        drop_mv = 0 if diode_short else circuit.diode_mv
        hi_mv = drop_mv + (circuit.high_mv - drop_mv) * ratio
        lo_mv = circuit.low_mv * ratio if diode_short else float(circuit.low_mv)
    if duty_bp >= X1_BP:
        lo_mv = hi_mv
    elif duty_bp <= F_BP:
        hi_mv = lo_mv
    return round(hi_mv), round(lo_mv)


def ev_offer_ma(duty_bp: int) -> int:
    """The current that a car may draw at this duty (IEC 61851-1 Table A.8; hardware.md §1.3)."""
    if duty_bp < 800 or duty_bp > 9700:
        return 0
    if duty_bp < 1000:
        return 6_000
    if duty_bp <= 8500:
        return duty_bp * 6
    return min((duty_bp - 6400) * 25, 80_000)


def scatter(seed: int, stream: int, index: int) -> int:
    """A 64-bit number that looks random: a pure function of its three arguments."""
    mixed = (seed * 0x9E3779B97F4A7C15 + stream * 0xD1B54A32D192ED03 + index) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return mixed ^ (mixed >> 31)
