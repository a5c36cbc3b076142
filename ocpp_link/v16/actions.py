"""Requests of the back office in OCPP 1.6 (§5): each parsed, handed to the engine, answered.

The answer goes out first; what it causes (an Authorize, a triggered message) follows it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ocpp_link.errors import ProfileRefused
from ocpp_link.ports import BootReason
from ocpp_link.records import BootStatus
from ocpp_link.rpc.codes import Code
from ocpp_link.rpc.rpc import IncomingCall
from ocpp_link.smart.profiles import Purpose
from ocpp_link.v16 import configuration, diagnostics, firmware
from ocpp_link.v16.authorization import ID_TAG_CHARS, remote_token
from ocpp_link.v16.charging_profiles import profile_of, schedule_of

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint

Handler = Callable[[IncomingCall, "ChargePoint"], None]
Act = Callable[[], None]

MAX_COMPOSITE_S = 7 * 86_400


def handle(call: IncomingCall, engine: ChargePoint) -> None:
    """Answer one CALL whose payload is valid."""
    handler = HANDLERS.get(call.action)
    if handler is None:
        call.refuse(Code.NOT_SUPPORTED, f"{call.action} is not supported by this station")
    else:
        handler(call, engine)


def _status(call: IncomingCall, status: str) -> None:
    call.respond({"status": status})


def _remote_start(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.11; not allowed while registration is pending (§4.2). Without a connector the core
    chooses, unless a profile needs to know its EVSE."""
    connector = call.payload.get("connectorId")
    evse = engine.remote.evse_to_start(connector)
    id_tag = call.payload["idTag"]
    if evse is None or len(id_tag) > ID_TAG_CHARS or not _took_profile(call, engine, evse):
        _status(call, "Rejected")
        return
    _status(call, "Accepted")
    named = evse if "chargingProfile" in call.payload else connector
    engine.remote.start(remote_token(id_tag, named))


def _took_profile(call: IncomingCall, engine: ChargePoint, evse: int) -> bool:
    """Install the profile of a remote start, if there is one (§5.11, errata 3.41)."""
    payload = call.payload.get("chargingProfile")
    if payload is None:
        return True
    if "transactionId" in payload:
        return False
    try:
        engine.remote.install_for_next_transaction(
            evse, profile_of(payload, engine.station.utc_ms())
        )
    except ProfileRefused:
        return False
    return True


