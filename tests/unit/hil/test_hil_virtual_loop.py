"""A loop on simulated time: what is under way is waited for, waiting itself takes no time."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from hil.sim import virtual_loop
from hil.sim.network import SimNetwork
from hil.sim.virtual_loop import VirtualLoop, WireStuck


class Quiet:
    """A world in which nothing happens."""

    now_ms = 1_000

    def step(self, limit_ms: int) -> None:
        self.now_ms = limit_ms


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    loop = VirtualLoop()
    loop.world = Quiet()
    yield loop
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left))
    loop.close()


async def echo(websocket: ServerConnection) -> None:
    async for message in websocket:
        await websocket.send(message)


def test_sleeping_for_a_day_takes_a_moment(loop: VirtualLoop) -> None:
    begin = time.monotonic()
    loop.run_until_complete(asyncio.sleep(86_400))
    assert loop.world.now_ms == 86_401_000
    assert time.monotonic() - begin < 5


def test_what_is_on_the_wire_arrives_before_time_moves(loop: VirtualLoop) -> None:
    async def conversation() -> None:
        async with serve(echo, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            async with connect(f"ws://127.0.0.1:{port}", max_size=None) as websocket:
                for size in (1, 1_000, 300_000):
                    async with asyncio.timeout(0.001):
                        await websocket.send("a" * size)
                        assert len(await websocket.recv()) == size
                assert loop.world.now_ms == 1_000
                await asyncio.sleep(60)
                await websocket.send("still there")
                assert await websocket.recv() == "still there"

    loop.run_until_complete(conversation())


def test_threads_and_processes_are_waited_for(loop: VirtualLoop) -> None:
    async def work() -> None:
        async with asyncio.timeout(0.001):
            await asyncio.to_thread(time.sleep, 0.02)
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
            assert await process.wait() == 0

    loop.run_until_complete(work())
    assert loop.world.now_ms == 1_000


def test_a_peer_that_vanishes_is_noticed_at_once(loop: VirtualLoop) -> None:
    async def conversation() -> None:
        async with serve(echo, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            network = SimNetwork(port)
            await network.mend()
            async with connect(f"ws://127.0.0.1:{network.port}") as websocket:
                await websocket.send("hello")
                assert await websocket.recv() == "hello"
                network.cut()
                with pytest.raises(ConnectionClosed):
                    await websocket.recv()
                with pytest.raises(ConnectionRefusedError):
                    await connect(f"ws://127.0.0.1:{network.port}", open_timeout=0.001)
            await network.mend()
            async with connect(f"ws://127.0.0.1:{network.port}"):
                network.cut()

    loop.run_until_complete(conversation())
    assert loop.world.now_ms == 1_000


def test_a_network_that_swallows_everything_costs_the_time_out(loop: VirtualLoop) -> None:
    async def conversation() -> None:
        async with serve(echo, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            network = SimNetwork(port)
            await network.mend()
            async with connect(f"ws://127.0.0.1:{network.port}") as websocket:
                network.silent = True
                await websocket.send("anybody?")
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(30):
                        await websocket.recv()
                network.cut()

    loop.run_until_complete(conversation())
    assert loop.world.now_ms == 31_000


def test_a_peer_outside_the_loop_that_hangs_is_named(
    loop: VirtualLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtual_loop, "STUCK_S", 0.05)

    async def stuck() -> None:
        async with serve(echo, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                f"import socket,time;"
                f"s=socket.create_connection(('127.0.0.1',{port}));time.sleep(60)",
            )
            try:
                await asyncio.sleep(1)
            finally:
                process.kill()
                await process.wait()

    with pytest.raises(WireStuck, match="nothing was heard"):
        loop.run_until_complete(stuck())


def test_waiting_for_what_can_not_come_is_named(loop: VirtualLoop) -> None:
    with pytest.raises(WireStuck, match="nothing will ever happen"):
        loop.run_until_complete(loop.create_future())
