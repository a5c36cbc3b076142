"""The demo back office behind a real WebSocket, on the server side of the `ocpp` library.

For tests and demonstrations only. The library reads and judges the frames (with jsonschema,
independently of the station's own validator) and makes our CALLs; `CsmsBrain` decides.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from ocpp import messages
from ocpp.exceptions import OCPPError
from ocpp.v16 import ChargePoint
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from hil.csms.brain import CsmsBrain, Misbehaviour, Refusal

messages.ASYNC_VALIDATION = False
"""The library would validate each frame on a thread; nothing here is big enough."""


class Peer(ChargePoint):  # type: ignore[misc]  # the library has no types
    """One connected station."""

    def __init__(self, identity: str, websocket: ServerConnection, brain: CsmsBrain) -> None:
        super().__init__(identity, websocket)
        self._websocket = websocket
        self._brain = brain

    async def _handle_call(self, msg: messages.Call) -> None:
        misbehaviour = self._brain.next_misbehaviour(msg.action)
        match misbehaviour:
            case Misbehaviour.NO_ANSWER:
                return
            case Misbehaviour.DROP:
                self.drop()
                return
            case Misbehaviour.CALLERROR:
                await self._send(_refused(msg, "InternalError", "scripted"))
                return
            case Misbehaviour.GARBAGE:
                await self._send(msg.create_call_result({"idTagInfo": 7}).to_json())
                return
        reply = await self._judged(msg)
        if misbehaviour is Misbehaviour.DROP_AFTER:
            self.drop()
        else:
            await self._send(reply)

    def drop(self) -> None:
        """Cut the TCP connection without a word."""
        self._websocket.transport.abort()

    async def _judged(self, msg: messages.Call) -> str:
        """The frame to answer with."""
        try:
            await messages.validate_payload(msg, self._ocpp_version)
            answer: str = msg.create_call_result(
                self._brain.answer(msg.action, msg.payload)
            ).to_json()
        except OCPPError as error:
            self._brain.complaints.append(f"{msg.action}: {error}")
            return _refused(msg, error.code, error.description)
        except Refusal as refusal:
            return _refused(msg, refusal.code, "")
        return answer


def _refused(msg: messages.Call, code: str, description: str) -> str:
    frame: str = messages.CallError(msg.unique_id, code, description).to_json()
    return frame


class CsmsServer:
    """Listens on loopback. `stop` and `start` again: the brain, and so the bill, stays."""

    def __init__(
        self,
        brain: CsmsBrain,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        basic_auth_key: bytes | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """With a `basic_auth_key` only stations that send it are let in."""
        self.brain = brain
        self.turned_away = 0
        """Handshakes without the right key."""
        self._basic_auth_key = basic_auth_key
        self._tls = tls
        self.peers: dict[str, Peer] = {}
        self._host = host
        self._port = port
        self._server: Server | None = None
        self.connected = asyncio.Event()
        """Set while any station is connected."""

    @property
    def url(self) -> str:
        """Without the identity. Known once started."""
        return f"{'wss' if self._tls else 'ws'}://{self._host}:{self._port}/ocpp"

    async def start(self) -> None:
        """Listen; the port stays the same over restarts."""
        self._server = await serve(
            self._serve,
            self._host,
            self._port,
            process_request=self._admit,
            subprotocols=[Subprotocol("ocpp1.6")],
            compression=None,
            ping_interval=None,
            close_timeout=1,
            ssl=self._tls,
        )
        self._port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """Go away, with every connection."""
        if self._server is not None:
            for peer in list(self.peers.values()):
                peer.drop()
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def call(self, identity: str, request: Any) -> Any:
        """Make a CALL (a dataclass of `ocpp.v16.call`) to a station; returns its answer.

        Raises KeyError where that station is not connected, OCPPError for a CALLERROR.
        """
        return await self.peers[identity].call(request, suppress=False)

    def _admit(self, websocket: ServerConnection, request: Request) -> Response | None:
        """None lets the handshake go on."""
        if self._basic_auth_key is None:
            return None
        user = _identity(request).encode()
        wanted = base64.b64encode(user + b":" + self._basic_auth_key).decode("ascii")
        if request.headers.get("Authorization") == f"Basic {wanted}":
            return None
        self.turned_away += 1
        return websocket.respond(HTTPStatus.UNAUTHORIZED, "wrong AuthorizationKey\n")

    async def _serve(self, websocket: ServerConnection) -> None:
        identity = _identity(websocket.request) if websocket.request else ""
        peer = Peer(identity, websocket, self.brain)
        self.peers[identity] = peer
        self.connected.set()
        try:
            with contextlib.suppress(ConnectionClosed):
                await peer.start()
        finally:
            if self.peers.get(identity) is peer:
                del self.peers[identity]
            if not self.peers:
                self.connected.clear()


def _identity(request: Request) -> str:
    """Last part of the path."""
    return unquote(request.path.rpartition("/")[2])
