"""Is a token good? The list and the cache say so where they may, else the back office.

Which EVSE it is for, and what it stops, the core decides (evse/authorization/).
Source: OCPP 1.6 §3.5, §4.1, §9.1.2, §9.2.1; 2.0.1 C.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import UNSET

from evse.types.authorization import (
    MAX_CONNECTION_TIMEOUT_S,
    AuthorizationStatus,
    IdToken,
    ProvidedIdToken,
)
from ocpp_link.device.model import DeviceModel
from ocpp_link.device.settings import Settings
from ocpp_link.ports import CoreReply
from ocpp_link.records import Verdict
from ocpp_link.rpc.outcome import Outcome, OutcomeKind
from ocpp_link.station import Station
from ocpp_link.tokens.cache import is_valid
from ocpp_link.tokens.known import KnownTokens

REFUSED = Verdict(AuthorizationStatus.Invalid)
UNKNOWN_OFFLINE = Verdict(AuthorizationStatus.Accepted)
"""What any token is worth where unknown ones may start offline."""


class NoVerdict(msgspec.Struct, frozen=True):
    """Nobody could say whether a token is good; `says` tells why."""

    says: str


OnVerdict = Callable[[Verdict | NoVerdict], None]


class Authorization:
    """A validator for the core."""

    def __init__(self, station: Station, known: KnownTokens, model: DeviceModel) -> None:
        self._station = station
        self.known = known
        self.on_asked: list[Callable[[str], None]] = []
        """Hear of each token that the core asks about, before anything is done."""
        self.on_refused: list[Callable[[str], None]] = []
        """Hear of each token that the core was told nothing good about."""
        self._asking: dict[str, list[OnVerdict]] = {}
        if not any(evse.has_lock for evse in station.info.evses):
            self._never_unlock(model)
        station.occasions.core_came.append(self._core_came)
        station.occasions.configured.append(self._configured)
        station.occasions.connected.append(self._push_foreign_tokens)

    def validate(self, token: ProvidedIdToken, on_reply: Callable[[CoreReply], None]) -> None:
        """Answers `validate_token` of the core, once: a ValidationResult, or in words why the
        back office could not be asked and nothing is known here either."""
        value = token.id_token.value

        def done(verdict: Verdict | NoVerdict) -> None:
            if isinstance(verdict, NoVerdict):
                on_reply(CoreReply(error=verdict.says))
            else:
                on_reply(CoreReply(result=_validation_result(verdict)))
            if isinstance(verdict, NoVerdict) or not is_valid(verdict):
                for hear in self.on_refused:
                    hear(value)

        for hear in self.on_asked:
            hear(value)
        self._judge(token, done)

    def parent_of(self, token: str) -> str:
        """The group of a token that is good, as far as it is known here; empty = not known."""
        verdict = self.known.find(token)
        return verdict.parent if verdict is not None and is_valid(verdict) else ""

    def _never_unlock(self, model: DeviceModel) -> None:
        """1.6 errata 3.84: without anything to unlock the setting is false, and read-only."""
        self._station.settings = msgspec.structs.replace(
            self._station.settings, unlock_on_ev_disconnect=False
        )
        model.fixed.add("unlock_on_ev_disconnect")

    def _core_came(self) -> None:
        """What the core keeps only while it lives."""
        self._push_connection_timeout()
        self._push_departure()
        self._push_foreign_tokens()

    def _configured(self, before: Settings, now: Settings) -> None:
        if now.connection_timeout_s != before.connection_timeout_s:
            self._push_connection_timeout()
        if _departure(now) != _departure(before):
            self._push_departure()

    def _push_departure(self) -> None:
        """What unplugging at the car's end does (1.6 §4.10)."""
        params = _departure(self._station.settings)
        self._station.core.call("authorization.set_ev_side_disconnect", params, _unheeded)

    def _push_foreign_tokens(self) -> None:
        """As the version that is spoken has it."""
        params = {"ask": self._station.dialect.asks_foreign_tokens}
        self._station.core.call("authorization.set_foreign_tokens", params, _unheeded)

    def _push_connection_timeout(self) -> None:
        """How long an authorization waits for its car."""
        wanted_s = self._station.settings.connection_timeout_s
        params = {"connection_timeout_s": min(max(1, wanted_s), MAX_CONNECTION_TIMEOUT_S)}
        self._station.core.call("authorization.set_connection_timeout", params, _unheeded)

    def _judge(self, provided: ProvidedIdToken, on_verdict: OnVerdict) -> None:
        """What is known here starts at once where that is configured; what is known to be bad is
        asked about all the same, for it may be good by now (§3.5.1)."""
        token = provided.id_token
        value = token.value
        known = self.known.find(value)
        if not 0 < len(value) <= self._station.dialect.max_token_chars:
            on_verdict(REFUSED)
        elif known is not None and is_valid(known) and self._is_unasked(known, provided):
            on_verdict(known)
        elif not self._station.operational:
            on_verdict(self._offline(value, "is out of reach"))
        else:
            self._ask(token, on_verdict)

    def _is_unasked(self, known: Verdict, provided: ProvidedIdToken) -> bool:
        """It may start unasked, or end what another token of its group started where it was
        presented."""
        station = self._station
        if station.settings.pre_authorize:
            return True
        if not (known.parent and station.dialect.trusts_known_groups):
            return False
        here = station.evses if provided.connectors is UNSET else provided.connectors
        states = [state for state in station.states.values() if state.evse in here]
        running = [state.token for state in states if state.in_transaction]
        return any(self.parent_of(token).casefold() == known.parent.casefold() for token in running)

    def _ask(self, token: IdToken, on_verdict: OnVerdict) -> None:
        value = token.value
        waiting = self._asking.setdefault(value.casefold(), [])
        waiting.append(on_verdict)  # the answer to the first covers all
        if len(waiting) == 1:
            message = self._station.dialect.authorize(token)
            self._station.request(message, lambda outcome: self._answered(value, outcome))

    def _answered(self, value: str, outcome: Outcome) -> None:
        verdict = self._judged(value, outcome)
        for on_verdict in self._asking.pop(value.casefold()):
            on_verdict(verdict)

    def _judged(self, value: str, outcome: Outcome) -> Verdict | NoVerdict:
        """Without an answer the back office is as good as away."""
        if outcome.kind is not OutcomeKind.RESULT:
            return self._offline(value, "gave no answer")
        verdict = self._station.dialect.authorize_answer(outcome.payload)
        self.known.remember(value, verdict)
        return verdict

    def _offline(self, value: str, why: str) -> Verdict | NoVerdict:
        """§3.5.4: a token that is known to be bad stays refused, whatever else is allowed."""
        settings, known = self._station.settings, self.known.find(value)
        if known is not None and (settings.authorize_offline or not is_valid(known)):
            return known
        if settings.allow_unknown_offline:
            return UNKNOWN_OFFLINE if known is None else known
        if not settings.authorize_offline:
            return NoVerdict(f"the back office {why}, and nobody starts without it")
        return NoVerdict(f"the back office {why}, and the token is not known here")


def _departure(settings: Settings) -> dict[str, bool]:
    return {
        "stop_transaction": settings.stop_on_ev_disconnect,
        "unlock_connector": settings.unlock_on_ev_disconnect,
    }


def _validation_result(verdict: Verdict) -> dict[str, object]:
    result: dict[str, object] = {
        "authorization_status": verdict.status.value,
        "tariff_messages": [],
    }
    if verdict.evses:
        result["evse_ids"] = list(verdict.evses)
    if verdict.parent:
        result["parent_id_token"] = {"value": verdict.parent, "type": "Central"}
    return result


def _unheeded(_reply: CoreReply) -> None:
    """A core that went is told again when it comes back."""
