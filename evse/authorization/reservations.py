"""Reservations: placed, kept over restarts, matched with tokens, and ended in time.

A reservation names one EVSE, which then shows it (Session.reserve), or none: then it is a promise
that an EVSE of its type will be there, and nobody else is let to the last ones. Expiry is wall
time, as the back office means it; a clock that is set right decides anew. Reservations survive a
restart of the core; a session that ends one itself (disabled, faulted) ends it here as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec
from msgspec import UNSET, UnsetType

from evse.authorization.bookings import can_serve
from evse.authorization.reservation_book import ReservationBook, expiry_of, out_of_service
from evse.clock import Clock
from evse.ports import Publisher
from evse.session.session import Session
from evse.types.reservation import (
    Reservation,
    ReservationResult,
    ReservationUpdate,
    ReservationUpdateStatus,
)

UPDATE_VARIABLE = "reservation.reservation_update"
MAX_WAIT_MS = 86_400_000
"""Look at the wall clock at least this often: it may have been set."""

Keep = Callable[[bytes], None]
"""Stores what the reservations are, over restarts."""


def _forget(_body: bytes) -> None:
    """Where nothing is stored."""


class Reservations(ReservationBook):
    """All reservations of a station."""

    def __init__(
        self,
        sessions: Mapping[int, Session],
        clock: Clock,
        publish: Publisher,
        *,
        keep: Keep = _forget,
        restored: Iterable[Reservation] = (),
    ) -> None:
        """`restored`: those that stood in the core's earlier life, from `restore`."""
        super().__init__(sessions, clock, restored)
        self._publish = publish
        self._keep = keep
        self._shown: set[int] = set()
        """Those that a session shows."""

    # --- asked ------------------------------------------------------------------------------------

    def reserve_now(self, wanted: Reservation) -> ReservationResult:
        """Place a reservation; one of the same id is replaced, unless the new one is refused."""
        self.poll()
        verdict = self.verdict(wanted)
        if verdict is not ReservationResult.Accepted:
            return verdict
        if not self._show(wanted):
            return ReservationResult.Rejected
        replaced = self._all.pop(wanted.reservation_id, None)
        if replaced is not None and replaced.evse_id != wanted.evse_id:
            self._take_back(replaced)
        if wanted.evse_id is UNSET:
            self._shown.discard(wanted.reservation_id)
        self._all[wanted.reservation_id] = wanted
        self._store()
        self._tell(wanted, ReservationUpdate.Placed)
        return ReservationResult.Accepted

    def cancel(self, reservation_id: int) -> bool:
        """False for one that does not stand."""
        found = self._all.get(reservation_id)
        if found is not None:
            self._end(found, ReservationUpdate.Cancelled)
        return found is not None

    def use(self, reservation: Reservation) -> None:
        """Its holder has started. Ended by then, it stays as it ended."""
        if self._all.get(reservation.reservation_id) is reservation:
            self._end(reservation, ReservationUpdate.Used)

    # --- time -------------------------------------------------------------------------------------

    @property
    def next_deadline_ms(self) -> int | None:
        """When the next one expires, if the wall clock goes on as it does."""
        if not self._all:
            return None
        utc = self._clock.utc()
        first = min(expiry_of(reservation) for reservation in self._all.values())
        wait_ms = max(1, -(-(first - utc).total_seconds() * 1_000 // 1))
        return self._clock.now_ms() + min(int(wait_ms), MAX_WAIT_MS)

    def poll(self) -> None:
        """End what is over, and show what a session does not show yet."""
        if not self._all:
            return
        for reservation in tuple(self._all.values()):
            if expiry_of(reservation) <= self._clock.utc():
                self._end(reservation, ReservationUpdate.Expired)
            elif not isinstance(reservation.evse_id, UnsetType):
                self._follow(reservation, self._sessions.get(reservation.evse_id))
        self._drop_what_can_not_be_served()

    def _follow(self, reservation: Reservation, session: Session | None) -> None:
        """What the session of a reserved EVSE makes of it."""
        known = reservation.reservation_id
        if session is None:
            self._end(reservation, ReservationUpdate.Removed)
        elif session.state == "booting":
            return
        elif known in self._shown and session.reservation_id != known:
            used = session.authorized or session.record.transaction
            self._end(reservation, ReservationUpdate.Used if used else ReservationUpdate.Removed)
        elif out_of_service(session):
            self._end(reservation, ReservationUpdate.Removed)
        elif known not in self._shown and session.state == "idle":
            self._show(reservation)

    def _drop_what_can_not_be_served(self) -> None:
        """Fewer EVSEs are left than were promised: the last promise goes first. While any EVSE
        boots, nothing is known."""
        if any(session.state == "booting" for session in self._sessions.values()):
            return
        while (promised := self._of_any()) and not can_serve(promised, self._free()):
            self._end(promised[-1], ReservationUpdate.Removed)

    # --- inside -----------------------------------------------------------------------------------

    def _show(self, reservation: Reservation) -> bool:
        evse = reservation.evse_id
        if isinstance(evse, UnsetType):
            return True
        shown = self._sessions[evse].reserve(reservation.reservation_id)
        if shown:
            self._shown.add(reservation.reservation_id)
        return shown

    def _take_back(self, reservation: Reservation) -> None:
        """The session of its EVSE shows it no longer."""
        if isinstance(reservation.evse_id, int):
            session = self._sessions.get(reservation.evse_id)
            if session is not None and session.reservation_id == reservation.reservation_id:
                session.cancel_reservation()

    def _end(self, reservation: Reservation, update: ReservationUpdate) -> None:
        del self._all[reservation.reservation_id]
        self._shown.discard(reservation.reservation_id)
        self._take_back(reservation)
        self._store()
        self._tell(reservation, update)

    def _store(self) -> None:
        self._keep(msgspec.json.encode(list(self._all.values())))

    def _tell(self, reservation: Reservation, update: ReservationUpdate) -> None:
        told = ReservationUpdateStatus(
            reservation_id=reservation.reservation_id, reservation_status=update
        )
        self._publish(UPDATE_VARIABLE, None, told)


def restore(body: bytes | None, say: Callable[[str], None]) -> list[Reservation]:
    """What `keep` was given last; what can not be read is said and holds nobody up."""
    if body is None:
        return []
    try:
        restored = msgspec.json.decode(body, type=list[Reservation])
        return [r for r in restored if expiry_of(r)]
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        say(f"the stored reservations can not be read ({error}); starting without any")
        return []
