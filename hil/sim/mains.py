"""The meter at the mains of a simulated site: a house, perhaps with a roof, beside the EVSEs."""

from __future__ import annotations

from evse.model import MeterReading
from hil.sim.simulation import Simulation

Amps = tuple[float, float, float]


class SimMains:
    """A Part of `sim`: polls at the configured pace. `[mains]` must be in the configuration.

    `house_a` is what everybody else takes from each line (R, S, T); below 0 the roof gives more
    than the house takes. `silent`: the meter does not answer. Both may be changed at any time.
    """

    def __init__(self, sim: Simulation, house_a: Amps = (0.0, 0.0, 0.0)) -> None:
        mains = sim.config.mains
        if mains is None:
            raise ValueError("the configuration has no [mains]")
        self.house_a = house_a
        self.silent = False
        self._sim = sim
        self._poll_ms = mains.meter.poll_ms
        self._rotations = {table.id: table.phase_rotation for table in sim.config.evses}
        self.next_deadline_ms: int = sim.now_ms
        sim.parts.append(self)

    def poll(self, now_ms: int) -> None:
        if now_ms < self.next_deadline_ms:
            return
        self.next_deadline_ms = now_ms - now_ms % self._poll_ms + self._poll_ms
        if not self.silent and self._sim.station is not None:
            self._sim.station.core.on_mains(self.reading(now_ms))

    def drawn_a(self, now_ms: int) -> Amps:
        """What the EVSEs really take on each line."""
        total = [0.0, 0.0, 0.0]
        for evse, plant in self._sim.plants.items():
            rotation = self._rotations[evse]
            wiring = "RST" if rotation == "unknown" else rotation
            for letter, amps in zip(wiring, plant.meter(now_ms).current_a, strict=True):
                total["RST".index(letter)] += amps
        return total[0], total[1], total[2]

    def reading(self, now_ms: int) -> MeterReading:
        """As an SDM630 has it: currents without a sign, powers with one."""
        mains = [house + own for house, own in zip(self.house_a, self.drawn_a(now_ms), strict=True)]
        one, two, three = mains
        return MeterReading(
            taken_ms=now_ms,
            energy_import_wh=0.0,
            power_w=230.0 * sum(mains),
            power_phase_w=(230.0 * one, 230.0 * two, 230.0 * three),
            voltage_v=(230.0, 230.0, 230.0),
            current_a=(abs(one), abs(two), abs(three)),
        )
