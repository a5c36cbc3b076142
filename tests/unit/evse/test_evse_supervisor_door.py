"""The supervisor's door: whose power is cut, that the metal is told, and what is refused."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest

from evse.config.access import DoorTable
from evse.door.client import DoorClient
from evse.door.hub import Hub
from evse.door.jsonrpc import INVALID_PARAMS, METHOD_NOT_FOUND, RpcError
from evse.door.roles import Credentials, Role
from evse.door.server import DoorServer
from evse.run.supervisor import Supervisor, Unit
from evse.run.supervisor_door import SupervisorDoor

PATIENCE_S = 20.0


class Told(Supervisor):
    """A supervisor that starts nothing and writes down what it is told."""

    def __init__(self) -> None:
        idle = ("/bin/false",)
        super().__init__([Unit("plant", idle, True), Unit("guard", idle), Unit("core", idle)])
        self.acts: list[tuple[str, tuple[str, ...]]] = []
        self.news = asyncio.Event()

    def hold(self, names: Any) -> None:
        self._note("off", names)

    def release(self, names: Any) -> None:
        self._note("on", names)

    def _note(self, what: str, names: Any) -> None:
        self.acts.append((what, tuple(names)))
        self.news.set()


class Rig:
    """Both doors of a run directory: the supervisor's, and a plant's that keeps its calls."""

    def __init__(self, directory: Path) -> None:
        self.supervisor = Told()
        self.faults: list[dict[str, Any]] = []
        hub = Hub()
        hub.register("sim.set_fault", self._set_fault)
        self.plant = DoorServer(hub, directory / "plant.sock")

    def _set_fault(self, _connection: Any, params: Any, reply: Callable[[Any], None]) -> None:
        self.faults.append(msgspec.json.decode(params))
        reply(True)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.supervisor.acts) < count:
                self.supervisor.news.clear()
                await self.supervisor.news.wait()


Act = Callable[[Rig, DoorClient], Coroutine[Any, Any, None]]


def run(act: Act, *, simulated: bool = True, plant: bool = True) -> None:
    """`act` with a rig and a client at the supervisor's door."""

    async def body(directory: Path) -> None:
        rig = Rig(directory)
        door = SupervisorDoor(rig.supervisor, directory, evses=2, simulated=simulated)
        await door.server.start()
        if plant:
            await rig.plant.start()
        client = await DoorClient.connect(door.server.path)
        try:
            await act(rig, client)
        finally:
            await client.aclose()
            await rig.plant.aclose()
            await door.server.aclose()

    with tempfile.TemporaryDirectory(prefix="sd-") as directory:
        asyncio.run(body(Path(directory)))


def test_processes_are_listed() -> None:
    async def act(rig: Rig, client: DoorClient) -> None:
        rows = await client.call("supervisor.processes")
        assert [row["name"] for row in rows] == ["plant", "guard", "core"]
        assert all(row == {"name": row["name"], "pid": None, "restarts": 0} for row in rows)

    run(act)


def test_without_names_the_whole_station_loses_its_power_and_its_coils() -> None:
    async def act(rig: Rig, client: DoorClient) -> None:
        assert await client.call("sim.power_off") is True
        assert rig.supervisor.acts == [("off", ("guard", "core"))]
        cut = [{"evse": evse, "fault": "power_cut", "active": True} for evse in (1, 2)]
        assert rig.faults == cut
        assert await client.call("sim.power_on") is True
        assert rig.supervisor.acts[1] == ("on", ("guard", "core"))
        assert [fault["active"] for fault in rig.faults] == [True, True, False, False]

    run(act)


def test_one_process_alone_is_no_power_cut_of_the_metal() -> None:
    async def act(rig: Rig, client: DoorClient) -> None:
        assert await client.call("sim.power_cut", {"processes": ["core"], "off_s": 0}) is True
        await rig.until(2)
        assert rig.supervisor.acts == [("off", ("core",)), ("on", ("core",))]
        assert rig.faults == []

    run(act)


def test_a_plant_that_is_gone_keeps_no_process_from_its_power() -> None:
    async def act(rig: Rig, client: DoorClient) -> None:
        assert await client.call("sim.power_off") is True
        assert await client.call("sim.power_on") is True
        assert [act for act, _ in rig.supervisor.acts] == ["off", "on"]

    run(act, plant=False)


@pytest.mark.parametrize("method", ["sim.power_cut", "sim.power_off", "sim.power_on"])
def test_an_unknown_process_is_named_and_nothing_happens(method: str) -> None:
    async def act(rig: Rig, client: DoorClient) -> None:
        with pytest.raises(RpcError) as refused:
            await client.call(method, {"processes": ["core", "fridge"]})
        assert refused.value.code == INVALID_PARAMS
        assert "no process fridge: there are plant, guard, core" in refused.value.message
        assert refused.value.data == {"field": "processes"}
        assert rig.supervisor.acts == []

    run(act)


@pytest.mark.parametrize("method", ["sim.power_cut", "sim.power_off", "sim.power_on"])
def test_a_station_with_real_metal_has_no_switch_for_its_power(method: str) -> None:
    async def act(rig: Rig, client: DoorClient) -> None:
        with pytest.raises(RpcError) as refused:
            await client.call(method)
        assert refused.value.code == METHOD_NOT_FOUND or "nobody provides" in str(refused.value)
        assert rig.supervisor.acts == []

    run(act, simulated=False)


def test_the_supervisors_door_knows_the_same_roles_as_the_cores() -> None:
    table = DoorTable(observers=("4001",), technicians=("@5001",))
    with tempfile.TemporaryDirectory(prefix="sd-") as directory:
        door = SupervisorDoor(Told(), Path(directory), evses=1, simulated=True, door=table)
    assert door.server.role_of(Credentials(4001)) is Role.OBSERVER
    assert door.server.role_of(Credentials(4002, frozenset({5001}))) is Role.TECHNICIAN
    assert door.server.role_of(Credentials(4002)) is None
