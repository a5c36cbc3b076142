"""Everybody's one door, without its wire: who is connected, who follows what, who serves what.

Synchronous. A connection is anything with `send`; lines come in through `receive`. A method is
called by a role that has it (roles.py), and a bad line is answered and changes nothing. Nobody can
make the hub wait, or keep without end.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from evse.config.read import nearest
from evse.door import jsonrpc
from evse.door.connection import (
    MAX_FOLLOWED,
    Connection,
    Follower,
    Handler,
    Reply,
    Wire,
    about,
    event_line,
)
from evse.door.jsonrpc import Id, Message, RpcError
from evse.door.roles import NAMESPACES, Role, may_call, needed, roles_for
from evse.door.spelling import Interface, Spelling

__all__ = ["Connection", "Follower", "Handler", "Hub", "Reply", "Wire", "event_line"]

MAX_FORWARDED = 256
"""Calls that wait for one provider; a further one ends the oldest, or memory would not end."""


class Hub:
    """Routes lines between peers and the methods registered here."""

    def __init__(self) -> None:
        self._methods: dict[str, Handler] = {}
        self._connections: list[Connection] = []
        self._last: dict[tuple[str, int | None], tuple[Any, datetime]] = {}
        self._forward_ids = itertools.count(1)
        self.bad_lines = 0
        self.spelling = Spelling()
        """How values are told to those who asked for another generation of the interface."""
        self.taps: dict[str, Callable[[int | None, Any], None]] = {}
        """Variable -> what takes its values beside those who follow it."""
        self.absence: dict[str, str] = {}
        """Namespace -> why nobody provides it when nobody does, in words."""
        self.on_left: Callable[[Connection], None] = lambda _connection: None
        """Called when a peer has gone."""

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

    def connect(self, wire: Wire, role: Role) -> Connection:
        connection = Connection(wire, role)
        self._connections.append(connection)
        return connection

    def disconnect(self, connection: Connection) -> None:
        """The peer is gone: what others asked of it fails in words."""
        connection.open = False
        if connection in self._connections:
            self._connections.remove(connection)
            self.on_left(connection)
        waiting, connection.forwarded = connection.forwarded, {}
        for reply in waiting.values():
            reply(RpcError(jsonrpc.NOT_AVAILABLE, "the provider left before it answered"))

    @property
    def connections(self) -> tuple[Connection, ...]:
        return tuple(self._connections)

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
            handler = self._handler(connection.role, method)
            handler(connection, message.params, reply)
        except RpcError as error:
            reply(error)

    def _handler(self, role: Role, method: str) -> Handler:
        """Raises RpcError: not for this role, not there now, or not known at all."""
        roles = roles_for(method)
        if roles is not None and not may_call(role, method):
            raise _not_for(role, method, roles)
        handler = self._methods.get(method) or self._forwarder(role, method)
        if not may_call(role, method):
            raise _not_for(role, method, ())
        return handler

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

    # --- providers --------------------------------------------------------------------------------

    def _forwarder(self, role: Role, method: str) -> Handler:
        """A method of a namespace that some peer provides."""
        provider = self.provider(method.partition(".")[0])
        if provider is None:
            raise self._unknown(role, method)
        return lambda _connection, params, reply: self._forward(provider, method, params, reply)

    def _unknown(self, role: Role, method: str) -> RpcError:
        namespace, dot, _ = method.partition(".")
        served = [name for name in self._methods if may_call(role, name)]
        inside = [name for name in served if dot and name.startswith(f"{namespace}.")]
        if namespace in NAMESPACES and dot and not inside:
            return self._nobody_provides(namespace)
        known = inside or served
        return RpcError(jsonrpc.METHOD_NOT_FOUND, f"no method {method}{nearest(method, known)}")

    def _nobody_provides(self, namespace: str) -> RpcError:
        why = f": {self.absence[namespace]}" if namespace in self.absence else ""
        return RpcError(jsonrpc.NOT_AVAILABLE, f"nobody provides {namespace}.* now{why}")

    def ask(self, method: str, params: dict[str, Any], reply: Reply) -> None:
        """Call `method` of whoever provides its namespace; `reply` gets the outcome or, where
        nobody provides it or the provider leaves, an RpcError."""
        namespace = method.partition(".")[0]
        if (provider := self.provider(namespace)) is None:
            reply(self._nobody_provides(namespace))
        else:
            self.send_on(provider, method, params, reply)

    def _forward(
        self, provider: Connection, method: str, params: Raw | msgspec.UnsetType, reply: Reply
    ) -> None:
        body = {} if isinstance(params, msgspec.UnsetType) else jsonrpc.decode_value(params)
        self.send_on(provider, method, body, reply)

    def send_on(self, provider: Connection, method: str, body: Any, reply: Reply) -> None:
        """Call `method` of a peer; `reply` gets the outcome, also when the peer leaves."""
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
            reply(jsonrpc.outcome(message))
        except RpcError as error:
            self.bad_lines += 1
            reply(RpcError(jsonrpc.INTERNAL_ERROR, f"the provider's answer is {error.message}"))

    # --- variables --------------------------------------------------------------------------------

    def publish(self, variable: str, evse: int | None, value: Any) -> None:
        """A new value of `variable`, to all who follow it; kept for `last`. Only the station and
        what it lets a provider say (providers.py) comes here: their names are not many."""
        at = self.spelling.utc()
        self._last[variable, evse] = (value, at)
        if tap := self.taps.get(variable):
            tap(evse, value)
        if not self._connections:
            return
        lines: dict[Interface, bytes] = {}
        for connection, follower in self.followers(variable):
            if follower.evse in (None, evse):
                line = lines.get(follower.interface)
                if line is None:
                    told = self.spelling.told(follower.interface, value, at)
                    line = jsonrpc.notification(variable, about(evse, told))
                    lines[follower.interface] = line
                connection.wire.send(line)

    def last(
        self, variable: str, evse: int | None, interface: Interface = Interface.PRESENT
    ) -> Any:
        """The last published value in that spelling, or None."""
        found = self._last.get((variable, evse))
        return None if found is None else self.spelling.told(interface, *found)

    def forget(self, variable: str, evse: int | None = None) -> None:
        """Keep no last value of `variable`, of that EVSE or of any."""
        for key in [key for key in self._last if key[0] == variable]:
            if evse in (None, key[1]):
                del self._last[key]

    def follow(self, connection: Connection, variable: str, follower: Follower) -> None:
        """Raises RpcError where the peer follows too much already."""
        if variable not in connection.follows and len(connection.follows) >= MAX_FOLLOWED:
            raise RpcError(jsonrpc.NOT_ALLOWED, f"you follow {MAX_FOLLOWED} variables already")
        connection.follows[variable] = follower

    def followers(self, variable: str) -> Iterator[tuple[Connection, Follower]]:
        for connection in tuple(self._connections):
            follower = connection.follows.get(variable)
            if follower is not None:
                yield connection, follower


def _not_for(role: Role, method: str, roles: tuple[Role, ...]) -> RpcError:
    return RpcError(
        jsonrpc.NOT_ALLOWED,
        f"{method} is not for the role {role}, which you have: it is for {needed(roles)}",
        {"role": role, "needs": [each for each in Role if each in (*roles, Role.ADMIN)]},
    )
