"""What only a simulated station has at its door: `sim.*`, forwarded to the plant and supervisor.

Nothing here exists on a real board; the OCPP link may not call it (evse/door/roles.py).
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, UnsetType

from evse.core import Core
from evse.door import jsonrpc
from evse.door.client import DoorClient
from evse.door.hub import Connection, Hub, Reply
from evse.door.jsonrpc import RpcError
from evse.types.authorization import AuthorizationType, IdToken, IdTokenType, ProvidedIdToken

PLANT_METHODS = (
    "sim.plug_in",
    "sim.plug_out",
    "sim.ev_pause",
    "sim.ev_resume",
    "sim.set_fault",
    "sim.set_voltage",
    "sim.house",
    "sim.state",
)
RETRY_S = 0.1


class SwipedToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    value: Annotated[str, Meta(min_length=1, max_length=36)]
    type: IdTokenType = IdTokenType.ISO14443


class Swipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`sim.swipe`: a card at the reader."""

    id_token: SwipedToken
    evses: tuple[Annotated[int, Meta(ge=1)], ...] | UnsetType = msgspec.UNSET


class SimForwarder:
    """Keeps a connection to the plant's door and to the supervisor's, and forwards."""

    def __init__(self, hub: Hub, run_dir: Path, core: Core) -> None:
        self._hub = hub
        self._run_dir = run_dir
        self._core = core
        self._doors: dict[str, DoorClient] = {}
        self._calls: set[asyncio.Task[None]] = set()
        for method in PLANT_METHODS:
            hub.register(method, self._forward("plant", method))
        hub.register("sim.power_cut", self._forward("supervisor", "sim.power_cut"))
        hub.register("sim.swipe", self._swipe)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep("plant"))
            group.create_task(self._keep("supervisor"))

    def with_processes(self, state: dict[str, Any], reply: Reply) -> None:
        """`state` with what the supervisor says of its processes."""

        async def ask() -> None:
            processes: Any = None
            with contextlib.suppress(RpcError, ConnectionError, KeyError):
                processes = await self._doors["supervisor"].call("supervisor.processes")
            reply({**state, "processes": processes})

        self._spawn(ask())

    async def _keep(self, name: str) -> None:
        path = self._run_dir / f"{name}.sock"
        while True:
            with contextlib.suppress(OSError):
                door = await DoorClient.connect(path)
                self._doors[name] = door
                try:
                    await door.closed()
                finally:
                    self._doors.pop(name, None)
                    await door.aclose()
            await asyncio.sleep(RETRY_S)

    def _forward(self, name: str, method: str) -> Any:
        def handle(_connection: Connection, params: Raw | UnsetType, reply: Reply) -> None:
            door = self._doors.get(name)
            if door is None:
                raise RpcError(jsonrpc.NOT_AVAILABLE, f"the {name} of the simulation is not there")
            body = {} if isinstance(params, UnsetType) else msgspec.json.decode(params)
            self._spawn(self._ask(door, method, body, reply))

        return handle

    @staticmethod
    async def _ask(door: DoorClient, method: str, body: Any, reply: Reply) -> None:
        try:
            reply(await door.call(method, body))
        except RpcError as error:
            reply(error)
        except ConnectionError as error:
            reply(RpcError(jsonrpc.NOT_AVAILABLE, str(error)))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    def _swipe(self, _connection: Connection, params: Raw | UnsetType, reply: Reply) -> None:
        reply(swipe(self._core, jsonrpc.decode_params(params, Swipe)))


def swipe(core: Core, wanted: Swipe) -> str:
    """Present a card. Raises RpcError for an EVSE that is not there."""
    evses = () if isinstance(wanted.evses, UnsetType) else wanted.evses
    unknown = [evse for evse in evses if evse not in core.sessions]
    if unknown:
        known = f"one of {list(core.sessions)}"
        field = {"field": "evses"}
        raise RpcError(jsonrpc.INVALID_PARAMS, f"evse {unknown[0]} is not here: {known}", field)
    token = ProvidedIdToken(
        id_token=IdToken(value=wanted.id_token.value, type=wanted.id_token.type),
        authorization_type=AuthorizationType.RFID,
        connectors=evses or msgspec.UNSET,
    )
    outcome = core.authorization.present(token)
    core.poll()
    return outcome
