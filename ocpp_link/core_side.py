"""What the core tells the engine: its events, its readings, and the tokens that it asks about.

Nothing here raises for what the core sends; what is not understood is counted and passed over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import msgspec

from evse.telling.fault_report import FaultReport
from evse.types.authorization import ProvidedIdToken
from evse.types.powermeter import Powermeter
from evse.types.reservation import ReservationUpdateStatus
from evse.types.session import Limits
from ocpp_link.parts import Parts
from ocpp_link.ports import CoreReply
from ocpp_link.transactions.session_events import timed

_log = logging.getLogger(__name__)


class CoreSide(Parts):
    """An engine's side of the core's door."""

    @property
    def next_seq(self) -> int:
        """The first event of the core's journal whose effect is not on disk here."""
        return self._events.acknowledgements.last_seq + 1

    def on_core_connected(self) -> None:
        """The core's door is open; events follow from the last acknowledged one."""
        self.station.core_up = True
        self._events.acknowledgements.repeat()  # the last one may have died with this process
        for hear in self.station.occasions.core_came:
            hear()

    @property
    def journal_id(self) -> str | None:
        """Of the core's journal in which `next_seq` counts; None while none has been heard of."""
        return self._journal_id

    def on_journal(self, journal_id: str, *, first_seq: int, from_seq: int) -> None:
        """Which journal the core has, the oldest event in it, and the one that it begins to tell
        with; call before its events. A journal that began anew is told from its beginning, and a
        link that lost its memory behind what it had acknowledged; what is forgotten is missed."""
        if self._journal_id != journal_id:
            if self._journal_id is not None:
                _log.warning(
                    "the core has begun a new journal: its events are taken from the first"
                )
            self._events.acknowledgements.restart(from_seq - 1)
            if self._journal_id is not None:
                self._events.end_lost()
        if first_seq > self.next_seq:
            _log.error(
                "events %d to %d of the core are forgotten there and were never seen here: what "
                "they would have told the back office is lost",
                self.next_seq,
                first_seq - 1,
            )
            self._events.forgotten.missed()
        if self._journal_id != journal_id:
            self._journal_id = journal_id
            seq = self._events.acknowledgements.last_seq
            self.station.store.submit(lambda database: database.follow(journal_id, seq))

    def on_core_lost(self) -> None:
        """The core's door closed. Reported to the back office when it stays so."""
        self.station.core_up = False
        self.status.core_went()

    def on_session_event(self, evse: int, event: dict[str, Any], seq: int) -> None:
        """An event of the core's journal. Acknowledged when its effect is durable; an event
        that cannot be understood is counted and acknowledged, so that it blocks nothing."""
        self._events.take(evse, event, seq)

    def on_powermeter(self, evse: int, value: dict[str, Any]) -> None:
        """A reading of the EVSE's billing meter."""
        try:
            meter = msgspec.convert(value, Powermeter)
        except msgspec.ValidationError as error:
            self._reject("powermeter", error)
        else:
            self.station.meters[evse] = timed(meter, self.station.clock)
            self.station.metered_ms[evse] = self.station.clock.now_ms()
            for hear in self.station.occasions.metered:
                hear(evse)

    def on_public_key(self, evse: int, value: str) -> None:
        """The key of an EVSE's meter, which signs."""
        self.station.public_keys[evse] = value

    def on_limits(self, evse: int, value: dict[str, Any]) -> None:
        """What the EVSE offers."""
        try:
            self.station.limits[evse] = msgspec.convert(value, Limits)
        except msgspec.ValidationError as error:
            self._reject("limits", error)

    def on_faults(self, evse: int, value: list[Any]) -> None:
        """The faults that stand at the EVSE."""
        try:
            faults = msgspec.convert(value, tuple[FaultReport, ...])
            self.status.faults_are(evse, faults)
            self.security.faults_are(evse, faults)
        except (msgspec.ValidationError, KeyError) as error:
            self._reject("faults", error)

    def on_reservation(self, value: dict[str, Any]) -> None:
        """What became of a reservation that the core keeps."""
        try:
            told = msgspec.convert(value, ReservationUpdateStatus)
        except msgspec.ValidationError as error:
            self._reject("reservation update", error)
        else:
            self.reservations.on_update(told.reservation_id, told.reservation_status)

    def validate(self, token: Any, on_reply: Callable[[CoreReply], None]) -> None:
        """The core asks about a token that somebody presented (a ProvidedIdToken); `on_reply` is
        called once, with a ValidationResult or with words."""
        try:
            provided = msgspec.convert(token, ProvidedIdToken)
        except msgspec.ValidationError as error:
            self._reject("token", error)
            on_reply(CoreReply(error=f"the token can not be read: {error}"))
        else:
            self.authorization.validate(provided, on_reply)
