"""The demonstration in virtual time: the whole station in one process, exactly repeatable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TextIO

import msgspec

from evse.config.station import StationConfig
from evse.door.hub import Hub
from evse.door.jsonrpc import RpcError
from evse.run.sim import PLANT_METHODS, Swipe, swipe
from hil.demo.stage import PATIENCE_S, POWERMETER, SESSION_EVENT, DemoFailed, Stage
from hil.demo.timeline import Timeline
from hil.plant.door import PlantDoor
from hil.sim.ocpp import SimOcpp
from hil.sim.simulation import START_MS, Simulation
from hil.sim.station import LocalPeer
from hil.trace import Trace
from ocpp_link.rpc.rpc import Payload


class SimStage(Stage):
    """`seed` decides everything that is left to chance."""

    def __init__(self, config: StationConfig, out: TextIO, *, seed: int, colour: bool) -> None:
        self._sim = Simulation(config, seed=seed)
        super().__init__(Timeline(out, zero_ms=START_MS, colour=colour), self._sim.clock)
        self._ocpp = SimOcpp(self._sim, self.brain)
        plant_hub = Hub()
        PlantDoor(plant_hub, self._sim.plants, lambda: self._sim.now_ms).changed = self._sim.wake
        self._plant = LocalPeer(plant_hub)
        self._door = self._sim.peer()
        self._door.on_notification = self.on_variable
        self._door.ask("subscribe", {"variable": SESSION_EVENT, "from_seq": 1})
        self._door.ask("subscribe", {"variable": POWERMETER})

    @property
    def trace(self) -> Trace:
        return self._sim.trace

    async def call(self, method: str, **params: Any) -> Any:
        try:
            if method == "sim.swipe":
                return self._swipe(params)
            return (self._plant if method in PLANT_METHODS else self._door).ask(method, params)
        except (AssertionError, RpcError) as error:
            raise DemoFailed(str(error)) from error

    async def order(self, action: str, payload: Payload) -> Payload:
        try:
            status, answer = self._ocpp.ask(action, payload, within_ms=round(PATIENCE_S * 1000))
        except (ConnectionError, TimeoutError) as error:
            raise DemoFailed(f"{action} was not answered: {error}") from error
        return answer if status == "result" else {"status": status}

    async def wait(self, span_s: float) -> None:
        self._sim.run_for(round(span_s * 1000))
        self.show(self._sim.now_ms)

    async def until(self, condition: Callable[[], object], what: str) -> None:
        try:
            self._sim.run_until(lambda: bool(condition()), within_ms=round(PATIENCE_S * 1000))
        except TimeoutError as error:
            raise DemoFailed(f"the station did not {what} within {PATIENCE_S:g} s") from error
        finally:
            self.show(self._sim.now_ms)

    def note_message(self, direction: str, action: str) -> None:
        """The simulated link keeps its messages itself."""

    def _swipe(self, params: dict[str, Any]) -> str:
        assert self._sim.station is not None
        outcome = swipe(self._sim.station.core, msgspec.convert(params, Swipe))
        self._sim.wake()
        return outcome
