"""GetDiagnostics (§5.9), GetLog (whitepaper N01), and their notifications."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ocpp_link import answers
from ocpp_link.files.logs import LogKind, LogRequest
from ocpp_link.files.records import LogReport, LogStatus
from ocpp_link.files.update import DEFAULT_RETRIES, DEFAULT_RETRY_S
from ocpp_link.records import Message
from ocpp_link.rpc.codes import Code
from ocpp_link.rpc.rpc import IncomingCall
from ocpp_link.station import parse_time

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint

KINDS = {"DiagnosticsLog": LogKind.DIAGNOSTICS, "SecurityLog": LogKind.SECURITY}
DIAGNOSTICS_STATUS = {
    LogStatus.IDLE: "Idle",
    LogStatus.UPLOADED: "Uploaded",
    LogStatus.UPLOADING: "Uploading",
}
"""§7.24; every other one is UploadFailed."""


def get_diagnostics(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.9; without a file name where there is nothing to upload."""
    window = call.payload.get("startTime", ""), call.payload.get("stopTime", "")
    request = _request(call, LogKind.DIAGNOSTICS, call.payload["location"], window)
    if request is None:
        return
    answer = engine.logs.judge(request)
    call.respond({"fileName": answer.name} if answer.name else {})
    if answer.name:
        engine.logs.begin(request, answer.name)


def get_log(call: IncomingCall, engine: ChargePoint) -> None:
    """Whitepaper N01.FR.01, N01.FR.11."""
    wanted = call.payload["log"]
    window = wanted.get("oldestTimestamp", ""), wanted.get("latestTimestamp", "")
    request = _request(call, KINDS[call.payload["logType"]], wanted["remoteLocation"], window)
    if request is not None:
        answers.get_log(call, engine, request)


def log_status(report: LogReport) -> Message | None:
    """Of GetLog, whose request had an id; or of GetDiagnostics. Only GetLog's can be said to have
    been given up for a newer one."""
    if report.request_id is not None:
        return get_log_status(report)
    if report.status is LogStatus.ACCEPTED_CANCELED:
        return None
    return _diagnostics_status(report.status)


def get_log_status(report: LogReport) -> Message:
    """Whitepaper N01.FR.12: without an id only where nothing goes on."""
    canceled = report.status is LogStatus.ACCEPTED_CANCELED
    status = LogStatus.UPLOAD_FAILURE if canceled else report.status
    payload: dict[str, Any] = {"status": status.value}
    if report.request_id is not None:
        payload["requestId"] = report.request_id
    return Message("LogStatusNotification", payload)


def trigger_diagnostics(engine: ChargePoint, _connector: int | None) -> Callable[[], None] | None:
    """§4.4: what GetDiagnostics caused and goes on now, or Idle."""
    report = engine.logs.status
    of_get_log = report.request_id is not None
    message = _diagnostics_status(LogStatus.IDLE if of_get_log else report.status)
    return lambda: engine.station.request(message)


def trigger_log(engine: ChargePoint, _connector: int | None) -> Callable[[], None] | None:
    """Whitepaper §6.19: what GetLog caused and goes on now, or Idle."""
    report = engine.logs.status
    of_get_log = report.request_id is not None
    message = get_log_status(report if of_get_log else LogReport(LogStatus.IDLE))
    return lambda: engine.station.request(message)


def _diagnostics_status(status: LogStatus) -> Message:
    said = DIAGNOSTICS_STATUS.get(status, "UploadFailed")
    return Message("DiagnosticsStatusNotification", {"status": said})


def _request(
    call: IncomingCall, kind: LogKind, location: str, window: tuple[str, str]
) -> LogRequest | None:
    """None: a time can not be read, and the CALL was refused."""
    try:
        for text in filter(None, window):
            parse_time(text)
    except ValueError:
        call.refuse(Code.PROPERTY, "a time of the window can not be read")
        return None
    return LogRequest(
        kind=kind,
        location=location,
        oldest=window[0],
        latest=window[1],
        retries=max(0, call.payload.get("retries", DEFAULT_RETRIES)),
        retry_s=max(0, call.payload.get("retryInterval", DEFAULT_RETRY_S)),
        request_id=call.payload.get("requestId"),
    )


HANDLERS = {"GetDiagnostics": get_diagnostics, "GetLog": get_log}
TRIGGERS = {"DiagnosticsStatusNotification": trigger_diagnostics}
EXTENDED_TRIGGERS = {"LogStatusNotification": trigger_log}
