"""What an outside harness does to a simulated station, through its one real socket.

Every method and every shape of params that the interface promises, on real processes; the station
is shared, so each test leaves both EVSEs without a car.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from evse.clock import MonotonicClock
from evse.door.client import DoorClient
from evse.door.jsonrpc import INVALID_PARAMS, RpcError
from hil.bench.proc_rig import ProcRig
from hil.bench.station import StationSetup
from hil.csms.brain import CsmsBrain
from hil.csms.server import CsmsServer

pytestmark = pytest.mark.proc

WITHIN_S = 25.0
"""For anything to happen on a busy machine."""


@pytest.fixture(scope="module")
def port() -> int:
    """Where the back office will be, once it runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def rig(port: int) -> Iterator[ProcRig]:
    setup = StationSetup(evses=2, authorization="ocpp")
    station = ProcRig(setup, ocpp_url=f"ws://127.0.0.1:{port}/ocpp")
    yield station
    station.close()


class Harness:
    """One connection to the station's door."""

    def __init__(self, door: DoorClient) -> None:
        self.door = door

    async def call(self, method: str, **params: Any) -> Any:
        async with asyncio.timeout(WITHIN_S):
            return await self.door.call(method, params)

    async def refused(self, method: str, **params: Any) -> RpcError:
        with pytest.raises(RpcError) as caught:
            await self.call(method, **params)
        return caught.value

    async def evse(self, evse: int = 1) -> dict[str, Any]:
        state = await self.call("sys.state")
        found: dict[str, Any] = state["evses"][evse - 1]
        return found

    async def metal(self, evse: int = 1) -> dict[str, Any]:
        found: dict[str, Any] = (await self.call("sim.state"))[str(evse)]
        return found

    async def whole(self) -> bool:
        """Every process runs and serves, and no fault is left of what was before."""
        state = await self.call("sys.state")
        running = all(row["pid"] for row in state["processes"] or [{"pid": None}])
        sound = not any(row["faults"] for row in state["evses"])
        return running and sound and state["board"]["up"] and state["ocpp"]["running"]

    async def connected(self) -> bool:
        return bool((await self.call("sys.state"))["ocpp"]["connected"])

    async def until(self, condition: Callable[[], Awaitable[object]], what: str) -> None:
        give_up_s = time.monotonic() + WITHIN_S
        while not await condition():
            assert time.monotonic() < give_up_s, f"{what}: not within {WITHIN_S} s"
            await asyncio.sleep(0.05)  # real processes: their state is polled

    async def state(self, wanted: str, evse: int = 1) -> None:
        async def reached() -> bool:
            return bool((await self.evse(evse))["state"] == wanted)

        await self.until(reached, f"EVSE {evse} {wanted}")


@asynccontextmanager
async def harness(rig: ProcRig) -> AsyncIterator[Harness]:
    door = await DoorClient.connect(rig.run_dir / "door.sock")
    try:
        yield Harness(door)
    finally:
        await door.aclose()


