"""The supervisor's door in the run directory: which processes there are, and a power cut."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, UnsetType

from evse import jsonrpc
from evse.door import DoorServer
from evse.door_client import DoorClient
from evse.door_hub import Connection, Hub, Reply
from evse.jsonrpc import RpcError
from evse.supervisor import Supervisor


class PowerCut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which processes lose power; left out: the whole station with its coils."""

    processes: tuple[str, ...] | UnsetType = msgspec.UNSET
    off_s: Annotated[float, Meta(ge=0, le=3_600)] = 1.0


class SupervisorDoor:
    """Serves one supervisor."""

    def __init__(
        self, supervisor: Supervisor, run_dir: Path, *, computer: tuple[str, ...], evses: int
    ) -> None:
        """`computer`: the units that a power cut of the station ends."""
        self._supervisor = supervisor
        self._run_dir = run_dir
        self._computer = computer
        self._evses = evses
        self._cuts: set[asyncio.Task[None]] = set()
        hub = Hub()
        hub.register("supervisor.processes", self._processes)
        hub.register("sim.power_cut", self._power_cut)
        self.server = DoorServer(hub, run_dir / "supervisor.sock")

    def _processes(self, _connection: Connection, _params: Raw | UnsetType, reply: Reply) -> None:
        reply(self._supervisor.processes())

    def _power_cut(self, _connection: Connection, params: Raw | UnsetType, reply: Reply) -> None:
        wanted: PowerCut = jsonrpc.decode_params(params, PowerCut)
        whole = isinstance(wanted.processes, UnsetType)
        names = self._computer if isinstance(wanted.processes, UnsetType) else wanted.processes
        known = [process["name"] for process in self._supervisor.processes()]
        for name in names:
            if name not in known:
                field = {"field": "processes"}
                text = f"no process {name}: there are {', '.join(known)}"
                raise RpcError(jsonrpc.INVALID_PARAMS, text, field)
        reply(True)
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._cut(names, wanted.off_s, whole=whole))
        self._cuts.add(task)
        task.add_done_callback(self._cuts.discard)

    async def _cut(self, names: tuple[str, ...], off_s: float, *, whole: bool) -> None:
        """After the answer has had a moment to reach the caller through a process that dies."""
        await asyncio.sleep(0.05)
        if whole:
            await self._plant_power(cut=True)
        await self._supervisor.power_cut(names, off_s)
        if whole:
            await self._plant_power(cut=False)

    async def _plant_power(self, *, cut: bool) -> None:
        door = await DoorClient.connect(self._run_dir / "plant.sock")
        for evse in range(1, self._evses + 1):
            fault = {"evse": evse, "fault": "power_cut", "active": cut}
            await door.call("sim.set_fault", fault)
        await door.aclose()
