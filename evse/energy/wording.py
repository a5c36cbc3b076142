"""Why a shared supply gives an EVSE nothing, in words. Pure."""

from __future__ import annotations

from evse.energy.mains import Mode, Phase
from evse.energy.standing import Mains, Standing
from evse.limits import MIN_OFFER_A


def shortage(found: Standing, evse: int) -> str:
    """The cause that holds an EVSE below 6 A, to follow "because"."""
    mains = found.mains
    if mains is not None and found.budget_a < MIN_OFFER_A:
        return _at_the_mains(mains)
    told = "" if mains is None or not mains.lost else f"{_lost(mains)}; "
    rests_ms = next((part.rests_left_ms for part in found.evses if part.evse == evse), None)
    if rests_ms is not None:
        return f"{told}it had to stop for lack of current and waits for at least {clock(rests_ms)}"
    if found.turn_left_ms is not None:
        turn = f"the EVSEs take turns; the next one begins in {clock(found.turn_left_ms)}"
        return f"{told}there is not enough for 6 A to everybody, and {turn}"
    return f"{told}what it shares is still taken by a car that was lowered, or just was"


def _at_the_mains(mains: Mains) -> str:
    if mains.lost:
        return f"{_lost(mains)}, and less than 6 A can not be offered"
    if mains.blocked_left_ms:
        left = clock(mains.blocked_left_ms)
        overload = mains.phase is Phase.HARD_SHORTAGE
        why = "the mains were overloaded" if overload else "there was too little sun"
        return f"{why}; nobody starts again for {left}"
    if mains.mode is Mode.SOLAR:
        return "there is not enough sun, or no room at the mains"
    return f"the site leaves less than 6 A of the {mains.limit_a:g} A at the mains"


def _lost(mains: Mains) -> str:
    return (
        "the meter at the mains does not answer, and until it does, the EVSEs share "
        f"{mains.fallback_a:g} A"
    )


def clock(ms: int) -> str:
    """`4:07`, rounded up to a second."""
    seconds = -(-ms // 1_000)
    return f"{seconds // 60}:{seconds % 60:02}"
