"""How one of our CALLs ended."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import msgspec


class OutcomeKind(enum.Enum):
    RESULT = "result"
    ERROR = "error"
    """CALLERROR, or a result that its schema refuses: the peer failed to process the CALL."""
    TIMEOUT = "timeout"
    LINK_LOST = "link lost"
    """The connection went; whether the peer processed the CALL is unknown."""
    UNSENDABLE = "unsendable"
    """Never sent: too large, or too many CALLs are waiting."""


class Outcome(msgspec.Struct, frozen=True):
    """How one of our CALLs ended. `payload` is set for RESULT only."""

    kind: OutcomeKind
    payload: dict[str, Any] = {}
    code: str = ""
    description: str = ""


OnOutcome = Callable[[Outcome], None]


def unheeded(_outcome: Outcome) -> None:
    """For CALLs whose loss is made good by the next of their kind."""
