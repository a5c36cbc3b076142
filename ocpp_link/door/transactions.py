"""What the door is told of transactions: each that starts, moves on and ends, and each answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import UNSET, UnsetType

from evse.types.ocpp import OcppTransactionEvent, OcppTransactionEventResponse, TransactionEvent
from evse.types.ocpp_variables import EVSE
from ocpp_link.records import RecordKind, TxAnswer, TxRecord
from ocpp_link.station import Station
from ocpp_link.transactions.delivery import Transactions

KINDS = {
    RecordKind.STARTED: TransactionEvent.Started,
    RecordKind.FINISHED: TransactionEvent.Ended,
}
"""Every other record is an update."""
MAX_NAMES = 256
"""Ids that are remembered; of a transaction whose end was given up nobody asks any more."""


class TransactionNews:
    """An event is told when the thing happens, also while nobody can be told of it; once the back
    office has given its id, an update tells that."""

    def __init__(
        self, station: Station, transactions: Transactions, tell: Callable[[str, Any], None]
    ) -> None:
        self._station = station
        self._transactions = transactions
        self._tell = tell
        self._names: dict[str, str] = {}
        """Session -> its transaction's id, where the back office knows it under that."""
        station.occasions.transaction_started.append(self._started)
        station.occasions.transaction_ended.append(self._ended)
        transactions.answers.append(self._answered)

    def _started(self, evse: int) -> None:
        self._say(TransactionEvent.Started, evse, self._station.states[evse].session)

    def _ended(self, evse: int) -> None:
        self._say(TransactionEvent.Ended, evse, self._station.states[evse].session)

    def _say(self, event: TransactionEvent, evse: int, session: str) -> None:
        self._tell("ocpp.ocpp_transaction_event", self._event(event, evse, session))

    def _event(self, event: TransactionEvent, evse: int, session: str) -> OcppTransactionEvent:
        return OcppTransactionEvent(
            transaction_event=event,
            session_id=session,
            evse=EVSE(id=evse),
            transaction_id=self._name(session),
        )

    def _name(self, session: str) -> str | UnsetType:
        known = self._names.get(session)
        if known is not None:
            return known
        number = self._transactions.id_of(session)
        return UNSET if number is None else str(number)

    def _answered(self, record: TxRecord, answer: TxAnswer) -> None:
        if not record.session:
            return
        if record.kind is RecordKind.STARTED:
            given = answer.transaction_id
            self._names[record.session] = record.session if given is None else str(given)
            if len(self._names) > MAX_NAMES:
                del self._names[next(iter(self._names))]
            self._say(TransactionEvent.Updated, record.evse, record.session)
        event = self._event(
            KINDS.get(record.kind, TransactionEvent.Updated), record.evse, record.session
        )
        self._tell(
            "ocpp.ocpp_transaction_event_response",
            OcppTransactionEventResponse(original_transaction_event=event),
        )
        if record.kind is RecordKind.FINISHED:
            self._names.pop(record.session, None)
