"""GetLog of OCPP 2.0.1 (N01); how it fares is told by messages.log_status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocpp_link import answers
from ocpp_link.files.logs import LogKind, LogRequest
from ocpp_link.files.update import DEFAULT_RETRIES, DEFAULT_RETRY_S
from ocpp_link.rpc.codes import Code
from ocpp_link.rpc.rpc import IncomingCall
from ocpp_link.station import parse_time

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint

KINDS = {"DiagnosticsLog": LogKind.DIAGNOSTICS, "SecurityLog": LogKind.SECURITY}


def get_log(call: IncomingCall, engine: ChargePoint) -> None:
    """N01.FR.01, N01.FR.05, N01.FR.12: a newer request takes the place of one that is under way."""
    request = _request(call)
    if request is None:
        call.refuse(Code.PROPERTY, "a time of the window can not be read")
        return
    answers.get_log(call, engine, request)


def _request(call: IncomingCall) -> LogRequest | None:
    """None where a time can not be read."""
    payload = call.payload
    wanted = payload["log"]
    oldest, latest = wanted.get("oldestTimestamp", ""), wanted.get("latestTimestamp", "")
    try:
        for text in filter(None, (oldest, latest)):
            parse_time(text)
    except ValueError:
        return None
    return LogRequest(
        kind=KINDS[payload["logType"]],
        location=wanted["remoteLocation"],
        oldest=oldest,
        latest=latest,
        retries=max(0, payload.get("retries", DEFAULT_RETRIES)),
        retry_s=max(0, payload.get("retryInterval", DEFAULT_RETRY_S)),
        request_id=payload["requestId"],
    )


HANDLERS = {"GetLog": get_log}
