"""Requests of the back office in OCPP 1.6 (§5): each parsed, handed to the engine, answered.

The answer goes out first; what it causes (an Authorize, a triggered message) follows it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ocpp_link.errors import ProfileRefused
from ocpp_link.ports import BootReason
from ocpp_link.records import BootStatus
from ocpp_link.rpc.codes import Code
from ocpp_link.rpc.rpc import IncomingCall
from ocpp_link.v16 import charging_profiles, configuration, diagnostics, firmware, reset, security
from ocpp_link.v16.authorization import ID_TAG_CHARS, remote_token
from ocpp_link.v16.charging_profiles import profile_of

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint

Handler = Callable[[IncomingCall, "ChargePoint"], None]
Act = Callable[[], None]


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
    if "chargingProfile" in call.payload:
        failed = partial(engine.charging.start_failed, evse)
        engine.remote.start(remote_token(id_tag, evse), failed)
    else:
        engine.remote.start(remote_token(id_tag, connector))


def _took_profile(call: IncomingCall, engine: ChargePoint, evse: int) -> bool:
    """Install the profile of a remote start, if there is one (§5.11, errata 3.41)."""
    payload = call.payload.get("chargingProfile")
    if payload is None:
        return True
    if "transactionId" in payload:
        return False
    try:
        profile = profile_of(payload, engine.station.utc_ms())
        engine.charging.install_for_start(evse, profile, call.payload["idTag"])
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


def _clear_cache(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.5."""
    engine.authorization.known.clear()
    _status(call, "Accepted")


def _data_transfer(call: IncomingCall, _engine: ChargePoint) -> None:
    """§5.6: no vendor's extension is known."""
    _status(call, "UnknownVendorId")


def _trigger_message(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.17. `Accepted` promises the message, so it is not said where none can follow."""
    _trigger(call, engine, TRIGGERS)


def _extended_trigger_message(call: IncomingCall, engine: ChargePoint) -> None:
    """Security whitepaper §5.5."""
    _trigger(call, engine, EXTENDED_TRIGGERS)


def _trigger(call: IncomingCall, engine: ChargePoint, triggers: dict[str, Trigger]) -> None:
    connector = call.payload.get("connectorId")
    trigger = triggers.get(call.payload["requestedMessage"])
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

_COMMON: dict[str, Trigger] = {
    "BootNotification": _trigger_boot,
    "Heartbeat": _trigger_heartbeat,
    "StatusNotification": _trigger_status,
    "MeterValues": _trigger_meter_values,
}
TRIGGERS = _COMMON | diagnostics.TRIGGERS | firmware.TRIGGERS
EXTENDED_TRIGGERS = (
    _COMMON
    | diagnostics.EXTENDED_TRIGGERS
    | firmware.EXTENDED_TRIGGERS
    | security.EXTENDED_TRIGGERS
)
"""Security whitepaper §6.16."""


HANDLERS: dict[str, Handler] = {
    "RemoteStartTransaction": _remote_start,
    "RemoteStopTransaction": _remote_stop,
    "ChangeAvailability": _change_availability,
    "UnlockConnector": _unlock_connector,
    **charging_profiles.HANDLERS,
    **configuration.HANDLERS,
    **reset.HANDLERS,
    **diagnostics.HANDLERS,
    **firmware.HANDLERS,
    **security.HANDLERS,
    "ClearCache": _clear_cache,
    "DataTransfer": _data_transfer,
    "TriggerMessage": _trigger_message,
    "ExtendedTriggerMessage": _extended_trigger_message,
}
