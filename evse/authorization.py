"""Who may charge where: from a presented token to an authorized EVSE.

Pure but for the ports it is given. A token that belongs to a running transaction ends it; any
other goes to the validator of the configured mode, and an accepted one to one EVSE.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from evse.clock import Clock, Timers
from evse.config.model import AuthorizationTable
from evse.ports import Publisher
from evse.session.session import Session
from evse.types.authorization import (
    AuthorizationStatus,
    AuthorizationType,
    IdToken,
    IdTokenType,
    ProvidedIdToken,
    ValidationResult,
)
from evse.types.session import StopTransactionReason, StopTransactionRequest

FREE_TOKEN = ProvidedIdToken(
    id_token=IdToken(value="FREESERVICE", type=IdTokenType.Local),
    authorization_type=AuthorizationType.RFID,
    prevalidated=True,
)
"""What a station that asks nobody charges on (spec §C4)."""

CONNECTION_TIMEOUT_MS = 60_000
"""How long an authorization waits for its car (spec §C4)."""
LINK_BACKSTOP_MS = 3_600_000
"""The same where an OCPP link decides by its own ConnectionTimeOut: only for a link that died."""


class Authorization:
    """The broker between presented tokens, their validator, and the sessions."""

    def __init__(
        self,
        config: AuthorizationTable,
        sessions: Mapping[int, Session],
        clock: Clock,
        publish: Publisher,
    ) -> None:
        self._config = config
        self._sessions = sessions
        self._clock = clock
        self._publish = publish
        self._timers = Timers()
        linked = config.mode == "ocpp"
        self._lapse_ms = LINK_BACKSTOP_MS if linked else CONNECTION_TIMEOUT_MS
        self._accepted = {token.casefold() for token in config.tokens}
        self.has_back_office: Callable[[], bool] = lambda: False
        """Is somebody there who validates in mode `ocpp`? Set by the owner of the door."""

    @property
    def next_deadline_ms(self) -> int | None:
        return self._timers.next_deadline_ms

    @property
    def lacks_validator(self) -> bool:
        """A token that is presented now would be asked of nobody."""
        return self._config.mode == "ocpp" and not self.has_back_office()

    def present(self, token: ProvidedIdToken) -> str:
        """Somebody presented `token`. Returns what became of it, as one word for a display."""
        if self._ends_transaction(token):
            return "UsedToStop"
        if self._config.mode == "ocpp" and token.prevalidated is not True:
            if self.lacks_validator:
                return "Rejected"
            self._publish("auth_token_provider.provided_token", None, token)
            return "Processing"
        accepted = (
            self._config.mode == "free"
            or token.prevalidated is True
            or token.id_token.value.casefold() in self._accepted
        )
        return "Accepted" if accepted and self._assign(token) else "Rejected"

    def respond(self, evse: int, token: ProvidedIdToken, result: ValidationResult) -> None:
        """A validator's answer for `evse` (authorize_response)."""
        if result.authorization_status is AuthorizationStatus.Accepted:
            self._authorize(evse, token)

    def poll(self) -> None:
        """Free mode, and authorizations that no car came for."""
        now_ms = self._clock.now_ms()
        for name in self._timers.pop_due(now_ms):
            if isinstance(name, int):
                self._sessions[name].withdraw_authorization()
        for evse, session in self._sessions.items():
            if self._config.mode == "free" and session.state == "waiting_auth":
                self._authorize(evse, FREE_TOKEN)
            self._watch(evse, session, now_ms)

    def _watch(self, evse: int, session: Session, now_ms: int) -> None:
        """The connection timeout runs while a token waits for its car."""
        waits = session.authorized and session.state == "idle"
        if waits and evse not in self._timers:
            self._timers.set(evse, now_ms + self._lapse_ms)
        elif not waits:
            self._timers.cancel(evse)

    def _ends_transaction(self, token: ProvidedIdToken) -> bool:
        for evse in self._candidates(token):
            session = self._sessions[evse]
            running = session.record.token if session.record.transaction else None
            if running is not None and running.id_token.same_as(token.id_token):
                reason = StopTransactionReason.Local
                session.stop_transaction(StopTransactionRequest(reason=reason, id_tag=token))
                return True
        return False

    def _assign(self, token: ProvidedIdToken) -> bool:
        """To a car that waits for a token, else to a free EVSE."""
        candidates = self._candidates(token)
        for preferred in ("waiting_auth", "idle"):
            for evse in candidates:
                session = self._sessions[evse]
                if session.state == preferred and not session.authorized:
                    return self._authorize(evse, token)
        return False

    def _authorize(self, evse: int, token: ProvidedIdToken) -> bool:
        taken = self._sessions[evse].authorize(token)
        self._watch(evse, self._sessions[evse], self._clock.now_ms())
        return taken

    def _candidates(self, token: ProvidedIdToken) -> list[int]:
        """The EVSEs that the token may be meant for: those it names, or all if it names none."""
        named = token.connectors if isinstance(token.connectors, tuple) else ()
        return [evse for evse in named or self._sessions if evse in self._sessions]


Present = Callable[[ProvidedIdToken], str]
