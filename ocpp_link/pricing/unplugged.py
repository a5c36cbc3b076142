"""ConnectorUnplugged: the end of an idle fee that goes on after the transaction's own end.

Only with CustomIdleFeeAfterStop. It follows the transaction's end on the wire, and is kept over
outages and restarts until the back office has answered.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ocpp_link.data_transfer import VendorAnswer, VendorMessage
from ocpp_link.memory.database import Snapshot
from ocpp_link.records import RecordKind, TxAnswer, TxRecord
from ocpp_link.station import Station
from ocpp_link.transactions.delivery import Transactions
from ocpp_link.vendors import Vendors

KIND = "unplugged"
MAX_KEPT = 32
"""Transactions whose car the back office has not seen leave; beyond it the oldest are given up."""


class Parting(msgspec.Struct, frozen=True, omit_defaults=True):
    """A transaction on its way to the unplugging of its car."""

    evse: int
    transaction_id: int | None = None
    stopped: bool = False
    """The back office has processed its end."""
    unplugged_at: str = ""


class Unplugged:
    """`send` makes the DataTransfer of a message id and its JSON."""

    def __init__(
        self,
        station: Station,
        transactions: Transactions,
        vendors: Vendors,
        kept: Snapshot,
        vendor_id: str,
    ) -> None:
        self._station = station
        self._transactions = transactions
        self._vendors = vendors
        self._vendor_id = vendor_id
        self._partings = kept.decoded(KIND, Parting)
        self._sending: set[str] = set()
        transactions.answers.append(self._answered)
        occasions = station.occasions
        occasions.transaction_started.append(self._started)
        occasions.evse_changed.append(self._evse_changed)
        occasions.registered.append(self._send_all)
        occasions.resumed.append(self._send_all)

    def _started(self, evse: int) -> None:
        if self._station.settings.custom_idle_fee:
            self._keep(self._station.states[evse].session, Parting(evse))
            while len(self._partings) > MAX_KEPT:
                self._forget(next(iter(self._partings)))

    def _answered(self, record: TxRecord, answer: TxAnswer) -> None:
        parting = self._partings.get(record.session)
        if parting is None:
            return
        if record.kind is RecordKind.STARTED and answer.transaction_id is not None:
            id_ = answer.transaction_id
            self._keep(record.session, msgspec.structs.replace(parting, transaction_id=id_))
        elif record.kind is RecordKind.FINISHED:
            self._keep(record.session, msgspec.structs.replace(parting, stopped=True))
            self._send(record.session)

    def _evse_changed(self, evse: int) -> None:
        """The session that a car of this EVSE had is over when another one, or none, is there."""
        state = self._station.states[evse]
        for session, parting in list(self._partings.items()):
            gone = parting.evse == evse and session != state.session
            if gone and not parting.unplugged_at:
                at = state.status_at or self._station.timestamp()
                self._keep(session, msgspec.structs.replace(parting, unplugged_at=at))
                self._send(session)

    def _send_all(self) -> None:
        for session in list(self._partings):
            self._send(session)

    def _send(self, session: str) -> None:
        parting = self._partings[session]
        if session in self._sending or not (parting.stopped and parting.unplugged_at):
            return
        if parting.transaction_id is None:  # the back office never gave it one
            self._forget(session)
            return
        if not self._station.operational:
            return
        body = {"transactionId": parting.transaction_id, "timestamp": parting.unplugged_at}
        data = msgspec.json.encode(body).decode()
        self._sending.add(session)
        message = VendorMessage(self._vendor_id, "ConnectorUnplugged", data)
        self._vendors.send(message, self._outcome(session))

    def _outcome(self, session: str) -> Callable[[VendorAnswer | None], None]:
        def done(answer: VendorAnswer | None) -> None:
            self._sending.discard(session)
            if answer is not None:
                self._forget(session)

        return done

    def _keep(self, session: str, parting: Parting) -> None:
        self._partings[session] = parting
        self._station.keep(KIND, session, parting)

    def _forget(self, session: str) -> None:
        if self._partings.pop(session, None) is not None:
            self._station.forget(KIND, session)
