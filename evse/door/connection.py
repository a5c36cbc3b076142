"""One peer at the door, as the hub sees it, and the lines that it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from msgspec import Raw

from evse.door import jsonrpc
from evse.door.jsonrpc import Id
from evse.door.roles import Role
from evse.door.spelling import Interface

if TYPE_CHECKING:
    from evse.door.older_events import OlderEvents

MAX_FOLLOWED = 64
"""Variables that one peer follows."""

Reply = Callable[[Any], None]
"""Takes a call's result, or the RpcError that it failed with; exactly once."""
Handler = Callable[["Connection", Raw | msgspec.UnsetType, Reply], None]
"""Answers one method; may raise RpcError instead of replying."""


class Wire(Protocol):
    """The way out to one peer; drops the peer rather than grow without bound."""

    def send(self, line: bytes) -> None: ...


class Connection:
    """One peer at the door."""

    def __init__(self, wire: Wire, role: Role) -> None:
        self.wire = wire
        self.role = role
        self.interface: Interface = Interface.PRESENT
        """In which spelling it is told the values that it asks for from now on."""
        self.provides: set[str] = set()
        self.forwarded: dict[Id, Reply] = {}
        self.follows: dict[str, Follower] = {}
        self.open = True
        self.when_ready: Callable[[Callable[[], None]], None] = _at_once
        """Calls its argument once the peer has read most of what it was sent; of several that
        wait, the last alone."""


def _at_once(then: Callable[[], None]) -> None:
    then()


class Follower:
    """A subscription: `next_seq` is None for variables that are not in the journal."""

    def __init__(
        self, evse: int | None, next_seq: int | None, interface: Interface = Interface.PRESENT
    ) -> None:
        self.evse = evse
        self.next_seq = next_seq
        self.interface = interface
        self.older: OlderEvents | None = None
        """Where session events are followed in the spelling of 2023."""
        self.live = next_seq is None


def about(evse: int | None, value: Any, seq: int | None = None) -> dict[str, Any]:
    """The params of a notification."""
    found: dict[str, Any] = {"value": value}
    if evse is not None:
        found["evse"] = evse
    if seq is not None:
        found["seq"] = seq
    return found


def event_line(variable: str, evse: int, value: Any, seq: int | None = None) -> bytes:
    """The notification of one journal record; without `seq`, of what no journal has."""
    return jsonrpc.notification(variable, about(evse, value, seq))
