"""The core's session events: taken, made durable, acknowledged, and what each sets off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET

from evse.types.authorization import AuthorizationType
from evse.types.powermeter import Powermeter
from evse.types.session import SessionEvent, SessionEventEnum, StopTransactionReason
from ocpp_link.memory.acknowledgements import Acknowledgements
from ocpp_link.memory.queue import TransactionQueue
from ocpp_link.records import RecordKind, SampleContext, TxRecord
from ocpp_link.station import Station
from ocpp_link.timekeeping import LinkClock
from ocpp_link.transactions import sessions

E = SessionEventEnum
ENDS = "reset_end"
"""Kept by session."""
WENT_DOWN = frozenset({StopTransactionReason.Reboot, StopTransactionReason.PowerLoss})
"""What the core says of a transaction that it finds open at its start."""
INTERRUPTIONS = frozenset({SampleContext.INTERRUPTION_BEGIN, SampleContext.INTERRUPTION_END})


def timed(meter: Powermeter, clock: LinkClock) -> Powermeter:
    """In the time that is known to be right, where the computer's is not."""
    corrected = clock.corrected(meter.timestamp)
    if corrected == meter.timestamp:
        return meter
    return msgspec.structs.replace(meter, timestamp=corrected)


class SessionEvents:
    """`ends`: see `will_end`. `on_unreadable` hears of events that are not understood: what, and
    why."""

    def __init__(
        self,
        station: Station,
        acknowledgements: Acknowledgements,
        *,
        queue: TransactionQueue,
        remote_starts: dict[str, int],
        ends: dict[str, StopTransactionReason],
        on_unreadable: Callable[[str, Exception], None],
    ) -> None:
        self._station = station
        self.acknowledgements = acknowledgements
        self._queue = queue
        self._remote_starts = remote_starts
        self._ends = ends
        self._on_unreadable = on_unreadable

    def will_end(self, session: str, reason: StopTransactionReason) -> None:
        """A reset ends the session's transaction, also where its restart comes first and the core
        finds no better reason afterwards than that it went down."""
        self._ends[session] = reason
        self._station.keep(ENDS, session, reason)

    def take(self, evse: int, event: dict[str, Any], seq: int) -> None:
        """An event of the core's journal."""
        done = self.acknowledgements.expect(seq)
        if done is None:
            return  # a core that came back tells again what it was not told to be durable
        try:
            parsed = self._timed(msgspec.convert(event, SessionEvent))
            state = self._station.states[evse]
        except (msgspec.ValidationError, KeyError) as error:
            self._on_unreadable("session event", error)
            done()
            return
        changed, record = sessions.apply(state, parsed, seq)
        if changed == state and record is None:
            done()
        else:
            clock = self._station.time.mark_of(parsed.timestamp)
            changed = msgspec.structs.replace(changed, clock=clock)
            self._station.states[evse] = changed
            placed = self._placed(record, parsed)
            self._queue.keep(changed, placed, seq, lambda: self._durable(done, placed))
        self._after(parsed.event, evse)

    def _timed(self, event: SessionEvent) -> SessionEvent:
        corrected = self._station.clock.corrected(event.timestamp)
        if corrected == event.timestamp:
            return event
        return msgspec.structs.replace(event, timestamp=corrected)

    def _placed(self, record: TxRecord | None, event: SessionEvent) -> TxRecord | None:
        """With what only the link knows of it."""
        if record is None:
            return None
        station = self._station
        return msgspec.structs.replace(
            record,
            offline=not station.operational,
            remote_start_id=self._asked_start(event),
            clock=station.time.mark_of(record.timestamp),
            meter=timed(record.meter, station.clock),
            reason=self._reason(record),
            is_for_end=self._is_for_end(record),
        )

    def _asked_start(self, event: SessionEvent) -> int | None:
        """The back office's own start, where the transaction is what came of it: the same token
        may also be presented here, or end another transaction."""
        started = event.transaction_started
        if started is UNSET or started.id_tag.authorization_type is not AuthorizationType.OCPP:
            return None
        return self._remote_starts.pop(started.id_tag.id_token.value.casefold(), None)

    def _reason(self, record: TxRecord) -> StopTransactionReason | None:
        if record.reason in WENT_DOWN:
            return self._ends.get(record.session, record.reason)
        return record.reason

    def _is_for_end(self, record: TxRecord) -> bool:
        """The begin always: the lists of what goes with the end may change until then."""
        if record.kind is RecordKind.STARTED:
            return True
        wanted = bool(self._station.settings.stop_sampled_measurands)
        return wanted and record.context in INTERRUPTIONS

    def _durable(self, done: Callable[[], None], record: TxRecord | None) -> None:
        done()
        ended = record is not None and record.kind is RecordKind.FINISHED
        if record is not None and ended and self._ends.pop(record.session, None) is not None:
            self._station.forget(ENDS, record.session)

    def _after(self, event: SessionEventEnum, evse: int) -> None:
        """What an event sets off, once the EVSE's state has changed."""
        occasions = self._station.occasions
        if event is E.TransactionStarted:
            for hear in occasions.transaction_started:
                hear(evse)
        elif event is E.TransactionFinished:
            for hear in occasions.transaction_ended:
                hear(evse)
        elif event is E.SessionFinished:
            for hear in occasions.session_ended:
                hear(evse)
        for hear in occasions.evse_changed:
            hear(evse)
