"""Who may charge: the back office decides; while it is away, only tokens that it accepted here.

Source: OCPP 1.6 §3.4, §4.1, §4.11.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from evse.types.authorization import AuthorizationStatus, ProvidedIdToken
from evse.types.base import UNSET
from evse.types.session import StopTransactionReason
from ocpp_link.outcome import Outcome, OutcomeKind
from ocpp_link.records import EvseState, Verdict
from ocpp_link.station import Station, parse_time

MAX_KNOWN_TOKENS = 500

ACCEPTED = Verdict(AuthorizationStatus.Accepted)
REFUSED = Verdict(AuthorizationStatus.Invalid)
NOT_NOW = Verdict(AuthorizationStatus.NotAtThisTime)
"""A good token, and nowhere to start with it."""


class KnownTokens:
    """The latest verdict on each token, kept over restarts; the oldest goes first."""

    def __init__(self, station: Station, kept: dict[str, Verdict]) -> None:
        self._station = station
        self._verdicts = dict(kept)

    def remember(self, token: str, verdict: Verdict) -> None:
        name = token.casefold()
        if self._verdicts.get(name) == verdict:
            return
        self._verdicts.pop(name, None)
        self._verdicts[name] = verdict
        self._station.keep("token", name, verdict)
        if len(self._verdicts) > MAX_KNOWN_TOKENS:
            oldest = next(iter(self._verdicts))
            del self._verdicts[oldest]
            self._station.forget("token", oldest)

    def offline(self, token: str) -> Verdict:
        """What holds while the back office is away: refused, unless accepted and not expired."""
        verdict = self._verdicts.get(token.casefold(), REFUSED)
        if verdict.status is AuthorizationStatus.Accepted and _expired(verdict, self._station):
            return Verdict(AuthorizationStatus.Expired)
        return verdict

    def clear(self) -> None:
        for name in self._verdicts:
            self._station.forget("token", name)
        self._verdicts.clear()


class Authorization:
    """Presented tokens and remote starts, on their way to `authorize_response` of the core."""

    def __init__(self, station: Station, known: KnownTokens) -> None:
        self._station = station
        self.known = known
        self._asking: set[str] = set()

    def present(self, token: ProvidedIdToken) -> None:
        """Somebody holds a token to the reader: it stops its own transaction, or may start one."""
        candidates = self._candidates(token)
        running = self._running_with(candidates, token.id_token.value)
        if running:
            self._stop_by(token, running)
        elif token.prevalidated is not UNSET and token.prevalidated:
            self._conclude(token, ACCEPTED)
        else:
            self.ask(token, lambda verdict: self._conclude(token, verdict))

    def ask(self, token: ProvidedIdToken, on_verdict: Callable[[Verdict], None]) -> None:
        """The verdict on a token, from the back office or, without one, from what is known."""
        value = token.id_token.value
        if len(value) > self._station.dialect.max_token_chars or not value:
            on_verdict(REFUSED)
            return
        if not self._station.operational:
            on_verdict(self._offline(value))
            return
        if value.casefold() in self._asking:
            return  # held to the reader twice: the answer to the first covers both
        self._asking.add(value.casefold())

        def done(outcome: Outcome) -> None:
            self._asking.discard(value.casefold())
            on_verdict(self._judged(value, outcome))

        self._station.request(self._station.dialect.authorize(value), done)

    def accept(self, evse: int, token: ProvidedIdToken, verdict: Verdict) -> None:
        """Tell one EVSE the verdict; where it is good, the car must come before the timeout."""
        self._station.command(
            "authorize_response",
            evse,
            {
                "provided_token": msgspec.to_builtins(token),
                "validation_result": _validation_result(verdict),
            },
        )
        if verdict.status is AuthorizationStatus.Accepted:
            state = self._station.states[evse]
            self._station.states[evse] = msgspec.structs.replace(state, parent=verdict.parent)
            self.await_car(evse)

    def await_car(self, evse: int) -> None:
        """Start the timer `connect` of an authorised EVSE without a transaction."""
        timeout_s = self._station.settings.connection_timeout_s
        if timeout_s and not self._station.states[evse].in_transaction:
            due_ms = self._station.clock.now_ms() + timeout_s * 1_000
            self._station.timers.set(("connect", evse), due_ms)

    def car_did_not_come(self, evse: int) -> None:
        if not self._station.states[evse].in_transaction:
            self._station.command("withdraw_authorization", evse)

    def _judged(self, value: str, outcome: Outcome) -> Verdict:
        if outcome.kind is not OutcomeKind.RESULT:
            return self._offline(value)
        verdict = self._station.dialect.authorize_answer(outcome.payload)
        self.known.remember(value, verdict)
        return verdict

    def _offline(self, value: str) -> Verdict:
        return self.known.offline(value) if self._station.settings.authorize_offline else REFUSED

    def _conclude(self, token: ProvidedIdToken, verdict: Verdict) -> None:
        candidates = self._candidates(token)
        group = self._running_in_group(candidates, verdict)
        if group:
            self._stop_by(token, group)
            return
        free = next((evse for evse in candidates if self.can_start(evse)), None)
        if free is None and verdict.status is AuthorizationStatus.Accepted:
            verdict = NOT_NOW
        self.accept(candidates[0] if free is None else free, token, verdict)

    def can_start(self, evse: int) -> bool:
        """Would a good token start something here?"""
        state = self._station.states.get(evse)
        return state is not None and _is_free(state)

    def can_start_remotely(self, evse: int) -> bool:
        """Like `can_start`, and nobody is authorised here already, waiting for a car."""
        waiting = ("connect", evse) in self._station.timers
        return self.can_start(evse) and not waiting and not self._station.states[evse].authorized

    def _candidates(self, token: ProvidedIdToken) -> list[int]:
        """EVSEs the token may be meant for, those with a waiting car first."""
        named = () if token.connectors is UNSET else token.connectors
        evses = [evse for evse in named if evse in self._station.states]
        states = self._station.states
        return sorted(evses or self._station.evses, key=lambda evse: not states[evse].plugged)

    def _running_with(self, evses: list[int], value: str) -> int | None:
        for evse in evses:
            state = self._station.states[evse]
            if state.in_transaction and state.token.casefold() == value.casefold():
                return evse
        return None

    def _running_in_group(self, evses: list[int], verdict: Verdict) -> int | None:
        if verdict.status is not AuthorizationStatus.Accepted or not verdict.parent:
            return None
        for evse in evses:
            state = self._station.states[evse]
            if state.in_transaction and state.parent.casefold() == verdict.parent.casefold():
                return evse
        return None

    def _stop_by(self, token: ProvidedIdToken, evse: int) -> None:
        request = {"reason": StopTransactionReason.Local, "id_tag": msgspec.to_builtins(token)}
        self._station.command("stop_transaction", evse, {"request": request})


def _is_free(state: EvseState) -> bool:
    """No transaction and none just ended: after a stop the car must leave first."""
    return state.enabled and not state.in_transaction and not state.ended


def _expired(verdict: Verdict, station: Station) -> bool:
    try:
        return bool(verdict.expiry) and parse_time(verdict.expiry) <= station.clock.utc()
    except ValueError:
        return True  # a date that cannot be read does not open a charger


def _validation_result(verdict: Verdict) -> dict[str, object]:
    result: dict[str, object] = {
        "authorization_status": verdict.status.value,
        "tariff_messages": [],
    }
    if verdict.parent:
        result["parent_id_token"] = {"value": verdict.parent, "type": "Central"}
    return result
