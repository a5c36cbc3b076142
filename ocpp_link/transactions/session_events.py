"""The core's session events: taken, made durable, acknowledged, and what each sets off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET

from evse.types.authorization import AuthorizationType
from evse.types.powermeter import Energy, Powermeter
from evse.types.session import (
    SessionEvent,
    SessionEventEnum,
    StopTransactionReason,
    TransactionFinished,
)
from ocpp_link.memory.acknowledgements import Acknowledgements
from ocpp_link.memory.queue import TransactionQueue
from ocpp_link.records import EvseState, RecordKind, SampleContext, TxRecord
from ocpp_link.station import Station
from ocpp_link.timekeeping import LinkClock
from ocpp_link.transactions import sessions
from ocpp_link.transactions.forgotten import ForgottenEvents
from ocpp_link.transactions.told_times import in_order, noted

E = SessionEventEnum
ENDS = "reset_end"
"""Kept by session."""
WENT_DOWN = frozenset({StopTransactionReason.Reboot, StopTransactionReason.PowerLoss})
"""What the core says of a transaction that it finds open at its start."""
OWN_SEQ = 0
"""The core counts from 1."""
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
        self.on_start: Callable[[TxRecord], None] = lambda _record: None
        """Hears of each transaction's start once it is queued."""
        self.forgotten = ForgottenEvents(station, self._session_lost)

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
            self.forgotten.before(evse, parsed)
            state = self._station.states[evse]
        except (msgspec.ValidationError, KeyError) as error:
            self._on_unreadable("session event", error)
            done()
            return
        self._apply(state, parsed, seq, done)

    def end_lost(self) -> None:
        """The core has lost its memory: it will never end the sessions and reservations that it
        had begun, and a transaction would be billed for ever. They end with what their meters
        showed last."""
        now = self._station.timestamp()
        for evse, state in self._station.states.items():
            if state.reserved:
                over = SessionEvent(uuid="", event=E.ReservationEnd, timestamp=now)
                self._apply(state, over, None, _nobody)
            self._session_lost(evse)

    def _session_lost(self, evse: int) -> None:
        """The end of the EVSE's session, if one is open, will never be told."""
        state, now = self._station.states[evse], self._station.timestamp()
        if not state.session:
            return
        if state.in_transaction:
            end = SessionEvent(
                uuid=state.session,
                event=E.TransactionFinished,
                timestamp=now,
                transaction_finished=TransactionFinished(
                    meter_value=self._last_known(state, now), reason=StopTransactionReason.Other
                ),
            )
            self._apply(state, end, None, _nobody)
        left = SessionEvent(uuid=state.session, event=E.SessionFinished, timestamp=now)
        self._apply(self._station.states[state.evse], left, None, _nobody)

    def _last_known(self, state: EvseState, now: str) -> Powermeter:
        """A link that began anew, too, knows no more than where the transaction started."""
        begin = Energy(total=state.start_wh or 0.0)
        known = self._station.meters.get(state.evse)
        return known or Powermeter(timestamp=now, energy_Wh_import=begin)

    def _apply(
        self, state: EvseState, event: SessionEvent, seq: int | None, done: Callable[[], None]
    ) -> None:
        """`seq` None: of the link's own making."""
        changed, record = sessions.apply(state, event, seq or OWN_SEQ)
        if changed == state and record is None:
            done()
        else:
            clock = self._station.time.mark_of(event.timestamp)
            changed = msgspec.structs.replace(changed, clock=clock)
            placed = self._placed(record, event, state)
            changed = noted(changed, placed) if placed else changed
            self._station.states[state.evse] = changed
            self._queue.keep(changed, placed, seq, lambda: self._durable(done, placed))
            if placed is not None and placed.kind is RecordKind.STARTED:
                self.on_start(placed)
        self._after(event.event, state.evse)

    def _timed(self, event: SessionEvent) -> SessionEvent:
        corrected = self._station.clock.corrected(event.timestamp)
        if corrected == event.timestamp:
            return event
        return msgspec.structs.replace(event, timestamp=corrected)

    def _placed(
        self, record: TxRecord | None, event: SessionEvent, state: EvseState
    ) -> TxRecord | None:
        """With what only the link knows of it."""
        if record is None:
            return None
        station = self._station
        placed = msgspec.structs.replace(
            record,
            offline=not station.operational,
            remote_start_id=self._asked_start(event),
            clock=station.time.mark_of(record.timestamp),
            meter=timed(record.meter, station.clock),
            reason=self._reason(record),
            is_for_end=self._is_for_end(record),
        )
        return in_order(placed, state, station.time)

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


def _nobody() -> None:
    """Waits for this to be durable."""
