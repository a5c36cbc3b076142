"""The bench in virtual time: a whole station in one process, exactly repeatable by its seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hil.bench.asking import DoorDut
from hil.bench.bench import Bench, BenchCapability
from hil.bench.sim_probe import SimProbe
from hil.bench.sim_rig import SimRig
from hil.bench.sim_world import SimEv, SimFaults, SimMains
from hil.bench.station import StationSetup
from hil.errors import BenchRefused, BenchTimeout, DutRefused
from hil.sim.analog import ANALOG_MS

ANSWER_S = 60.0
"""How long a call may wait for its answer."""


class SimDut(DoorDut):
    """hil.bench.Dut."""

    def __init__(self, rig: SimRig, clock: SimBenchClock, evse: int) -> None:
        super().__init__(self._asked, evse)
        self._rig = rig
        self._clock = clock

    def _asked(self, method: str, params: dict[str, Any]) -> Any:
        """Time passes until it is answered."""
        peer = self._rig.peer
        if peer is None:
            raise BenchRefused(f"{method}: there is no core to ask")
        answers: list[tuple[Any, Any]] = []
        with self._rig.by_hand():
            peer.call(method, params, lambda result, error: answers.append((result, error)))
        if not answers:
            self._clock.run_until(lambda: answers, within=ANSWER_S, what=f"an answer to {method}")
        result, error = answers[0]
        if error is not None:
            raise DutRefused(method, error)
        return result

    def restart(self) -> None:
        with self._rig.by_hand() as sim:
            self._rig.kill_core()
            sim.kill_guard()
            self._rig.start_guard()
            self._rig.start_core()


class SimBenchClock:
    """hil.bench.BenchClock: time jumps."""

    def __init__(self, rig: SimRig) -> None:
        self._sim = rig.sim

    def now_ms(self) -> int:
        return self._sim.now_ms

    def run_for(self, span_s: float) -> None:
        self._sim.run_for(round(span_s * 1000))

    def run_until(self, condition: Callable[[], object], *, within: float, what: str = "") -> float:
        try:
            took_ms = self._sim.run_until(lambda: bool(condition()), within_ms=round(within * 1000))
        except TimeoutError as error:
            raise BenchTimeout(f"{what or 'it'}: {error}") from error
        return took_ms / 1000


class SimBench:
    """hil.bench.Bench on a Simulation. `frames` carries every byte of the link for real;
    `analog_ms` is the pace of the board's measurements; `native` lets ring 1 reach its metal
    through the drivers of the native board."""

    capabilities = frozenset(BenchCapability) - {BenchCapability.KILL_OCPP}
    tolerance_s = 0.0

    def __init__(
        self,
        setup: StationSetup | None = None,
        *,
        seed: int = 1,
        frames: bool = False,
        analog_ms: int = ANALOG_MS,
        native: bool = False,
    ) -> None:
        wanted = setup or StationSetup()
        rig = SimRig(wanted, seed, frames=frames, analog_ms=analog_ms, native=native)
        self._bind(rig, 1)

    def _bind(self, rig: SimRig, evse: int) -> None:
        plant = rig.sim.plants[evse]
        self.rig = rig
        self.evse = evse
        self.ev = SimEv(rig, plant)
        self.mains = SimMains(rig)
        self.faults = SimFaults(rig, plant)
        self.probe = SimProbe(rig, plant)
        self.clock = SimBenchClock(rig)
        self.dut = SimDut(rig, self.clock, evse)

    @property
    def evses(self) -> tuple[int, ...]:
        return tuple(self.rig.sim.plants)

    @property
    def seed(self) -> int:
        return self.rig.sim.seed

    def at(self, evse: int) -> Bench:
        if evse not in self.rig.sim.plants:
            raise BenchRefused(f"evse {evse} is not here: one of {list(self.evses)}")
        other = SimBench.__new__(SimBench)
        other._bind(self.rig, evse)
        return other

    def close(self) -> None:
        """Nothing outlives a simulation but its database, which is in memory."""
        self.rig.sim.database.close()
