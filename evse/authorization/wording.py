"""Why a car still waits for authorization, as a sentence for people. Pure; no token is named."""

from __future__ import annotations

from evse.authorization.broker import Broker
from evse.authorization.outcome import Outcome
from evse.faults import CoreCondition, of_condition
from evse.session.session import Session
from evse.types.authorization import TokenValidationStatus

_IN_VAIN = frozenset(
    {
        TokenValidationStatus.Rejected,
        TokenValidationStatus.TimedOut,
        TokenValidationStatus.Withdrawn,
    }
)
_TO_DO = {
    "ocpp": "present a token, or start it from the back office.",
    "door": "present a token.",
    "list": "present a token of the configured list.",
    "free": "free mode grants it.",
}
"""By `[authorization] mode`."""


def awaited(broker: Broker, session: Session, now_ms: int) -> str:
    """What the car of `session` waits for, and what came of the last token there."""
    last = broker.last_outcome(session.config.id)
    if last is not None and last.status is TokenValidationStatus.Processing:
        return "a token is being checked."
    if session.reservation_id is not None:
        to_do = f"it is reserved (reservation {session.reservation_id}): present that token."
    elif broker.lacks_validator:
        to_do = "no back office link (OCPP process) is there to check a token."
    else:
        to_do = _TO_DO[broker.mode]
    if of_condition(CoreCondition.READER_LOST) in session.faults:
        to_do += " A reader of cards can not be used: `readers` of `evse state` says why."
    return to_do if last is None else f"{_in_vain(last, now_ms)}{to_do}"


def _in_vain(last: Outcome, now_ms: int) -> str:
    if last.status not in _IN_VAIN:
        return ""
    ago = f"the token of {(now_ms - last.at_ms) // 1_000} s ago came to nothing"
    return f"{ago}: {last.says}; " if last.says else f"{ago}; "
