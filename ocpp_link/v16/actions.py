"""Requests of the back office in OCPP 1.6 (§5): each parsed, handed to the engine, answered.

The answer goes out first; what it causes (an Authorize, a triggered message) follows it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ocpp_link.ports import BootReason
from ocpp_link.rpc.codes import Code
from ocpp_link.rpc.rpc import IncomingCall
from ocpp_link.v16 import (
    charging_profiles,
    configuration,
    data_transfer,
    diagnostics,
    firmware,
    local_list,
    remote,
    reservation,
    reset,
    security,
)

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint

Handler = Callable[[IncomingCall, "ChargePoint"], None]
Act = Callable[[], None]


def handle(call: IncomingCall, engine: ChargePoint) -> None:
    """Answer one CALL whose payload is valid."""
    handler = HANDLERS.get(call.action)
    if handler is None:
        call.refuse(Code.NOT_SUPPORTED, f"{call.action} is not supported by this station")
    else:
        handler(call, engine)


def _status(call: IncomingCall, status: str) -> None:
    call.respond({"status": status})


def _change_availability(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.2: `Scheduled` where a transaction has to end first."""
    operative = call.payload["type"] == "Operative"
    engine.availability.change(
        call.payload["connectorId"], operative, lambda outcome: _status(call, outcome.value)
    )


def _trigger_message(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.17. `Accepted` promises the message, so it is not said where none can follow."""
    _trigger(call, engine, TRIGGERS)


def _extended_trigger_message(call: IncomingCall, engine: ChargePoint) -> None:
    """Security whitepaper §5.5."""
    _trigger(call, engine, EXTENDED_TRIGGERS)


def _trigger(call: IncomingCall, engine: ChargePoint, triggers: dict[str, Trigger]) -> None:
    connector = call.payload.get("connectorId")
    trigger = triggers.get(call.payload["requestedMessage"])
    if trigger is None:
        _status(call, "NotImplemented")
        return
    act = trigger(engine, connector)
    _status(call, "Rejected" if act is None else "Accepted")
    if act is not None:
        act()


def _trigger_boot(engine: ChargePoint, _connector: int | None) -> Act | None:
    return lambda: engine.registration.boot(BootReason.TRIGGERED)


def _trigger_heartbeat(engine: ChargePoint, _connector: int | None) -> Act | None:
    return engine.registration.heartbeat


def _trigger_status(engine: ChargePoint, connector: int | None) -> Act | None:
    wanted = _meant(engine, connector)

    def act() -> None:
        for known in wanted:
            engine.status.tell(known, even_if_known=True)

    return act if engine.station.core_up and wanted else None


def _trigger_meter_values(engine: ChargePoint, connector: int | None) -> Act | None:
    """Of one connector, or of all of which something can be said now."""
    known = [each for each in _meant(engine, connector) if engine.sampling.can_tell(each)]
    return partial(engine.sampling.now, known) if known else None


def _meant(engine: ChargePoint, connector: int | None) -> list[int]:
    """§5.17: without a connector, every one is meant; of one that is not here nothing is."""
    known = [0, *engine.station.evses]
    return known if connector is None else [each for each in known if each == connector]


Trigger = Callable[["ChargePoint", "int | None"], "Act | None"]
"""The act that sends the message, or None where it cannot be sent."""

_COMMON: dict[str, Trigger] = {
    "BootNotification": _trigger_boot,
    "Heartbeat": _trigger_heartbeat,
    "StatusNotification": _trigger_status,
    "MeterValues": _trigger_meter_values,
}
TRIGGERS = _COMMON | diagnostics.TRIGGERS | firmware.TRIGGERS
EXTENDED_TRIGGERS = (
    _COMMON
    | diagnostics.EXTENDED_TRIGGERS
    | firmware.EXTENDED_TRIGGERS
    | security.EXTENDED_TRIGGERS
)
"""Security whitepaper §6.16."""


HANDLERS: dict[str, Handler] = {
    **remote.HANDLERS,
    **local_list.HANDLERS,
    **reservation.HANDLERS,
    "ChangeAvailability": _change_availability,
    **charging_profiles.HANDLERS,
    **configuration.HANDLERS,
    **reset.HANDLERS,
    **diagnostics.HANDLERS,
    **firmware.HANDLERS,
    **security.HANDLERS,
    **data_transfer.HANDLERS,
    "TriggerMessage": _trigger_message,
    "ExtendedTriggerMessage": _extended_trigger_message,
}
