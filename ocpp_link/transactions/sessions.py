"""What an event of the core means for the back office. Pure: state and event in, both out."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import UNSET, UnsetType

from evse.types.authorization import AuthorizationType, ProvidedIdToken
from evse.types.session import (
    SessionEvent,
    SessionEventEnum,
    StartSessionReason,
    StopTransactionReason,
)
from ocpp_link.metering.signed import with_signature
from ocpp_link.records import EvseState, EvseStatus, RecordKind, SampleContext, Trigger, TxRecord

E = SessionEventEnum
EV_LEFT = "EV side disconnected"
"""OCPP 1.6 §4.9."""


def apply(state: EvseState, event: SessionEvent, seq: int) -> tuple[EvseState, TxRecord | None]:
    """The EVSE's next state, and the record that the transaction's bill needs, if any.

    Replaying an event gives the same record again; its key keeps it from being queued twice.
    """
    change = _CHANGES.get(event.event)
    changed = change(state, event) if change else state
    record = _record(state, changed, event, seq)
    if record is not None:
        changed = msgspec.structs.replace(changed, records=record.number + 1)
    if changed.status is not state.status or changed.info != state.info:
        changed = msgspec.structs.replace(changed, status_at=event.timestamp)
    return changed, record


def token_of(token: ProvidedIdToken | UnsetType) -> str:
    """The token's value, or empty."""
    return token.id_token.value if token is not UNSET else ""


def _record(state: EvseState, changed: EvseState, event: SessionEvent, seq: int) -> TxRecord | None:
    started, finished = event.transaction_started, event.transaction_finished
    moved = event.charging_state_changed_event
    if event.event is E.TransactionStarted and started is not UNSET:
        return TxRecord(
            session=event.uuid,
            kind=RecordKind.STARTED,
            seq=seq,
            evse=state.evse,
            timestamp=event.timestamp,
            meter=with_signature(started.meter_value, started.signed_meter_value),
            context=SampleContext.BEGIN,
            token=token_of(started.id_tag),
            token_type=_type_of(started.id_tag),
            trigger=_trigger(state, started.id_tag),
            status=changed.status,
            reservation_id=None if started.reservation_id is UNSET else started.reservation_id,
        )
    if event.event is E.TransactionFinished and finished is not UNSET:
        return TxRecord(
            session=event.uuid,
            kind=RecordKind.FINISHED,
            seq=seq,
            evse=state.evse,
            timestamp=event.timestamp,
            meter=with_signature(finished.meter_value, finished.signed_meter_value),
            context=SampleContext.END,
            start_wh=state.start_wh,
            start_signed=finished.start_signed_meter_value or None,
            token=token_of(finished.id_tag),
            token_type=_type_of(finished.id_tag),
            number=state.records,
            status=changed.status,
            reason=None if finished.reason is UNSET else finished.reason,
        )
    if state.in_transaction and moved is not UNSET and changed.status is not state.status:
        return TxRecord(
            session=event.uuid,
            kind=RecordKind.UPDATED,
            seq=seq,
            evse=state.evse,
            timestamp=event.timestamp,
            meter=moved.meter_value,
            context=_interruption(state, changed),
            number=state.records,
            trigger=Trigger.CHARGING_STATE_CHANGED,
            status=changed.status,
        )
    return None


def _interruption(state: EvseState, changed: EvseState) -> SampleContext:
    """Of the energy's flow, by the station (1.6 §7.35)."""
    if changed.interrupted and not state.interrupted:
        return SampleContext.INTERRUPTION_BEGIN
    if state.interrupted and not changed.interrupted:
        return SampleContext.INTERRUPTION_END
    return SampleContext.OTHER


def _type_of(token: ProvidedIdToken | UnsetType) -> str:
    return token.id_token.type.value if token is not UNSET else ""


def _trigger(state: EvseState, token: ProvidedIdToken | UnsetType) -> Trigger:
    """What came last: the cable, the card or the back office's word."""
    if not state.authorized_last:
        return Trigger.CABLE_PLUGGED_IN
    remote = token is not UNSET and token.authorization_type is AuthorizationType.OCPP
    return Trigger.REMOTE_START if remote else Trigger.AUTHORIZED


def _to(status: EvseStatus, info: str = "") -> Callable[[EvseState, SessionEvent], EvseState]:
    def change(state: EvseState, _event: SessionEvent) -> EvseState:
        return msgspec.structs.replace(state, status=status, info=info)

    return change


def _session_started(state: EvseState, event: SessionEvent) -> EvseState:
    started = event.session_started
    plugged = started is not UNSET and started.reason is StartSessionReason.EVConnected
    reserved = plugged and state.reserved  # nobody knows yet whose car it is
    return EvseState(
        evse=state.evse,
        session=event.uuid,
        status=EvseStatus.RESERVED if reserved else EvseStatus.PREPARING,
        status_at=state.status_at,
        enabled=state.enabled,
        reserved=reserved,
        plugged=plugged,
    )


