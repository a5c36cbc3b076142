"""The link's door without its wire: its methods, and what it tells of the engine.

What is told goes to who follows it here and, of the published interfaces, to the core's door too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from msgspec import UNSET, Raw, UnsetType

from evse.clock import rfc3339
from evse.door import jsonrpc
from evse.door.hello import serve_hello
from evse.door.hub import Connection, Hub, Reply
from evse.door.jsonrpc import RpcError
from evse.types.ocpp import BootNotificationResponse, RegistrationStatus
from evse.types.ocpp import SecurityEvent as ToldSecurityEvent
from ocpp_link.charge_point import ChargePoint
from ocpp_link.door.claims import Claims
from ocpp_link.door.following import Following
from ocpp_link.door.methods import TABLE, Control, Desk, Serve
from ocpp_link.door.transactions import TransactionNews
from ocpp_link.door.variables import DoorVariables
from ocpp_link.memory.database import Snapshot
from ocpp_link.records import BootAnswer
from ocpp_link.security.events import SecurityEvent
from ocpp_link.station import parse_time

AT_THE_CORE = ("ocpp", "ocpp_1_6_charge_point")
"""Namespaces that the link provides at the core's door, too."""
STANDING = frozenset(
    {
        "ocpp.is_connected",
        "ocpp_1_6_charge_point.is_connected",
        "ocpp.charging_schedules",
        "ocpp.boot_notification_response",
    }
)
"""Variables whose last value goes on holding: a core that comes back is told it again."""
SCHEDULES = "ocpp.charging_schedules"
SETTLE_MS = 200
"""What changes schedules often changes several things at once."""

Run = Callable[[Callable[[], None]], None]


class CoreDoor(Protocol):
    """The core's door, as far as the link publishes there."""

    def publish(self, variable: str, value: Any, *, stands: bool = True) -> None:
        """`stands`: it is told again to a core that comes back."""


class LinkDoor:
    """`run` gives the engine an input and carries out what it then wants (Runner.run)."""

    def __init__(
        self,
        engine: ChargePoint,
        control: Control,
        core: CoreDoor,
        kept: Snapshot,
        *,
        run: Run = lambda act: act(),
    ) -> None:
        self.hub = Hub()
        self._engine = engine
        self._core = core
        self._run = run
        station = engine.station
        variables = DoorVariables(station, engine.model, kept, tell=self.publish)
        self._desk = Desk(engine, control, variables)
        made: dict[str, Callable[[], Any]] = {SCHEDULES: engine.charging.schedules}
        if engine.pricing is not None:
            made["pricing.default_price"] = engine.pricing.default_price
            engine.pricing.news.append(self._priced)
        Following(self.hub, station.evses, made)
        Claims(self.hub, engine.vendors)
        TransactionNews(station, engine.transactions, self.publish)
        serve_hello(self.hub)
        for name, (type_, function) in TABLE.items():
            self.hub.register(name, self._handler(type_, function))
        engine.registration.answers.append(self._booted)
        engine.security.events.heard.append(self._secured)
        engine.charging.on_change.append(self._schedules_changed)
        station.on_timer["door_schedules"] = self._tell_schedules
        self._schedules_changed()

    def call(self, method: str, params: Any, reply: Reply) -> None:
        """A call that came through the core's door; `params` is plain JSON. Raises RpcError."""
        row = TABLE.get(method)
        if row is None or method.partition(".")[0] not in AT_THE_CORE:
            raise RpcError(jsonrpc.METHOD_NOT_FOUND, f"no method {method}")
        self._serve(*row, Raw(msgspec.json.encode(params)), reply)

    def connection_changed(self, connected: bool) -> None:
        for namespace in AT_THE_CORE:
            self.publish(f"{namespace}.is_connected", connected)

    def publish(self, variable: str, value: Any) -> None:
        """Of the station; a variable of an EVSE comes through the engine alone."""
        self.hub.publish(variable, None, value)
        if variable.partition(".")[0] in AT_THE_CORE:
            self._core.publish(variable, value, stands=variable in STANDING)

    # --- inside -----------------------------------------------------------------------------------

    def _handler(self, type_: type[Any], function: Serve) -> Any:
        def handle(_connection: Connection, params: Raw | UnsetType, reply: Reply) -> None:
            self._serve(type_, function, params, reply)

        return handle

    def _serve(
        self, type_: type[Any], function: Serve, params: Raw | UnsetType, reply: Reply
    ) -> None:
        read = jsonrpc.decode_params(params, type_)
        self._run(lambda: function(self._desk, read, reply))

    def _priced(self, variable: str, evse: int | None, value: Any) -> None:
        self.hub.publish(variable, evse, value)

    def _booted(self, answer: BootAnswer) -> None:
        told = BootNotificationResponse(
            status=RegistrationStatus(answer.status.value),
            current_time=self._instant(answer.current_time),
            interval=answer.interval_s,
        )
        self.publish("ocpp.boot_notification_response", told)

    def _instant(self, text: str) -> str:
        """The back office's time; ours where it can not be read, for the field is required."""
        try:
            return rfc3339(parse_time(text))
        except ValueError:
            return self._engine.station.timestamp()

    def _secured(self, event: SecurityEvent) -> None:
        told = ToldSecurityEvent(
            type=event.type, info=event.info or UNSET, timestamp=event.timestamp
        )
        for namespace in AT_THE_CORE:
            self.publish(f"{namespace}.security_event", told)

    def _schedules_changed(self) -> None:
        self._engine.station.start_timer(SETTLE_MS, "door_schedules")

    def _tell_schedules(self) -> None:
        self.publish(SCHEDULES, self._engine.charging.schedules())
