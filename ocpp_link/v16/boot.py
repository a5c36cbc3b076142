"""BootNotification and Heartbeat of OCPP 1.6 (§4.2, §4.6)."""

from __future__ import annotations

from typing import Any

from ocpp_link.ports import StationInfo
from ocpp_link.records import BootAnswer, BootStatus, Message

# §6.3: lengths of the fields
VENDOR_CHARS = MODEL_CHARS = 20
SERIAL_CHARS = METER_CHARS = 25
FIRMWARE_CHARS = 50


def boot_notification(station: StationInfo) -> Message:
    """Strings are cut to their lengths; what is unknown is left out."""
    meter = station.evses[0]
    fields = {
        "chargePointVendor": station.vendor[:VENDOR_CHARS],
        "chargePointModel": station.model[:MODEL_CHARS],
        "chargePointSerialNumber": station.serial[:SERIAL_CHARS],
        "firmwareVersion": station.firmware[:FIRMWARE_CHARS],
        "meterType": meter.meter_type[:METER_CHARS],
        "meterSerialNumber": meter.meter_serial[:METER_CHARS],
    }
    return Message("BootNotification", {key: text for key, text in fields.items() if text})


def boot_answer(payload: dict[str, Any]) -> BootAnswer:
    return BootAnswer(
        BootStatus(payload["status"]), max(0, payload["interval"]), payload["currentTime"]
    )


def heartbeat() -> Message:
    return Message("Heartbeat", {})


def heartbeat_time(payload: dict[str, Any]) -> str:
    """Of Heartbeat.conf."""
    return str(payload["currentTime"])
