"""The computer under a simulated station: it restarts when its link asks for that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from hil.sim.simulation import Simulation
from ocpp_link.ports import RestartKind

DOWN_MS = {RestartKind.APPLICATION: 2_000, RestartKind.HARDWARE: 15_000}
"""From the end of the programs to their new beginning."""


class Restarted(Protocol):
    """The program that asks, and that ends with the others."""

    def start(self) -> None: ...
    def kill(self) -> None: ...


class SimSystem:
    """SystemPort, for one life of the link. The core restarts with it; ring 1 only with the
    hardware."""

    def __init__(self, sim: Simulation, link: Restarted) -> None:
        self._sim = sim
        self._link = link
        self.boot_id = f"boot {sim.boot}"

    def set_time(self, _utc: datetime, on_done: Callable[[str], None]) -> None:
        """Simulated time is nobody's to set."""
        on_done("nobody may set the clock here")

    def restart(self, kind: RestartKind, _on_failed: Callable[[str], None]) -> None:
        """A moment later, as a process ends."""
        self._sim.at(self._sim.now_ms + 1, lambda: self._end(kind))

    def _end(self, kind: RestartKind) -> None:
        sim, hardware = self._sim, kind is RestartKind.HARDWARE
        self._link.kill()
        sim.kill_core()
        if hardware:
            sim.kill_guard()
            sim.boot += 1
        boot = sim.boot
        sim.at(sim.now_ms + DOWN_MS[kind], lambda: self._begin(boot))

    def _begin(self, boot: int) -> None:
        """Unless the power went meanwhile, and everything began anew with it."""
        sim = self._sim
        if sim.boot != boot or sim.station is not None:
            return
        if sim.guard is None:
            sim.start_guard()
        sim.start_core()
        self._link.start()
