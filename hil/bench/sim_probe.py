"""The instruments of a simulated bench: at the metal, and at the door for what is published."""

from __future__ import annotations

from typing import Any

from hil.bench.asking import DoorProbe
from hil.bench.bench import Heard, Metal
from hil.bench.sim_rig import SimRig
from hil.errors import BenchRefused
from hil.plant.model import Violation
from hil.plant.plant import Plant
from hil.trace import Lane, Trace


class SimProbe(DoorProbe):
    """hil.bench.Probe."""

    def __init__(self, rig: SimRig, plant: Plant) -> None:
        super().__init__(self._asked, plant.evse)
        self._rig = rig
        self._plant = plant

    def metal(self) -> Metal:
        plant, now_ms = self._plant, self._rig.sim.now_ms
        trace, evse = self._rig.sim.trace, plant.evse
        return Metal(
            t_ms=now_ms,
            closed=plant.energised,
            coil=plant.driven.coil,
            duty_bp=plant.driven.duty_bp,
            pilot_mv=int(trace.at(Lane.PILOT, now_ms, evse) or 0),
            lock=str(trace.at(Lane.LOCK, now_ms, evse) or "none"),
            plugged=plant.car.contact,
            cable_in=plant.car.cable_a > 0,
            current_a=plant.current_a,
            phases=plant.phases,
            energy_wh=plant.meter(now_ms).energy_import_wh,
        )

    def trace(self) -> Trace:
        return self._rig.sim.trace

    def first_ms(self, lane: Lane, value: int | str, since_ms: int = 0) -> int | None:
        return self._rig.sim.trace.first(lane, value, since_ms, self._evse)

    def violations(self) -> list[Violation]:
        return list(self._plant.violations)

    def state(self) -> str:
        station = self._rig.sim.station
        return "no core" if station is None else station.core.sessions[self._evse].state

    def events(self, since_seq: int = 0) -> list[Heard]:
        return [h for h in self._rig.heard if h.seq > since_seq and h.evse == self._evse]

    def _asked(self, method: str, params: dict[str, Any]) -> Any:
        if self._rig.peer is None:
            raise BenchRefused("there is no core to ask")
        return self._rig.peer.ask(method, params)
