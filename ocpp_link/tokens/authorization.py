"""Is a token good? The back office says so; while it is away, what it said here before holds.

Which EVSE it is for, and what it stops, the core decides (evse/authorization/).
Source: OCPP 1.6 §3.4, §4.1, §4.11.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from evse.types.authorization import (
    MAX_CONNECTION_TIMEOUT_S,
    AuthorizationStatus,
    IdToken,
    ProvidedIdToken,
)
from ocpp_link.device.settings import Settings
from ocpp_link.ports import CoreReply
from ocpp_link.records import Verdict
from ocpp_link.rpc.outcome import Outcome, OutcomeKind
from ocpp_link.station import Station, parse_time

MAX_KNOWN_TOKENS = 500

REFUSED = Verdict(AuthorizationStatus.Invalid)


class NoVerdict(msgspec.Struct, frozen=True):
    """Nobody could say whether a token is good; `says` tells why."""

    says: str


OnVerdict = Callable[[Verdict | NoVerdict], None]


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

    def offline(self, token: str) -> Verdict | None:
        """What holds while the back office is away; None for a token that it never judged."""
        verdict = self._verdicts.get(token.casefold())
        accepted = verdict is not None and verdict.status is AuthorizationStatus.Accepted
        if verdict is not None and accepted and _expired(verdict, self._station):
            return Verdict(AuthorizationStatus.Expired)
        return verdict

    def clear(self) -> None:
        for name in self._verdicts:
            self._station.forget("token", name)
        self._verdicts.clear()


class Authorization:
    """A validator for the core: what the back office says of a token that somebody presented."""

    def __init__(self, station: Station, known: KnownTokens) -> None:
        self._station = station
        self.known = known
        self._asking: dict[str, list[OnVerdict]] = {}
        station.occasions.core_came.append(self.push_connection_timeout)
        station.occasions.configured.append(self._configured)

    def validate(self, token: ProvidedIdToken, on_reply: Callable[[CoreReply], None]) -> None:
        """Answers `validate_token` of the core, once: a ValidationResult, or in words why the
        back office could not be asked and nothing is known here either."""

        def done(verdict: Verdict | NoVerdict) -> None:
            if isinstance(verdict, NoVerdict):
                on_reply(CoreReply(error=verdict.says))
            else:
                on_reply(CoreReply(result=_validation_result(verdict)))

        self._ask(token.id_token, done)

    def _configured(self, before: Settings, now: Settings) -> None:
        if now.connection_timeout_s != before.connection_timeout_s:
            self.push_connection_timeout()

    def push_connection_timeout(self) -> None:
        """Tell the core how long an authorization waits for its car."""
        wanted_s = self._station.settings.connection_timeout_s
        params = {"connection_timeout_s": min(max(1, wanted_s), MAX_CONNECTION_TIMEOUT_S)}
        self._station.core.call("authorization.set_connection_timeout", params, _unheeded)

    def _ask(self, token: IdToken, on_verdict: OnVerdict) -> None:
        """The verdict on a token, from the back office or, without one, from what is known."""
        value = token.value
        name = value.casefold()
        if not 0 < len(value) <= self._station.dialect.max_token_chars:
            on_verdict(REFUSED)
        elif not self._station.operational:
            on_verdict(self._offline(value, "is out of reach"))
        elif name in self._asking:
            self._asking[name].append(on_verdict)  # the answer to the first covers both
        else:
            self._asking[name] = [on_verdict]
            message = self._station.dialect.authorize(token)
            self._station.request(message, lambda outcome: self._answered(value, outcome))

    def _answered(self, value: str, outcome: Outcome) -> None:
        verdict = self._judged(value, outcome)
        for on_verdict in self._asking.pop(value.casefold()):
            on_verdict(verdict)

    def _judged(self, value: str, outcome: Outcome) -> Verdict | NoVerdict:
        if outcome.kind is not OutcomeKind.RESULT:
            return self._offline(value, "gave no answer")
        verdict = self._station.dialect.authorize_answer(outcome.payload)
        self.known.remember(value, verdict)
        return verdict

    def _offline(self, value: str, why: str) -> Verdict | NoVerdict:
        if not self._station.settings.authorize_offline:
            return NoVerdict(f"the back office {why}, and nobody starts without it")
        unknown = NoVerdict(f"the back office {why}, and the token is not known here")
        return self.known.offline(value) or unknown


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


def _unheeded(_reply: CoreReply) -> None:
    """A core that went is told again when it comes back."""
