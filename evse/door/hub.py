"""Everybody's one door, without its wire: who is connected, who follows what, who provides what.

Synchronous. A connection is anything with `send`; lines come in through `receive`. Events are
handed out from the journal, so a follower that was away gets all it missed and nothing twice; a
bad line is answered and changes nothing. Nobody can make the hub wait.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from msgspec import UNSET, Raw

from evse.door import jsonrpc
from evse.door.jsonrpc import Id, Message, RpcError

MAX_FORWARDED = 256
"""Calls that wait for one provider; a further one ends the oldest, or memory would not end."""

Reply = Callable[[Any], None]
"""Takes a call's result, or the RpcError that it failed with; exactly once."""
Handler = Callable[["Connection", Raw | msgspec.UnsetType, Reply], None]
"""Answers one method; may raise RpcError instead of replying."""


class Wire(Protocol):
    """The way out to one peer; drops the peer rather than grow without bound."""

    def send(self, line: bytes) -> None: ...


class Connection:
    """One peer at the door."""

    def __init__(self, wire: Wire, role: str) -> None:
        self.wire = wire
        self.role = role
        self.provides: set[str] = set()
        self.forwarded: dict[Id, Reply] = {}
        self.follows: dict[str, Follower] = {}
        self.open = True


class Follower:
    """A subscription: `next_seq` is None for variables that are not in the journal."""

    def __init__(self, evse: int | None, next_seq: int | None) -> None:
        self.evse = evse
        self.next_seq = next_seq
        self.live = next_seq is None


class Provide(msgspec.Struct, forbid_unknown_fields=True):
    namespace: str


class Publish(msgspec.Struct, forbid_unknown_fields=True):
    variable: str
    value: Any
    evse: int | None = None


