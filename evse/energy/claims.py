"""What one EVSE asks of a shared fuse: on which lines, how much, and how much it lends.

Pure. A car that for a while takes less than it is granted lends the rest to the others and gets
it back as soon as it takes nearly all it has; a car that takes nothing is idle.
"""

from __future__ import annotations

import functools
from typing import Final

import msgspec

from evse.energy.waterfill import Lines
from evse.limits import MIN_OFFER_A

MIN_MA: Final = int(MIN_OFFER_A * 1_000)
HEADROOM_MA = 2_000
"""Own: a car that lends keeps so much above what it takes ..."""
BAND_MA = 500
"""... and lends only what is more than this beyond it, so that noise moves nothing."""
RECLAIM_MA = 1_000
"""Own: taking all but this of its grant, it gets its full claim back. Less than the headroom."""
LEND_DWELL_MS = 60_000
"""Own: so long it must have taken less; longer than a car needs to ramp up."""
IDLE_MA = 1_000
"""Own: under 1 A a car counts as not charging (IEC 61851-1 Table A.6 sequence 7 has 1 A too)."""
ALL_LINES: Lines = (0, 1, 2)


@functools.cache
def lines_of(rotation: str, phases: int) -> Lines:
    """The supply's lines that an EVSE's first `phases` phases load. `rotation` is the OCPP
    ConnectorPhaseRotation, such as RST or STR; anything else is unknown and counts on all lines,
    since a car on an unknown line may be on the fullest one. Raises ValueError for a number of
    phases that is not 1 to 3."""
    if not 1 <= phases <= 3:
        raise ValueError(f"phase rotation {rotation}: {phases} phases, not 1 to 3")
    if sorted(rotation) != ["R", "S", "T"]:
        return ALL_LINES
    return tuple("RST".index(letter) for letter in rotation[:phases])


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What an EVSE reports at each step."""

    evse: int
    wants: bool
    """A session that may charge is there (a car that pauses by itself included)."""
    limit_a: float
    """The lowest of its own limits: hardware, cable, temperature, external."""
    lines: Lines = ALL_LINES
    draw_a: tuple[float, float, float] | None = None
    """Measured on the supply's lines; None = unknown or stale: nothing is lent."""


class Demand(msgspec.Struct, frozen=True):
    """What is known of a car's appetite under its present grant."""

    cap_ma: int | None = None
    """It lends what it is entitled to above this."""
    spare_since_ms: int | None = None
    peak_ma: int = 0
    """The most it took since then."""
    idle_since_ms: int | None = None


def follow(demand: Demand, draw_ma: int | None, granted_ma: int, now_ms: int) -> Demand:
    """The car took `draw_ma` under a grant of `granted_ma`."""
    if draw_ma is None or granted_ma == 0:
        return Demand()
    idle_ms = demand.idle_since_ms
    idle_ms = None if draw_ma >= IDLE_MA else (now_ms if idle_ms is None else idle_ms)
    if draw_ma >= granted_ma - RECLAIM_MA:
        return Demand(idle_since_ms=idle_ms)
    if draw_ma + HEADROOM_MA + BAND_MA >= granted_ma:
        return Demand(cap_ma=demand.cap_ma, idle_since_ms=idle_ms)
    since_ms, peak_ma = demand.spare_since_ms, max(demand.peak_ma, draw_ma)
    if since_ms is None:
        since_ms, peak_ma = now_ms, draw_ma
    if now_ms - since_ms >= LEND_DWELL_MS:
        cap_ma = max(MIN_MA, peak_ma + HEADROOM_MA)
        return Demand(cap_ma=cap_ma, idle_since_ms=idle_ms)
    return Demand(demand.cap_ma, since_ms, peak_ma, idle_ms)
