"""The meter at the mains of a simulated site (hil/plant/site.py), in virtual time."""

from __future__ import annotations

from evse.model import MeterReading
from hil.plant.site import Amps, Site
from hil.sim.meter import reading
from hil.sim.simulation import Simulation


class SimMains:
    """A Part of `sim`: polls at the configured pace. `[mains]` must be in the configuration.

    `silent`: the meter does not answer. That and `house_a` may be changed at any time.
    """

    def __init__(self, sim: Simulation, house_a: Amps = (0.0, 0.0, 0.0)) -> None:
        mains = sim.config.mains
        if mains is None:
            raise ValueError("the configuration has no [mains]")
        self.silent = False
        self._sim = sim
        self._site = Site(sim.config.evses, sim.plants, house_a=house_a, start_ms=sim.now_ms)
        self._poll_ms = mains.meter.poll_ms
        self.next_deadline_ms: int = sim.now_ms
        sim.parts.append(self)

    @property
    def house_a(self) -> Amps:
        """What everybody but the EVSEs takes from each line (R, S, T); below 0: gives."""
        return self._site.house_a

    @house_a.setter
    def house_a(self, house_a: Amps) -> None:
        self._site.house_a = house_a

    def poll(self, now_ms: int) -> None:
        if now_ms < self.next_deadline_ms:
            return
        self.next_deadline_ms = now_ms - now_ms % self._poll_ms + self._poll_ms
        if not self.silent and self._sim.station is not None:
            self._sim.station.core.on_mains(self.reading(now_ms))

    def drawn_a(self, now_ms: int) -> Amps:
        """What the EVSEs really take on each line."""
        return self._site.evses_a(now_ms)

    def reading(self, now_ms: int) -> MeterReading:
        """As the meter has it."""
        return reading(self._site.meter(now_ms), now_ms)
