"""RequestStart and RequestStop (F01 to F03), GetTransactionStatus (E14), ChangeAvailability (G03,
G04), UnlockConnector (F05), ClearCache (C11) of OCPP 2.0.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from evse.types.authorization import AuthorizationType, IdToken, IdTokenType, ProvidedIdToken
from ocpp_link.rpc.rpc import IncomingCall
from ocpp_link.v201.messages import CONNECTOR, ID_TOKEN_CHARS

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint


def _status(call: IncomingCall, status: str, **more: Any) -> None:
    call.respond({"status": status, **more})


def _start(call: IncomingCall, engine: ChargePoint) -> None:
    """F01, F02; not once a reset is to end it, or waits until nothing runs (B12). The token is
    asked about where AuthCtrlr.AuthorizeRemoteStart says so. Charging profiles of this version are
    not known here, and ignored (F01.FR.12)."""
    token, evse_id = call.payload["idToken"], call.payload.get("evseId")
    evse = engine.remote.evse_to_start(evse_id, token["idToken"])
    too_long = len(token["idToken"]) > ID_TOKEN_CHARS
    if evse is None or too_long or engine.reset.under_way:
        _status(call, "Rejected")
        return
    presented = ProvidedIdToken(
        id_token=IdToken(value=token["idToken"], type=IdTokenType(token["type"])),
        authorization_type=AuthorizationType.OCPP,
        connectors=UNSET if evse_id is None else (evse_id,),
    )
    engine.transactions.expect_remote(token["idToken"], call.payload["remoteStartId"])
    engine.remote.start(
        presented, on_answer=lambda yes: _status(call, "Accepted" if yes else "Rejected")
    )


def _stop(call: IncomingCall, engine: ChargePoint) -> None:
    """F03."""
    evse = _evse_of(engine, call.payload["transactionId"])
    if evse is None or not engine.remote.may_stop:
        _status(call, "Rejected")
        return
    _status(call, "Accepted")
    engine.remote.stop(evse)


def _transaction_status(call: IncomingCall, engine: ChargePoint) -> None:
    """E14: without an id only whether messages wait; with one, whether it goes on."""
    queue = engine.transactions.queue
    transaction_id = call.payload.get("transactionId")
    if transaction_id is None:
        call.respond({"messagesInQueue": len(queue) > 0})
        return
    ongoing = _evse_of(engine, transaction_id) is not None
    waiting = queue.holds(transaction_id)
    call.respond({"ongoingIndicator": ongoing, "messagesInQueue": waiting})


def _change_availability(call: IncomingCall, engine: ChargePoint) -> None:
    """G03, G04: of the station, an EVSE or its one connector."""
    evse = call.payload.get("evse", {})
    operative = call.payload["operationalStatus"] == "Operative"
    if evse.get("connectorId", CONNECTOR) != CONNECTOR or evse.get("id") == 0:
        _status(call, "Rejected")
        return
    engine.availability.change(
        evse.get("id", 0), operative, lambda outcome: _status(call, outcome.value)
    )


def _unlock(call: IncomingCall, engine: ChargePoint) -> None:
    """F05: never while an authorized transaction runs."""
    evse, connector = call.payload["evseId"], call.payload["connectorId"]
    if evse not in engine.station.evses or connector != CONNECTOR:
        _status(call, "UnknownConnector")
    elif engine.station.states[evse].in_transaction:
        _status(call, "OngoingAuthorizedTransaction")
    elif not engine.station.info.evses[evse - 1].has_lock:
        _status(call, "UnlockFailed", statusInfo={"reasonCode": "FixedCable"})
    else:
        engine.remote.unlock(
            evse, lambda done: _status(call, "Unlocked" if done else "UnlockFailed")
        )


def _clear_cache(call: IncomingCall, engine: ChargePoint) -> None:
    """C11."""
    engine.authorization.known.clear_cache(
        lambda cleared: _status(call, "Accepted" if cleared else "Rejected")
    )


def _evse_of(engine: ChargePoint, transaction_id: str) -> int | None:
    """The EVSE on which this transaction runs; its id is the session's."""
    for evse, state in engine.station.states.items():
        if state.in_transaction and state.session == transaction_id:
            return evse
    return None


HANDLERS = {
    "RequestStartTransaction": _start,
    "RequestStopTransaction": _stop,
    "GetTransactionStatus": _transaction_status,
    "ChangeAvailability": _change_availability,
    "UnlockConnector": _unlock,
    "ClearCache": _clear_cache,
}
