"""How a cost goes on from what the back office reckoned, until it reckons again. Pure, decimal.

An estimate for a display: it bills nothing. Prices change at the next period's time; standing
there costs nothing until the grace is over.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import msgspec

MS_PER_HOUR = 3_600_000
COST_DECIMALS = 3
"""NumberOfDecimalsForCostValues."""
_STEP = Decimal(1).scaleb(-COST_DECIMALS)
_NOTHING = Decimal(0)


class Tariff(msgspec.Struct, frozen=True):
    """Prices per kWh, per hour of charging, per hour of standing there after `grace_ms`."""

    kwh: Decimal = _NOTHING
    hour: Decimal = _NOTHING
    idle_hour: Decimal = _NOTHING
    grace_ms: int = 0


class Tally(msgspec.Struct, frozen=True):
    """The cost at `at_ms` (wall time, ms since 1970) and register `wh`; `idle_since_ms`: since when
    nothing is charged, None while something is."""

    cost: Decimal
    at_ms: int
    wh: int
    tariff: Tariff
    idle_since_ms: int | None = None
    following: Tariff | None = None
    following_at_ms: int = 0

    @property
    def shown(self) -> Decimal:
        """As money is shown."""
        return self.cost.quantize(_STEP, ROUND_HALF_UP)


def advance(tally: Tally, at_ms: int, wh: int, *, idle: bool) -> Tally:
    """The tally at `at_ms`; what was so far held until then, and `idle` holds from then on. A clock
    or a register that ran back changes nothing but that."""
    at_ms, wh = max(at_ms, tally.at_ms), max(wh, tally.wh)
    following = tally.following
    if following is not None and at_ms >= tally.following_at_ms:
        change_ms = max(tally.following_at_ms, tally.at_ms)
        length_ms = at_ms - tally.at_ms
        share = Decimal(change_ms - tally.at_ms) / length_ms if length_ms else _NOTHING
        between_wh = tally.wh + int((wh - tally.wh) * share)
        tally = _grown(tally, change_ms, between_wh)
        tally = msgspec.structs.replace(tally, tariff=following, following=None)
    tally = _grown(tally, at_ms, wh)
    since_ms = (at_ms if tally.idle_since_ms is None else tally.idle_since_ms) if idle else None
    return msgspec.structs.replace(tally, idle_since_ms=since_ms)


def _grown(tally: Tally, at_ms: int, wh: int) -> Tally:
    """By one tariff."""
    tariff = tally.tariff
    cost = tally.cost + tariff.kwh * (wh - tally.wh) / 1_000
    if tally.idle_since_ms is None:
        cost += tariff.hour * (at_ms - tally.at_ms) / MS_PER_HOUR
    else:
        paid_from_ms = max(tally.at_ms, tally.idle_since_ms + tariff.grace_ms)
        cost += tariff.idle_hour * max(0, at_ms - paid_from_ms) / MS_PER_HOUR
    return msgspec.structs.replace(tally, cost=cost, at_ms=at_ms, wh=wh)
