"""What the status light of an EVSE says about its session. Pure.

One word for a person who stands before the station; docs/indicator.md has the pattern of each.
"""

from __future__ import annotations

from evse.panel import Indicator

_OF_STATE = {
    "booting": Indicator.STARTING,
    "disabled": Indicator.UNAVAILABLE,
    "waiting_auth": Indicator.WAITING,
    "preparing": Indicator.PREPARING,
    "charging": Indicator.CHARGING,
    "paused_ev": Indicator.SUSPENDED,
    "paused_evse": Indicator.SUSPENDED,
    "waking": Indicator.SUSPENDED,
    "switching": Indicator.SUSPENDED,
    "stopping": Indicator.FINISHED,
    "finished": Indicator.FINISHED,
}
"""State of the session chart -> what it looks like; `idle` depends."""


def indicator(state: str, *, blocked: bool, authorized: bool, reserved: bool) -> Indicator:
    """`blocked`: a fault keeps it from charging; `authorized`: a card was taken, and a car is
    awaited."""
    if blocked and state != "booting":
        return Indicator.FAULTED
    if state != "idle":
        return _OF_STATE[state]
    if authorized:
        return Indicator.WAITING
    return Indicator.RESERVED if reserved else Indicator.AVAILABLE
