"""From a presented token to an authorized EVSE, or to the end of a transaction.

Pure but for the ports it is given. What it holds to, whatever the order of answers, time-outs and
unplugging: one presentation authorizes at most one EVSE; among the EVSEs that it may be meant for,
a token that has one gets no second; a refused token and one of the master group start nothing; a
token that came over OCPP (a remote start) stops nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import UNSET, UnsetType

from evse.authorization.assignments import Assignments
from evse.authorization.outcome import Outcome, Outcomes
from evse.authorization.placing import NO_EVSE, RESERVED, Placing
from evse.authorization.reservations import Reservations
from evse.authorization.stopping import Stopping
from evse.authorization.tokens import candidates, is_named, key_of, reservation_of, with_parent
from evse.authorization.validators import (
    ACCEPTED,
    NAMESPACE,
    VALIDATION_TIMEOUT_MS,
    Answer,
    DoorValidator,
    ProviderDoor,
    TokenList,
    Validation,
    Validator,
)
from evse.clock import Clock, Timers, earliest
from evse.config.access import AuthorizationTable
from evse.ports import Publisher
from evse.session.session import Session
from evse.types.authorization import (
    AuthorizationStatus,
    IdToken,
    ProvidedIdToken,
    TokenValidationStatus,
    ValidationResult,
    WithdrawAuthorizationRequest,
    WithdrawAuthorizationResult,
)

PROVIDED_TOKEN = "auth_token_provider.provided_token"

S = TokenValidationStatus
W = WithdrawAuthorizationResult


class Broker:
    """Between presented tokens, their validators, reservations and the sessions."""

    def __init__(
        self,
        config: AuthorizationTable,
        sessions: Mapping[int, Session],
        clock: Clock,
        publish: Publisher,
        *,
        reservations: Reservations,
        settle: Callable[[], None],
    ) -> None:
        """`settle` lets the core look around after a validator's late answer (Core.poll)."""
        self._config = config
        self._sessions = sessions
        self._clock = clock
        self._publish = publish
        self._settle = settle
        self._outcomes = Outcomes(clock, publish)
        self.reservations = reservations
        self.assignments = Assignments(config, sessions, clock, self._outcomes)
        self._placing = Placing(
            config, sessions, clock, self._outcomes, self.assignments, reservations
        )
        self.stopping = Stopping(config, sessions, self._outcomes)
        self._door: ProviderDoor | None = None
        self._validating: dict[str, Validation] = {}
        self._timers = Timers()

    def attach(self, door: ProviderDoor) -> None:
        """Ask validators at this door from now on."""
        self._door = door

    @property
    def mode(self) -> str:
        """`[authorization] mode`."""
        return self._config.mode

    @property
    def lacks_validator(self) -> bool:
        """A token that is presented now would be asked of nobody but the list."""
        door = self._door
        return self._asks_at_door and (door is None or door.provider(NAMESPACE) is None)

    def last_outcome(self, evse: int) -> Outcome | None:
        """What became of the last token that was meant for `evse`, if that is not long ago."""
        return self._outcomes.last(evse)

    # --- asked ------------------------------------------------------------------------------------

    def present(self, token: ProvidedIdToken) -> TokenValidationStatus:
        """Somebody presented `token`. Returns how far it came at once: `Processing` where a
        validator was asked. Held to the reader again on its way, it changes nothing."""
        self._publish(PROVIDED_TOKEN, None, token)
        evses = candidates(token, self._sessions)
        if not evses:
            return self._refuse(token, evses, "it names no EVSE of this station")
        if key_of(token) in self._validating:
            return S.Processing
        if (stopped := self.stopping.by_swipe(token, evses)) is not None:
            return stopped
        held = self.assignments.held_with(token, evses) is not None
        if held or self._placing.is_waiting(token):
            return S.Accepted
        if not self.stopping.could_stop(token, evses):
            places = self.assignments.places(evses)
            if not places:
                return self._refuse(token, evses, NO_EVSE)
            # a validator of somebody else's may name a reservation that the token is for
            asks_all = self._config.mode == "door"
            if not (asks_all or self._placing.could_start(token, places)):
                return self._refuse(token, evses, RESERVED)
        if self._config.mode == "free" or token.prevalidated is True:
            return self._conclude(token, ACCEPTED)
        return self._validate(token)

    def respond(self, evse: int, token: ProvidedIdToken, result: ValidationResult) -> None:
        """A verdict on a token for `evse`, from somebody who has chosen both (authorize_response).
        Reservations are theirs to heed; `result.reservation_id` is handed on."""
        if result.authorization_status is not AuthorizationStatus.Accepted:
            self._refuse(token, (evse,), Answer((result,)).refusal)
            return
        known = with_parent(token, result)
        if self.assignments.authorize(evse, known, reservation_of(result)):
            self._outcomes.tell(token, S.Accepted, (evse,), messages=result.tariff_messages)

    def select(self, evse: int, id_token: IdToken | UnsetType = UNSET) -> bool:
        """Somebody chose `evse` for an accepted token that waits, the last one if none is named.
        False where none waits, or it may not start there."""
        return self._placing.select(evse, id_token)

    def withdraw(self, request: WithdrawAuthorizationRequest) -> WithdrawAuthorizationResult:
        """Take authorizations back that no transaction uses yet, and tokens on their way."""
        named = request.evse_id
        if isinstance(named, UnsetType):
            evses, on_their_way = list(self._sessions), self._abandon(request.id_token)
        elif named in self._sessions:
            evses, on_their_way = [named], False
        else:
            return W.EvseNotFound
        held = [evse for evse in evses if self._is_held(evse, request.id_token)]
        pending = [evse for evse in held if not self._sessions[evse].record.transaction]
        for evse in pending:
            self.assignments.withdraw(evse)
        if pending or on_their_way:
            return W.Accepted
        return W.Rejected if held else W.AuthorizationNotFound

    def set_connection_timeout(self, seconds: int) -> None:
        """How long an authorization waits for its car, from the next one on."""
        self.assignments.connection_timeout_ms = seconds * 1_000

    def _is_held(self, evse: int, id_token: IdToken | UnsetType) -> bool:
        session = self._sessions[evse]
        token = session.record.token if session.authorized else None
        return token is not None and is_named(id_token, token)

    def _abandon(self, id_token: IdToken | UnsetType) -> bool:
        """Tokens that are being validated, or wait for an EVSE."""
        named = [v for v in self._validating.values() if is_named(id_token, v.token)]
        for validation in named:
            validation.abandon()
            self._end_validation(validation.token)
            evses = candidates(validation.token, self._sessions)
            self._outcomes.tell(validation.token, S.Withdrawn, evses)
        return self._placing.withdraw(id_token) or bool(named)

    # --- time -------------------------------------------------------------------------------------

    @property
    def next_deadline_ms(self) -> int | None:
        return earliest(
            self._timers.next_deadline_ms,
            self.assignments.next_deadline_ms,
            self._placing.next_deadline_ms,
            self.reservations.next_deadline_ms,
        )

    def poll(self) -> None:
        """Time-outs, free mode, and tokens that wait for a car. Call it whenever a session has
        taken an input."""
        seconds = VALIDATION_TIMEOUT_MS // 1_000
        for key in self._timers.pop_due(self._clock.now_ms()) if self._validating else ():
            self._validating[str(key)].give_up(f"no validator answered within {seconds} s")
        self.assignments.poll()
        self.reservations.poll()
        self._placing.poll()

    # --- validation -------------------------------------------------------------------------------

    @property
    def _asks_at_door(self) -> bool:
        return self._config.mode in ("ocpp", "door")

    def _validate(self, token: ProvidedIdToken) -> TokenValidationStatus:
        """The list first: it answers at once, also while the back office is away."""
        said = [S.Processing]

        def done(answer: Answer) -> None:
            self._end_validation(token)
            said.append(self._conclude(token, answer))

        validation = Validation(token, self._validators(), done)
        self._validating[key_of(token)] = validation
        self._timers.set(key_of(token), self._clock.now_ms() + VALIDATION_TIMEOUT_MS)
        self._outcomes.tell(token, S.Processing, candidates(token, self._sessions))
        validation.begin()
        return said[-1]

    def _end_validation(self, token: ProvidedIdToken) -> None:
        del self._validating[key_of(token)]
        self._timers.cancel(key_of(token))

    def _validators(self) -> Sequence[Validator]:
        validators: list[Validator] = [TokenList(self._config.tokens)]
        if self._asks_at_door and self._door is not None:
            validators.append(DoorValidator(self._door, self._settle))
        return validators

    def _conclude(self, token: ProvidedIdToken, answer: Answer) -> TokenValidationStatus:
        """The token is good or not: let it stop, or start, or wait for its EVSE."""
        evses = candidates(token, self._sessions)
        if not answer.accepted:
            return self._refuse(token, evses, answer.refusal)
        if (evse := self.assignments.held_with(token, evses)) is not None:
            return self._refuse(token, (evse,), "it was given an EVSE meanwhile")
        known = [with_parent(token, result) for result in answer.accepted]
        if any(map(self.stopping.is_master, known)):
            return self.stopping.by_master(token, evses)
        may_start = any(self._placing.usable(token, result) for result in answer.accepted)
        first_start = self._config.prioritize_authorization_over_stopping_transaction
        if not (may_start and first_start):
            for one in known:
                if (stopped := self.stopping.by_group(one, evses)) is not None:
                    return stopped
        for result in answer.accepted:
            if (started := self._placing.start(token, result)) is not None:
                return started
        return self._refuse(token, evses, NO_EVSE)

    def _refuse(
        self, token: ProvidedIdToken, evses: Iterable[int], says: str
    ) -> TokenValidationStatus:
        return self._outcomes.tell(token, S.Rejected, evses, says=says)
