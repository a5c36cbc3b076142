"""The WebSocket to the back office: connects, for ever, and carries frames. It decides nothing.

A connection whose pongs stay away is cut, also where the operating system has not noticed yet.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import socket
from collections.abc import Callable

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from ocpp_link.errors import HandshakeRefused
from ocpp_link.wire.reconnect import Backoff, endpoint
from ocpp_link.wire.runner import Runner

OPEN_TIMEOUT_S = 20.0
CLOSE_TIMEOUT_S = 1.0
"""The library waits this long for the peer's half of a close; its default of 10 s would be added
to every detection of a dead peer."""
PONG_TIMEOUT_S = 5.0
MAX_FRAME_BYTES = 1 << 18
MAX_UNSENT = 512
"""Frames that a peer which does not read may leave unsent before it is cut off."""
SEND_STALL_MS = 30_000
"""Unacknowledged TCP data older than this ends the connection (Linux)."""

_log = logging.getLogger(__name__)


def basic_authorization(identity: str, key: bytes) -> str:
    """The Authorization header of HTTP Basic (RFC 7617), as OCPP-J's security profiles use it.
    `identity` holds no colon."""
    return "Basic " + base64.b64encode(identity.encode() + b":" + key).decode("ascii")


class Connection:
    """Keeps one engine connected to `url`/`identity`. `run` never returns by itself.

    With a `basic_auth_key` each handshake carries it from the first request on: a back office that
    knows no station without it answers 401 and some drop the connection at once.

    `disconnect` is sticky: nothing reconnects until `connect`. `on_change` hears of each change.
    """

    def __init__(
        self,
        runner: Runner,
        *,
        url: str,
        identity: str,
        backoff: Backoff,
        basic_auth_key: bytes = b"",
        on_change: Callable[[bool], None] | None = None,
    ) -> None:
        self._runner = runner
        self._uri = endpoint(url, identity)
        self._headers: dict[str, str] = {}
        if basic_auth_key:
            self._headers["Authorization"] = basic_authorization(identity, basic_auth_key)
            if self._uri.startswith("ws:"):
                _log.warning(
                    "the AuthorizationKey goes to %s unencrypted: anybody on the way can read it; "
                    "use wss://",
                    self._uri,
                )
        self._backoff = backoff
        self._on_change = on_change or (lambda _connected: None)
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._websocket: ClientConnection | None = None
        self.attempts = 0
        self.faults = 0
        self.last_error = ""

    @property
    def is_connected(self) -> bool:
        return self._websocket is not None

    def connect(self) -> None:
        """Be connected from now on."""
        self._wanted.set()

    def disconnect(self) -> None:
        """Be disconnected until `connect`."""
        self._wanted.clear()
        if self._websocket is not None:
            self._websocket.transport.abort()

    async def run(self) -> None:
        """Connect, serve, wait, again."""
        while True:
            await self._wanted.wait()
            self.attempts += 1
            try:
                await self._connect_and_serve()
            except (OSError, WebSocketException) as error:
                self.last_error = f"{type(error).__name__}: {error}"
                _log.warning("no connection to %s: %s", self._uri, self.last_error)
            except Exception:  # noqa: BLE001 - the link's one supervisor: a fault of ours costs a
                # connection, which is counted and shown, and never the process
                self.faults += 1
                self.last_error = "a fault of the link itself; see the log"
                _log.exception("a frame of %s met a fault of the link", self._uri)
            if self._wanted.is_set():
                await asyncio.sleep(self._backoff.wait_s())

    async def _connect_and_serve(self) -> None:
        protocol = self._runner.engine.station.dialect.subprotocol
        websocket = await connect(
            self._uri,
            subprotocols=[Subprotocol(protocol)],
            additional_headers=self._headers,
            compression=None,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=None,
            max_size=MAX_FRAME_BYTES,
            proxy=None,
        )
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(websocket.close)
            if websocket.subprotocol != protocol:
                raise HandshakeRefused(
                    f"{self._uri} did not agree to the subprotocol {protocol}: is it an OCPP 1.6 "
                    "back office?"
                )
            _cut_when_stalled(websocket)
            await self._serve(websocket)

    async def _serve(self, websocket: ClientConnection) -> None:
        loop = asyncio.get_running_loop()
        unsent: asyncio.Queue[str] = asyncio.Queue(MAX_UNSENT)
        since_s = loop.time()

        def enqueue(frames: list[str]) -> None:
            for frame in frames:
                try:
                    unsent.put_nowait(frame)
                except asyncio.QueueFull:
                    websocket.transport.abort()
                    return

        self._websocket = websocket
        self._on_change(True)
        tasks = [
            asyncio.create_task(self._send(websocket, unsent)),
            asyncio.create_task(self._ping(websocket)),
        ]
        try:
            self._runner.connect(enqueue)
            if not self._wanted.is_set():
                return
            await self._receive(websocket)
        finally:
            self._websocket = None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._backoff.survived(round((loop.time() - since_s) * 1_000))
            self._runner.disconnect()
            self._on_change(False)

    async def _receive(self, websocket: ClientConnection) -> None:
        engine = self._runner.engine
        with contextlib.suppress(ConnectionClosed):
            async for message in websocket:
                if isinstance(message, str):  # OCPP-J has no binary frames
                    engine.on_frame(message)
                    self._runner.touch()

    async def _send(self, websocket: ClientConnection, unsent: asyncio.Queue[str]) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await websocket.send(await unsent.get())

    async def _ping(self, websocket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                interval_s = self._runner.engine.ping_interval_s
                await asyncio.sleep(interval_s or PONG_TIMEOUT_S)
                if interval_s and not await self._answered(websocket):
                    _log.warning("%s does not answer pings: cut", self._uri)
                    websocket.transport.abort()

    async def _answered(self, websocket: ClientConnection) -> bool:
        pong = await websocket.ping()
        try:
            async with asyncio.timeout(PONG_TIMEOUT_S):
                await pong
        except TimeoutError:
            return False
        return True


def _cut_when_stalled(websocket: ClientConnection) -> None:
    """Let the kernel end a connection whose data nobody acknowledges."""
    sock = websocket.transport.get_extra_info("socket")
    if sock is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SEND_STALL_MS)
