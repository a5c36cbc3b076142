"""The supervisor's door in the run directory: which processes there are, and a power cut."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, UnsetType

from evse.config.access import DoorTable
from evse.door import jsonrpc
from evse.door.client import DoorClient
from evse.door.hub import Connection, Hub, Reply
from evse.door.jsonrpc import RpcError
from evse.door.peer import access
from evse.door.server import DoorServer
from evse.run.supervisor import Supervisor

ANSWER_S = 0.05
"""So long an answer may take to reach its caller."""

_log = logging.getLogger(__name__)


class Power(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose power it is; left out: the whole station's, with its coils and sensors."""

    processes: tuple[str, ...] | UnsetType = msgspec.UNSET


class PowerCut(Power, frozen=True):
    off_s: Annotated[float, Meta(ge=0, le=3_600)] = 1.0


class SupervisorDoor:
    """Serves one supervisor. `sim.*` only where the metal is simulated."""

    def __init__(
        self,
        supervisor: Supervisor,
        run_dir: Path,
        *,
        evses: int,
        simulated: bool,
        door: DoorTable | None = None,
    ) -> None:
        self._supervisor = supervisor
        self._run_dir = run_dir
        self._evses = evses
        self._work: set[asyncio.Task[None]] = set()
        hub = Hub()
        hub.register("supervisor.processes", self._processes)
        if simulated:
            hub.register("sim.power_cut", self._power_cut)
            hub.register("sim.power_off", self._power_off)
            hub.register("sim.power_on", self._power_on)
        table = door or DoorTable()
        self.server = DoorServer(
            hub,
            run_dir / "supervisor.sock",
            access=access(table, _log.warning),
            group=table.group,
        )

    def _processes(self, _connection: Connection, _params: Raw | UnsetType, reply: Reply) -> None:
        reply(self._supervisor.processes())

    def _power_cut(self, _connection: Connection, params: Raw | UnsetType, reply: Reply) -> None:
        """Off now and on again by itself. Answered first: the answer may have to pass through a
        process that dies."""
        wanted: PowerCut = jsonrpc.decode_params(params, PowerCut)
        names, whole = self._named(wanted)
        reply(True)

        async def cut() -> None:
            await asyncio.sleep(ANSWER_S)
            await self._off(names, whole=whole)
            await asyncio.sleep(wanted.off_s)
            await self._on(names, whole=whole)

        self._spawn(cut())

    def _power_off(self, _connection: Connection, params: Raw | UnsetType, reply: Reply) -> None:
        """Off until `sim.power_on`; answered when it is."""
        names, whole = self._named(jsonrpc.decode_params(params, Power))
        self._spawn(self._off(names, whole=whole), reply)

    def _power_on(self, _connection: Connection, params: Raw | UnsetType, reply: Reply) -> None:
        names, whole = self._named(jsonrpc.decode_params(params, Power))
        self._spawn(self._on(names, whole=whole), reply)

    def _named(self, wanted: Power) -> tuple[tuple[str, ...], bool]:
        """The processes, and whether it is the whole station. Raises RpcError."""
        if isinstance(wanted.processes, UnsetType):
            return self._supervisor.computer, True
        known = [process["name"] for process in self._supervisor.processes()]
        for name in wanted.processes:
            if name not in known:
                text = f"no process {name}: there are {', '.join(known)}"
                raise RpcError(jsonrpc.INVALID_PARAMS, text, {"field": "processes"})
        return wanted.processes, False

    async def _off(self, names: tuple[str, ...], *, whole: bool) -> None:
        if whole:
            await self._plant_power(cut=True)
        self._supervisor.hold(names)

    async def _on(self, names: tuple[str, ...], *, whole: bool) -> None:
        if whole:
            await self._plant_power(cut=False)
        self._supervisor.release(names)

    async def _plant_power(self, *, cut: bool) -> None:
        """A plant that does not answer keeps no process from losing its power, or getting it."""
        try:
            door = await DoorClient.connect(self._run_dir / "plant.sock")
        except OSError as error:
            _log.warning("the metal was not told of the power: %s", error)
            return
        try:
            for evse in range(1, self._evses + 1):
                fault = {"evse": evse, "fault": "power_cut", "active": cut}
                await door.call("sim.set_fault", fault)
        except (OSError, RpcError) as error:
            _log.warning("the metal was not told of the power: %s", error)
        finally:
            await door.aclose()

    def _spawn(self, work: Coroutine[Any, Any, None], reply: Reply | None = None) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        if reply is not None:
            task.add_done_callback(lambda done: None if done.cancelled() else reply(True))
