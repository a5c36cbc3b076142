"""TriggerMessage of OCPP 2.0.1 (F06). `Accepted` promises the message, so it is not said where none
can follow; the answer goes first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ocpp_link.ports import BootReason
from ocpp_link.rpc.rpc import IncomingCall
from ocpp_link.v201.messages import firmware_status, log_status

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


def _meter_values(engine: ChargePoint, evse: int | None) -> Act | None:
    """F06.FR.06: a MeterValues, whatever else the EVSE does."""
    known = [each for each in _meant(engine, evse) if engine.sampling.can_tell(each)]
    return (lambda: engine.sampling.now(known, apart=True)) if known else None


def _transaction_event(engine: ChargePoint, evse: int | None) -> Act | None:
    """F06.FR.07: of transactions that run."""
    states = engine.station.states
    known = [
        each
        for each in _meant(engine, evse)
        if states[each].in_transaction and engine.sampling.can_tell(each)
    ]
    return (lambda: engine.sampling.now(known)) if known else None


def _log_status(engine: ChargePoint, _evse: int | None) -> Act | None:
    """F06.FR.14, FR.15."""
    message = log_status(engine.logs.status)
    return lambda: engine.station.request(message)


def _firmware_status(engine: ChargePoint, _evse: int | None) -> Act | None:
    """F06.FR.16, L01.FR.25; an EVSE that is named does not matter (F06.FR.03)."""
    message = firmware_status(engine.firmware.status)
    return lambda: engine.station.request(message)


def _meant(engine: ChargePoint, evse: int | None) -> list[int]:
    """F06.FR.11: without one, all."""
    return list(engine.station.evses) if evse is None else [evse]


TRIGGERS: dict[str, Callable[[ChargePoint, int | None], Act | None]] = {
    "BootNotification": _boot,
    "Heartbeat": _heartbeat,
    "StatusNotification": _status,
    "MeterValues": _meter_values,
    "TransactionEvent": _transaction_event,
    "LogStatusNotification": _log_status,
    "FirmwareStatusNotification": _firmware_status,
}

HANDLERS = {"TriggerMessage": trigger_message}
