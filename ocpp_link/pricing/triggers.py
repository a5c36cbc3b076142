"""When the back office wants a meter value, to reckon the cost anew. Pure.

Energy is that of the transaction. Power counts when it crosses its mark, either way, by more than
HYSTERESIS, so that a car that regulates around it floods nobody.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ocpp_link.records import EvseStatus

HYSTERESIS = Decimal("0.05")
"""Of the mark. The whitepaper asks for one and leaves it to the station."""


class Triggers(msgspec.Struct, frozen=True):
    """What is waited for; nothing of it is after it happened, but for power and status."""

    at_ms: int | None = None
    """Wall time."""
    at_wh: Decimal | None = None
    at_w: Decimal | None = None
    at_status: frozenset[EvseStatus] = frozenset()
    above: bool | None = None
    """Which side of `at_w` the power is on; None until it is known."""
    done_ms: int | None = None
    done_wh: Decimal | None = None
    """The last marks that were reached."""


def renewed(before: Triggers, wanted: Triggers) -> Triggers:
    """`wanted` in place of `before`. A mark that was reached already and is named again asks for
    nothing: else a back office that repeats itself would be told without end."""
    return msgspec.structs.replace(
        wanted,
        at_ms=None if wanted.at_ms == before.done_ms else wanted.at_ms,
        at_wh=None if wanted.at_wh == before.done_wh else wanted.at_wh,
        above=before.above if wanted.at_w == before.at_w else None,
        done_ms=before.done_ms,
        done_wh=before.done_wh,
    )


def timed(triggers: Triggers, now_ms: int) -> tuple[Triggers, bool]:
    """At this wall time: what is still waited for, and is a value wanted?"""
    if triggers.at_ms is None or now_ms < triggers.at_ms:
        return triggers, False
    return msgspec.structs.replace(triggers, at_ms=None, done_ms=triggers.at_ms), True


def metered(triggers: Triggers, wh: Decimal, power_w: Decimal | None) -> tuple[Triggers, bool]:
    """With so much energy in the transaction, and this power (None: not known)."""
    wanted = triggers.at_wh is not None and wh >= triggers.at_wh
    if wanted:
        triggers = msgspec.structs.replace(triggers, at_wh=None, done_wh=triggers.at_wh)
    if triggers.at_w is None or power_w is None:
        return triggers, wanted
    above = _side(triggers, triggers.at_w, power_w)
    crossed = triggers.above is not None and above is not triggers.above
    return msgspec.structs.replace(triggers, above=above), wanted or crossed


def _side(triggers: Triggers, mark_w: Decimal, power_w: Decimal) -> bool:
    if triggers.above is None:
        return power_w >= mark_w
    if triggers.above:
        return power_w > mark_w * (1 - HYSTERESIS)
    return power_w >= mark_w * (1 + HYSTERESIS)
