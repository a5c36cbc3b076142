"""BootNotification, Heartbeat, StatusNotification, Authorize of OCPP 2.0.1 (B01, G01, G02, C01)."""

from __future__ import annotations

from typing import Any

from evse.types.authorization import AuthorizationStatus, IdToken
from ocpp_link.files.records import FirmwareReport, LogReport
from ocpp_link.ports import BootReason, StationInfo
from ocpp_link.records import BootAnswer, BootStatus, EvseStatus, Message, StatusReport, Verdict
from ocpp_link.security.events import SecurityEvent

# Part 2 §1.6: lengths of the fields
VENDOR_CHARS = FIRMWARE_CHARS = 50
MODEL_CHARS = 20
SERIAL_CHARS = 25
ID_TOKEN_CHARS = 36

CONNECTOR = 1
"""Each EVSE has one connector."""

FREE = frozenset(
    {
        EvseStatus.AVAILABLE,
        EvseStatus.RESERVED,
        EvseStatus.UNAVAILABLE,
        EvseStatus.FAULTED,
    }
)
OCCUPIED = EvseStatus.PREPARING
"""Whatever else an EVSE does, its connector is `Occupied` (part 2 §3.17)."""


def boot_notification(station: StationInfo, reason: BootReason) -> Message:
    """Strings are cut to their lengths; what is unknown is left out."""
    named = {
        "model": station.model[:MODEL_CHARS],
        "vendorName": station.vendor[:VENDOR_CHARS],
        "serialNumber": station.serial[:SERIAL_CHARS],
        "firmwareVersion": station.firmware[:FIRMWARE_CHARS],
    }
    known = {key: text for key, text in named.items() if text}
    return Message("BootNotification", {"reason": reason.value, "chargingStation": known})


def boot_answer(payload: dict[str, Any]) -> BootAnswer:
    return BootAnswer(
        BootStatus(payload["status"]), max(0, payload["interval"]), payload["currentTime"]
    )


def heartbeat() -> Message:
    return Message("Heartbeat", {})


def heartbeat_time(payload: dict[str, Any]) -> str:
    """Of Heartbeat.conf."""
    return str(payload["currentTime"])


def seen(report: StatusReport) -> StatusReport:
    """In the five words that there are here; why it is so is told by other means."""
    status = report.status if report.status in FREE else OCCUPIED
    return StatusReport(report.connector, status, timestamp=report.timestamp)


def status_notification(report: StatusReport) -> list[Message]:
    """Of one connector. There is none for the station as a whole (G01.FR.01)."""
    if report.connector == 0:
        return []
    payload = {
        "timestamp": report.timestamp,
        "connectorStatus": report.status.value if report.status in FREE else "Occupied",
        "evseId": report.connector,
        "connectorId": CONNECTOR,
    }
    return [Message("StatusNotification", payload)]


def security_event(event: SecurityEvent) -> Message:
    """Part 2 §1.49; the names of events are this version's own."""
    payload = {"type": str(event.type), "timestamp": event.timestamp}
    if event.info:
        payload["techInfo"] = event.info
    return Message("SecurityEventNotification", payload)


def sign_certificate(request: str) -> Message:
    """Part 2 §1.58, for the station's certificate towards the back office."""
    payload = {"csr": request, "certificateType": "ChargingStationCertificate"}
    return Message("SignCertificate", payload)


def authorize(token: IdToken) -> Message:
    return Message("Authorize", {"idToken": id_token(token.value, token.type.value)})


def id_token(value: str, type_: str) -> dict[str, Any]:
    return {"idToken": value, "type": type_ or "Central"}


def verdict_of(info: dict[str, Any]) -> Verdict:
    """What an idTokenInfo says; C01.FR.20: perhaps of some EVSEs alone."""
    group = info.get("groupIdToken") or {}
    return Verdict(
        status=AuthorizationStatus(info["status"]),
        parent=group.get("idToken", ""),
        expiry=info.get("cacheExpiryDateTime") or "",
        evses=tuple(info.get("evseId", ())),
    )


def firmware_status(report: FirmwareReport) -> Message:
    """Without an id only where nothing goes on (L01.FR.20)."""
    return _of_request("FirmwareStatusNotification", report.status.value, report.request_id)


def log_status(report: LogReport) -> Message:
    """Without an id only where nothing goes on (N01.FR.13)."""
    return _of_request("LogStatusNotification", report.status.value, report.request_id)


def _of_request(action: str, status: str, request_id: int | None) -> Message:
    named = {} if request_id is None else {"requestId": request_id}
    return Message(action, {"status": status, **named})
