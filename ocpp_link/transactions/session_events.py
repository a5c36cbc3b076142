"""The core's session events: taken, made durable, acknowledged, and what each sets off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from evse.types.session import SessionEvent, SessionEventEnum
from ocpp_link.availability import Availability
from ocpp_link.memory.acknowledgements import Acknowledgements
from ocpp_link.records import EvseState
from ocpp_link.smart.smart_charging import SmartCharging
from ocpp_link.station import Station
from ocpp_link.status import StatusReporter
from ocpp_link.transactions import sessions
from ocpp_link.transactions.delivery import Transactions

E = SessionEventEnum


class SessionEvents:
    """`on_unreadable` hears of events that are not understood: what, and why."""

    def __init__(
        self,
        station: Station,
        acknowledgements: Acknowledgements,
        *,
        status: StatusReporter,
        availability: Availability,
        transactions: Transactions,
        charging: SmartCharging,
        on_unreadable: Callable[[str, Exception], None],
    ) -> None:
        self._station = station
        self.acknowledgements = acknowledgements
        self._status = status
        self._availability = availability
        self._transactions = transactions
        self._charging = charging
        self._on_unreadable = on_unreadable

    def take(self, evse: int, event: dict[str, Any], seq: int) -> None:
        """An event of the core's journal."""
        self.acknowledgements.expect(seq)
        try:
            parsed = msgspec.convert(event, SessionEvent)
            state = self._station.states[evse]
        except (msgspec.ValidationError, KeyError) as error:
            self._on_unreadable("session event", error)
            self.acknowledgements.done(seq)
            return
        changed, record = sessions.apply(state, parsed, seq)
        if changed == state and record is None:
            self.acknowledgements.done(seq)
        else:
            self._station.states[evse] = changed
            self._transactions.keep(changed, record, seq, lambda: self.acknowledgements.done(seq))
        self._after(parsed.event, evse)

    def resume(self, state: EvseState) -> None:
        """Pick up the timers of what was under way when the process ended."""
        if state.in_transaction:
            self._transactions.await_sample(state.evse)

    def _after(self, event: SessionEventEnum, evse: int) -> None:
        """What an event sets off, once the EVSE's state has changed."""
        if event is E.TransactionStarted:
            self._charging.transaction_started(evse)
            self._transactions.await_sample(evse)
        elif event is E.TransactionFinished:
            self._transactions.await_sample(evse)
            self._charging.transaction_ended(evse)
            self._availability.transaction_ended(evse)
        elif event is E.SessionFinished:
            self._charging.transaction_ended(evse)
        self._status.tell(evse)
