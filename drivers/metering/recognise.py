"""Whether a reading may be a meter's: what tells the models of the catalogue apart. Pure.

Two models may have the same registers, and a third none that contradicts: all that fit are told,
those of which more can be seen first.
"""

from __future__ import annotations

from drivers.metering.map import MeterMap, Value
from evse.metering.plausibility import implausible
from evse.model import MeterReading

LOWEST_HZ, HIGHEST_HZ = 45.0, 65.0
"""50 and 60 Hz, off by what no grid is."""
MOST_W = 3 * 300.0 * 6_000.0
"""Beyond the largest transformers that these meters are used with."""
MOST_WH = 1e10
"""A hundred years of 10 kW."""
LIVE_V = 80.0


def witnesses(meter_map: MeterMap) -> list[Value]:
    """The values that are looked at first: voltage and frequency, or what there is instead."""
    values = meter_map.values
    first = [one for one in (values.voltage_l1_v, values.frequency_hz) if one is not None]
    return first or [one for one in (values.power_w, values.energy_import_wh) if one is not None]


def fits(reading: MeterReading) -> int:
    """How much of it is as it would be of a meter; 0 where anything is not."""
    hertz, power_w, energy_wh = reading.frequency_hz, reading.power_w, reading.energy_import_wh
    if implausible(reading) or not 0 <= energy_wh < MOST_WH:
        return 0
    if hertz is not None and hertz != 0 and not LOWEST_HZ <= hertz <= HIGHEST_HZ:
        return 0
    if power_w is not None and abs(power_w) > MOST_W:
        return 0
    live = [volts for volts in reading.voltage_v if volts is not None and volts >= LIVE_V]
    if any(volts is not None for volts in reading.voltage_v) and not live:
        return 0  # some phase supplies it
    seen = 2 * len(live) + 2 * bool(hertz) + bool(power_w) + (energy_wh > 0)
    return seen + sum(amps is not None for amps in reading.current_a)
