"""StatusNotification of OCPP 1.6 (§4.9, §6.47, §7.7)."""

from __future__ import annotations

from ocpp_link.records import EvseStatus, Message, StatusReport

INFO_CHARS = 50

STATUS = {
    EvseStatus.AVAILABLE: "Available",
    EvseStatus.PREPARING: "Preparing",
    EvseStatus.CHARGING: "Charging",
    EvseStatus.SUSPENDED_EV: "SuspendedEV",
    EvseStatus.SUSPENDED_EVSE: "SuspendedEVSE",
    EvseStatus.FINISHING: "Finishing",
    EvseStatus.RESERVED: "Reserved",
    EvseStatus.UNAVAILABLE: "Unavailable",
    EvseStatus.FAULTED: "Faulted",
}


def status_notification(report: StatusReport) -> Message:
    """The message for one connector; `info` is cut to its length."""
    payload = {
        "connectorId": report.connector,
        "errorCode": report.error,
        "status": STATUS[report.status],
        "timestamp": report.timestamp,
    }
    if report.info:
        payload["info"] = report.info[:INFO_CHARS]
    if report.vendor_id:
        payload["vendorId"] = report.vendor_id
    if report.vendor_error:
        payload["vendorErrorCode"] = report.vendor_error
    return Message("StatusNotification", payload)
