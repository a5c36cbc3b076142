"""Reservations of the back office (OCPP 1.6 §5.1, §5.13; 2.0.1 H).

The core keeps them, over restarts and until their time, and matches them with tokens
(docs/authorization.md). Here is what the link must know of them by itself: whose group they are
for, and that an EVSE is the last one left of those that were promised.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import msgspec

from ocpp_link.memory.database import Snapshot
from ocpp_link.ports import CoreReply
from ocpp_link.records import EvseStatus
from ocpp_link.station import Station, parse_time

KIND = "reservation"
TIMER = "reservations"
MAX_WAIT_MS = 60_000
"""The clock may be set meanwhile, by whomever."""


class ReservationStatus(enum.Enum):
    """The answer to a reservation; the spellings are those of every OCPP version."""

    ACCEPTED = "Accepted"
    FAULTED = "Faulted"
    OCCUPIED = "Occupied"
    REJECTED = "Rejected"
    UNAVAILABLE = "Unavailable"


class Booking(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place kept for a token until `expiry` (RFC 3339)."""

    id: int
    token: str
    expiry: str
    evse: int | None = None
    """None: one EVSE stays free, whichever."""
    group: str = ""
    """Of the tokens that may use it too; empty = none."""
    connector_type: str = ""
    """As in ConnectorTypeEnum of the `evse_manager` page; empty = any."""


OnReserved = Callable[[ReservationStatus], None]


class Reservations:
    """What stands, as far as the link heard of it."""

    def __init__(self, station: Station, kept: Snapshot) -> None:
        self._station = station
        self._standing = {b.id: b for b in kept.decoded(KIND, Booking).values()}
        self.on_ended: list[Callable[[int, str], None]] = []
        """Hear of each that ended by itself: its id, and a ReservationUpdate of the core."""
        station.on_timer[TIMER] = self._expire
        station.occasions.core_came.append(self._verify)
        station.occasions.evse_changed.append(self._evse_changed)
        self._retell: Callable[[int], None] | None = None
        self._await_expiry()

    def tell_with(self, tell: Callable[[int], None]) -> None:
        """Tell the status of an EVSE anew through this whenever `keeps_free` may have changed."""
        self._retell = tell

    def facts(self) -> dict[str, Callable[[], str]]:
        """For the device model."""
        return {"reserve_any": lambda: "true"}

    # --- asked ------------------------------------------------------------------------------------

    def reserve(self, booking: Booking, on_reserved: OnReserved) -> None:
        """Place a reservation; one of the same id is replaced, unless this one is refused."""
        station = self._station
        named = booking.evse is None or booking.evse in station.evses
        fits = 0 < len(booking.token) <= station.dialect.max_token_chars
        if not (named and fits and station.boot.accepted):
            on_reserved(ReservationStatus.REJECTED)
            return

        def done(reply: CoreReply) -> None:
            status = _status(reply)
            if status is ReservationStatus.ACCEPTED:
                self._standing[booking.id] = booking
                station.keep(KIND, str(booking.id), booking)
                self._changed()
            on_reserved(status)

        station.core.call("reservation.reserve_now", {"reservation": _wanted(booking)}, done)

    def cancel(self, reservation_id: int, on_cancelled: Callable[[bool], None]) -> None:
        """`on_cancelled` hears whether it stood."""

        def done(reply: CoreReply) -> None:
            if not reply.error:
                self._drop(reservation_id)
            on_cancelled(not reply.error and reply.result is True)

        params = {"reservation_id": reservation_id}
        self._station.core.call("reservation.cancel_reservation", params, done)

    def depends_on_group(self, token: str, evse: int | None) -> bool:
        """Could the token's group open what is reserved for another token?"""
        return any(
            booking.group and booking.token.casefold() != token.casefold()
            for booking in self._standing.values()
            if evse is None or booking.evse in (None, evse)
        )

    def keeps_free(self, evse: int) -> bool:
        """Is this free EVSE one of the last, all of which are promised? It is shown as reserved:
        the station as a whole can not be (1.6 §4.9)."""
        promised = sum(booking.evse is None for booking in self._standing.values())
        if not promised:
            return False
        free = [n for n, s in self._station.states.items() if s.status is EvseStatus.AVAILABLE]
        return evse in free and len(free) <= promised

    # --- from the core ----------------------------------------------------------------------------

    def on_update(self, reservation_id: int, status: str) -> None:
        """What became of a reservation (a ReservationUpdate)."""
        if status == "Placed":
            return
        self._drop(reservation_id)
        if status in ("Expired", "Removed"):
            self._tell_ended(reservation_id, status)
            for hear in self.on_ended:
                hear(reservation_id, status)

    def _verify(self) -> None:
        """The core may have ended some while nobody listened."""
        for booking in list(self._standing.values()):
            self._check(booking)

    def _check(self, booking: Booking) -> None:
        def done(reply: CoreReply) -> None:
            if not reply.error and reply.result != "ReservedForToken":
                self._drop(booking.id)

        asked: dict[str, Any] = {"id_token": booking.token}
        if booking.evse is not None:
            asked["evse_id"] = booking.evse
        self._station.core.call("reservation.check", {"check": asked}, done)

    def _tell_ended(self, reservation_id: int, status: str) -> None:
        """Only while somebody listens: who was away counts on the expiry that it set itself."""
        message = self._station.dialect.reservation_ended(reservation_id, status)
        if message is not None and self._station.operational:
            self._station.request(message)

    # --- inside -----------------------------------------------------------------------------------

    def _drop(self, reservation_id: int) -> None:
        if self._standing.pop(reservation_id, None) is not None:
            self._station.forget(KIND, str(reservation_id))
            self._changed()

    def _expire(self) -> None:
        now = self._station.clock.utc()
        for booking in [b for b in self._standing.values() if parse_time(b.expiry) <= now]:
            self._drop(booking.id)
        self._await_expiry()

    def _await_expiry(self) -> None:
        """The core says it, too; a link that was away does not hear it."""
        if not self._standing:
            self._station.timers.cancel((TIMER,))
            return
        first = min(parse_time(booking.expiry) for booking in self._standing.values())
        wait_s = (first - self._station.clock.utc()).total_seconds()
        self._station.start_timer(min(max(1_000, round(wait_s * 1_000)), MAX_WAIT_MS), TIMER)

    def _changed(self) -> None:
        self._await_expiry()
        self._tell_all()

    def _evse_changed(self, _evse: int) -> None:
        if any(booking.evse is None for booking in self._standing.values()):
            self._tell_all()

    def _tell_all(self) -> None:
        if self._retell is not None:
            for evse in self._station.evses:
                self._retell(evse)


def _wanted(booking: Booking) -> dict[str, Any]:
    """As the `reservation` page has it."""
    wanted: dict[str, Any] = {
        "reservation_id": booking.id,
        "id_token": booking.token,
        "expiry_time": booking.expiry,
    }
    if booking.evse is not None:
        wanted["evse_id"] = booking.evse
    if booking.group:
        wanted["parent_id_token"] = booking.group
    if booking.connector_type:
        wanted["connector_type"] = booking.connector_type
    return wanted


def _status(reply: CoreReply) -> ReservationStatus:
    """A core that is away, or says what nobody knows, has reserved nothing."""
    try:
        return ReservationStatus.REJECTED if reply.error else ReservationStatus(reply.result)
    except ValueError:
        return ReservationStatus.REJECTED
