"""Transactions on their way to the back office: records delivered, ids learned.

Source: OCPP 1.6 §3.7 (transaction-related messages), §4.8, §4.10; errata 3.18 (id -1).
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from ocpp_link.memory.database import Database, Snapshot
from ocpp_link.memory.queue import TransactionQueue
from ocpp_link.records import RecordKind, TxAnswer, TxRecord
from ocpp_link.rpc.outcome import Outcome, OutcomeKind
from ocpp_link.station import Station
from ocpp_link.transactions.told_times import in_order, noted

MAX_REMOTE_STARTS = 32
"""Remote starts whose transaction has not come; most of an older one never will."""

_log = logging.getLogger(__name__)


class Transactions:
    """Owns the queue and the map from the core's sessions to the back office's ids."""

    def __init__(self, station: Station, snapshot: Snapshot) -> None:
        self._station = station
        self._ids = snapshot.decoded("transaction", int)
        self._newest_sample = snapshot.newest_sample
        self.remote_starts: dict[str, int] = {}
        """By token: the id under which the back office asked for a start that has not come."""
        self.answers: list[Callable[[TxRecord, TxAnswer], None]] = []
        """Hear of every record that the back office processed, and what it answered."""
        self._heard_before = 0
        """Frames of the peer before the first attempt at the present record."""
        self.queue = TransactionQueue(station.store, snapshot.waiting, self.pump)
        occasions = station.occasions
        occasions.registered.append(self.pump)
        occasions.resumed.append(self.pump)
        occasions.disconnected.append(self.queue.cut_off)
        sessions = [state.session for state in station.states.values() if state.in_transaction]
        station.store.submit(lambda database: database.forget_samples(sessions))

    def expect_remote(self, token: str, remote_start_id: int) -> None:
        """The next transaction with this token is the back office's own doing."""
        self.remote_starts[token.casefold()] = remote_start_id
        if len(self.remote_starts) > MAX_REMOTE_STARTS:
            del self.remote_starts[next(iter(self.remote_starts))]

    def id_of(self, session: str) -> int | None:
        """The back office's id of a session's transaction, once it told one."""
        return self._ids.get(session)

    def evse_running(self, transaction_id: int) -> int | None:
        """The EVSE on which the transaction with this id is running."""
        for evse, state in self._station.states.items():
            if state.in_transaction and self._ids.get(state.session) == transaction_id:
                return evse
        return None

    def append(self, record: TxRecord) -> None:
        """Queue a sample that the link took; where it is of a transaction, it takes the
        transaction's next number."""
        self._newest_sample = max(self._newest_sample + 1, record.seq)
        record = msgspec.structs.replace(record, seq=self._newest_sample)
        state = self._station.states[record.evse] if record.session else None
        if state is not None:
            record = in_order(record, state, self._station.time)
            state = msgspec.structs.replace(noted(state, record), records=state.records + 1)
            self._station.states[record.evse] = state
        self.queue.append(state, record)

    def note(self, record: TxRecord) -> None:
        """Keep a sample for its transaction's end, and for nothing else."""
        self._newest_sample = max(self._newest_sample + 1, record.seq)
        state = self._station.states[record.evse]
        kept = msgspec.structs.replace(record, seq=self._newest_sample)
        kept = in_order(kept, state, self._station.time)
        self._station.states[record.evse] = noted(state, kept)
        self._station.store.submit(lambda database: database.note_for_end(kept))

    def send(self, record: TxRecord) -> None:
        """Send a sample that the back office asked for: ahead of the queue where it can be, for
        it is not related to a transaction (1.6 §3.7). In one whose id is not known, or whose
        events are numbered, it waits for its turn."""
        transaction_id = self._ids.get(record.session)
        if record.session and transaction_id is None:
            self.append(record)
            return
        if record.session:
            record = in_order(record, self._station.states[record.evse], self._station.time)
        message = self._station.dialect.render(record, transaction_id, self._station.settings)
        if message is not None:
            self._station.request(message)

    def pump(self) -> None:
        """Send the oldest record, if one may be sent now."""
        self.queue.refill()
        head = self.queue.head(self._station.clock.now_ms()) if self._station.operational else None
        if head is None:
            return
        record = self._mended(head.record)
        if self.queue.was_cut_off(head.row):  # 2.0.1 E11.FR.07
            record = msgspec.structs.replace(record, offline=True)
        message = self._station.dialect.render(
            record, self._ids.get(record.session), self._station.settings
        )
        self.queue.sent()
        if message is None:
            self._leave(record)
            self.pump()
            return
        if self.queue.is_first_attempt:
            self._heard_before = self._station.rpc.stats.received
        self._station.request(
            message, lambda outcome: self._concluded(record, outcome), is_reserved=True
        )

    def _mended(self, record: TxRecord) -> TxRecord:
        """What was noted under a doubtful clock, in the time that is known since."""
        mended = self._station.time.mended
        if record.samples:
            samples = tuple(self._mended(sample) for sample in record.samples)
            record = msgspec.structs.replace(record, samples=samples)
        if not record.clock:
            return record
        at = mended(record.timestamp, record.clock)
        meter = msgspec.structs.replace(
            record.meter, timestamp=mended(record.meter.timestamp, record.clock)
        )
        return msgspec.structs.replace(record, timestamp=at, meter=meter)

    def _concluded(self, record: TxRecord, outcome: Outcome) -> None:
        match outcome.kind:
            case OutcomeKind.RESULT:
                self._processed(record, outcome)
            case OutcomeKind.LINK_LOST:
                self.queue.link_lost()
            case _:
                self._failed(record, outcome)
        self.pump()

    def _failed(self, record: TxRecord, outcome: Outcome) -> None:
        """A back office that answers nothing at all has not failed to process this record
        (§3.7.1): one that hangs for a night costs no bill."""
        settings = self._station.settings
        heard = self._station.rpc.stats.received > self._heard_before
        given_up = self.queue.failed(
            self._station.clock.now_ms(),
            attempts=settings.message_attempts,
            retry_s=settings.message_retry_s,
            may_give_up=heard or outcome.kind is OutcomeKind.UNSENDABLE,
        )
        if given_up:
            _log.error(
                "given up after %d attempts: %s of session %s (%s %s)",
                settings.message_attempts,
                record.kind,
                record.session,
                outcome.kind.value,
                outcome.code,
            )
            self._leave(record)

    def _processed(self, record: TxRecord, outcome: Outcome) -> None:
        answer = self._station.dialect.answered(record, outcome.payload)
        for hear in self.answers:
            hear(record, answer)
        if answer.transaction_id is None:
            self._leave(record)
        else:
            self._learn(record, answer.transaction_id)

    def _learn(self, record: TxRecord, transaction_id: int) -> None:
        """The back office's id of the transaction, durable before anything else of it is sent."""
        self._ids[record.session] = transaction_id
        body = str(transaction_id).encode()

        def then(database: Database) -> None:
            database.put("transaction", record.session, body)

        self.queue.remove(then)

    def _leave(self, record: TxRecord) -> None:
        """The record is delivered or given up; after the last one its id is not needed."""
        if record.kind is not RecordKind.FINISHED:
            self.queue.remove()
            return
        self._ids.pop(record.session, None)

        def then(database: Database) -> None:
            database.delete("transaction", record.session)

        self.queue.remove(then)
