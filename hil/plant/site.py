"""The site of a simulated station: a house, perhaps with a roof, beside the EVSEs on one supply."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from evse.config.evse import EvseTable
from hil.plant.energy import NJ_PER_WH, Integrator
from hil.plant.model import MeterTruth
from hil.plant.plant import Plant

Amps = tuple[float, float, float]
"""On the lines of the supply: R, S, T."""

HOUSE_A: Amps = (2.0, 1.0, 1.0)
"""A house at rest."""
NOMINAL_V = 230.0
HERTZ = 50.0
GREATEST_A = 1_000.0


class Site:
    """What flows at the mains.

    `house_a` is what everybody but the EVSEs takes from each line; below 0 the roof gives more
    than the house takes. It may be changed at any time.
    """

    def __init__(
        self,
        tables: Iterable[EvseTable],
        plants: Mapping[int, Plant],
        *,
        house_a: Amps = HOUSE_A,
        start_ms: int = 0,
    ) -> None:
        self.house_a = house_a
        self._plants = plants
        self._lines = {table.id: wiring(table.phase_rotation) for table in tables}
        self._imported = Integrator(start_ms)

    def evses_a(self, now_ms: int) -> Amps:
        """What the EVSEs really take on each line."""
        total = [0.0, 0.0, 0.0]
        for evse, plant in self._plants.items():
            for line, amps in zip(self._lines[evse], plant.meter(now_ms).current_a, strict=True):
                total[line] += amps
        return total[0], total[1], total[2]

    def mains_a(self, now_ms: int) -> Amps:
        """Below 0: sold."""
        one, two, three = (
            house + own for house, own in zip(self.house_a, self.evses_a(now_ms), strict=True)
        )
        return one, two, three

    def meter(self, now_ms: int) -> MeterTruth:
        """As most meters have it: currents without a sign, powers with one. The imported energy
        counts what flows from one look to the next as it was at the first of them."""
        mains_a = self.mains_a(now_ms)
        one, two, three = (NOMINAL_V * amps for amps in mains_a)
        self._imported.change(now_ms, max(0, round((one + two + three) * 1_000_000)))
        return MeterTruth(
            voltage_v=(NOMINAL_V, NOMINAL_V, NOMINAL_V),
            current_a=(abs(mains_a[0]), abs(mains_a[1]), abs(mains_a[2])),
            power_w=(one, two, three),
            energy_import_wh=self._imported.energy_nj(now_ms) / NJ_PER_WH,
            frequency_hz=HERTZ,
        )


def wiring(rotation: str) -> tuple[int, ...]:
    """The lines on which the three phases of an EVSE really are; straight where nobody knows."""
    return tuple("RST".index(letter) for letter in ("RST" if rotation == "unknown" else rotation))
