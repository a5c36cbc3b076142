"""`subscribe` and `get` at the link's socket: the variables of its pages, and the last value."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Raw, UnsetType

from evse.config.read import nearest
from evse.door import jsonrpc
from evse.door.hub import Connection, Follower, Hub, Reply
from evse.door.jsonrpc import RpcError
from evse.types.interfaces_ocpp import OCPP, OCPP_1_6_CHARGE_POINT
from ocpp_link.door.params import Get, Subscribe
from ocpp_link.pricing.types import PRICING

VARIABLES: Mapping[str, Any] = types.MappingProxyType(
    {
        f"{interface.name}.{variable.name}": variable.type
        for interface in (OCPP, OCPP_1_6_CHARGE_POINT, PRICING)
        for variable in interface.variables
    }
)
"""Variable -> its type."""

OF_AN_EVSE = frozenset({"pricing.running_cost"})
"""Those of them of which each EVSE has one."""


class Following:
    """Registers both at the hub. `now[variable]()` is the value of one that is made when somebody
    asks."""

    def __init__(self, hub: Hub, evses: range, now: Mapping[str, Callable[[], Any]]) -> None:
        self._hub = hub
        self._evses = evses
        self._now = now
        hub.register("subscribe", self._subscribe)
        hub.register("get", self._get)

    def _subscribe(self, connection: Connection, params: Raw | UnsetType, reply: Reply) -> None:
        wanted: Subscribe = jsonrpc.decode_params(params, Subscribe)
        evse = self._checked(wanted)
        self._hub.follow(connection, wanted.variable, Follower(evse, None))
        reply({"value": self._last(wanted.variable, evse)})

    def _get(self, _connection: Connection, params: Raw | UnsetType, reply: Reply) -> None:
        wanted: Get = jsonrpc.decode_params(params, Get)
        evse = self._checked(wanted)
        if evse is None and wanted.variable in OF_AN_EVSE and len(self._evses) > 1:
            text = f"evse is needed: one of {list(self._evses)}"
            raise RpcError(jsonrpc.INVALID_PARAMS, text, {"field": "evse"})
        reply(self._last(wanted.variable, evse))

    def _last(self, variable: str, evse: int | None) -> Any:
        if made := self._now.get(variable):
            return made()
        if evse is None and len(self._evses) == 1:
            evse = self._evses[0]
        found = self._hub.last(variable, evse)
        return self._hub.last(variable, None) if found is None else found

    def _checked(self, wanted: Subscribe) -> int | None:
        """The EVSE. Raises RpcError for a variable or an EVSE that is not here."""
        if wanted.variable not in VARIABLES:
            text = f"no variable {wanted.variable}{nearest(wanted.variable, VARIABLES)}"
            raise RpcError(jsonrpc.INVALID_PARAMS, text, {"field": "variable"})
        if isinstance(wanted.evse, UnsetType):
            return None
        if wanted.evse not in self._evses:
            text = f"evse {wanted.evse} is not here: one of {list(self._evses)}"
            raise RpcError(jsonrpc.INVALID_PARAMS, text, {"field": "evse"})
        return wanted.evse
