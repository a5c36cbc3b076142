"""Answers that every version of OCPP words alike, once its request has been read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocpp_link.files.logs import LogRequest
from ocpp_link.reservations import Booking, ReservationStatus
from ocpp_link.rpc.rpc import IncomingCall

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint


def reserve(call: IncomingCall, engine: ChargePoint, booking: Booking | None) -> None:
    """ReserveNow; without a booking the request could not be read."""

    def answered(status: ReservationStatus) -> None:
        call.respond({"status": status.value})

    if booking is None:
        answered(ReservationStatus.REJECTED)
    else:
        engine.reservations.reserve(booking, answered)


def cancel_reservation(call: IncomingCall, engine: ChargePoint) -> None:
    """CancelReservation (1.6 §5.1; 2.0.1 H02)."""

    def answered(cancelled: bool) -> None:
        call.respond({"status": "Accepted" if cancelled else "Rejected"})

    engine.reservations.cancel(call.payload["reservationId"], answered)


def get_log(call: IncomingCall, engine: ChargePoint, request: LogRequest) -> None:
    """GetLog; a newer request takes the place of one that is under way."""
    answer = engine.logs.judge(request)
    if not answer.name:
        call.respond({"status": "Rejected"})
        return
    status = "AcceptedCanceled" if answer.cancels else "Accepted"
    call.respond({"status": status, "filename": answer.name})
    engine.logs.begin(request, answer.name)