def _remote_stop(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.12: only a transaction that runs under this id."""
    evse = engine.transactions.evse_running(call.payload["transactionId"])
    if evse is None or engine.station.boot.status is not BootStatus.ACCEPTED:
        _status(call, "Rejected")
        return
    _status(call, "Accepted")
    engine.remote.stop(evse)


def _change_availability(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.2: `Scheduled` where a transaction has to end first."""
    operative = call.payload["type"] == "Operative"
    engine.availability.change(
        call.payload["connectorId"], operative, lambda outcome: _status(call, outcome.value)
    )


def _unlock_connector(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.18; without a lock, or for an unknown connector, `NotSupported` (errata 3.83)."""
    evse = call.payload["connectorId"]
    if evse not in engine.station.evses or not engine.station.info.evses[evse - 1].has_lock:
        _status(call, "NotSupported")
        return
    engine.remote.unlock(evse, lambda done: _status(call, "Unlocked" if done else "UnlockFailed"))


def _set_charging_profile(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.16."""
    connector, payload = call.payload["connectorId"], call.payload["csChargingProfiles"]
    try:
        profile = profile_of(payload, engine.station.utc_ms())
        engine.remote.install_profile(connector, profile, payload.get("transactionId"))
    except ProfileRefused:
        _status(call, "Rejected")
        return
    _status(call, "Accepted")


def _clear_charging_profile(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.4."""
    purpose = call.payload.get("chargingProfilePurpose")
    cleared = engine.charging.clear(
        id_=call.payload.get("id"),
        connector=call.payload.get("connectorId"),
        purpose=Purpose(purpose) if purpose else None,
        stack_level=call.payload.get("stackLevel"),
    )
    _status(call, "Accepted" if cleared else "Unknown")


def _get_composite_schedule(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.7, in amperes; the station as a whole (connector 0) and watts are refused."""
    evse, duration_s = call.payload["connectorId"], call.payload["duration"]
    in_amps = call.payload.get("chargingRateUnit", "A") == "A"
    if evse not in engine.station.evses or not in_amps or duration_s < 0:
        _status(call, "Rejected")
        return
    start_ms = engine.station.utc_ms() // 1_000 * 1_000
    length_ms = max(1, min(duration_s, MAX_COMPOSITE_S)) * 1_000
    segments = engine.charging.segments(evse, start_ms, start_ms + length_ms)
    max_a = engine.station.info.evses[evse - 1].max_current_a
    schedule = schedule_of(segments, start_ms, max_a)
    call.respond(
        {
            "status": "Accepted",
            "connectorId": evse,
            "scheduleStart": schedule["startSchedule"],
            "chargingSchedule": schedule,
        }
    )


def _clear_cache(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.5."""
    engine.authorization.known.clear()
    _status(call, "Accepted")


def _data_transfer(call: IncomingCall, _engine: ChargePoint) -> None:
    """§5.6: no vendor's extension is known."""
    _status(call, "UnknownVendorId")


def _trigger_message(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.17. `Accepted` promises the message, so it is not said where none can follow."""
    connector = call.payload.get("connectorId")
    trigger = TRIGGERS.get(call.payload["requestedMessage"])
    if trigger is None:
        _status(call, "NotImplemented")
        return
    act = trigger(engine, connector) if _exists(engine, connector) else None
    _status(call, "Rejected" if act is None else "Accepted")
    if act is not None:
        act()


def _exists(engine: ChargePoint, connector: int | None) -> bool:
    return connector in (None, 0, *engine.station.evses)


def _trigger_boot(engine: ChargePoint, _connector: int | None) -> Act | None:
    return lambda: engine.registration.boot(BootReason.TRIGGERED)


def _trigger_heartbeat(engine: ChargePoint, _connector: int | None) -> Act | None:
    return engine.registration.heartbeat


def _trigger_status(engine: ChargePoint, connector: int | None) -> Act | None:
    wanted = (0, *engine.station.evses) if connector is None else (connector,)

    def act() -> None:
        for known in wanted:
            engine.status.tell(known, even_if_known=True)

    return act if engine.station.core_up else None


def _trigger_meter_values(engine: ChargePoint, connector: int | None) -> Act | None:
    """Of one connector, or of all that have a meter value."""
    station = engine.station
    wanted = list(station.evses) if connector in (None, 0) else [connector]
    known = [evse for evse in wanted if evse in station.meters]
    if not known or not station.operational:
        return None
    return lambda: engine.transactions.sample_now(known)


Trigger = Callable[["ChargePoint", "int | None"], "Act | None"]
"""The act that sends the message, or None where it cannot be sent."""

TRIGGERS: dict[str, Trigger] = {
    "BootNotification": _trigger_boot,
    "Heartbeat": _trigger_heartbeat,
    "StatusNotification": _trigger_status,
    "MeterValues": _trigger_meter_values,
    **diagnostics.TRIGGERS,
    **firmware.TRIGGERS,
}


HANDLERS: dict[str, Handler] = {
    "RemoteStartTransaction": _remote_start,
    "RemoteStopTransaction": _remote_stop,
    "ChangeAvailability": _change_availability,
    "UnlockConnector": _unlock_connector,
    "SetChargingProfile": _set_charging_profile,
    "ClearChargingProfile": _clear_charging_profile,
    "GetCompositeSchedule": _get_composite_schedule,
    **configuration.HANDLERS,
    **diagnostics.HANDLERS,
    **firmware.HANDLERS,
    "ClearCache": _clear_cache,
    "DataTransfer": _data_transfer,
    "TriggerMessage": _trigger_message,
}
