"""A station fuse shared among several EVSEs.

Pure: `step` turns a state, the claims and what the fuse can still carry into the next state.
Guarantees, line by line: the grants never exceed the budget; while one car follows a lower offer
nobody else is granted what it may still be taking; nobody is granted less than 6 A but 0; the
same claims give the same grants. Assumes that every grant reaches the pilot at once when it is
lower (`Limit.safety`), and that all loads of the fuse are EVSEs or off the budget already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from evse.clock import earliest_after
from evse.energy.claims import LEND_DWELL_MS, MIN_MA, Claim, Demand, follow
from evse.energy.current_guard import DEFAULT_POLICY
from evse.energy.granting import RELEASE_MS, Share, fair_grants, settle
from evse.energy.rotation import Turn, join, pick, readmission_ms
from evse.energy.waterfill import MA_PER_A, to_ma
from evse.limits import Limit

SLICE_MS = 900_000
"""Own: a turn lasts a quarter of an hour, so a contactor moves four times an hour at most."""
DWELL_MS = 60_000
"""Nobody is started again within 60 s of being stopped (SmartEVSE's delay after a shortage)."""
YIELD_MS = 60_000
"""Own: a car that takes nothing for so long, while others wait, gives up its turn."""
GREATEST_A = 1_000.0
FUSE = "station fuse"
"""What is shared, by its name for people."""

Budget = tuple[float, float, float]


class Fuse(msgspec.Struct, frozen=True, kw_only=True):
    """Raises ValueError for values that do not fit together."""

    limit_a: float
    """Rating per line, for all EVSEs together."""
    safe_a: float
    """What all EVSEs together may take per line while the meter of the fuse is lost."""
    slice_ms: int = SLICE_MS
    dwell_ms: int = DWELL_MS

    def __post_init__(self) -> None:
        if not 0 <= self.safe_a <= self.limit_a <= GREATEST_A:
            raise ValueError(
                f"fuse: safe_a {self.safe_a} must lie between 0 and limit_a {self.limit_a}"
            )
        if not 0 <= self.dwell_ms <= self.slice_ms - RELEASE_MS:
            raise ValueError(
                f"fuse: dwell_ms {self.dwell_ms} must lie {RELEASE_MS} below slice_ms"
                f" {self.slice_ms}"
            )


class Sharing(msgspec.Struct, frozen=True):
    """The state of the whole fuse, by EVSE."""

    shares: Mapping[int, Share] = {}
    turn_ends_ms: int | None = None
    """Somebody waits, and the present turn lasts until then."""
    stepped_ms: int = 0

    def limit(self, evse: int, source: str = FUSE) -> Limit:
        """The grant as a limit of that EVSE, named after what is shared; 0 A for one that never
        claimed."""
        share = self.shares.get(evse)
        limit_a = 0.0 if share is None else share.granted_a
        return Limit(source=source, limit_a=limit_a, safety=True)


def step(
    sharing: Sharing,
    claims: Sequence[Claim],
    fuse: Fuse,
    now_ms: int,
    *,
    budget_a: Budget | None,
) -> Sharing:
    """Share out `budget_a` (what the EVSEs may take of each line now; no more than the fuse) at
    `now_ms`. None = the meter of the fuse is lost: an equal, static share of `fuse.safe_a` each.
    Every EVSE of the station has to claim, at each step; raises ValueError otherwise."""
    _check(sharing, claims)
    shares = _observe(sharing, claims, fuse, now_ms, metered=budget_a is not None)
    amps = (fuse.safe_a,) * 3 if budget_a is None else budget_a
    room = [to_ma(line_a, fuse.limit_a) for line_a in amps]
    for share, claim in zip(shares, claims, strict=True):
        _charge_excess(room, share, claim)
    contended = sharing.turn_ends_ms
    anew = contended is not None and now_ms >= contended
    waiting = [share.turn for share in shares if share.eligible]
    chosen = pick(waiting, room, now_ms, dwell_ms=fuse.dwell_ms, anew=anew)
    shares = [_admit(share, share.turn.evse in chosen, now_ms) for share in shares]
    mosts = _mosts(shares, claims, fuse, metered=budget_a is not None)
    shares = settle(shares, fair_grants(shares, mosts, room), room, now_ms)
    ends_ms = contended
    if len(chosen) == len(waiting):
        ends_ms = None
    elif anew or contended is None:
        ends_ms = now_ms + fuse.slice_ms
    return Sharing({share.turn.evse: share for share in shares}, ends_ms, now_ms)


def next_deadline_ms(sharing: Sharing, fuse: Fuse, now_ms: int) -> int | None:
    """When the grants may change though the claims do not."""
    found: list[int | None] = [sharing.turn_ends_ms]
    for share in sharing.shares.values():
        found += [until_ms for until_ms, _ in share.falling]
        spare_ms, idle_ms = share.demand.spare_since_ms, share.demand.idle_since_ms
        found.append(None if spare_ms is None else spare_ms + LEND_DWELL_MS)
        found.append(None if idle_ms is None else idle_ms + YIELD_MS)
        if share.eligible and not share.turn.admitted:
            found.append(readmission_ms(share.turn, fuse.dwell_ms))
    return earliest_after(now_ms, *found)


def _check(sharing: Sharing, claims: Sequence[Claim]) -> None:
    evses = [claim.evse for claim in claims]
    if len(set(evses)) != len(evses):
        raise ValueError(f"fuse: an EVSE claims twice: {evses}")
    if sharing.shares and set(evses) != set(sharing.shares):
        raise ValueError(f"fuse: EVSEs {sorted(sharing.shares)} share it, but {evses} claim")


def _observe(
    sharing: Sharing, claims: Sequence[Claim], fuse: Fuse, now_ms: int, *, metered: bool
) -> list[Share]:
    """The shares after the time since the last step and with what the claims tell."""
    present = [share.turn for share in sharing.shares.values() if share.eligible]
    elapsed_ms = now_ms - sharing.stepped_ms if sharing.turn_ends_ms is not None else 0
    return [
        _yield_turn(
            _observe_one(sharing.shares, claim, fuse, present, elapsed_ms, now_ms),
            sharing.turn_ends_ms if metered else None,
            now_ms,
        )
        for claim in claims
    ]


def _observe_one(
    shares: Mapping[int, Share],
    claim: Claim,
    fuse: Fuse,
    present: Sequence[Turn],
    elapsed_ms: int,
    now_ms: int,
) -> Share:
    share = shares.get(claim.evse) or Share(turn=Turn(evse=claim.evse, lines=claim.lines))
    if not set(claim.lines) <= set(share.turn.lines):
        # Its phase contact moved, with the contactor open: on the new lines it has nothing yet.
        share = replace(share, granted_ma=0, falling=(), demand=Demand())
    turn = replace(share.turn, lines=claim.lines)
    eligible = claim.wants and to_ma(claim.limit_a, fuse.limit_a) >= MIN_MA
    if turn.admitted:
        turn = replace(turn, served_ms=turn.served_ms + elapsed_ms)
    elif eligible and not share.eligible:
        turn = join(turn, present)
    if not eligible:
        turn = replace(turn, admitted=False, refused_ms=None)
    draw_ma = None if claim.draw_a is None else to_ma(max(map(abs, claim.draw_a)), GREATEST_A)
    return Share(
        turn=turn,
        granted_ma=share.granted_ma,
        falling=tuple(entry for entry in share.falling if entry[0] > now_ms),
        demand=follow(share.demand, draw_ma, share.granted_ma, now_ms),
        eligible=eligible,
    )


def _yield_turn(share: Share, turn_ends_ms: int | None, now_ms: int) -> Share:
    """While others wait, a car that takes nothing gives up the rest of its turn, and the turn
    counts as taken."""
    idle_ms = share.demand.idle_since_ms
    if turn_ends_ms is None or idle_ms is None or now_ms - idle_ms < YIELD_MS:
        return share
    served_ms = share.turn.served_ms + max(0, turn_ends_ms - now_ms)
    turn = replace(share.turn, admitted=False, refused_ms=now_ms, served_ms=served_ms)
    return replace(share, turn=turn, demand=Demand())


def _charge_excess(room: list[int], share: Share, claim: Claim) -> None:
    """Take off the budget what a car takes beyond its grant, once it has had time to follow."""
    if claim.draw_a is None or share.falling:
        return
    for line, draw_a in enumerate(claim.draw_a):
        granted_ma = share.granted_ma if line in claim.lines else 0
        allowed_a = DEFAULT_POLICY.allowed_a(granted_ma / MA_PER_A)
        if abs(draw_a) > allowed_a:
            room[line] = max(0, room[line] - to_ma(abs(draw_a), GREATEST_A) + granted_ma)


def _admit(share: Share, admitted: bool, now_ms: int) -> Share:
    if share.turn.admitted == admitted:
        return share
    refused_ms = now_ms if share.eligible and not admitted else share.turn.refused_ms
    return replace(share, turn=replace(share.turn, admitted=admitted, refused_ms=refused_ms))


def _mosts(
    shares: Sequence[Share], claims: Sequence[Claim], fuse: Fuse, *, metered: bool
) -> list[int]:
    """The most that each may be granted; 0 for those that are not admitted."""
    static_ma = max(MIN_MA, to_ma(fuse.safe_a, fuse.safe_a) // len(claims)) if claims else 0
    mosts = []
    for share, claim in zip(shares, claims, strict=True):
        most_ma = to_ma(claim.limit_a, fuse.limit_a)
        cap_ma = share.demand.cap_ma if metered else static_ma
        most_ma = most_ma if cap_ma is None else min(most_ma, cap_ma)
        mosts.append(most_ma if share.turn.admitted else 0)
    return mosts