def play(rig: ProcRig, script: Callable[[Harness], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with harness(rig) as h:
            await h.until(h.whole, "a whole station")
            await script(h)

    asyncio.run(whole())


def test_the_door_is_open_before_the_back_office_is_reached(rig: ProcRig) -> None:
    async def script(h: Harness) -> None:
        state = await h.call("sys.state")
        assert state["ocpp"]["connected"] is False
        assert state["station"] == "BENCH-1"
        assert [row["evse"] for row in state["evses"]] == [1, 2]
        names = [row["name"] for row in state["processes"]]
        assert names == ["plant", "guard", "meter-1", "meter-2", "core", "ocpp"]
        assert all(row["pid"] for row in state["processes"])

    play(rig, script)


def test_a_car_comes_with_everything_named_and_goes(rig: ProcRig) -> None:
    async def script(h: Harness) -> None:
        draw = {"amps": 10.0, "phases": 1}
        assert await h.call("sim.plug_in", evse=2, delay_s=0.3, draw=draw) is True
        assert (await h.metal(2))["plugged"] is False
        await h.state("waiting_auth", 2)
        assert (await h.evse(1))["plugged"] is False
        assert await h.call("sim.plug_out", evse=2) is True
        await h.state("idle", 2)

    play(rig, script)


def test_what_is_left_out_has_its_default(rig: ProcRig) -> None:
    async def script(h: Harness) -> None:
        assert await h.call("sim.plug_in") is True
        await h.state("waiting_auth", 1)
        error = await h.refused("sim.plug_in")
        assert "plugged in already" in error.message
        assert await h.call("sim.ev_pause") is True
        assert await h.call("sim.ev_resume") is True
        assert await h.call("sim.plug_out") is True
        await h.state("idle", 1)
        assert await h.call("sim.plug_out") is True, "unplugging nothing is fine"

    play(rig, script)


def test_a_card_is_taken_in_each_shape(rig: ProcRig) -> None:
    async def script(h: Harness) -> None:
        shapes: list[dict[str, Any]] = [
            {"id_token": {"value": "CARD-A", "type": "ISO14443"}},
            {"id_token": {"value": "CARD-B"}},
            {"id_token": {"value": "CARD-C", "type": "Central"}, "evses": [2]},
            {"id_token": {"value": "CARD-D", "type": "eMAID"}, "evses": [1, 2]},
        ]
        for shape in shapes:
            outcome = await h.call("sim.swipe", **shape)
            assert outcome in ("Processing", "Rejected", "Accepted", "NotUsed"), outcome

    play(rig, script)


def test_faults_come_and_go(rig: ProcRig) -> None:
    async def script(h: Harness) -> None:
        fault = {"evse": 2, "fault": "emergency_stop"}
        assert await h.call("sim.set_fault", **fault, active=True) is True

        async def told(evse: int = 2) -> bool:
            return any("emergency" in code.lower() for code in (await h.evse(evse))["faults"])

        async def mended() -> bool:
            return not await told()

        await h.until(told, "the fault")
        assert (await h.metal(2))["faults"] == ["emergency_stop"]
        assert not await told(1)
        assert await h.call("sim.set_fault", **fault, active=False) is True
        await h.until(mended, "the fault's end")

    play(rig, script)


@pytest.mark.parametrize(
    ("method", "params", "named"),
    [
        ("sim.plug_in", {"evse": 3}, "evse 3"),
        ("sim.plug_in", {"evse": "1"}, "evse"),
        ("sim.plug_in", {"draw": {"amps": -1}}, "amps"),
        ("sim.plug_in", {"draw": {"phases": 4}}, "phases"),
        ("sim.plug_in", {"delay_s": -1}, "delay_s"),
        ("sim.plug_in", {"delay": 1}, "delay"),
        ("sim.plug_out", {"evse": 0}, "evse 0"),
        ("sim.ev_pause", {"evse": None}, "evse"),
        ("sim.swipe", {}, "id_token"),
        ("sim.swipe", {"id_token": {"value": ""}}, "value"),
        ("sim.swipe", {"id_token": {"value": "A", "type": "Paper"}}, "type"),
        ("sim.swipe", {"id_token": {"value": "A"}, "evses": [9]}, "evse 9"),
        ("sim.set_fault", {"fault": "rust"}, "rust"),
        ("sim.set_fault", {"evse": 1}, "fault"),
        ("sim.power_cut", {"processes": ["sun"]}, "sun"),
        ("sim.power_cut", {"processes": "core"}, "processes"),
        ("sys.state", {"evse": 1}, "evse"),
        ("sys.why", {}, "evse"),
    ],
)
def test_a_bad_call_names_what_is_wrong_and_changes_nothing(
    rig: ProcRig, method: str, params: dict[str, Any], named: str
) -> None:
    async def script(h: Harness) -> None:
        before = await h.call("sim.state")
        error = await h.refused(method, **params)
        assert error.code == INVALID_PARAMS
        assert named in error.message
        after = await h.call("sim.state")
        assert [after[e]["plugged"] for e in after] == [before[e]["plugged"] for e in before]

    play(rig, script)


def test_an_unknown_method_is_told(rig: ProcRig) -> None:
    async def script(h: Harness) -> None:
        assert "no method sim.fly" in (await h.refused("sim.fly")).message
        assert "no method ocpp.fly" in (await h.refused("ocpp.fly")).message
        assert "no method moon.fly" in (await h.refused("moon.fly")).message

    play(rig, script)


def test_disconnected_means_disconnected_until_connect(rig: ProcRig, port: int) -> None:
    """Sticky also over the reconnect loop, and told anew to a core that was restarted."""

    async def script(h: Harness) -> None:
        assert await h.call("ocpp.disconnect") is True
        office = CsmsServer(CsmsBrain(MonotonicClock()), port=port)
        await office.start()
        try:
            await asyncio.sleep(6.0)  # real time: it would have reconnected twice by then
            assert not await h.connected()
            assert office.peers == {}
            assert await h.call("ocpp.connect") is True
            await h.until(h.connected, "connected")
            assert (await h.call("ocpp.state"))["is_connected"] is True
            await _cut_and_wait(rig, h, processes=["core"], off_s=0.2)
            async with harness(rig) as again:
                await again.until(again.connected, "told to the new core")
                assert await again.call("ocpp.disconnect") is True
                await again.until(lambda: _not(again.connected()), "disconnected")
        finally:
            await office.stop()

    play(rig, script)


async def _not(told: Awaitable[bool]) -> bool:
    return not await told


async def _cut(h: Harness, **params: Any) -> None:
    """The core carries the answer: on a busy machine it may die with it."""
    try:
        assert await h.call("sim.power_cut", **params) is True
    except ConnectionError:
        return


async def _cut_and_wait(rig: ProcRig, h: Harness, **params: Any) -> None:
    """Cut the power, and wait until a successor of the core answers."""
    await _cut(h, **params)
    async with asyncio.timeout(WITHIN_S):
        await h.door.closed()
    give_up_s = time.monotonic() + WITHIN_S
    while not await _answers(rig):
        assert time.monotonic() < give_up_s, "the core did not come back"
        await asyncio.sleep(0.05)  # there is no door yet that could tell


async def _answers(rig: ProcRig) -> bool:
    """A dying process may still accept a connection, and never answer there."""
    try:
        async with harness(rig) as h:
            await h.call("sys.state")
    except OSError:
        return False
    return True


def test_a_power_cut_of_everything_boots_the_station_anew(rig: ProcRig) -> None:
    play(rig, lambda h: _cut_and_wait(rig, h, off_s=0.2))
    play(rig, lambda h: h.state("idle", 2))
