"""TransactionEvent of OCPP 2.0.1 (E01 to E15).

A transaction here is what the core calls one: it starts when a car is connected and somebody is
authorized, and ends when either is no longer so. That is the start and stop point
`PowerPathClosed` (part 2 §2.6.4.1), and the only one offered.
"""

from __future__ import annotations

from typing import Any

from evse.types.session import StopTransactionReason
from ocpp_link.device.settings import Settings
from ocpp_link.records import (
    EvseStatus,
    Message,
    RecordKind,
    SampleContext,
    Trigger,
    TxAnswer,
    TxRecord,
)
from ocpp_link.v201.messages import CONNECTOR, id_token, verdict_of
from ocpp_link.v201.meter_values import MeterValue, meter_values

R = StopTransactionReason

STOPPED = {
    # The stop's reason: what triggered the last event, and the reason that the standard knows.
    R.EmergencyStop: (Trigger.ABNORMAL_CONDITION, "EmergencyStop"),
    R.EVDisconnected: (Trigger.EV_COMMUNICATION_LOST, "EVDisconnected"),
    R.HardReset: (Trigger.RESET, "ImmediateReset"),
    R.SoftReset: (Trigger.RESET, "ImmediateReset"),
    R.Reboot: (Trigger.RESET, "Reboot"),
    R.Local: (Trigger.STOP_AUTHORIZED, "Local"),
    R.Other: (Trigger.ABNORMAL_CONDITION, "Other"),
    R.PowerLoss: (Trigger.ABNORMAL_CONDITION, "PowerLoss"),
    R.Remote: (Trigger.REMOTE_STOP, "Remote"),
    R.UnlockCommand: (Trigger.UNLOCK, "Remote"),
    R.DeAuthorized: (Trigger.DEAUTHORIZED, "DeAuthorized"),
    R.EnergyLimitReached: (Trigger.ENERGY_LIMIT, "EnergyLimitReached"),
    R.GroundFault: (Trigger.ABNORMAL_CONDITION, "GroundFault"),
    R.LocalOutOfCredit: (Trigger.ABNORMAL_CONDITION, "LocalOutOfCredit"),
    R.MasterPass: (Trigger.STOP_AUTHORIZED, "MasterPass"),
    R.OvercurrentFault: (Trigger.ABNORMAL_CONDITION, "OvercurrentFault"),
    R.PowerQuality: (Trigger.ABNORMAL_CONDITION, "PowerQuality"),
    R.SOCLimitReached: (Trigger.ENERGY_LIMIT, "SOCLimitReached"),
    R.StoppedByEV: (Trigger.CHARGING_STATE_CHANGED, "StoppedByEV"),
    R.TimeLimitReached: (Trigger.TIME_LIMIT, "TimeLimitReached"),
    R.Timeout: (Trigger.EV_CONNECT_TIMEOUT, "Timeout"),
    R.ReqEnergyTransferRejected: (Trigger.ABNORMAL_CONDITION, "Other"),
    R.EVSEDisabled: (Trigger.ABNORMAL_CONDITION, "Other"),
}

CHARGING_STATE = {
    EvseStatus.CHARGING: "Charging",
    EvseStatus.SUSPENDED_EV: "SuspendedEV",
    EvseStatus.SUSPENDED_EVSE: "SuspendedEVSE",
    EvseStatus.PREPARING: "EVConnected",
    EvseStatus.FINISHING: "EVConnected",
}
"""Part 2 §3.13; whatever else an EVSE does, it is `Idle`."""

SAMPLED = {
    SampleContext.PERIODIC: Trigger.METER_VALUE_PERIODIC,
    SampleContext.CLOCK: Trigger.METER_VALUE_CLOCK,
    SampleContext.TRIGGER: Trigger.TRIGGER,
}


def render(record: TxRecord, _transaction_id: int | None, settings: Settings) -> Message | None:
    """The message for a record. Outside a transaction there is a MeterValues (J01)."""
    values = meter_values(record, settings)
    if not record.session:
        payload = {"evseId": record.evse, "meterValue": values}
        return Message("MeterValues", payload) if values else None
    trigger, stopped = _cause(record)
    info: dict[str, Any] = {"transactionId": record.session}
    if record.status is not None:
        info["chargingState"] = _charging_state(record, record.status)
    if stopped:
        info["stoppedReason"] = stopped
    if record.remote_start_id is not None:
        info["remoteStartId"] = record.remote_start_id
    payload = {
        "eventType": EVENT_TYPE[record.kind],
        "timestamp": record.timestamp,
        "triggerReason": trigger.value,
        "seqNo": record.number,
        "transactionInfo": info,
    }
    return Message("TransactionEvent", payload | _more(record, values))


def answered(record: TxRecord, payload: dict[str, Any]) -> TxAnswer:
    info = payload.get("idTokenInfo")
    named = bool(record.token) and info is not None
    return TxAnswer(verdict=verdict_of(info) if named and info else None)


EVENT_TYPE = {
    RecordKind.STARTED: "Started",
    RecordKind.UPDATED: "Updated",
    RecordKind.SAMPLE: "Updated",
    RecordKind.FINISHED: "Ended",
}


def _cause(record: TxRecord) -> tuple[Trigger, str | None]:
    """What triggered the event; and of an end, why it came."""
    if record.kind is RecordKind.FINISHED:
        return STOPPED[record.reason or StopTransactionReason.Local]
    if record.kind is RecordKind.SAMPLE:
        return SAMPLED.get(record.context, Trigger.METER_VALUE_PERIODIC), None
    if record.remote_start_id is not None:
        return Trigger.REMOTE_START, None  # F01.FR.19, F02.FR.21: whatever came last
    return record.trigger or Trigger.CHARGING_STATE_CHANGED, None


def _charging_state(record: TxRecord, status: EvseStatus) -> str:
    """A car that left is not connected, whatever its EVSE was doing."""
    gone = record.kind is RecordKind.FINISHED and record.reason is R.EVDisconnected
    return "Idle" if gone else CHARGING_STATE.get(status, "Idle")


def _more(record: TxRecord, values: list[MeterValue]) -> dict[str, Any]:
    """What is told only where there is something to tell."""
    more: dict[str, Any] = {}
    if record.offline:
        more["offline"] = True
    if values:
        more["meterValue"] = values
    if record.token:  # the start and, where a token ended it, the end (E03.FR.01)
        more["idToken"] = id_token(record.token, record.token_type)
    if record.kind is RecordKind.STARTED:  # once (E01.FR.16, pitfall 33)
        more["evse"] = {"id": record.evse, "connectorId": CONNECTOR}
        if record.reservation_id is not None:
            more["reservationId"] = record.reservation_id
    return more
