"""The back office of the conformance cases: a real WebSocket server, of any version of OCPP.

It judges everything that the station sends by the strict schemas, notes when it came, and answers
with what the case has scripted, else with what an ordinary back office would say.
"""

from __future__ import annotations

import asyncio
import enum
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from evse.clock import Clock
from ocpp_link.errors import ActionUnknown, PayloadInvalid
from ocpp_link.rpc.schemas import Schemas

Payload = dict[str, Any]


class Fault(enum.Enum):
    """What a back office that has a bad day does with a CALL."""

    SILENCE = "no answer"
    CALLERROR = "InternalError"


Answer = Payload | Callable[[Payload], Payload] | Fault


class Office(Protocol):
    """What an ordinary back office of one OCPP version answers."""

    subprotocol: str
    schemas: Schemas
    """Strict: shared by all cases, because compiling them costs more than a case."""

    def answer(self, action: str, payload: Payload) -> Payload:
        """To a CALL whose payload is valid."""


@dataclass
class Received:
    """A CALL of the station."""

    order: int
    action: str
    payload: Payload
    at_ms: int
    """On the bench's monotonic clock."""
    visit: int
    """Index of the connection that it came through."""
    taken: bool = False
    """A step of the case has dealt with it."""

    def __getitem__(self, name: str) -> Any:
        return self.payload[name]


@dataclass
class Visit:
    """One connection of the station, or an attempt that was turned away."""

    path: str
    headers: dict[str, str]
    at_ms: int
    subprotocol: str | None = None
    tls: ssl.SSLObject | None = None
    ended_ms: int | None = None


@dataclass
class Reply:
    """The station's answer to a CALL of ours."""

    payload: Payload
    error: str = ""
    """The code of a CALLERROR."""


@dataclass
class _Asked:
    action: str
    reply: asyncio.Future[Reply]


@dataclass
class Rules:
    """Who is let in."""

    tls: ssl.SSLContext | None = None
    authorization: str | None = None
    """The header that is wanted; None: any, or none."""
    hellos: int = 0
    """TLS handshakes that were begun."""


@dataclass
class Csms:
    """Construct, `await start()`, and look at `messages`, `visits`, `complaints`."""

    office: Office
    clock: Clock
    rules: Rules = field(default_factory=Rules)
    messages: list[Received] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    turned_away: list[Visit] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """What a faultless station never does."""
    port: int = 0

    def __post_init__(self) -> None:
        self._scripts: dict[str, deque[Answer]] = {}
        self._asked: dict[str, _Asked] = {}
        self._calls = 0
        self._server: Server | None = None
        self._sockets: list[ServerConnection] = []
        self._news = asyncio.Event()

    # --- the listener -----------------------------------------------------------------------------

    async def start(self, rules: Rules | None = None) -> None:
        """Listen, always on the same port once there is one."""
        self.rules = rules or self.rules
        self._server = await serve(
            self._converse,
            "127.0.0.1",
            self.port,
            ssl=self.rules.tls,
            process_request=self._admit,
            subprotocols=[Subprotocol(self.office.subprotocol)],
            compression=None,
            ping_interval=None,
            close_timeout=1,
            max_size=1 << 20,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """Go away, with every connection."""
        if self._server is not None:
            self.hang_up()
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    def hang_up(self) -> None:
        """Cut the TCP connection without a word."""
        for socket in self._sockets:
            socket.transport.abort()

    @property
    def connected(self) -> bool:
        return bool(self._sockets)

    # --- what the case says -----------------------------------------------------------------------

    def script(self, action: str, *answers: Answer) -> None:
        """What the next CALLs of `action` are answered with."""
        self._scripts.setdefault(action, deque()).extend(answers)

    async def call(self, action: str, payload: Payload) -> Reply:
        """A CALL to the station. Raises ConnectionError where it is not connected."""
        if not self._sockets:
            raise ConnectionError(f"{action}: the station is not connected")
        self._calls += 1
        unique_id = f"case-{self._calls}"
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._asked[unique_id] = _Asked(action, reply)
        await self._sockets[-1].send(_text([2, unique_id, action, payload]))
        return await reply

    async def until(self, condition: Callable[[], bool]) -> None:
        """Returns when `condition` holds; it is looked at whenever something has come."""
        while not condition():
            self._news.clear()
            await self._news.wait()

    # --- the connection ---------------------------------------------------------------------------

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        visit = Visit(request.path, dict(request.headers.raw_items()), self.clock.now_ms())
        visit.tls = socket.transport.get_extra_info("ssl_object")
        wanted = self.rules.authorization
        if wanted is not None and visit.headers.get("Authorization") != wanted:
            self.turned_away.append(visit)
            self._news.set()
            return socket.respond(401, "who are you?\n")
        self.visits.append(visit)
        return None

    async def _converse(self, socket: ServerConnection) -> None:
        number = len(self.visits) - 1
        visit = self.visits[number]
        visit.subprotocol = socket.subprotocol
        if socket.subprotocol is None:
            self.complaints.append("the station went on without a subprotocol")
        self._sockets.append(socket)
        self._news.set()
        try:
            async for frame in socket:
                await self._take(socket, number, frame)
        except ConnectionClosed:
            pass
        finally:
            self._sockets.remove(socket)
            visit.ended_ms = self.clock.now_ms()
            self._news.set()

    async def _take(self, socket: ServerConnection, visit: int, frame: str | bytes) -> None:
        match msgspec.json.decode(frame):
            case [2, str(unique_id), str(action), dict(payload)]:
                reply = self._answer(visit, unique_id, action, payload)
                self._news.set()
                if reply is not None:
                    await socket.send(_text(reply))
            case [3, str(unique_id), dict(payload)]:
                self._settle(unique_id, Reply(payload))
            case [4, str(unique_id), str(code), str(), dict()]:
                self._settle(unique_id, Reply({}, code))
            case other:
                self.complaints.append(f"no frame of OCPP-J: {str(other)[:200]}")

    def _answer(
        self, visit: int, unique_id: str, action: str, payload: Payload
    ) -> list[Any] | None:
        try:
            self.office.schemas.request(action, payload)
        except (PayloadInvalid, ActionUnknown) as error:
            self.complaints.append(f"{action} {payload}: {error}")
            return [4, unique_id, "FormationViolation", str(error)[:255], {}]
        self.messages.append(
            Received(len(self.messages), action, payload, self.clock.now_ms(), visit)
        )
        ordinary = self.office.answer(action, payload)
        if script := self._scripts.get(action):
            scripted = script.popleft()
            if scripted is Fault.SILENCE:
                return None
            if scripted is Fault.CALLERROR:
                return [4, unique_id, scripted.value, "scripted", {}]
            ordinary = scripted(payload) if callable(scripted) else {**ordinary, **scripted}
        return [3, unique_id, ordinary]

    def _settle(self, unique_id: str, reply: Reply) -> None:
        asked = self._asked.pop(unique_id, None)
        if asked is None:
            self.complaints.append(f"an answer to nothing: {unique_id}")
            return
        if not reply.error:
            try:
                self.office.schemas.response(asked.action, reply.payload)
            except PayloadInvalid as error:
                self.complaints.append(f"the answer to {asked.action} {reply.payload}: {error}")
        if not asked.reply.done():
            asked.reply.set_result(reply)


def _text(frame: list[Any]) -> str:
    return msgspec.json.encode(frame).decode()
