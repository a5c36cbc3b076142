"""Requests of the back office in OCPP 2.0.1: each parsed, handed to the engine, answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ocpp_link.records import BootStatus
from ocpp_link.rpc.codes import Code
from ocpp_link.rpc.rpc import IncomingCall
from ocpp_link.v201 import (
    data_transfer,
    firmware,
    local_list,
    logs,
    reports,
    requests,
    reservation,
    reset,
    triggers,
    variables,
)

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint

BEFORE_ACCEPTED = frozenset(
    {
        "GetVariables",
        "SetVariables",
        "GetBaseReport",
        "GetReport",
        "TriggerMessage",
        "RequestStartTransaction",
        "RequestStopTransaction",
    }
)
"""B02.FR.01, B02.FR.05 (a start or stop is Rejected), B02.FR.09: all else is a SecurityError."""

Handler = Callable[[IncomingCall, "ChargePoint"], None]


def handle(call: IncomingCall, engine: ChargePoint) -> None:
    """Answer one CALL whose payload is valid."""
    handler = HANDLERS.get(call.action)
    if not _is_allowed(call.action, engine.station.boot.status):
        call.refuse(Code.SECURITY, f"{call.action} is not allowed before the station is accepted")
    elif handler is None:
        call.refuse(Code.NOT_SUPPORTED, f"{call.action} is not supported by this station")
    else:
        handler(call, engine)


def _is_allowed(action: str, status: BootStatus | None) -> bool:
    """B03.FR.08: nothing at all while it is rejected."""
    if status is BootStatus.REJECTED:
        return False
    return status is BootStatus.ACCEPTED or action in BEFORE_ACCEPTED


HANDLERS: dict[str, Handler] = {
    **variables.HANDLERS,
    **data_transfer.HANDLERS,
    **firmware.HANDLERS,
    **local_list.HANDLERS,
    **logs.HANDLERS,
    **reservation.HANDLERS,
    **reports.HANDLERS,
    **requests.HANDLERS,
    **reset.HANDLERS,
    **triggers.HANDLERS,
}
