"""The link's process against a back office built on the `ocpp` package, through a network that
fails: nothing is lost, nothing doubled, and it reconnects. Real sockets, threads and time.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action
from ocpp_bench import Bench, run, until
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from hil.csms.authority import Authority
from hil.csms.fault_proxy import FaultProxy, Way
from hil.csms.server import CsmsServer
from ocpp_link.device.settings import Settings
from ocpp_link.ports import RestartKind
from ocpp_link.process import serve as serve_link
from ocpp_link.security.config import SecurityConfig

IMPATIENT = Settings(message_retry_s=0, ping_interval_s=1)


@contextlib.asynccontextmanager
async def through_proxy(
    tmp_path: Path, *, secure: bool = False
) -> AsyncIterator[tuple[Bench, FaultProxy]]:
    """A registered station, with a proxy between it and its back office."""
    options: dict[str, Any] = {}
    if secure:
        root = Authority("Root A")
        options = {"security": _profile_2(root, tmp_path), "basic_auth_key": b"0123456789abcdef"}
    b = Bench(tmp_path, settings=IMPATIENT, **options)
    if secure:
        b.csms = CsmsServer(b.brain, tls=_server_context(root, tmp_path, "127.0.0.1"))
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


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
def test_ten_sessions_through_a_network_gone_mad(tmp_path: Path, secure: bool) -> None:
    """Faults one upon the other, at moments that the seed chooses."""
    chosen = random.Random(20261121)

    async def test() -> None:
        async with through_proxy(tmp_path, secure=secure) as (b, proxy):
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


def _now() -> str:
    """The true time: a station may set its clock by it."""
    return datetime.now(UTC).isoformat()


# A back office made with the library's own class, and nothing of ours


class LibraryPeer(ChargePoint):  # type: ignore[misc]  # the library has no types
    """Answers as the library's documentation does it."""

    def __init__(self, identity: str, websocket: ServerConnection) -> None:
        super().__init__(identity, websocket)
        self.heard: list[tuple[str, dict[str, Any]]] = []

    def _note(self, action: str, values: dict[str, Any]) -> None:
        self.heard.append((action, values))

    @on(Action.boot_notification)
    def on_boot(self, **values: Any) -> Any:
        self._note("boot", values)
        return call_result.BootNotification(_now(), 300, "Accepted")

    @on(Action.heartbeat)
    def on_heartbeat(self) -> Any:
        return call_result.Heartbeat(_now())

    @on(Action.status_notification)
    def on_status(self, **values: Any) -> Any:
        self._note("status", values)
        return call_result.StatusNotification()

    @on(Action.security_event_notification)
    def on_security_event(self, **values: Any) -> Any:
        self._note("security", values)
        return call_result.SecurityEventNotification()

    @on(Action.start_transaction)
    def on_start(self, **values: Any) -> Any:
        self._note("start", values)
        return call_result.StartTransaction(77, {"status": "Accepted"})

    @on(Action.meter_values)
    def on_meter_values(self, **values: Any) -> Any:
        self._note("meter values", values)
        return call_result.MeterValues()

    @on(Action.stop_transaction)
    def on_stop(self, **values: Any) -> Any:
        self._note("stop", values)
        return call_result.StopTransaction()

    def told(self, what: str) -> list[dict[str, Any]]:
        return [values for name, values in self.heard if name == what]


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
def test_a_back_office_of_the_library_gets_a_session_and_is_obeyed(
    tmp_path: Path, secure: bool
) -> None:
    """Over TLS with an authority of our own, at security profile 2 (TC_086_CS)."""

    async def test() -> None:
        peers: list[LibraryPeer] = []

        async def meet(websocket: ServerConnection) -> None:
            peers.append(LibraryPeer("CP", websocket))
            with contextlib.suppress(ConnectionClosed):
                await peers[-1].start()

        root = Authority("Root A")
        context = _server_context(root, tmp_path) if secure else None
        options: dict[str, Any] = {"basic_auth_key": b"0123456789abcdef"}
        options["security"] = _profile_2(root, tmp_path) if secure else SecurityConfig()
        b = Bench(tmp_path, **options)
        await b.core.door.start()
        names = [Subprotocol("ocpp1.6")]
        async with serve(meet, "127.0.0.1", 0, subprotocols=names, ssl=context) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            b.link(f"ws{'s' * secure}://localhost:{port}/ocpp")
            await until(lambda: peers and len(peers[0].told("status")) >= 2)
            b.core.session("s-1")
            await until(lambda: peers[0].told("stop"))
            assert peers[0].told("start")[0]["meter_start"] == 1_000
            assert peers[0].told("stop")[0]["transaction_id"] == 77
            answer = await peers[0].call(call.GetConfiguration(key=["AuthorizationKey", "NoKey"]))
            assert answer.unknown_key == ["NoKey"]
            answer = await peers[0].call(
                call.ChangeConfiguration(key="HeartbeatInterval", value="900")
            )
            assert answer.status == "Accepted"
            answer = await peers[0].call(call.TriggerMessage("BootNotification"))
            assert answer.status == "Accepted"
            await until(lambda: len(peers[0].told("boot")) == 2)
            assert len(peers) == 1
            await b.stop_link()
        await b.aclose()

    run(test)


def test_a_back_office_that_nobody_vouches_for_gets_no_frame(tmp_path: Path) -> None:
    """TC_078_CS from the link's side: the reason is told in words."""

    async def test() -> None:
        met: list[ServerConnection] = []

        async def meet(websocket: ServerConnection) -> None:
            met.append(websocket)

        context = _server_context(Authority("Root B"), tmp_path)
        b = Bench(tmp_path, security=_profile_2(Authority("Root A"), tmp_path))
        async with serve(meet, "127.0.0.1", 0, ssl=context) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            b.link(f"wss://localhost:{port}/ocpp")
            await until(lambda: "not installed here" in b.process.connection.last_error)
            assert b.process.connection.state.failed_in == "TLS"
            await b.stop_link()
        assert met == []

    run(test)


def _server_context(root: Authority, folder: Path, host: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*root.server(host).files(folder, "server"))
    return context


def _profile_2(root: Authority, folder: Path) -> SecurityConfig:
    trusted = folder / "roots.pem"
    trusted.write_text(root.pem, "ascii")
    return SecurityConfig(
        profile=2, system_roots=False, csms_roots=trusted, directory=folder / "security"
    )


def test_47_the_answer_to_a_reset_and_a_goodbye_reach_the_back_office(tmp_path: Path) -> None:
    """Pitfall 47: an answer that is lost makes the back office reset the station again."""

    async def test() -> None:
        b = Bench(tmp_path)
        await b.csms.start()
        await b.core.door.start()
        proxy = FaultProxy(b.csms._port)
        await proxy.start()
        config = b.config(b.csms.url.replace(str(b.csms._port), str(proxy.port)))
        link = asyncio.ensure_future(serve_link(config))
        await until(lambda: b.brain.statuses.get(1) == "Available")
        proxy.delay_s = 0.02
        websocket = b.csms.peers["CP 1/a"]._websocket
        answer = await b.csms.call("CP 1/a", call.Reset(type="Soft"))
        assert answer.status == "Accepted"
        async with asyncio.timeout(5):
            assert await link is RestartKind.APPLICATION
            await websocket.wait_closed()
        assert websocket.close_code == 1000
        await proxy.stop()
        await b.aclose()

    run(test)
