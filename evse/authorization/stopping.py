"""Tokens that end a transaction: the one it runs on, one of its group, a master pass. What is left
of one that has ended, a plug that is kept locked, they free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from evse.authorization.outcome import Outcomes
from evse.authorization.tokens import may_stop, parent_of
from evse.config.access import AuthorizationTable
from evse.session.session import Session
from evse.types.authorization import ProvidedIdToken, TokenValidationStatus
from evse.types.session import StopTransactionReason, StopTransactionRequest

S = TokenValidationStatus


class Stopping:
    """Ends transactions on behalf of tokens."""

    def __init__(
        self, config: AuthorizationTable, sessions: Mapping[int, Session], outcomes: Outcomes
    ) -> None:
        self._config = config
        self._sessions = sessions
        self._outcomes = outcomes
        self.asks_foreign = False
        """Ask about a token that could end nothing: OCPP 2.0.1 wants it, 1.6 does not."""

    def could_stop(self, token: ProvidedIdToken, evses: Iterable[int]) -> bool:
        """Is there one that the token might end, were its group known? Where the one that runs has
        none, `asks_foreign` says whether somebody is asked all the same."""
        if not may_stop(token):
            return False
        running = [known for evse in evses if (known := self._running(evse)) is not None]
        any_may = self.asks_foreign or self._config.master_pass_group_id != ""
        return any(any_may or parent_of(known) for known in running)

    def by_swipe(
        self, token: ProvidedIdToken, evses: Iterable[int]
    ) -> TokenValidationStatus | None:
        """The token of a running transaction again; None where none runs on it."""
        for evse in evses:
            running = self._running(evse)
            if running is None or not running.id_token.same_as(token.id_token):
                continue
            ended = not self._sessions[evse].record.transaction
            if (ended or self._config.stop_on_reswipe) and may_stop(token):
                return self._stop(token, [evse], StopTransactionReason.Local)
            says = "a transaction runs on it already"
            return self._outcomes.tell(token, S.Rejected, (evse,), says=says)
        return None

    def by_group(
        self, token: ProvidedIdToken, evses: Iterable[int]
    ) -> TokenValidationStatus | None:
        """A validated token of the group of a running transaction; None where there is none."""
        group = parent_of(token).casefold()
        if not group or not may_stop(token):
            return None
        for evse in evses:
            running = self._running(evse)
            if running is not None and parent_of(running).casefold() == group:
                return self._stop(token, [evse], StopTransactionReason.Local)
        return None

    def is_master(self, token: ProvidedIdToken) -> bool:
        """A validated token of the group that may stop anything and start nothing."""
        master = self._config.master_pass_group_id.casefold()
        return master != "" and parent_of(token).casefold() == master

    def by_master(self, token: ProvidedIdToken, evses: list[int]) -> TokenValidationStatus:
        """End all transactions of `evses` (OCPP 2.0.1 C16.FR.01)."""
        running = [evse for evse in evses if self._running(evse) is not None]
        if running and may_stop(token):
            return self._stop(token, running, StopTransactionReason.MasterPass)
        says = "a master pass starts nothing, and there is nothing to stop"
        return self._outcomes.tell(token, S.Rejected, evses, says=says)

    def _running(self, evse: int) -> ProvidedIdToken | None:
        """The token of a transaction, also of one that has ended and keeps its plug locked."""
        session = self._sessions[evse]
        running = session.record.transaction or session.bars_plug
        return session.record.token if running else None

    def _stop(
        self, token: ProvidedIdToken, evses: list[int], reason: StopTransactionReason
    ) -> TokenValidationStatus:
        for evse in evses:
            request = StopTransactionRequest(reason=reason, id_tag=token)
            if not self._sessions[evse].stop_transaction(request):
                self._sessions[evse].release_plug()
        return self._outcomes.tell(token, S.UsedToStop, evses)
