"""The link's process against a back office built on the `ocpp` package, through a network that
fails: nothing is lost, nothing doubled, and it reconnects. Real sockets, threads and time.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from ocpp_bench import Bench, run, until

from hil.csms.fault_proxy import FaultProxy, Way
from ocpp_link.device.settings import Settings

IMPATIENT = Settings(message_retry_s=0, ping_interval_s=1)


@contextlib.asynccontextmanager
async def through_proxy(tmp_path: Path, **options: Any) -> AsyncIterator[tuple[Bench, FaultProxy]]:
    """A registered station, with a proxy between it and its back office."""
    b = Bench(tmp_path, settings=IMPATIENT, **options)
    await b.csms.start()
    await b.core.door.start()
    proxy = FaultProxy(b.csms._port)
    await proxy.start()
    b.link(b.csms.url.replace(str(b.csms._port), str(proxy.port)))
    try:
        await until(lambda: b.brain.statuses.get(1) == "Available")
        yield b, proxy
    finally:
        await b.stop_link()
        await proxy.stop()
        await b.aclose()


async def billed(b: Bench, sessions: int) -> None:
    """So many sessions are in the books, whole, once, and nothing waits to be told."""
    await until(lambda: len(b.brain.bill) == sessions and not b.brain.open_transactions())
    await until(lambda: not len(b.process.engine.transactions.queue))
    assert b.brain.complaints == []
    assert b.brain.orphan_stops == 0
    assert [line.start_wh for line in b.brain.bill.values()] == [
        1_000 * (n + 1) for n in range(sessions)
    ]


def test_a_slow_network_only_delays(tmp_path: Path) -> None:
    async def test() -> None:
        async with through_proxy(tmp_path) as (b, proxy):
            proxy.delay_s = 0.03
            b.core.session("s-1")
            await billed(b, 1)
            assert proxy.connections == 1
            assert b.brain.repeated_starts == b.brain.repeated_stops == 0

    run(test)


def test_24_a_black_hole_is_noticed_by_its_missing_pongs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pitfall 24: TCP believes in the connection for minutes; the link does not."""
    monkeypatch.setattr("ocpp_link.wire.conversation.PONG_TIMEOUT_S", 0.05)

    async def test() -> None:
        async with through_proxy(tmp_path) as (b, proxy):
            proxy.swallow()
            b.core.session("s-1")
            await until(lambda: "does not answer pings" in b.process.connection.last_error)
            proxy.heal()
            b.process.connection.reconnect("the network is back")
            await billed(b, 1)

    run(test)


def test_a_half_open_connection_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocpp_link.wire.conversation.PONG_TIMEOUT_S", 0.05)

    async def test() -> None:
        async with through_proxy(tmp_path) as (b, proxy):
            proxy.half_open()
            await until(lambda: not b.csms.peers)
            assert b.process.connection.is_connected, "nobody has told it"
            b.core.session("s-1")
            await billed(b, 1)
            assert proxy.connections == 2

    run(test)


@pytest.mark.parametrize(
    ("way", "offsets"),
    [(Way.TO_SERVER, range(1, 2_200, 97)), (Way.TO_CLIENT, range(1, 400, 17))],
    ids=["to the server", "to the client"],
)
def test_a_cut_at_any_byte_of_a_session_loses_and_doubles_nothing(
    tmp_path: Path, way: Way, offsets: range
) -> None:
    """In the middle of a frame, of its header, of an answer: a session for each offset into what
    it makes pass that way."""

    async def test() -> None:
        async with through_proxy(tmp_path) as (b, proxy):
            for number, offset in enumerate(offsets, start=1):
                proxy.cut_after(offset, way)
                b.core.session(f"s-{number}")
                await until(lambda n=number: len(b.brain.bill) == n)
                await until(lambda: not b.brain.open_transactions())
                proxy.heal()
            await billed(b, len(offsets))
            assert proxy.connections > len(offsets) / 2
            assert len(b.brain.sent("BootNotification")) == 1

    run(test)


def test_ten_sessions_through_a_network_gone_mad(tmp_path: Path) -> None:
    """Faults one upon the other, at moments that the seed chooses."""
    chosen = random.Random(20261121)

    async def test() -> None:
        async with through_proxy(tmp_path) as (b, proxy):
            for number in range(10):
                b.core.session(f"s-{number}")
                for _ in range(5):
                    chosen.choice(
                        [
                            proxy.reset,
                            proxy.half_open,
                            lambda: proxy.cut_after(chosen.randrange(1, 600), Way.TO_SERVER),
                            lambda: proxy.cut_after(chosen.randrange(1, 600), Way.TO_CLIENT),
                        ]
                    )()
                    await asyncio.sleep(chosen.random() * 0.01)
                    b.process.connection.connect()
            proxy.heal()
            b.process.connection.reconnect("the network is well again")
            await billed(b, 10)

    run(test)
