"""UpdateFirmware (§5.19), SignedUpdateFirmware (whitepaper L01), and their notifications."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ocpp_link.files.admission import UpdateAnswer
from ocpp_link.files.records import FirmwareReport, FirmwareStatus
from ocpp_link.files.update import DEFAULT_RETRIES, DEFAULT_RETRY_S, Request
from ocpp_link.records import Message
from ocpp_link.rpc.codes import Code
from ocpp_link.rpc.rpc import IncomingCall
from ocpp_link.station import parse_time, utc_ms

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint

STATUS = {
    FirmwareStatus.DOWNLOADED: "Downloaded",
    FirmwareStatus.DOWNLOAD_FAILED: "DownloadFailed",
    FirmwareStatus.DOWNLOADING: "Downloading",
    FirmwareStatus.IDLE: "Idle",
    FirmwareStatus.INSTALLATION_FAILED: "InstallationFailed",
    FirmwareStatus.INSTALL_VERIFICATION_FAILED: "InstallationFailed",
    FirmwareStatus.INSTALLING: "Installing",
    FirmwareStatus.INSTALLED: "Installed",
}
"""§7.25. What is not here, FirmwareStatusNotification can not say."""
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.S)


def update_firmware(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.19. A secured station takes none that nobody signed (whitepaper L01.FR.20). The answer
    says nothing, so an update that can not be given up any more simply goes on."""
    payload = call.payload
    try:
        request = _request(payload, payload["location"], payload["retrieveDate"])
    except ValueError as error:
        call.refuse(Code.PROPERTY, str(error))
        return
    answer = engine.firmware.judge(request)
    if answer is UpdateAnswer.UNSUPPORTED:
        call.refuse(Code.NOT_SUPPORTED, "no firmware is taken, or none that nobody signed")
        return
    call.respond({})
    if answer is not UpdateAnswer.REJECTED:
        engine.firmware.begin(request)


def signed_update_firmware(call: IncomingCall, engine: ChargePoint) -> None:
    """Whitepaper L01.FR.23 to L01.FR.27."""
    payload, wanted = call.payload, call.payload["firmware"]
    try:
        request = _request(
            payload,
            wanted["location"],
            wanted["retrieveDateTime"],
            install_at_ms=_moment(wanted["installDateTime"])
            if "installDateTime" in wanted
            else None,
            request_id=payload["requestId"],
            certificate=_certificate(wanted["signingCertificate"]),
            signature=wanted["signature"],
        )
    except ValueError as error:
        call.refuse(Code.PROPERTY, str(error))
        return
    answer = engine.firmware.judge(request)
    if answer is UpdateAnswer.UNSUPPORTED:
        answer = UpdateAnswer.REJECTED
    call.respond({"status": answer.value})
    if answer in (UpdateAnswer.ACCEPTED, UpdateAnswer.ACCEPTED_CANCELED):
        engine.firmware.begin(request)


def firmware_status(report: FirmwareReport) -> Message | None:
    """Of a signed update, whose request had an id; or of one that nobody signed."""
    if report.request_id is not None:
        return signed_status(report)
    status = STATUS.get(report.status)
    return Message("FirmwareStatusNotification", {"status": status}) if status else None


def signed_status(report: FirmwareReport) -> Message:
    """Whitepaper L01.FR.21: without an id only where nothing goes on."""
    payload: dict[str, Any] = {"status": report.status.value}
    if report.request_id is not None:
        payload["requestId"] = report.request_id
    return Message("SignedFirmwareStatusNotification", payload)


def trigger_status(engine: ChargePoint, _connector: int | None) -> Callable[[], None] | None:
    """§4.5: what goes on now, or Idle."""
    status = STATUS.get(engine.firmware.status.status, STATUS[FirmwareStatus.IDLE])
    message = Message("FirmwareStatusNotification", {"status": status})
    return lambda: engine.station.request(message)


def trigger_signed_status(engine: ChargePoint, _connector: int | None) -> Callable[[], None] | None:
    """Whitepaper L01.FR.28, L01.FR.29: the last that was told, Idle after Installed."""
    message = signed_status(engine.firmware.last_status)
    return lambda: engine.station.request(message)


def _request(payload: dict[str, Any], location: str, retrieve_at: str, **more: Any) -> Request:
    """Raises ValueError for a time that can not be read."""
    return Request(
        location=location,
        retrieve_at_ms=_moment(retrieve_at),
        retries=max(0, payload.get("retries", DEFAULT_RETRIES)),
        retry_s=max(0, payload.get("retryInterval", DEFAULT_RETRY_S)),
        **more,
    )


def _moment(text: str) -> int:
    try:
        return utc_ms(parse_time(text))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text[:40]!r} is no time") from error


def _certificate(text: str) -> str:
    """The first of what was sent; one that some server sent without its line breaks, too."""
    found = _PEM.search(text.replace("\\n", "\n"))
    return found[0] if found else text or "-"


HANDLERS = {
    "UpdateFirmware": update_firmware,
    "SignedUpdateFirmware": signed_update_firmware,
}
TRIGGERS = {"FirmwareStatusNotification": trigger_status}
EXTENDED_TRIGGERS = {"FirmwareStatusNotification": trigger_signed_status}
