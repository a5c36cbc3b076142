"""What is reserved, looked at: who may use which EVSE, and whether one more can be promised.

Pure: nothing here changes a reservation or a session.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import UNSET, UnsetType

from evse.authorization.bookings import Holder, can_serve, fits
from evse.clock import Clock
from evse.session.session import Session
from evse.types.reservation import (
    Reservation,
    ReservationCheck,
    ReservationCheckStatus,
    ReservationResult,
)


class ReservationBook:
    """The reservations that stand."""

    def __init__(
        self, sessions: Mapping[int, Session], clock: Clock, standing: Iterable[Reservation]
    ) -> None:
        self._sessions = sessions
        self._clock = clock
        self._all = {reservation.reservation_id: reservation for reservation in standing}

    def __len__(self) -> int:
        return len(self._all)

    def check(self, asked: ReservationCheck) -> ReservationCheckStatus:
        """May this token use that EVSE, as far as reservations go?"""
        group = "" if isinstance(asked.group_id_token, UnsetType) else asked.group_id_token
        holder = Holder(asked.id_token, group)
        standing = [r for r in self._all.values() if asked.evse_id is UNSET or _at(r, asked)]
        if any(holder.may_use(reservation) for reservation in standing):
            return ReservationCheckStatus.ReservedForToken
        if not standing:
            return ReservationCheckStatus.NotReserved
        if not group and any(r.parent_id_token is not UNSET for r in standing):
            return ReservationCheckStatus.ReservedForOtherTokenAndHasParentToken
        return ReservationCheckStatus.ReservedForOtherToken

    # --- for the selection of an EVSE -------------------------------------------------------------

    def admits(self, evse: int, holder: Holder) -> bool:
        """May `holder` start at `evse`? Not where it is kept for another, nor where the EVSEs
        left over would not do for those who have reserved any."""
        here = self._at_evse(evse)
        if here is not None:
            return holder.may_use(here)
        if self._sessions[evse].reservation_id not in (None, holder.claimed):
            return False  # reserved at the session itself: whoever did that has not told for whom
        used = self.used_by(evse, holder)
        others = [r for r in self._of_any() if r is not used]
        left = {number: type_ for number, type_ in self._free().items() if number != evse}
        return not others or can_serve(others, left)

    def might_admit(self, evse: int, holder: Holder) -> bool:
        """Would `admits` say so, were the holder's group known?"""
        if self.admits(evse, holder):
            return True
        here = self._at_evse(evse)
        standing = self._of_any() if here is None else [here]
        for_groups = any(r.parent_id_token is not UNSET for r in standing)
        return not standing or (for_groups and not holder.group)

    def kept_for(self, holder: Holder) -> set[int]:
        """The EVSEs that are kept for `holder` by their number."""
        return {
            reservation.evse_id
            for reservation in self._all.values()
            if not isinstance(reservation.evse_id, UnsetType) and holder.may_use(reservation)
        }

    def used_by(self, evse: int, holder: Holder) -> Reservation | None:
        """The reservation that `holder` uses up by starting at `evse`."""
        here = self._at_evse(evse)
        if here is not None:
            return here if holder.may_use(here) else None
        connector_type = self._sessions[evse].config.connector_type
        matching = (r for r in self._of_any() if holder.may_use(r) and fits(r, connector_type))
        return next(matching, None)

    def verdict(self, wanted: Reservation) -> ReservationResult:
        """What would be answered to this reservation, were it not for its session."""
        try:
            over = expiry_of(wanted) <= self._clock.utc()
        except ValueError:
            over = True  # a day that no calendar has reserves nothing
        named = wanted.evse_id
        evses = list(self._sessions) if isinstance(named, UnsetType) else [named]
        fitting = [
            evse
            for evse in evses
            if evse in self._sessions and fits(wanted, self._sessions[evse].config.connector_type)
        ]
        if over or not fitting:
            return ReservationResult.Rejected
        states = [self._state(evse, wanted.reservation_id) for evse in fitting]
        if ReservationResult.Accepted not in states:
            return states[0]
        return self._feasible(wanted, dict(zip(fitting, states, strict=True)))

    def _feasible(
        self, wanted: Reservation, states: Mapping[int, ReservationResult]
    ) -> ReservationResult:
        """The other promises must still hold, and this one be served by an EVSE without a car."""
        promised = [r for r in self._of_any() if r.reservation_id != wanted.reservation_id]
        free = self._free(without=wanted.reservation_id)
        for evse, state in states.items():
            others = {number: type_ for number, type_ in free.items() if number != evse}
            if state is ReservationResult.Accepted and can_serve(promised, others):
                return ReservationResult.Accepted
        return ReservationResult.Occupied

    def _state(self, evse: int, reservation_id: int) -> ReservationResult:
        """What speaks against reserving this EVSE now."""
        session, here = self._sessions[evse], self._at_evse(evse)
        if session.disable_wanted or session.state in ("booting", "disabled"):
            return ReservationResult.Unavailable
        if session.fault_model.blocked:
            return ReservationResult.Faulted
        taken = here is not None and here.reservation_id != reservation_id
        if taken or session.state != "idle" or session.authorized:
            return ReservationResult.Occupied
        return ReservationResult.Accepted

    def _free(self, *, without: int | None = None) -> dict[int, str]:
        """EVSEs that could serve a reservation of any: nobody charges there or is authorized, and
        none is kept for somebody (but by the reservation `without`). A car that waits for a token
        may be the holder's."""
        found = {}
        for evse, session in self._sessions.items():
            here = self._at_evse(evse)
            kept = here is not None and here.reservation_id != without
            usable = session.state in ("idle", "waiting_auth") and not session.authorized
            if usable and not kept and not out_of_service(session):
                found[evse] = str(session.config.connector_type)
        return found

    def _at_evse(self, evse: int) -> Reservation | None:
        return next((r for r in self._all.values() if r.evse_id == evse), None)

    def _of_any(self) -> list[Reservation]:
        return [r for r in self._all.values() if r.evse_id is UNSET]


def _at(reservation: Reservation, asked: ReservationCheck) -> bool:
    return reservation.evse_id == asked.evse_id


def out_of_service(session: Session) -> bool:
    return session.disable_wanted or session.fault_model.blocked


def expiry_of(reservation: Reservation) -> datetime:
    """Raises ValueError for a day that no calendar has."""
    return datetime.fromisoformat(reservation.expiry_time)
