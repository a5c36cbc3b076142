"""UpdateFirmware of OCPP 2.0.1 (L01, L02); how it fares is told by messages.firmware_status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocpp_link.files.admission import UpdateAnswer
from ocpp_link.files.update import DEFAULT_RETRIES, DEFAULT_RETRY_S, Request
from ocpp_link.rpc.codes import Code
from ocpp_link.rpc.rpc import IncomingCall
from ocpp_link.station import parse_time, utc_ms

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint

BEGINS = frozenset({UpdateAnswer.ACCEPTED, UpdateAnswer.ACCEPTED_CANCELED})


def update_firmware(call: IncomingCall, engine: ChargePoint) -> None:
    """L01.FR.24, L01.FR.27: what can still be given up makes room. Where no firmware is taken, or
    none that nobody signed: Rejected."""
    try:
        request = _request(call.payload, call.payload["firmware"])
    except (ValueError, OverflowError):
        call.refuse(Code.PROPERTY, "a time can not be read")
        return
    answer = engine.firmware.judge(request)
    unsupported = answer is UpdateAnswer.UNSUPPORTED
    call.respond({"status": (UpdateAnswer.REJECTED if unsupported else answer).value})
    if answer in BEGINS:
        engine.firmware.begin(request)


def _request(payload: dict[str, Any], wanted: dict[str, Any]) -> Request:
    """Raises ValueError or OverflowError for a time that can not be read."""
    install_at = wanted.get("installDateTime")
    return Request(
        location=wanted["location"],
        retrieve_at_ms=utc_ms(parse_time(wanted["retrieveDateTime"])),
        install_at_ms=None if install_at is None else utc_ms(parse_time(install_at)),
        retries=max(0, payload.get("retries", DEFAULT_RETRIES)),
        retry_s=max(0, payload.get("retryInterval", DEFAULT_RETRY_S)),
        request_id=payload["requestId"],
        certificate=wanted.get("signingCertificate", ""),
        signature=wanted.get("signature", ""),
    )


HANDLERS = {"UpdateFirmware": update_firmware}
