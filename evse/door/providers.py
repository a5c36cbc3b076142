"""Peers that serve a namespace and publish its variables: `provide` and `publish`.

What a provider says is read as the type of its page before anybody is told; what does not read
changes nothing. A namespace is provided by one peer at a time, the newest.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from evse.config.read import nearest
from evse.door import jsonrpc
from evse.door.hub import Connection, Hub, Reply
from evse.door.jsonrpc import RpcError
from evse.door.roles import NAMESPACES, may_provide, needed
from evse.types.interfaces import INTERFACES  # at the start: it would hold up the live loop
from evse.types.seed import accept

VEHICLE = "iso15118_extensions"
"""Whoever speaks with the car over ISO 15118, for one EVSE or more."""
VEHICLE_VARIABLES = ("evse_manager.ev_info", "evse_manager.car_manufacturer")
"""Variables of another page that the provider of VEHICLE publishes."""
WHEN_GONE: Mapping[str, Any] = types.MappingProxyType(
    {"ocpp.is_connected": False, "ocpp_1_6_charge_point.is_connected": False}
)
"""Variable -> what holds once its provider has left; every other is not known any more."""

Sink = Callable[[int, Any], None]
"""Takes (evse, value) of a variable in place of the hub's followers."""


class Provide(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    namespace: str


class Publish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    variable: str
    value: Raw
    evse: int | UnsetType = UNSET


class Providers:
    """Registers `provide` and `publish` at the hub."""

    def __init__(
        self,
        hub: Hub,
        evses: list[int],
        *,
        sinks: Mapping[str, Sink] = types.MappingProxyType({}),
        on_gone: Callable[[str], None] = lambda _namespace: None,
    ) -> None:
        self._hub = hub
        self._evses = evses
        self._sinks = sinks
        self._on_gone = on_gone
        hub.register("provide", self._provide)
        hub.register("publish", self._publish)
        hub.on_left = self._left

    def _provide(self, connection: Connection, params: Raw | UnsetType, reply: Reply) -> None:
        """From now on calls to `namespace.*` go to this peer; an admin is no admin any more."""
        namespace = jsonrpc.decode_params(params, Provide).namespace
        if namespace not in NAMESPACES:
            text = f"nobody can provide {namespace}.*{nearest(namespace, NAMESPACES)}"
            raise RpcError(jsonrpc.NOT_ALLOWED, text, {"field": "namespace"})
        if not may_provide(connection.role, namespace):
            text = (
                f"{namespace}.* is not provided by the role {connection.role}, which you have: "
                f"it is by {needed([NAMESPACES[namespace]])}"
            )
            raise RpcError(jsonrpc.NOT_ALLOWED, text, {"field": "namespace"})
        for other in self._hub.connections:
            other.provides.discard(namespace)
        connection.provides.add(namespace)
        connection.role = NAMESPACES[namespace]
        reply(True)

    def _publish(self, connection: Connection, params: Raw | UnsetType, reply: Reply) -> None:
        wanted: Publish = jsonrpc.decode_params(params, Publish)
        variable = wanted.variable
        namespace = VEHICLE if variable in VEHICLE_VARIABLES else variable.partition(".")[0]
        if namespace not in connection.provides:
            raise RpcError(jsonrpc.NOT_ALLOWED, f"you do not provide {variable}")
        type_ = _type_of(variable, namespace)
        evse = self._evse(wanted.evse, needed=namespace == VEHICLE)
        value = jsonrpc.decode_params(wanted.value, type_, accept.decode, at="value")
        if sink := self._sinks.get(variable):
            assert evse is not None
            sink(evse, value)
        else:
            self._hub.publish(variable, evse, value)
        reply(True)

    def _evse(self, evse: int | UnsetType, *, needed: bool) -> int | None:
        """Raises RpcError for one that is not here, and for none where it is a variable of one."""
        if isinstance(evse, UnsetType):
            if needed and len(self._evses) > 1:
                text = f"evse is needed: one of {self._evses}"
                raise RpcError(jsonrpc.INVALID_PARAMS, text, {"field": "evse"})
            return self._evses[0] if needed else None
        if evse not in self._evses:
            text = f"evse {evse} is not here: one of {self._evses}"
            raise RpcError(jsonrpc.INVALID_PARAMS, text, {"field": "evse"})
        return evse

    def _left(self, connection: Connection) -> None:
        for namespace in sorted(connection.provides):
            for variable in published_by(namespace):
                if variable in WHEN_GONE and self._hub.last(variable, None) is not None:
                    self._hub.publish(variable, None, WHEN_GONE[variable])
                elif variable not in self._sinks and variable not in WHEN_GONE:
                    self._hub.forget(variable)
            self._on_gone(namespace)


def _type_of(variable: str, namespace: str) -> Any:
    """Raises RpcError for a variable that its page does not have."""
    known = published_by(namespace)
    if variable not in known:
        text = f"no variable {variable}{nearest(variable, known)}"
        raise RpcError(jsonrpc.INVALID_PARAMS, text, {"field": "variable"})
    return known[variable]


@functools.cache
def published_by(namespace: str) -> Mapping[str, Any]:
    """Variable -> type, of all that the provider of a namespace publishes."""
    known = {
        f"{interface.name}.{variable.name}": variable.type
        for interface in INTERFACES
        for variable in interface.variables
    }
    own = {name: type_ for name, type_ in known.items() if name.startswith(f"{namespace}.")}
    if namespace == VEHICLE:
        own |= {name: known[name] for name in VEHICLE_VARIABLES}
    return types.MappingProxyType(own)
