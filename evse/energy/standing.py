"""How a station's energy stands, for people: the fuse, the mains, each EVSE's part. Pure."""

from __future__ import annotations

import msgspec

from evse.energy.granting import Share
from evse.energy.mains import Amps, Mode, Phase
from evse.energy.rotation import readmission_ms
from evse.energy.sharing import Fuse
from evse.energy.station import StationEnergy


class Part(msgspec.Struct, frozen=True):
    """One EVSE's."""

    evse: int
    grant_a: float
    """Per phase."""
    admitted: bool
    """It may charge; where there is not enough for everybody: it has its turn."""
    waits: bool
    """It wants to, and may not."""
    rests_left_ms: int | None
    """It had to stop for lack of current, and does not start again before; None: not so."""


class Mains(msgspec.Struct, frozen=True):
    """What is seen of the mains, and what follows from it."""

    mode: Mode
    phase: Phase
    limit_a: float
    """Per line, for the site."""
    sum_limit_a: float | None
    fallback_a: float
    """What the EVSEs share while the meter is lost."""
    current_a: Amps | None
    """The last reading, whatever its age; below 0: sold. None before the first one."""
    age_ms: int | None
    lost: bool
    solar_stop_left_ms: int | None
    """There is too little sun, and charging stops after this."""
    blocked_left_ms: int | None
    """Nobody starts before, since the mains were overloaded or the sun went."""


class Standing(msgspec.Struct, frozen=True):
    fuse_a: float
    """Per line, for all EVSEs together."""
    budget_a: float
    """What of it they may share now."""
    mains: Mains | None
    turn_left_ms: int | None
    """They take turns, and the present one lasts so long; None while everybody fits."""
    evses: tuple[Part, ...]


def standing(energy: StationEnergy, now_ms: int) -> Standing:
    """As of `now_ms`."""
    shares = energy.sharing.shares
    return Standing(
        fuse_a=energy.fuse.limit_a,
        budget_a=energy.budget_a,
        mains=_mains(energy, now_ms),
        turn_left_ms=_left_ms(energy.sharing.turn_ends_ms, now_ms),
        evses=tuple(_part(share, energy.fuse, now_ms) for share in shares.values()),
    )


def _part(share: Share, fuse: Fuse, now_ms: int) -> Part:
    turn = share.turn
    waits = share.eligible and not turn.admitted
    rests_left_ms = _left_ms(readmission_ms(turn, fuse.dwell_ms), now_ms) if waits else None
    return Part(
        evse=turn.evse,
        grant_a=share.granted_a,
        admitted=turn.admitted,
        waits=waits,
        rests_left_ms=rests_left_ms or None,
    )


def _mains(energy: StationEnergy, now_ms: int) -> Mains | None:
    site, balance, reading = energy.site, energy.balance, energy.reading
    if site is None:
        return None
    blocked_left_ms = _left_ms(balance.blocked_ms, now_ms)
    return Mains(
        mode=energy.mode,
        phase=balance.phase,
        limit_a=site.max_mains_a,
        sum_limit_a=site.max_sum_a,
        fallback_a=site.fallback_a,
        current_a=None if reading is None else reading.mains_a,
        age_ms=None if reading is None else now_ms - reading.taken_ms,
        lost=balance.phase is Phase.FALLBACK,
        solar_stop_left_ms=_left_ms(balance.stop_ms, now_ms),
        blocked_left_ms=blocked_left_ms or None,
    )


def _left_ms(ends_ms: int | None, now_ms: int) -> int | None:
    return None if ends_ms is None else max(0, ends_ms - now_ms)
