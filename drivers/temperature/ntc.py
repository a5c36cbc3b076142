"""A thermistor (NTC) to ground behind a pull-up, read by the pilot's converter. Pure.

1/T = 1/T25 + ln(R/R25)/B, with T in kelvin. An open sensor would be colder and a shorted one
hotter than anything here ever is: neither is believed.
"""

from __future__ import annotations

import math

import msgspec

from drivers.temperature.reading import Temperature
from evse.board_faults import Wiring

ZERO_K = 273.15
T25_K = 25 + ZERO_K
COLDEST_DC = -400
HOTTEST_DC = 1_250
_SENSOR_LOST = Temperature(None, Wiring.TEMPERATURE_RANGE)


class Ntc(msgspec.Struct, frozen=True):
    """The parts, as the profile names them. Raises ValueError for one that can not be."""

    supply_mv: int
    pull_up_ohm: int = 10_000
    r25_ohm: int = 10_000
    beta_k: int = 3_435

    def __post_init__(self) -> None:
        if min(self.supply_mv, self.pull_up_ohm, self.r25_ohm, self.beta_k) <= 0:
            raise ValueError(f"NTC: every part is above 0, and one of {self} is not")

    def temperature(self, pin_mv: float) -> Temperature:
        """Of the voltage at the sensor; TEMPERATURE_RANGE outside -40 to +125 degrees."""
        if not 1 <= pin_mv <= self.supply_mv - 1:
            return _SENSOR_LOST
        ohm = self.pull_up_ohm * pin_mv / (self.supply_mv - pin_mv)
        inverse_k = 1 / T25_K + math.log(ohm / self.r25_ohm) / self.beta_k
        if inverse_k <= 0:
            return _SENSOR_LOST
        dc = round((1 / inverse_k - ZERO_K) * 10)
        return Temperature(dc) if COLDEST_DC <= dc <= HOTTEST_DC else _SENSOR_LOST
