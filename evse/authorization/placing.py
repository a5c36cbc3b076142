"""From a good token to its EVSE: where it may start, where it does, and what waits for a car."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import UnsetType

from evse.authorization.assignments import Assignments
from evse.authorization.bookings import Holder
from evse.authorization.outcome import Outcomes
from evse.authorization.reservations import Reservations
from evse.authorization.selection import Place, choose
from evse.authorization.tokens import (
    candidates,
    free_token,
    is_named,
    key_of,
    reservation_of,
    with_parent,
)
from evse.authorization.validators import ACCEPTED
from evse.clock import Clock, Timers
from evse.config.access import AuthorizationTable
from evse.session.session import Session
from evse.types.authorization import (
    IdToken,
    ProvidedIdToken,
    SelectionAlgorithm,
    TokenValidationStatus,
    ValidationResult,
)

S = TokenValidationStatus
NO_EVSE = "no EVSE is free for it"
RESERVED = "what is free is reserved for others"


class Waiting(msgspec.Struct, frozen=True):
    """A good token that has no EVSE yet: it waits for a car, or for somebody's choice."""

    token: ProvidedIdToken
    result: ValidationResult


class Placing:
    """Gives EVSEs to good tokens, one to each."""

    def __init__(
        self,
        config: AuthorizationTable,
        sessions: Mapping[int, Session],
        clock: Clock,
        outcomes: Outcomes,
        assignments: Assignments,
        reservations: Reservations,
    ) -> None:
        self._free = config.mode == "free"
        self._free_token = free_token(config.free_token)
        self._sessions = sessions
        self._clock = clock
        self._outcomes = outcomes
        self._assignments = assignments
        self._reservations = reservations
        self._algorithm = SelectionAlgorithm(config.selection)
        self._waiting: dict[str, Waiting] = {}
        self._timers = Timers()

    def is_waiting(self, token: ProvidedIdToken) -> bool:
        return key_of(token) in self._waiting

    def usable(self, token: ProvidedIdToken, result: ValidationResult) -> list[Place]:
        """Where the token may start now; those kept for it alone, if there are any."""
        holder = Holder.of(with_parent(token, result), reservation_of(result))
        allowed = result.evse_ids
        places = [
            place
            for place in self._assignments.places(candidates(token, self._sessions))
            if (isinstance(allowed, UnsetType) or place.evse in allowed)
            and self._reservations.admits(place.evse, holder)
        ]
        own = self._reservations.kept_for(holder)
        kept = [place for place in places if place.evse in own]
        return kept or places

    def could_start(self, token: ProvidedIdToken, places: Iterable[Place]) -> bool:
        """Is there a place that is not kept for others, as far as is known before it is asked?"""
        holder = Holder.of(token)
        return any(self._reservations.might_admit(place.evse, holder) for place in places)

    def start(
        self, token: ProvidedIdToken, result: ValidationResult
    ) -> TokenValidationStatus | None:
        """Authorize the EVSE that the selection chooses, or wait for one; None where none is."""
        places = self.usable(token, result)
        evse = choose(self._algorithm, places)
        if evse is not None:
            return S.Accepted if self._authorize(evse, token, result) else None
        if not places:
            return None
        self._waiting[key_of(token)] = Waiting(token, result)
        wait_ms = self._assignments.connection_timeout_ms
        self._timers.set(key_of(token), self._clock.now_ms() + wait_ms)
        evses, messages = [place.evse for place in places], result.tariff_messages
        return self._outcomes.tell(token, S.Accepted, evses, messages=messages)

    def select(self, evse: int, id_token: IdToken | UnsetType) -> bool:
        """Somebody chose `evse` for the token that waits, the last one if none is named."""
        for waiting in reversed(tuple(self._waiting.values())):
            if is_named(id_token, waiting.token):
                places = self.usable(waiting.token, waiting.result)
                return evse in [p.evse for p in places] and self._end_wait(waiting, evse)
        return False

    def withdraw(self, id_token: IdToken | UnsetType) -> bool:
        """Forget tokens that wait for their EVSE. False where none did."""
        named = [w for w in self._waiting.values() if is_named(id_token, w.token)]
        for waiting in named:
            self._forget(waiting, S.Withdrawn)
        return bool(named)

    @property
    def next_deadline_ms(self) -> int | None:
        return self._timers.next_deadline_ms

    def poll(self) -> None:
        """Cars that came for tokens that wait, tokens that waited for too long, free mode."""
        if self._waiting:
            self._look_for_cars()
        if self._free:
            self._serve_everybody()

    def _look_for_cars(self) -> None:
        for key in self._timers.pop_due(self._clock.now_ms()):
            self._forget(self._waiting[str(key)], S.TimedOut, "no car came in time")
        for waiting in tuple(self._waiting.values()):
            evse = choose(self._algorithm, self.usable(waiting.token, waiting.result))
            if evse is not None:
                self._end_wait(waiting, evse)

    def _serve_everybody(self) -> None:
        """Free mode: every car that waits, but at an EVSE that is kept for somebody."""
        nobody = Holder.of(self._free_token)
        for place in self._assignments.places(self._sessions):
            if place.plug_in is not None and self._reservations.admits(place.evse, nobody):
                self._authorize(place.evse, self._free_token, ACCEPTED.results[0])

    def _authorize(self, evse: int, token: ProvidedIdToken, result: ValidationResult) -> bool:
        known, claimed = with_parent(token, result), reservation_of(result)
        used = self._reservations.used_by(evse, Holder.of(known, claimed))
        reservation_id = claimed if used is None else used.reservation_id
        if not self._assignments.authorize(evse, known, reservation_id):
            return False
        if used is not None:
            self._reservations.use(used)
        self._outcomes.tell(token, S.Accepted, (evse,), messages=result.tariff_messages)
        return True

    def _end_wait(self, waiting: Waiting, evse: int) -> bool:
        self._drop(waiting)
        return self._authorize(evse, waiting.token, waiting.result)

    def _forget(self, waiting: Waiting, status: TokenValidationStatus, says: str = "") -> None:
        self._drop(waiting)
        evses = candidates(waiting.token, self._sessions)
        self._outcomes.tell(waiting.token, status, evses, says=says)

    def _drop(self, waiting: Waiting) -> None:
        del self._waiting[key_of(waiting.token)]
        self._timers.cancel(key_of(waiting.token))
