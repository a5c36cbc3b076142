"""What all EVSEs of a simulated bench share: the simulation, its power, and who listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from evse.types.session import SessionEvent
from hil.bench.bench import Heard
from hil.bench.station import StationSetup
from hil.sim.simulation import Simulation
from hil.sim.station import LocalPeer, SimStation

SESSION_EVENT = "evse_manager.session_event"


class SimRig:
    """What all EVSEs of a simulated bench share."""

    def __init__(
        self, setup: StationSetup, seed: int, *, frames: bool, analog_ms: int, native: bool = False
    ) -> None:
        config = setup.config()
        self.sim = Simulation(config, seed=seed, frames=frames, analog_ms=analog_ms, native=native)
        self.heard: list[Heard] = []
        self.peer: LocalPeer | None = None
        self.power = True
        self.sim.on_core.append(self._attach)
        assert self.sim.station is not None, "a simulation starts with a core"
        self._attach(self.sim.station)

    def _attach(self, station: SimStation) -> None:
        """A core came up: follow its events from where the last one was heard."""
        self.peer = LocalPeer(station.hub)
        self.peer.on_notification = self._told
        last_seq = self.heard[-1].seq if self.heard else 0
        self.peer.ask("subscribe", {"variable": SESSION_EVENT, "from_seq": last_seq + 1})

    def _told(self, variable: str, params: dict[str, Any]) -> None:
        if variable == SESSION_EVENT:
            event = msgspec.convert(params["value"], SessionEvent)
            self.heard.append(Heard(params["seq"], params["evse"], self.sim.now_ms, event))

    @contextmanager
    def by_hand(self) -> Iterator[Simulation]:
        """Something is done to the station from outside: everybody looks again afterwards."""
        yield self.sim
        self.sim.wake()

    def kill_core(self) -> None:
        self.peer = None
        self.sim.kill_core()

    def start_core(self) -> None:
        if self.sim.station is None and self.power:
            self.sim.start_core()

    def start_guard(self) -> None:
        if self.sim.guard is None and self.power:
            self.sim.start_guard()
