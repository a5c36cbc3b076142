"""ReserveNow and CancelReservation of OCPP 1.6 (§5.13, §5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evse.clock import rfc3339
from ocpp_link import answers
from ocpp_link.reservations import Booking
from ocpp_link.rpc.rpc import IncomingCall
from ocpp_link.station import parse_time
from ocpp_link.v16.authorization import ID_TAG_CHARS

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint


def reserve_now(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.13; connector 0 means any."""
    answers.reserve(call, engine, _booking(call.payload))


def _booking(payload: dict[str, Any]) -> Booking | None:
    """None for a date that no calendar has, and for a parent that is no idTag."""
    parent = payload.get("parentIdTag") or ""
    try:
        expiry = rfc3339(parse_time(payload["expiryDate"]))
    except (ValueError, OverflowError):
        return None
    if len(parent) > ID_TAG_CHARS:
        return None
    return Booking(
        id=payload["reservationId"],
        token=payload["idTag"],
        expiry=expiry,
        evse=payload["connectorId"] or None,
        group=parent,
    )


HANDLERS = {
    "ReserveNow": reserve_now,
    "CancelReservation": answers.cancel_reservation,
}
