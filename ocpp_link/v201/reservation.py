"""ReserveNow, CancelReservation and ReservationStatusUpdate of OCPP 2.0.1 (H01 to H04)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evse.clock import rfc3339
from ocpp_link import answers
from ocpp_link.records import Message
from ocpp_link.reservations import Booking
from ocpp_link.rpc.rpc import IncomingCall
from ocpp_link.station import parse_time

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint


def reserve_now(call: IncomingCall, engine: ChargePoint) -> None:
    """H01. A connector type is for the core to match: an EVSE has one connector."""
    answers.reserve(call, engine, _booking(call.payload))


def status_update(reservation_id: int, status: str) -> Message:
    """H01.FR.17, H04.FR.03: it expired, or what it was for is not to be had any more."""
    payload = {"reservationId": reservation_id, "reservationUpdateStatus": status}
    return Message("ReservationStatusUpdate", payload)


def _booking(payload: dict[str, Any]) -> Booking | None:
    """None for a date that no calendar has."""
    try:
        expiry = rfc3339(parse_time(payload["expiryDateTime"]))
    except (ValueError, OverflowError):
        return None
    return Booking(
        id=payload["id"],
        token=payload["idToken"]["idToken"],
        expiry=expiry,
        evse=payload.get("evseId"),
        group=payload.get("groupIdToken", {}).get("idToken", ""),
        connector_type=payload.get("connectorType", ""),
    )


HANDLERS = {"ReserveNow": reserve_now, "CancelReservation": answers.cancel_reservation}
