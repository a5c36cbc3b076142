"""The instruments of a bench over real processes: at the plant's door, and at the core's."""

from __future__ import annotations

import msgspec

from hil.bench.asking import DoorProbe
from hil.bench.bench import Heard, Metal
from hil.bench.proc_rig import ProcRig
from hil.plant.door import PlantState
from hil.plant.model import Violation
from hil.trace import Lane, Trace


def plant_state(rig: ProcRig, evse: int) -> PlantState:
    """The metal of one EVSE as its own process sees it."""
    states = rig.ask_plant("sim.state")
    return msgspec.convert(states[str(evse)], PlantState)


class ProcProbe(DoorProbe):
    """hil.bench.Probe."""

    def __init__(self, rig: ProcRig, evse: int) -> None:
        super().__init__(rig.ask_core, evse)
        self._rig = rig

    def metal(self) -> Metal:
        state = plant_state(self._rig, self._evse)
        return Metal(
            t_ms=state.t_ms,
            closed=state.energised,
            coil=state.coil,
            duty_bp=state.duty_bp,
            pilot_mv=state.pilot_mv,
            lock=state.lock,
            plugged=state.plugged,
            cable_in=state.cable_in,
            current_a=state.current_a,
            phases=state.phases,
            energy_wh=state.energy_wh,
        )

    def trace(self) -> Trace:
        self._rig.ask_plant("sim.state")
        return self._rig.trace

    def first_ms(self, lane: Lane, value: int | str, since_ms: int = 0) -> int | None:
        return self.trace().first(lane, value, since_ms, self._evse)

    def violations(self) -> list[Violation]:
        return plant_state(self._rig, self._evse).violations

    def state(self) -> str:
        return self._rig.states()[self._evse]

    def events(self, since_seq: int = 0) -> list[Heard]:
        self._rig.hear_all()
        return [h for h in self._rig.heard if h.seq > since_seq and h.evse == self._evse]
