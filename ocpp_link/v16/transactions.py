"""StartTransaction, MeterValues and StopTransaction of OCPP 1.6 (§4.7, §4.8, §4.10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evse.types.session import StopTransactionReason
from ocpp_link.device.settings import Settings
from ocpp_link.metering.measurands import register_wh
from ocpp_link.metering.signed import seal_of
from ocpp_link.records import Message, RecordKind, TxAnswer, TxRecord
from ocpp_link.v16.authorization import verdict_of
from ocpp_link.v16.meter_values import meter_value, transaction_data, wanted_in_sample

NO_TRANSACTION_ID = -1
"""Errata 3.18: StartTransaction was given up, so the back office never told an id."""

REASONS = frozenset(
    {
        StopTransactionReason.EmergencyStop,
        StopTransactionReason.EVDisconnected,
        StopTransactionReason.HardReset,
        StopTransactionReason.Local,
        StopTransactionReason.Other,
        StopTransactionReason.PowerLoss,
        StopTransactionReason.Reboot,
        StopTransactionReason.Remote,
        StopTransactionReason.SoftReset,
        StopTransactionReason.UnlockCommand,
        StopTransactionReason.DeAuthorized,
    }
)
"""The reasons that OCPP 1.6 knows (§7.36); every other one is `Other`."""


def render(record: TxRecord, transaction_id: int | None, settings: Settings) -> Message | None:
    """The message for a record; None where there is nothing to say."""
    known = NO_TRANSACTION_ID if transaction_id is None else transaction_id
    act = _RENDER.get(record.kind)
    return act(record, known, settings) if act else None


def answered(record: TxRecord, payload: dict[str, Any]) -> TxAnswer:
    """Of StartTransaction.conf, MeterValues.conf or StopTransaction.conf."""
    info = payload.get("idTagInfo")
    verdict = verdict_of(info) if info else None
    id_ = payload["transactionId"] if record.kind is RecordKind.STARTED else None
    return TxAnswer(transaction_id=id_, verdict=verdict)


def _start(record: TxRecord, _transaction_id: int, _settings: Settings) -> Message:
    payload: dict[str, Any] = {
        "connectorId": record.evse,
        "idTag": record.token,
        "meterStart": register_wh(record.meter),
        "timestamp": record.timestamp,
    }
    if record.reservation_id is not None:
        payload["reservationId"] = record.reservation_id
    return Message("StartTransaction", payload)


def _sample(record: TxRecord, transaction_id: int, settings: Settings) -> Message | None:
    value = meter_value(record, wanted_in_sample(record, settings), seal_of(record, settings))
    if value is None:
        return None
    payload: dict[str, Any] = {"connectorId": record.evse, "meterValue": [value]}
    if record.session:
        payload["transactionId"] = transaction_id
    return Message("MeterValues", payload)


def _stop(record: TxRecord, transaction_id: int, settings: Settings) -> Message:
    """A register never stops below where it started (pitfall 14)."""
    start_wh = 0 if record.start_wh is None else int(record.start_wh)
    payload: dict[str, Any] = {
        "transactionId": transaction_id,
        "meterStop": max(start_wh, register_wh(record.meter)),
        "timestamp": record.timestamp,
    }
    if values := transaction_data(record, settings):
        payload["transactionData"] = values
    if record.token:
        payload["idTag"] = record.token
    if record.reason is not None:
        reason = record.reason if record.reason in REASONS else StopTransactionReason.Other
        payload["reason"] = reason.value
    return Message("StopTransaction", payload)


_RENDER: dict[RecordKind, Callable[[TxRecord, int, Settings], Message | None]] = {
    RecordKind.STARTED: _start,
    RecordKind.SAMPLE: _sample,
    RecordKind.FINISHED: _stop,
}