class Hub:
    """Routes lines between peers and the methods registered here."""

    def __init__(self) -> None:
        self._methods: dict[str, Handler] = {}
        self._connections: list[Connection] = []
        self._last: dict[tuple[str, int | None], Any] = {}
        self._forward_ids = itertools.count(1)
        self.bad_lines = 0
        self.register("provide", self._provide)
        self.register("publish", self._publish_from)

    # --- set-up ---------------------------------------------------------------------------------

    def register(self, method: str, handler: Handler) -> None:
        """Offer `method`. Raises ValueError when it is taken."""
        if method in self._methods:
            raise ValueError(f"{method} is registered twice")
        self._methods[method] = handler

    @property
    def methods(self) -> list[str]:
        return sorted(self._methods)

    # --- connections ------------------------------------------------------------------------------

    def connect(self, wire: Wire, role: str = "admin") -> Connection:
        connection = Connection(wire, role)
        self._connections.append(connection)
        return connection

    def disconnect(self, connection: Connection) -> None:
        """The peer is gone: what others asked of it fails in words."""
        connection.open = False
        if connection in self._connections:
            self._connections.remove(connection)
        waiting, connection.forwarded = connection.forwarded, {}
        for reply in waiting.values():
            reply(RpcError(jsonrpc.NOT_AVAILABLE, "the provider left before it answered"))

    def provider(self, namespace: str) -> Connection | None:
        return next((c for c in self._connections if namespace in c.provides), None)

    def receive(self, connection: Connection, line: bytes) -> None:
        """One line of a peer."""
        try:
            message = jsonrpc.decode(line)
        except RpcError as error:
            self.bad_lines += 1
            connection.wire.send(jsonrpc.failure(None, error))
            return
        if message.method is UNSET:
            self._answered(connection, message)
        else:
            self._called(connection, message.method, message)

    # --- calls ----------------------------------------------------------------------------------

    def _called(self, connection: Connection, method: str, message: Message) -> None:
        reply = self._reply_to(connection, message.id)
        try:
            self._check_role(connection, method)
            handler = self._methods.get(method) or self._forwarder(method)
            handler(connection, message.params, reply)
        except RpcError as error:
            reply(error)

    @staticmethod
    def _check_role(connection: Connection, method: str) -> None:
        if connection.role == "ocpp" and method.startswith("sim."):
            raise RpcError(jsonrpc.NOT_ALLOWED, f"{method} is not for the OCPP link")

    @staticmethod
    def _reply_to(connection: Connection, request_id: Id | msgspec.UnsetType | None) -> Reply:
        def reply(outcome: Any) -> None:
            if request_id is UNSET or not connection.open:
                return
            if isinstance(outcome, RpcError):
                connection.wire.send(jsonrpc.failure(request_id, outcome))
            else:
                connection.wire.send(jsonrpc.result(request_id, outcome))

        return reply

    def _forwarder(self, method: str) -> Handler:
        """A method of a namespace that some peer provides."""
        namespace = method.partition(".")[0]
        provider = self.provider(namespace)
        if provider is None:
            known = {name.partition(".")[0] for name in self._methods}
            if namespace in known or "." not in method:
                raise RpcError(jsonrpc.METHOD_NOT_FOUND, f"no method {method}")
            raise RpcError(jsonrpc.NOT_AVAILABLE, f"nobody provides {namespace}.* now")
        return lambda _connection, params, reply: self._forward(provider, method, params, reply)

    def ask(self, method: str, params: dict[str, Any], reply: Reply) -> None:
        """Call `method` of whoever provides its namespace; `reply` gets the outcome or, where
        nobody provides it or the provider leaves, an RpcError."""
        provider = self.provider(method.partition(".")[0])
        if provider is None:
            namespace = method.partition(".")[0]
            reply(RpcError(jsonrpc.NOT_AVAILABLE, f"nobody provides {namespace}.* now"))
            return
        self._send_on(provider, method, params, reply)

    def _forward(
        self, provider: Connection, method: str, params: Raw | msgspec.UnsetType, reply: Reply
    ) -> None:
        body = {} if isinstance(params, msgspec.UnsetType) else jsonrpc.decode_value(params)
        self._send_on(provider, method, body, reply)

    def _send_on(self, provider: Connection, method: str, body: Any, reply: Reply) -> None:
        if len(provider.forwarded) >= MAX_FORWARDED:
            oldest = provider.forwarded.pop(next(iter(provider.forwarded)))
            oldest(RpcError(jsonrpc.NOT_AVAILABLE, f"the provider left {MAX_FORWARDED} calls open"))
        forward_id = next(self._forward_ids)
        provider.forwarded[forward_id] = reply
        provider.wire.send(jsonrpc.request(forward_id, method, body))

    def _answered(self, connection: Connection, message: Message) -> None:
        if not isinstance(message.id, str | int):
            self.bad_lines += 1
            return
        reply = connection.forwarded.pop(message.id, None)
        if reply is None:
            self.bad_lines += 1
            return
        try:
            reply(_outcome(message))
        except RpcError as error:
            self.bad_lines += 1
            reply(RpcError(jsonrpc.INTERNAL_ERROR, f"the provider's answer is {error.message}"))

    # --- variables --------------------------------------------------------------------------------

    def publish(self, variable: str, evse: int | None, value: Any) -> None:
        """A new value of `variable`, to all who follow it; kept for `last`."""
        self._last[variable, evse] = value
        line: bytes | None = None
        for connection in tuple(self._connections):
            follower = connection.follows.get(variable)
            if follower is not None and follower.evse in (None, evse):
                line = line or jsonrpc.notification(variable, _about(evse, value))
                connection.wire.send(line)

    def last(self, variable: str, evse: int | None) -> Any:
        """The last published value, or None."""
        return self._last.get((variable, evse))

    def follow(self, connection: Connection, variable: str, follower: Follower) -> None:
        connection.follows[variable] = follower

    def followers(self, variable: str) -> list[tuple[Connection, Follower]]:
        found = ((c, c.follows.get(variable)) for c in self._connections)
        return [(c, f) for c, f in found if f is not None]

    # --- providers --------------------------------------------------------------------------------

    def _provide(
        self, connection: Connection, params: Raw | msgspec.UnsetType, reply: Reply
    ) -> None:
        """From now on calls to `namespace.*` go to this peer; the newest provider serves."""
        namespace = jsonrpc.decode_params(params, Provide).namespace
        if not namespace or any(m.startswith(f"{namespace}.") for m in self._methods):
            raise RpcError(jsonrpc.NOT_ALLOWED, f"{namespace}.* is served here")
        for other in self._connections:
            other.provides.discard(namespace)
        connection.provides.add(namespace)
        connection.role = "ocpp" if namespace == "ocpp" else connection.role
        reply(True)

    def _publish_from(
        self, connection: Connection, params: Raw | msgspec.UnsetType, reply: Reply
    ) -> None:
        """A provider's own variable."""
        wanted = jsonrpc.decode_params(params, Publish)
        if wanted.variable.partition(".")[0] not in connection.provides:
            raise RpcError(jsonrpc.NOT_ALLOWED, f"you do not provide {wanted.variable}")
        self.publish(wanted.variable, wanted.evse, wanted.value)
        reply(True)


def _outcome(message: Message) -> Any:
    """What a provider answered. Raises RpcError where that can not be read."""
    if isinstance(message.error, Raw):
        return jsonrpc.decode_error(message.error)
    return jsonrpc.decode_value(message.result) if isinstance(message.result, Raw) else None


def _about(evse: int | None, value: Any, seq: int | None = None) -> dict[str, Any]:
    about: dict[str, Any] = {"value": value}
    if evse is not None:
        about["evse"] = evse
    if seq is not None:
        about["seq"] = seq
    return about


def event_line(variable: str, evse: int, value: Any, seq: int) -> bytes:
    """The notification of one journal record."""
    return jsonrpc.notification(variable, _about(evse, value, seq))
