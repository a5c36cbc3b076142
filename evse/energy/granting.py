"""Turning fair shares into grants, one safe step at a time.

Pure. A grant is lowered at once and raised only into what no car may be taking any more: a car
has seconds to follow a lower pilot, and until then the fuse carries its old current.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from evse.energy.claims import MIN_MA, Demand
from evse.energy.rotation import Turn
from evse.energy.waterfill import MA_PER_A, raise_equally

RELEASE_MS = 7_000
"""After a lower grant the car may take the old one for so long: at most 6 s until a car that
does not obey is cut off (IEC 61851-1 Table A.6 sequence 10.2), and 1 s for our own way."""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """One EVSE's part."""

    turn: Turn
    granted_ma: int = 0
    falling: tuple[tuple[int, int], ...] = ()
    """(until, milliamps): what the car may still be taking after its grant was lowered."""
    demand: Demand = Demand()
    eligible: bool = False
    """It wants to charge, and its own limits let it."""

    @property
    def granted_a(self) -> float:
        return self.granted_ma / MA_PER_A

    @property
    def falling_ma(self) -> int:
        return max((ma for _, ma in self.falling), default=0)


def fair_grants(shares: Sequence[Share], mosts: Sequence[int], room: Sequence[int]) -> list[int]:
    """The fair grants: 6 A for each that is admitted, and the rest shared out equally."""
    floors = [MIN_MA if share.turn.admitted else 0 for share in shares]
    return raise_equally(floors, mosts, _lines(shares), _left(room, floors, shares))


def settle(
    shares: Sequence[Share], targets: Sequence[int], room: Sequence[int], now_ms: int
) -> list[Share]:
    """Lower at once; raise only into what nobody may be taking any more."""
    shares = [_lower(s, target, now_ms) for s, target in zip(shares, targets, strict=True)]
    grants = [
        min(target_ma, max(share.granted_ma, share.falling_ma))
        for share, target_ma in zip(shares, targets, strict=True)
    ]
    held = [max(ma, share.falling_ma) for ma, share in zip(grants, shares, strict=True)]
    if held == grants:
        return [replace(s, granted_ma=ma) for s, ma in zip(shares, targets, strict=True)]
    left = _left(room, held, shares)
    for i in sorted(range(len(shares)), key=lambda i: shares[i].turn.served_ms):
        if grants[i] == 0 and targets[i] and all(left[n] >= MIN_MA for n in shares[i].turn.lines):
            grants[i] = MIN_MA
            for line in shares[i].turn.lines:
                left[line] -= MIN_MA
    mosts = [target if ma else 0 for ma, target in zip(grants, targets, strict=True)]
    grants = raise_equally(grants, mosts, _lines(shares), left)
    return [replace(s, granted_ma=ma) for s, ma in zip(shares, grants, strict=True)]


def _lower(share: Share, target_ma: int, now_ms: int) -> Share:
    old_ma = share.granted_ma
    if target_ma >= old_ma:
        return share
    kept = tuple(entry for entry in share.falling if entry[1] > old_ma)
    falling = (*kept, (now_ms + RELEASE_MS, old_ma))
    return replace(share, granted_ma=target_ma, falling=falling)


def _lines(shares: Sequence[Share]) -> list[tuple[int, ...]]:
    return [share.turn.lines for share in shares]


def _left(room: Sequence[int], taken: Sequence[int], shares: Sequence[Share]) -> list[int]:
    left = list(room)
    for share, taken_ma in zip(shares, taken, strict=True):
        for line in share.turn.lines:
            left[line] -= taken_ma
    return left
