"""ReserveNow and CancelReservation of OCPP 1.6 (§5.13, §5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evse.clock import rfc3339
from ocpp_link.reservations import Booking, ReservationStatus
from ocpp_link.rpc.rpc import IncomingCall
from ocpp_link.station import parse_time
from ocpp_link.v16.authorization import ID_TAG_CHARS

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint


def reserve_now(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.13; connector 0 means any."""

    def answered(status: ReservationStatus) -> None:
        call.respond({"status": status.value})

    booking = _booking(call.payload)
    if booking is None:
        answered(ReservationStatus.REJECTED)
    else:
        engine.reservations.reserve(booking, answered)


def cancel_reservation(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.1."""

    def answered(cancelled: bool) -> None:
        call.respond({"status": "Accepted" if cancelled else "Rejected"})

    engine.reservations.cancel(call.payload["reservationId"], answered)


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
    "CancelReservation": cancel_reservation,
}
