"""Who says whether a token is good: the configured list, and whoever validates at the door.

Validators are asked in order until one accepts. Deny by default: a validator that is not there,
leaves, keeps silent or answers what nobody can read has accepted nothing, and its words say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import msgspec

from evse.door.jsonrpc import RpcError
from evse.types.authorization import AuthorizationStatus, ProvidedIdToken, ValidationResult
from evse.types.seed import accept

NAMESPACE = "auth_token_validator"
METHOD = f"{NAMESPACE}.validate_token"
VALIDATION_TIMEOUT_MS = 40_000
"""Longer than a back office may take to answer the OCPP link (30 s), which then decides offline."""


class Answer(msgspec.Struct, frozen=True):
    """What a validator said; without results, `says` tells why not."""

    results: tuple[ValidationResult, ...] = ()
    says: str = ""

    @property
    def accepted(self) -> list[ValidationResult]:
        good = AuthorizationStatus.Accepted
        return [result for result in self.results if result.authorization_status is good]

    @property
    def refusal(self) -> str:
        """Why the token was not accepted, as a clause."""
        statuses = [result.authorization_status.value for result in self.results]
        return f"it was refused ({', '.join(statuses)})" if statuses else self.says


ACCEPTED = Answer((ValidationResult(authorization_status=AuthorizationStatus.Accepted),))
"""For a token that needs no validation, or is on the list."""

Answered = Callable[[Answer], None]


class Validator(Protocol):
    """Answers once, now or later."""

    def validate(self, token: ProvidedIdToken, answered: Answered) -> None: ...


class ProviderDoor(Protocol):
    """The door, as far as the broker uses it (door.hub.Hub)."""

    def ask(self, method: str, params: dict[str, Any], reply: Callable[[Any], None]) -> None: ...
    def provider(self, namespace: str) -> object | None: ...


class TokenList:
    """The tokens of the configuration; compared without regard to case."""

    def __init__(self, tokens: Iterable[str]) -> None:
        self._tokens = frozenset(token.casefold() for token in tokens)

    def validate(self, token: ProvidedIdToken, answered: Answered) -> None:
        known = token.id_token.value.casefold() in self._tokens
        answered(ACCEPTED if known else Answer(says="it is not in the configured list"))


class DoorValidator:
    """Whoever provides `auth_token_validator` at the door. `settle` is called after each answer
    has taken effect: an answer is an input of the core like any other."""

    def __init__(self, door: ProviderDoor, settle: Callable[[], None]) -> None:
        self._door = door
        self._settle = settle

    def validate(self, token: ProvidedIdToken, answered: Answered) -> None:
        def reply(outcome: Any) -> None:
            answered(_read(outcome))
            self._settle()

        self._door.ask(METHOD, {"provided_token": token}, reply)


def _read(outcome: Any) -> Answer:
    """A reply of the door: one result or several, in the present or the older spelling."""
    if isinstance(outcome, RpcError):
        return Answer(says=f"it could not be checked: {outcome.message}")
    given = outcome if isinstance(outcome, list) else [outcome]
    try:
        results = [accept.upgrade(ValidationResult, result) for result in given]
        read = msgspec.convert(results, tuple[ValidationResult, ...])
    except msgspec.ValidationError as error:
        return Answer(says=f"the validator's answer can not be read: {error}")
    return Answer(read) if read else Answer(says="the validator answered nothing")


class Validation:
    """One token on its way along the validators. `done` is called once; what comes later, or
    twice, is not heard."""

    def __init__(
        self, token: ProvidedIdToken, validators: Sequence[Validator], done: Answered
    ) -> None:
        self.token = token
        self._left = list(validators)
        self._done: Answered | None = done
        self._turn = 0

    def begin(self) -> None:
        self._ask_next()

    def give_up(self, says: str) -> None:
        """Nobody answers any more."""
        self._end(Answer(says=says))

    def abandon(self) -> None:
        """Nobody wants to know any more: `done` is not called."""
        self._done = None

    def _ask_next(self) -> None:
        self._turn += 1
        turn = self._turn
        self._left.pop(0).validate(self.token, lambda answer: self._answered(turn, answer))

    def _answered(self, turn: int, answer: Answer) -> None:
        if turn != self._turn or self._done is None:
            return
        if self._left and not answer.accepted:
            self._ask_next()
        else:
            self._end(answer)

    def _end(self, answer: Answer) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(answer)
