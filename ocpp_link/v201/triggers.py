"""TriggerMessage of OCPP 2.0.1 (F06). `Accepted` promises the message, so it is not said where none
can follow; the answer goes first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ocpp_link.ports import BootReason
from ocpp_link.rpc.rpc import IncomingCall

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint

Act = Callable[[], object]


def trigger_message(call: IncomingCall, engine: ChargePoint) -> None:
    find = TRIGGERS.get(call.payload["requestedMessage"])
    if find is None:
        call.respond({"status": "NotImplemented"})
        return
    evse = call.payload.get("evse", {}).get("id")
    known = evse is None or evse in engine.station.evses
    act = find(engine, evse) if known else None
    call.respond({"status": "Rejected" if act is None else "Accepted"})
    if act is not None:
        act()


def _boot(engine: ChargePoint, _evse: int | None) -> Act | None:
    """F06.FR.17: not once it has been accepted."""
    if engine.station.boot.accepted:
        return None
    return lambda: engine.registration.boot(BootReason.TRIGGERED)


def _heartbeat(engine: ChargePoint, _evse: int | None) -> Act | None:
    return engine.registration.heartbeat


def _status(engine: ChargePoint, evse: int | None) -> Act | None:
    """F06.FR.12: of one connector, which must be named."""
    if evse is None or not engine.station.core_up:
        return None
    return lambda: engine.status.tell(evse, even_if_known=True)


def _samples(engine: ChargePoint, evse: int | None, *, in_transaction: bool) -> Act | None:
    station = engine.station
    wanted = list(station.evses) if evse is None else [evse]
    known = [
        each
        for each in wanted
        if each in station.meters and (station.states[each].in_transaction or not in_transaction)
    ]
    if not known or not station.operational:
        return None
    return lambda: engine.sampling.now(known)


def _meter_values(engine: ChargePoint, evse: int | None) -> Act | None:
    return _samples(engine, evse, in_transaction=False)


def _transaction_event(engine: ChargePoint, evse: int | None) -> Act | None:
    return _samples(engine, evse, in_transaction=True)


TRIGGERS: dict[str, Callable[[ChargePoint, int | None], Act | None]] = {
    "BootNotification": _boot,
    "Heartbeat": _heartbeat,
    "StatusNotification": _status,
    "MeterValues": _meter_values,
    "TransactionEvent": _transaction_event,
}

HANDLERS = {"TriggerMessage": trigger_message}
