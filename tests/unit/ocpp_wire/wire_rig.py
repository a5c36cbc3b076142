"""A back office on a real socket, an engine that only remembers, and time that moves when told."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from ocpp_link.wire.connection import Connection
from ocpp_link.wire.endpoint import Endpoint
from ocpp_link.wire.reconnect import Backoff, BackoffSettings


class Hours:
    """Virtual time for whoever sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now_s + seconds, future))
        await future

    @property
    def waits_s(self) -> list[float]:
        """How long each sleeper still sleeps."""
        live = [at for at, future in self._sleepers if not future.done()]
        return sorted(round(at - self.now_s, 6) for at in live)

    def pass_s(self, seconds: float) -> None:
        self.now_s += seconds
        for at, future in self._sleepers:
            if at <= self.now_s and not future.done():
                future.set_result(None)
        self._sleepers = [(at, future) for at, future in self._sleepers if not future.done()]


class Engine:
    """The engine's end: remembers what it hears."""

    def __init__(self, hours: Hours) -> None:
        self._hours = hours
        self.ping_interval_s = 0
        self.heard: list[str] = []
        self.connected_as: list[str] = []
        self.lost = 0
        self.on_heard: Callable[[str], None] = lambda _text: None
        self.say: Callable[[list[str]], None] = lambda _frames: None

    def now_ms(self) -> int:
        return round(self._hours.now_s * 1_000)

    def connect(self, on_frames: Callable[[list[str]], None], subprotocol: str) -> None:
        self.say = on_frames
        self.connected_as.append(subprotocol)

    def receive(self, text: str) -> None:
        self.heard.append(text)
        self.on_heard(text)

    def disconnect(self) -> None:
        self.lost += 1


class Source:
    """Hands out one endpoint and remembers what came of it."""

    def __init__(self, url: str) -> None:
        self.now = Endpoint(url=url, identity="CP 1")
        self.successes = 0
        self.errors: list[BaseException] = []

    def endpoint(self) -> Endpoint:
        return self.now

    def succeeded(self) -> None:
        self.successes += 1

    def failed(self, error: BaseException) -> None:
        self.errors.append(error)


class Ear:
    """Listens at the wire."""

    def __init__(self) -> None:
        self.crossed: list[tuple[str, str]] = []

    def sent(self, text: str) -> None:
        self.crossed.append(("out", text))

    def received(self, text: str) -> None:
        self.crossed.append(("in", text))


class Office:
    """A WebSocket server that speaks `versions` and keeps what it is told."""

    def __init__(
        self, versions: tuple[str, ...] = ("ocpp1.6",), tls: ssl.SSLContext | None = None
    ) -> None:
        self.versions = versions
        self._tls = tls
        self.on_heard: Callable[[ServerConnection, str], Awaitable[None]] | None = None
        self.heard: list[str] = []
        self.offers: list[list[str]] = []
        self.peers: list[ServerConnection] = []
        self.choose: Callable[[list[str]], str | None] | None = None
        self.admit: Callable[..., Any] | None = None
        self.url = ""
        self._server: Server | None = None
        self._port = 0

    async def open(self) -> None:
        self._server = await serve(
            self._talk,
            "127.0.0.1",
            self._port,
            select_subprotocol=self._select,
            process_request=self.admit,
            ssl=self._tls,
            compression=None,
            ping_interval=None,
            close_timeout=0.5,
        )
        self._port = next(iter(self._server.sockets)).getsockname()[1]
        scheme = "wss" if self._tls else "ws"
        self.url = f"{scheme}://127.0.0.1:{self._port}/ocpp"

    async def close(self) -> None:
        if self._server is not None:
            for peer in self.peers:
                peer.transport.abort()
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    def _select(self, _connection: Any, offered: Any) -> Subprotocol | None:
        self.offers.append([str(name) for name in offered])
        if self.choose is not None:
            chosen = self.choose(self.offers[-1])
            return None if chosen is None else Subprotocol(chosen)
        return next((Subprotocol(v) for v in self.offers[-1] if v in self.versions), None)

    async def _talk(self, websocket: ServerConnection) -> None:
        self.peers.append(websocket)
        with contextlib.suppress(ConnectionClosed):
            async for message in websocket:
                assert isinstance(message, str)
                self.heard.append(message)
                if self.on_heard is not None:
                    await self.on_heard(websocket, message)
        self.peers.remove(websocket)


class Wire:
    """All of it."""

    def __init__(self, office: Office, versions: tuple[str, ...], wanted: bool) -> None:
        self.office = office
        self.hours = Hours()
        self.engine = Engine(self.hours)
        self.source = Source(office.url)
        self.ear = Ear()
        self.changes: list[bool] = []
        self.connection = Connection(
            self.engine,
            self.source,
            versions,
            backoff=Backoff(BackoffSettings(2.0, 0.0, 3), lambda: 0.0),
            listener=self.ear,
            wanted=wanted,
            on_change=self.changes.append,
            sleep=self.hours.sleep,
        )
        self.task = asyncio.ensure_future(self.connection.run())

    async def connected(self) -> None:
        await until(lambda: self.connection.is_connected and self.office.peers)

    async def failed(self, times: int = 1) -> None:
        """So many attempts have failed, and the wait for the next one is under way."""
        await until(lambda: len(self.source.errors) >= times and self.hours.waits_s)


@contextlib.asynccontextmanager
async def wire(
    office: Office | None = None,
    *,
    versions: tuple[str, ...] = ("ocpp1.6",),
    wanted: bool = True,
    url: str = "",
) -> AsyncIterator[Wire]:
    """A connection and its back office; both are gone behind it."""
    office = office or Office()
    await office.open()
    if url:
        office.url = url
    made = Wire(office, versions, wanted)
    try:
        yield made
    finally:
        made.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await made.task
        await office.close()


Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def raw_server(handle: Handle | None = None) -> AsyncIterator[str]:
    """Who is no WebSocket server, or a bad one; silent without `handle`. Yields its URL."""
    writers: list[asyncio.StreamWriter] = []

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        if handle is not None:
            await handle(reader, writer)

    server = await asyncio.start_server(met, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ocpp"
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await turns()


async def until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    """Give the loop turns until something holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - conditions of several peers, not one event
            await asyncio.sleep(0.001)


async def turns(count: int = 50) -> None:
    """Let whatever can happen now happen."""
    for _ in range(count):
        await asyncio.sleep(0)


def run(test: Callable[[], Awaitable[None]]) -> None:
    """On a loop of its own, which lives until what was cut off has left its socket."""

    async def whole() -> None:
        try:
            await test()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)

    asyncio.run(whole())
