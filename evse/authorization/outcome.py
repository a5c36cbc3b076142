"""What became of each token: published for displays, remembered for whoever asks why."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import UNSET

from evse.clock import Clock
from evse.ports import Publisher
from evse.types.authorization import (
    MessageContent,
    ProvidedIdToken,
    TokenValidationStatus,
    TokenValidationStatusMessage,
)

STATUS_VARIABLE = "auth_token_provider.token_validation_status"
REMEMBERED_MS = 600_000
"""How long an outcome explains why an EVSE does not charge."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of the last token that was meant for an EVSE."""

    status: TokenValidationStatus
    says: str
    """Why, as a clause: `it was refused (Blocked)`; empty where the status says it all."""
    at_ms: int


class Outcomes:
    """Tells each step of a token once."""

    def __init__(self, clock: Clock, publish: Publisher) -> None:
        self._clock = clock
        self._publish = publish
        self._last: dict[int, Outcome] = {}

    def tell(
        self,
        token: ProvidedIdToken,
        status: TokenValidationStatus,
        evses: Iterable[int],
        *,
        says: str = "",
        messages: tuple[MessageContent, ...] = (),
    ) -> TokenValidationStatus:
        """`token`, meant for `evses`, has come to `status`; returns it."""
        outcome = Outcome(status, says, self._clock.now_ms())
        for evse in evses:
            self._last[evse] = outcome
        told = TokenValidationStatusMessage(token=token, status=status, messages=messages or UNSET)
        self._publish(STATUS_VARIABLE, None, told)
        return status

    def last(self, evse: int) -> Outcome | None:
        """The last outcome at `evse`, for REMEMBERED_MS."""
        outcome = self._last.get(evse)
        if outcome is None or self._clock.now_ms() - outcome.at_ms > REMEMBERED_MS:
            return None
        return outcome