def _auth_required(state: EvseState, _event: SessionEvent) -> EvseState:
    return msgspec.structs.replace(state, plugged=True, authorized_last=False)


def _authorized(state: EvseState, _event: SessionEvent) -> EvseState:
    held = state.status is EvseStatus.RESERVED
    status = EvseStatus.PREPARING if held else state.status
    return msgspec.structs.replace(
        state, authorized=True, authorized_last=state.plugged, status=status
    )


def _deauthorized(state: EvseState, _event: SessionEvent) -> EvseState:
    return msgspec.structs.replace(state, authorized=False)


def _transaction_started(state: EvseState, event: SessionEvent) -> EvseState:
    started = event.transaction_started
    return msgspec.structs.replace(
        state,
        session=event.uuid,
        plugged=True,
        authorized=True,
        in_transaction=True,
        reserved=False,
        started_at=event.timestamp,
        start_wh=None if started is UNSET else started.meter_value.energy_Wh_import.total,
        interrupted=False,
        token="" if started is UNSET else token_of(started.id_tag),
    )


def _paused_by_station(state: EvseState, event: SessionEvent) -> EvseState:
    paused = event.charging_paused_evse
    info = ",".join(paused.reasons) if paused is not UNSET else ""
    interrupted = state.interrupted or state.status is EvseStatus.CHARGING
    return msgspec.structs.replace(
        state, status=EvseStatus.SUSPENDED_EVSE, info=info, interrupted=interrupted
    )


def _charging(state: EvseState, _event: SessionEvent) -> EvseState:
    return msgspec.structs.replace(state, status=EvseStatus.CHARGING, info="", interrupted=False)


def _transaction_finished(state: EvseState, event: SessionEvent) -> EvseState:
    finished = event.transaction_finished
    left = finished is not UNSET and finished.reason is StopTransactionReason.EVDisconnected
    return msgspec.structs.replace(
        state,
        status=EvseStatus.FINISHING,
        info=EV_LEFT if left else "",
        in_transaction=False,
        authorized=False,
        ended=True,
    )


def _session_finished(state: EvseState, _event: SessionEvent) -> EvseState:
    free = EvseStatus.RESERVED if state.reserved else EvseStatus.AVAILABLE
    return EvseState(
        evse=state.evse,
        status=free if state.enabled else EvseStatus.UNAVAILABLE,
        status_at=state.status_at,
        enabled=state.enabled,
        reserved=state.reserved,
    )


def _enabled(state: EvseState, _event: SessionEvent) -> EvseState:
    free = EvseStatus.AVAILABLE if not state.session else state.status
    return msgspec.structs.replace(state, enabled=True, status=free)


def _disabled(state: EvseState, _event: SessionEvent) -> EvseState:
    return EvseState(
        evse=state.evse, status=EvseStatus.UNAVAILABLE, status_at=state.status_at, enabled=False
    )


def _reserved(state: EvseState, _event: SessionEvent) -> EvseState:
    return msgspec.structs.replace(state, reserved=True, status=EvseStatus.RESERVED)


def _reservation_ended(state: EvseState, event: SessionEvent) -> EvseState:
    over = msgspec.structs.replace(state, reserved=False)
    if state.status is not EvseStatus.RESERVED:
        return over
    if state.session:  # the car of somebody else is there
        return msgspec.structs.replace(over, status=EvseStatus.PREPARING)
    return _enabled(over, event) if state.enabled else _disabled(over, event)


_CHANGES: dict[SessionEventEnum, Callable[[EvseState, SessionEvent], EvseState]] = {
    E.Enabled: _enabled,
    E.Disabled: _disabled,
    E.SessionStarted: _session_started,
    E.AuthRequired: _auth_required,
    E.Authorized: _authorized,
    E.Deauthorized: _deauthorized,
    E.TransactionStarted: _transaction_started,
    E.ChargingStarted: _charging,
    E.ChargingPausedEV: _to(EvseStatus.SUSPENDED_EV),
    E.ChargingPausedEVSE: _paused_by_station,
    E.SwitchingPhases: _to(EvseStatus.SUSPENDED_EVSE, "SwitchingPhases"),
    E.TransactionFinished: _transaction_finished,
    E.SessionFinished: _session_finished,
    E.PluginTimeout: _to(EvseStatus.FINISHING, "ConnectionTimeout"),
    E.ReservationStart: _reserved,
    E.ReservationEnd: _reservation_ended,
}
"""Which events change what is known of an EVSE (spec evse-core C9, the mapping at its end)."""
