"""`hello`: who a peer is here, and which generation of the interface it wants to be told in."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, UnsetType

from evse.door import jsonrpc
from evse.door.hub import Connection, Hub, Reply
from evse.door.roles import methods_of
from evse.door.spelling import Interface


class Hello(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`interface` holds for what this connection subscribes to and gets after it."""

    interface: Interface | UnsetType = msgspec.UNSET


def serve_hello(hub: Hub) -> None:
    """Register it."""

    def hello(connection: Connection, params: Raw | UnsetType, reply: Reply) -> None:
        wanted: Hello = jsonrpc.decode_params(params, Hello)
        if not isinstance(wanted.interface, UnsetType):
            connection.interface = wanted.interface
        reply(_about(hub, connection))

    hub.register("hello", hello)


def _about(hub: Hub, connection: Connection) -> dict[str, Any]:
    """`methods`: those that the role may call and that are there."""
    return {
        "role": connection.role,
        "interface": connection.interface,
        "methods": methods_of(connection.role, hub.methods),
    }
