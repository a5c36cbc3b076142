"""RemoteStartTransaction, RemoteStopTransaction and UnlockConnector of OCPP 1.6 (§5.11, §5.12,
§5.18)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ocpp_link.errors import ProfileRefused
from ocpp_link.rpc.rpc import IncomingCall
from ocpp_link.v16.authorization import ID_TAG_CHARS, remote_token
from ocpp_link.v16.charging_profiles import profile_of

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint


def remote_start(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.11; not allowed while registration is pending (§4.2), nor once a reset is to end it.
    Without a connector the core chooses, unless a profile needs to know its EVSE."""
    connector, id_tag = call.payload.get("connectorId"), call.payload["idTag"]
    evse = None if engine.reset.under_way else engine.remote.evse_to_start(connector, id_tag)
    if evse is None or not 0 < len(id_tag) <= ID_TAG_CHARS or not _took_profile(call, engine, evse):
        call.respond({"status": "Rejected"})
        return
    with_profile = "chargingProfile" in call.payload
    engine.remote.start(
        remote_token(id_tag, evse if with_profile else connector),
        partial(engine.charging.start_failed, evse) if with_profile else None,
        on_answer=lambda yes: call.respond({"status": "Accepted" if yes else "Rejected"}),
    )


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


def remote_stop(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.12: only a transaction that runs under this id."""
    evse = engine.transactions.evse_running(call.payload["transactionId"])
    if evse is None or not engine.remote.may_stop:
        call.respond({"status": "Rejected"})
        return
    call.respond({"status": "Accepted"})
    engine.remote.stop(evse)


def unlock_connector(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.18: answered with what the lock did; without a lock, or for an unknown connector,
    `NotSupported` (errata 3.87)."""
    evse = call.payload["connectorId"]
    if evse not in engine.station.evses or not engine.station.info.evses[evse - 1].has_lock:
        call.respond({"status": "NotSupported"})
        return
    engine.remote.unlock(
        evse, lambda done: call.respond({"status": "Unlocked" if done else "UnlockFailed"})
    )


HANDLERS = {
    "RemoteStartTransaction": remote_start,
    "RemoteStopTransaction": remote_stop,
    "UnlockConnector": unlock_connector,
}
