"""A shared fuse is never exceeded, nobody gets less than 6 A but 0, and turns are fair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evse.energy.claims import (
    ALL_LINES,
    LEND_DWELL_MS,
    MIN_MA,
    Claim,
    Demand,
    follow,
    lines_of,
)
from evse.energy.current_guard import DEFAULT_POLICY
from evse.energy.granting import RELEASE_MS, Share, settle
from evse.energy.rotation import Turn, join
from evse.energy.sharing import (
    DWELL_MS,
    SLICE_MS,
    YIELD_MS,
    Budget,
    Fuse,
    Sharing,
    next_deadline_ms,
    step,
)
from evse.energy.waterfill import Lines, raise_equally, to_ma

FUSE = Fuse(limit_a=32, safe_a=20)
L1: Lines = (0,)
L2: Lines = (1,)
L3: Lines = (2,)


def claim(evse: int, limit_a: float = 32, **more: object) -> Claim:
    return msgspec.structs.replace(Claim(evse=evse, wants=True, limit_a=limit_a), **more)


def flat(amps: float) -> Budget:
    return (amps, amps, amps)


def granted(sharing: Sharing) -> list[float]:
    return [share.granted_a for share in sharing.shares.values()]


def settled(
    claims: Sequence[Claim], fuse: Fuse = FUSE, budget_a: Budget | None = None
) -> list[float]:
    """The grants once every reserve has been released."""
    sharing = Sharing()
    for now_ms in (0, RELEASE_MS, 2 * RELEASE_MS):
        sharing = step(sharing, claims, fuse, now_ms, budget_a=budget_a or flat(fuse.limit_a))
    return granted(sharing)


def run(
    fuse: Fuse,
    end_ms: int,
    claims: Callable[[int], Sequence[Claim]],
    budget_a: Callable[[int], Budget | None],
    every_ms: int,
) -> list[tuple[int, Sharing]]:
    sharing, trace = Sharing(), []
    for now_ms in range(0, end_ms + 1, every_ms):
        sharing = step(sharing, claims(now_ms), fuse, now_ms, budget_a=budget_a(now_ms))
        trace.append((now_ms, sharing))
    return trace


# --- fair shares ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ([claim(1)], [32]),
        ([claim(1), claim(2)], [16, 16]),
        ([claim(1, 10), claim(2)], [10, 22]),
        ([claim(1, wants=False), claim(2)], [0, 32]),
        ([claim(1, 5.9), claim(2)], [0, 32]),
        ([claim(1, 6), claim(2, 6), claim(3)], [6, 6, 20]),
        ([claim(1, lines=L1), claim(2, lines=L2), claim(3, lines=L3)], [32, 32, 32]),
        ([claim(1, lines=L1), claim(2, lines=L1), claim(3, lines=L2)], [16, 16, 32]),
        ([claim(1), claim(2, lines=L1), claim(3, lines=L2)], [16, 16, 16]),
        ([claim(1), claim(2, 10, lines=L1), claim(3, lines=L2)], [16, 10, 16]),
    ],
)
def test_each_gets_the_same_or_all_it_can_take(claims: list[Claim], expected: list[float]) -> None:
    assert settled(claims) == expected


def test_a_car_on_a_poorer_line_leaves_the_rest_to_the_others() -> None:
    claims = [claim(1), claim(2, lines=L2)]
    assert settled(claims, budget_a=(10, 32, 32)) == [10, 22]


@pytest.mark.parametrize(
    ("rotation", "phases", "lines"),
    [
        ("RST", 3, (0, 1, 2)),
        ("RST", 1, (0,)),
        ("STR", 1, (1,)),
        ("TRS", 1, (2,)),
        ("TSR", 2, (2, 1)),
        ("Unknown", 1, (0, 1, 2)),
        ("NotApplicable", 1, ALL_LINES),
        ("", 1, ALL_LINES),
        ("RRR", 1, ALL_LINES),
    ],
)
def test_phase_rotation_names_the_lines_and_an_unknown_one_counts_on_all(
    rotation: str, phases: int, lines: Lines
) -> None:
    assert lines_of(rotation, phases) == lines


def test_an_evse_has_1_to_3_phases() -> None:
    with pytest.raises(ValueError, match="phase rotation RST: 0 phases"):
        lines_of("RST", 0)
    with pytest.raises(ValueError, match="phase rotation RST: 4 phases"):
        lines_of("RST", 4)


@pytest.mark.parametrize(
    ("amps", "ma"),
    [(32.3, 32_300), (0.5, 500), (-1, 0), (float("nan"), 0), (float("inf"), 80_000), (99, 80_000)],
)
def test_amps_become_whole_milliamps_between_0_and_the_most(amps: float, ma: int) -> None:
    assert to_ma(amps, 80) == ma


def test_the_fill_hands_out_the_last_milliamp_and_takes_no_floor_back() -> None:
    assert raise_equally([0], [1], [L1], (1, 0, 0)) == [1]
    assert raise_equally([6_000, 0], [5_000, 10_000], [ALL_LINES] * 2, (20_000,) * 3) == [
        6_000,
        10_000,
    ]


rooms = st.tuples(*[st.integers(0, 100_000)] * 3)
line_sets = st.sampled_from([L1, L2, L3, (0, 1), (1, 2), (0, 1, 2)])
requests = st.lists(st.tuples(st.integers(0, 40_000), line_sets), max_size=8)


@given(requests, rooms)
def test_the_fill_is_within_every_line_and_max_min_fair(
    rows: list[tuple[int, Lines]], room: tuple[int, int, int]
) -> None:
    mosts, lines = [most for most, _ in rows], [on for _, on in rows]
    shares = raise_equally([0] * len(rows), mosts, lines, room)
    left = list(room)
    for ma, on in zip(shares, lines, strict=True):
        for line in on:
            left[line] -= ma
    assert min(left) >= 0
    for i, ma in enumerate(shares):
        assert ma <= mosts[i]
        if ma == mosts[i]:
            continue
        bottlenecks = [
            line
            for line in lines[i]
            if left[line] < len(rows)
            and ma + 1 >= max(s for s, on in zip(shares, lines, strict=True) if line in on)
        ]
        assert bottlenecks, "it could have more without taking it from a poorer one"


# --- the invariants, in any script ----------------------------------------------------------------

own_limits = st.sampled_from([0.0, 5.0, 6.0, 10.0, 16.0, 32.0])
line_amps = st.sampled_from([0.0, 5.9, 6.0, 11.9, 12.0, 18.5, 25.0, 32.0, 99.0])
budgets = st.none() | st.tuples(line_amps, line_amps, line_amps)
draws = st.none() | st.tuples(*[st.sampled_from([0.0, 6.0, 9.0, 16.0, 33.0])] * 3)


@st.composite
def scripts(draw: st.DrawFn) -> list[tuple[int, list[Claim], Budget | None]]:
    evses = range(1, draw(st.integers(1, 5)) + 1)
    one = st.builds(
        Claim,
        evse=st.just(0),
        wants=st.booleans(),
        limit_a=own_limits,
        lines=line_sets,
        draw_a=draws,
    )
    steps = draw(
        st.lists(
            st.tuples(
                st.sampled_from([0, 100, 1_000, 5_000, 7_000, 30_000, 61_000, 900_000]),
                st.tuples(*[one for _ in evses]),
                budgets,
            ),
            max_size=12,
        )
    )
    return [
        (wait, [msgspec.structs.replace(c, evse=e) for e, c in zip(evses, claims, strict=True)], b)
        for wait, claims, b in steps
    ]


def loads_ma(claims: Sequence[Claim], amounts: Sequence[int]) -> list[int]:
    return [
        sum(ma for c, ma in zip(claims, amounts, strict=True) if line in c.lines)
        for line in range(3)
    ]


@given(scripts())
def test_no_line_over_its_budget_nobody_between_0_and_6_a_nobody_over_its_own_limit(
    script: list[tuple[int, list[Claim], Budget | None]],
) -> None:
    sharing, now_ms = Sharing(), 0
    for wait_ms, claims, budget_a in script:
        now_ms += wait_ms
        sharing = step(sharing, claims, FUSE, now_ms, budget_a=budget_a)
        grants = [sharing.shares[c.evse].granted_ma for c in claims]
        room = flat(FUSE.safe_a) if budget_a is None else budget_a
        for load_ma, line_a in zip(loads_ma(claims, grants), room, strict=True):
            assert load_ma <= min(line_a, FUSE.limit_a) * 1_000
        for one, ma in zip(claims, grants, strict=True):
            assert ma == 0 or ma >= MIN_MA
            assert ma <= one.limit_a * 1_000
            assert one.wants or ma == 0


@given(scripts())
def test_what_cars_may_still_be_taking_never_exceeds_the_fuse(
    script: list[tuple[int, list[Claim], Budget | None]],
) -> None:
    """For RELEASE_MS after its grant was lowered a car may take the old one."""
    sharing, now_ms = Sharing(), 0
    lines = [one.lines for one in script[0][1]] if script else []
    lowered: dict[int, list[tuple[int, int]]] = {}
    for wait_ms, raw, _ in script:
        now_ms += wait_ms
        claims = [
            msgspec.structs.replace(one, lines=on) for one, on in zip(raw, lines, strict=True)
        ]
        before, sharing = sharing, step(sharing, claims, FUSE, now_ms, budget_a=flat(32))
        may_take = []
        for evse, share in sharing.shares.items():
            old_ma = before.shares[evse].granted_ma if before.shares else 0
            falls = lowered.setdefault(evse, [])
            if share.granted_ma < old_ma:
                falls.append((now_ms, old_ma))
            still = [ma for at_ms, ma in falls if now_ms - at_ms < RELEASE_MS]
            may_take.append(max([share.granted_ma, *still]))
        assert max(loads_ma(claims, may_take)) <= FUSE.limit_a * 1_000


@given(scripts())
def test_nobody_is_started_again_within_the_dwell_time_of_a_refusal(
    script: list[tuple[int, list[Claim], Budget | None]],
) -> None:
    sharing, now_ms = Sharing(), 0
    stopped: dict[int, int] = {}
    for wait_ms, raw, budget_a in script:
        now_ms += wait_ms
        claims = [msgspec.structs.replace(c, wants=True, limit_a=32.0) for c in raw]
        before, sharing = sharing, step(sharing, claims, FUSE, now_ms, budget_a=budget_a)
        for evse, share in sharing.shares.items():
            old_ma = before.shares[evse].granted_ma if before.shares else 0
            if old_ma and not share.granted_ma:
                stopped[evse] = now_ms
            if share.granted_ma and not old_ma and evse in stopped:
                assert now_ms - stopped[evse] >= DWELL_MS


@given(scripts())
def test_the_same_input_gives_the_same_state_and_twice_is_as_good_as_once(
    script: list[tuple[int, list[Claim], Budget | None]],
) -> None:
    one, two, now_ms = Sharing(), Sharing(), 0
    for wait_ms, raw, budget_a in script:
        now_ms += wait_ms
        claims = [msgspec.structs.replace(c, draw_a=None) for c in raw]
        one = step(one, claims, FUSE, now_ms, budget_a=budget_a)
        two = step(two, claims, FUSE, now_ms, budget_a=budget_a)
        assert one == two
        again = step(one, claims, FUSE, now_ms, budget_a=budget_a)
        # What a rounding left over, a milliamp each, may be handed out.
        assert granted(again) == pytest.approx(granted(one), abs=0.005)


@given(
    st.lists(st.tuples(own_limits, line_sets), min_size=1, max_size=5),
    st.tuples(line_amps, line_amps, line_amps),
)
def test_while_nothing_changes_and_nobody_waits_nothing_moves(
    rows: list[tuple[float, Lines]], budget_a: Budget
) -> None:
    claims = [claim(i, a, lines=on) for i, (a, on) in enumerate(rows)]
    trace = run(FUSE, 2 * SLICE_MS, lambda _: claims, lambda _: budget_a, 100_000)
    assume(trace[0][1].turn_ends_ms is None)
    assert len({tuple(granted(sharing)) for _, sharing in trace}) == 1


@given(
    st.lists(own_limits, min_size=1, max_size=6),
    st.floats(0, 60),
    st.floats(0, 40),
)
def test_on_the_same_lines_a_bigger_fuse_gives_nobody_less(
    limits_a: list[float], fuse_a: float, more_a: float
) -> None:
    claims = [claim(i, a) for i, a in enumerate(limits_a)]
    small = settled(claims, Fuse(limit_a=fuse_a, safe_a=0))
    big = settled(claims, Fuse(limit_a=fuse_a + more_a, safe_a=0))
    for less, more, limit_a in zip(small, big, limits_a, strict=True):
        # Where one more is let in, the others make room for it, but never below 6 A.
        if sum(map(bool, small)) == sum(map(bool, big)):
            assert more >= less - 0.001
        assert not less or more >= 6
        assert more <= limit_a


@given(
    st.lists(st.tuples(own_limits, st.sampled_from([L1, L2, L3, ALL_LINES])), max_size=6),
    st.floats(0, 60),
    st.floats(0, 40),
)
def test_on_any_lines_a_bigger_fuse_stops_nobody(
    rows: list[tuple[float, Lines]], fuse_a: float, more_a: float
) -> None:
    claims = [claim(i, a, lines=on) for i, (a, on) in enumerate(rows)]
    small = settled(claims, Fuse(limit_a=fuse_a, safe_a=0))
    big = settled(claims, Fuse(limit_a=fuse_a + more_a, safe_a=0))
    for less, more in zip(small, big, strict=True):
        assert not less or more >= 6


# --- handing over ---------------------------------------------------------------------------------


def test_a_newcomer_starts_only_after_the_others_have_had_their_time_to_follow() -> None:
    alone, both = [claim(1), claim(2, wants=False)], [claim(1), claim(2)]
    sharing = step(Sharing(), alone, FUSE, 0, budget_a=flat(32))
    sharing = step(sharing, both, FUSE, 1_000, budget_a=flat(32))
    assert granted(sharing) == [16, 0]
    assert next_deadline_ms(sharing, FUSE, 1_000) == 1_000 + RELEASE_MS
    sharing = step(sharing, both, FUSE, 999 + RELEASE_MS, budget_a=flat(32))
    assert granted(sharing) == [16, 0]
    sharing = step(sharing, both, FUSE, 1_000 + RELEASE_MS, budget_a=flat(32))
    assert granted(sharing) == [16, 16]


def test_a_car_that_is_lowered_twice_may_take_its_first_grant_for_all_its_time() -> None:
    sharing, grants = Sharing(), []
    for now_ms, limit_a, wants in [
        (0, 32, False),
        (1_000, 20, False),
        (2_000, 10, True),
        (7_999, 10, True),
        (8_000, 10, True),
        (9_000, 10, True),
    ]:
        claims = [claim(1, limit_a), claim(2, wants=wants)]
        sharing = step(sharing, claims, FUSE, now_ms, budget_a=flat(32))
        grants.append(granted(sharing))
    assert grants == [[32, 0], [20, 0], [10, 0], [10, 0], [10, 12], [10, 22]]


def share(
    evse: int,
    granted_ma: int = 0,
    falling: tuple[tuple[int, int], ...] = (),
    *,
    served_ms: int = 0,
    lines: Lines = ALL_LINES,
) -> Share:
    turn = Turn(evse=evse, lines=lines, admitted=True, served_ms=served_ms)
    return Share(turn=turn, granted_ma=granted_ma, falling=falling, eligible=True)


def settled_ma(shares: Sequence[Share], targets: Sequence[int], *room_ma: int) -> list[int]:
    return [one.granted_ma for one in settle(shares, targets, room_ma, 0)]


def test_while_a_car_follows_the_least_served_of_those_that_fit_starts_first() -> None:
    falls = share(1, 6_000, ((7_000, 20_000),))
    waiting = [share(2, served_ms=500), share(3, served_ms=100), share(4, served_ms=100)]
    assert settled_ma([falls, *waiting], [6_000] * 4, *[26_000] * 3) == [6_000, 0, 6_000, 0]
    assert settled_ma([falls, *waiting], [6_000] * 4, *[25_999] * 3) == [6_000, 0, 0, 0]


def test_while_a_car_follows_another_starts_only_where_each_of_its_lines_has_6_a() -> None:
    falls = share(1, 6_000, ((7_000, 20_000),))
    starts = [falls, share(2, lines=(0, 1))]
    assert settled_ma(starts, [6_000, 6_000], 26_000, 25_999, 0) == [6_000, 0]
    assert settled_ma(starts, [6_000, 6_000], 26_000, 26_000, 0) == [6_000, 6_000]


def test_while_a_car_follows_what_is_free_raises_those_that_charge_and_starts_nobody_low() -> None:
    shares = [share(1, 6_000, ((7_000, 20_000),)), share(2, 8_000), share(3)]
    assert settled_ma(shares, [6_000, 12_000, 6_000], *[32_000] * 3) == [6_000, 12_000, 0]


def test_of_what_a_car_may_still_take_only_what_counts_is_kept() -> None:
    (lowered,) = settle([share(1, 20_000, ((5_000, 10_000),))], [6_000], [32_000] * 3, 0)
    assert lowered.falling == ((RELEASE_MS, 20_000),)
    (again,) = settle([share(1, 20_000, ((5_000, 20_000),))], [6_000], [32_000] * 3, 0)
    assert again.falling == ((RELEASE_MS, 20_000),)
    (lowered,) = settle([lowered], [0], [32_000] * 3, 1_000)
    assert lowered.falling == ((RELEASE_MS, 20_000), (1_000 + RELEASE_MS, 6_000))


def test_steady_small_lowerings_do_not_starve_a_newcomer() -> None:
    def claims(now_ms: int) -> list[Claim]:
        return [claim(1), claim(2, wants=now_ms >= 10_000)]

    trace = run(FUSE, 60_000, claims, lambda now_ms: flat(32 - now_ms / 10_000), 2_000)
    first = next(now_ms for now_ms, s in trace if s.shares[2].granted_ma)
    assert first <= 10_000 + RELEASE_MS + 2_000


def test_a_car_that_still_follows_a_lower_grant_is_not_charged_for_its_old_one() -> None:
    sharing = step(Sharing(), [claim(1), claim(2, wants=False)], FUSE, 0, budget_a=flat(32))
    follows = [claim(1, draw_a=flat(32)), claim(2)]
    for now_ms in (1_000, 2_000):
        sharing = step(sharing, follows, FUSE, now_ms, budget_a=flat(32))
        assert granted(sharing) == [16, 0]


def test_what_the_guardian_tolerates_is_not_charged() -> None:
    claims = [claim(1, 10, draw_a=flat(DEFAULT_POLICY.allowed_a(10))), claim(2)]
    sharing = step(Sharing(), [claim(1, 10), claim(2)], FUSE, 0, budget_a=flat(32))
    assert granted(step(sharing, claims, FUSE, 10_000, budget_a=flat(32))) == [10, 22]


def test_what_a_car_takes_beyond_its_grant_is_charged_to_the_fuse() -> None:
    rude, good = claim(1, 10, draw_a=flat(20)), claim(2)
    sharing = step(Sharing(), [claim(1, 10), good], FUSE, 0, budget_a=flat(32))
    assert granted(sharing) == [10, 22]
    sharing = step(sharing, [rude, good], FUSE, 10_000, budget_a=flat(32))
    assert granted(sharing) == [10, 12]


def test_current_on_a_line_that_nobody_claimed_is_charged_too() -> None:
    stray, good = claim(1, 10, lines=L1, draw_a=(10, 10, 0)), claim(2)
    sharing = step(Sharing(), [claim(1, 10, lines=L1), good], FUSE, 0, budget_a=flat(32))
    sharing = step(sharing, [stray, good], FUSE, 10_000, budget_a=flat(32))
    assert granted(sharing) == [10, 22]
    sharing = step(sharing, [stray, good], FUSE, 10_000, budget_a=(32, 20, 32))
    assert granted(sharing) == [10, 10]


# --- turns ----------------------------------------------------------------------------------------


def test_three_cars_on_a_16_a_fuse_two_charge_and_the_turn_goes_round_by_15_minutes() -> None:
    fuse = Fuse(limit_a=16, safe_a=6)
    claims = [claim(n) for n in (1, 2, 3)]
    trace = run(fuse, 3 * SLICE_MS + 20_000, lambda _: claims, lambda _: flat(16), 10_000)
    turns = [granted(trace[(n * SLICE_MS + 20_000) // 10_000][1]) for n in range(4)]
    assert turns == [[8, 8, 0], [8, 0, 8], [0, 8, 8], [8, 8, 0]]


@pytest.mark.parametrize(
    ("served_ms", "others_ms", "stands_ms"),
    [(5, [], 0), (0, [0, 9], 0), (5, [10, 20], 10), (15, [20, 10], 15), (30, [10, 20], 20)],
)
def test_a_newcomer_stands_among_those_that_are_there(
    served_ms: int, others_ms: list[int], stands_ms: int
) -> None:
    newcomer = Turn(evse=1, lines=L1)
    assert newcomer.served_ms == 0
    others = [Turn(evse=2, lines=L1, served_ms=at_ms) for at_ms in others_ms]
    joined = join(msgspec.structs.replace(newcomer, served_ms=served_ms), others)
    assert joined.served_ms == stands_ms


@settings(max_examples=40)
@given(
    st.integers(2, 6),
    st.floats(6, 30),
    st.sampled_from([10_000, 20_000]),
)
def test_over_any_time_two_cars_on_the_same_lines_differ_by_no_more_than_one_turn(
    count: int, fuse_a: float, every_ms: int
) -> None:
    fuse = Fuse(limit_a=fuse_a, safe_a=0, slice_ms=120_000)
    claims = [claim(n) for n in range(count)]
    assume(fuse_a < 6 * count)
    sharing, served = Sharing(), [0] * count
    for now_ms in range(0, 4 * count * fuse.slice_ms, every_ms):
        sharing = step(sharing, claims, fuse, now_ms, budget_a=flat(fuse_a))
        for n, share in enumerate(sharing.shares.values()):
            served[n] += every_ms if share.turn.admitted else 0
        assert max(served) - min(served) <= fuse.slice_ms + every_ms
    assert sum(map(bool, granted(sharing))) in (0, int(fuse_a // 6))


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from([L1, L2, L3, (0, 1), ALL_LINES]), min_size=2, max_size=6),
    st.sampled_from([6.0, 12.0, 15.0]),
)
def test_on_mixed_lines_nobody_waits_longer_than_one_turn_for_each_that_shares_the_fuse(
    lines: list[Lines], fuse_a: float
) -> None:
    fuse = Fuse(limit_a=fuse_a, safe_a=0, slice_ms=120_000)
    claims = [claim(n, lines=on) for n, on in enumerate(lines)]
    sharing, last = Sharing(), [0] * len(lines)
    for now_ms in range(0, 5 * len(lines) * fuse.slice_ms, 20_000):
        sharing = step(sharing, claims, fuse, now_ms, budget_a=flat(fuse_a))
        for n, share in enumerate(sharing.shares.values()):
            last[n] = now_ms if share.turn.admitted else last[n]
            assert now_ms - last[n] <= len(lines) * fuse.slice_ms


def test_who_charges_goes_on_when_one_more_arrives_who_waits_for_the_end_of_the_turn() -> None:
    fuse = Fuse(limit_a=12, safe_a=6)
    at_first = [claim(1), claim(2), claim(3, wants=False)]
    sharing = step(Sharing(), at_first, fuse, 0, budget_a=flat(12))
    claims = [claim(n) for n in (1, 2, 3)]
    sharing = step(sharing, claims, fuse, 5_000, budget_a=flat(12))
    assert granted(sharing) == [6, 6, 0]
    assert sharing.turn_ends_ms == 5_000 + SLICE_MS


def test_a_place_that_becomes_free_goes_to_the_one_that_waits_at_once() -> None:
    fuse = Fuse(limit_a=6, safe_a=6)
    sharing = step(Sharing(), [claim(1), claim(2)], fuse, 0, budget_a=flat(6))
    assert granted(sharing) == [6, 0]
    left = [claim(1, wants=False), claim(2)]
    sharing = step(sharing, left, fuse, 1_000, budget_a=flat(6))
    sharing = step(sharing, left, fuse, 1_000 + RELEASE_MS, budget_a=flat(6))
    assert granted(sharing) == [0, 6]
    assert sharing.turn_ends_ms is None


def test_a_car_that_takes_nothing_while_another_waits_gives_up_its_turn_and_no_more_often() -> None:
    fuse = Fuse(limit_a=6, safe_a=6)
    claims = [claim(1, draw_a=flat(0)), claim(2)]
    trace = run(fuse, 2 * SLICE_MS, lambda _: claims, lambda _: flat(6), 10_000)
    on = [now_ms for now_ms, s in trace if s.shares[1].granted_ma]
    assert max(now_ms for now_ms in on if now_ms < SLICE_MS) == YIELD_MS
    assert sum(b - a > 10_000 for a, b in pairwise(on)) <= 1


def test_a_car_that_comes_back_neither_jumps_the_queue_nor_pays_for_yesterday() -> None:
    fuse = Fuse(limit_a=6, safe_a=6)
    both, first, second = (
        [claim(1), claim(2)],
        [claim(1), claim(2, wants=False)],
        [claim(1, wants=False), claim(2)],
    )
    sharing = Sharing()
    for now_ms in range(0, 10 * SLICE_MS, 60_000):
        sharing = step(sharing, both, fuse, now_ms, budget_a=flat(6))
    hours = sharing.shares[1].turn.served_ms
    assert hours > SLICE_MS
    sharing = step(sharing, second, fuse, 10 * SLICE_MS, budget_a=flat(6))
    sharing = step(sharing, both, fuse, 11 * SLICE_MS, budget_a=flat(6))
    one, two = sharing.shares[1].turn.served_ms, sharing.shares[2].turn.served_ms
    assert one == two
    sharing = step(Sharing(), first, fuse, 0, budget_a=flat(6))
    assert step(sharing, both, fuse, 5, budget_a=flat(6)).shares[2].turn.served_ms == 0


def test_a_flapping_budget_stops_a_car_at_once_and_starts_it_after_the_dwell_time() -> None:
    budget = [flat(6) if n % 2 == 0 else flat(5) for n in range(200)]
    trace = run(FUSE, 199_000, lambda _: [claim(1)], lambda now_ms: budget[now_ms // 1_000], 1_000)
    on = [now_ms for now_ms, s in trace if s.shares[1].granted_ma]
    assert on == [0, 62_000, 124_000, 186_000], "each time for one step, 60 s after the stop"


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 40).map(lambda n: n * 1_000), budgets), max_size=5))
def test_stepping_at_deadlines_sees_what_stepping_every_second_sees(
    script: list[tuple[int, Budget | None]],
) -> None:
    fuse = Fuse(limit_a=32, safe_a=20, slice_ms=70_000, dwell_ms=20_000)
    claims = [claim(1), claim(2, lines=L1), claim(3, lines=L2), claim(4)]
    ticked, skipped, now_ms = Sharing(), Sharing(), 0
    for wait_ms, budget_a in script:
        end_ms = now_ms + wait_ms
        skipped = step(skipped, claims, fuse, now_ms, budget_a=budget_a)
        due_ms = next_deadline_ms(skipped, fuse, now_ms)
        while due_ms is not None and due_ms < end_ms:
            skipped = step(skipped, claims, fuse, due_ms, budget_a=budget_a)
            due_ms = next_deadline_ms(skipped, fuse, due_ms)
        for moment in range(now_ms, end_ms, 1_000):
            ticked = step(ticked, claims, fuse, moment, budget_a=budget_a)
        assert granted(ticked) == granted(skipped)
        now_ms = end_ms


# --- the meter of the fuse is lost ----------------------------------------------------------------


def test_without_the_meter_each_gets_an_equal_static_share_of_the_safe_value() -> None:
    claims = [claim(1), claim(2), claim(3, wants=False)]
    sharing = step(Sharing(), claims, FUSE, 0, budget_a=flat(32))
    assert granted(sharing) == [16, 16, 0]
    sharing = step(sharing, claims, FUSE, 10, budget_a=None)
    assert granted(sharing) == [pytest.approx(6.666), pytest.approx(6.666), 0]
    alone = [claim(1), claim(2, wants=False), claim(3, wants=False)]
    assert granted(step(sharing, alone, FUSE, 20, budget_a=None))[0] == pytest.approx(6.666)


def test_where_the_static_share_is_under_6_a_turns_of_6_a_are_taken() -> None:
    fuse = Fuse(limit_a=32, safe_a=12)
    claims = [claim(n) for n in (1, 2, 3)]
    trace = run(fuse, SLICE_MS + 10_000, lambda _: claims, lambda _: None, 10_000)
    assert granted(trace[1][1]) == [6, 6, 0]
    assert granted(trace[-1][1]) == [6, 0, 6]


def test_a_safe_value_of_0_stops_everybody_and_the_meter_that_returns_starts_them_again() -> None:
    fuse = Fuse(limit_a=32, safe_a=0)
    sharing = step(Sharing(), [claim(1)], fuse, 0, budget_a=flat(32))
    sharing = step(sharing, [claim(1)], fuse, 1, budget_a=None)
    assert granted(sharing) == [0]
    sharing = step(sharing, [claim(1)], fuse, 60_000, budget_a=flat(32))
    assert granted(sharing) == [0]
    sharing = step(sharing, [claim(1)], fuse, 60_001, budget_a=flat(32))
    assert granted(sharing) == [32]


# --- who stands where -----------------------------------------------------------------------------


NOTHING_KNOWN = Demand()


def standing(
    evse: int,
    *,
    served_ms: int = 0,
    refused_ms: int | None = None,
    admitted: bool = False,
    eligible: bool = True,
    demand: Demand = NOTHING_KNOWN,
) -> Share:
    turn = Turn(
        evse=evse, lines=ALL_LINES, admitted=admitted, served_ms=served_ms, refused_ms=refused_ms
    )
    granted_ma = MIN_MA if admitted else 0
    return Share(turn=turn, granted_ma=granted_ma, demand=demand, eligible=eligible)


def sharing_of(*shares: Share, turn_ends_ms: int | None = None, stepped_ms: int = 0) -> Sharing:
    return Sharing({share.turn.evse: share for share in shares}, turn_ends_ms, stepped_ms)


SIX = Fuse(limit_a=6, safe_a=0)


def test_only_those_that_want_to_charge_count_where_a_newcomer_lines_up() -> None:
    gone = standing(1, eligible=False)
    charges, waits = standing(2, served_ms=500, admitted=True), standing(3, served_ms=700)
    newcomer = standing(4, served_ms=9_000, eligible=False)
    sharing = sharing_of(gone, charges, waits, newcomer, turn_ends_ms=900_000, stepped_ms=100)
    claims = [claim(1, wants=False), claim(2), claim(3), claim(4)]
    after = step(sharing, claims, SIX, 100, budget_a=flat(6)).shares
    assert [after[evse].turn.served_ms for evse in (1, 2, 3, 4)] == [0, 500, 700, 700]


def test_the_time_that_counts_is_the_time_charged_while_others_wait() -> None:
    sharing, served = Sharing(), []
    for now_ms, others in [(5_000, False), (10_000, True), (25_000, True), (30_000, False)]:
        claims = [claim(1), claim(2, wants=others)]
        sharing = step(sharing, claims, SIX, now_ms, budget_a=flat(6))
        served.append(sharing.shares[1].turn.served_ms)
    assert served == [0, 0, 15_000, 20_000]


def test_a_car_that_left_and_comes_back_does_not_wait_out_its_old_refusal() -> None:
    sharing = sharing_of(standing(1, refused_ms=0))
    for now_ms, wants in [(1_000, False), (2_000, True)]:
        sharing = step(sharing, [claim(1, wants=wants)], FUSE, now_ms, budget_a=flat(32))
    assert granted(sharing) == [32]


@pytest.mark.parametrize(("now_ms", "served_ms"), [(60_000, 441_000), (500_000, 1_000)])
def test_a_car_that_takes_nothing_for_60_s_gives_up_its_turn_which_counts_as_taken(
    now_ms: int, served_ms: int
) -> None:
    idle = standing(1, served_ms=1_000, admitted=True, demand=Demand(idle_since_ms=0))
    sharing = sharing_of(idle, standing(2), turn_ends_ms=500_000, stepped_ms=now_ms)
    claims = [claim(1, draw_a=flat(0)), claim(2)]
    after = step(sharing, claims, SIX, now_ms, budget_a=flat(6)).shares[1]
    assert (after.turn.served_ms, after.turn.admitted) == (served_ms, False)
    assert (after.turn.refused_ms, after.demand) == (now_ms, Demand())


def test_a_car_that_takes_nothing_keeps_its_grant_while_nobody_waits() -> None:
    idle = standing(1, admitted=True, demand=Demand(idle_since_ms=0))
    sharing = step(sharing_of(idle), [claim(1, draw_a=flat(0))], SIX, 60_000, budget_a=flat(6))
    assert granted(sharing) == [6]


@pytest.mark.parametrize(
    ("share", "due_ms"),
    [
        (standing(1, admitted=True, demand=Demand(spare_since_ms=1_000)), 61_000),
        (standing(1, admitted=True, demand=Demand(idle_since_ms=2_000)), 62_000),
        (standing(1, refused_ms=5_000), 65_000),
        (standing(1, refused_ms=5_000, eligible=False), None),
        (standing(1, refused_ms=5_000, admitted=True), None),
    ],
)
def test_a_deadline_is_named_for_lending_for_yielding_and_for_the_end_of_a_refusal(
    share: Share, due_ms: int | None
) -> None:
    assert next_deadline_ms(sharing_of(share), FUSE, 10_000) == due_ms


# --- lending --------------------------------------------------------------------------------------


def test_a_car_that_takes_less_for_60_s_lends_the_rest_and_gets_it_back_when_it_wants_it() -> None:
    def claims(now_ms: int) -> list[Claim]:
        draw_a = 0 if now_ms == 0 else 9.5 if now_ms < 2 * LEND_DWELL_MS else 11.5
        return [claim(1, draw_a=flat(draw_a)), claim(2)]

    trace = run(FUSE, 3 * LEND_DWELL_MS, claims, lambda _: flat(32), 1_000)
    by_ms = {now_ms: granted(sharing) for now_ms, sharing in trace}
    assert by_ms[LEND_DWELL_MS] == [16, 16]
    assert by_ms[LEND_DWELL_MS + 1_000] == [11.5, 16]
    assert by_ms[LEND_DWELL_MS + 1_000 + RELEASE_MS] == [11.5, 20.5]
    assert by_ms[2 * LEND_DWELL_MS][1] == 16
    assert by_ms[2 * LEND_DWELL_MS + RELEASE_MS] == [16, 16]


def test_a_car_lends_only_what_it_leaves_beyond_2_a_of_headroom_and_half_an_ampere() -> None:
    assert follow(Demand(), 13_500, 16_000, 5).spare_since_ms is None
    assert follow(Demand(), 13_499, 16_000, 5).spare_since_ms == 5


def test_a_car_that_takes_all_but_1_a_of_its_grant_gets_its_full_claim_back() -> None:
    lent = Demand(cap_ma=8_000)
    assert follow(lent, 14_999, 16_000, 5).cap_ma == 8_000
    assert follow(lent, 15_000, 16_000, 5).cap_ma is None


def test_a_car_lends_down_to_the_most_that_it_took_in_the_60_s() -> None:
    demand = Demand()
    for now_ms, draw_ma in [(0, 9_000), (30_000, 4_000), (59_999, 4_000)]:
        demand = follow(demand, draw_ma, 16_000, now_ms)
        assert demand.cap_ma is None
    assert follow(demand, 4_000, 16_000, 60_000).cap_ma == 11_000


def test_under_1_a_a_car_counts_as_idle() -> None:
    idle = follow(Demand(), 999, 16_000, 5)
    assert idle.idle_since_ms == 5
    assert follow(idle, 999, 16_000, 10).idle_since_ms == 5
    assert follow(idle, 1_000, 16_000, 10).idle_since_ms is None


def test_a_car_on_one_line_is_judged_by_the_line_that_it_loads() -> None:
    def claims(now_ms: int) -> list[Claim]:
        return [claim(1, draw_a=(0, 15.5 if now_ms else 0, 0)), claim(2)]

    trace = run(FUSE, 2 * LEND_DWELL_MS, claims, lambda _: flat(32), 10_000)
    assert {tuple(granted(sharing)) for _, sharing in trace} == {(16, 16)}


def test_what_is_unknown_is_not_lent() -> None:
    lent = Demand(cap_ma=8_000, spare_since_ms=5)
    assert follow(lent, None, 16_000, 10) == Demand()
    assert follow(lent, 0, 0, 10) == Demand()


@given(st.lists(st.integers(9_700, 10_300), min_size=1, max_size=300))
def test_the_noise_of_a_steady_car_moves_its_cap_once(draws_ma: list[int]) -> None:
    demand, caps = Demand(), set()
    for n, draw_ma in enumerate(draws_ma):
        demand = follow(demand, draw_ma, min(16_000, demand.cap_ma or 16_000), n * 1_000)
        caps.add(demand.cap_ma)
    assert len(caps - {None}) <= 1


# --- what is refused ------------------------------------------------------------------------------


def test_every_evse_has_to_claim_each_time_and_once() -> None:
    sharing = step(Sharing(), [claim(1), claim(2)], FUSE, 0, budget_a=flat(32))
    with pytest.raises(ValueError, match=r"EVSEs \[1, 2\] share it, but \[1\] claim"):
        step(sharing, [claim(1)], FUSE, 1, budget_a=flat(32))
    with pytest.raises(ValueError, match=r"an EVSE claims twice: \[1, 1\]"):
        step(Sharing(), [claim(1), claim(1)], FUSE, 0, budget_a=flat(32))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"safe_a": 33.0}, "safe_a 33.0 must lie between 0 and limit_a 32"),
        ({"safe_a": -1.0}, "safe_a -1.0"),
        ({"limit_a": float("nan")}, "limit_a nan"),
        ({"limit_a": 1_000.1}, "limit_a 1000.1"),
        ({"dwell_ms": -1}, "dwell_ms -1"),
        ({"dwell_ms": SLICE_MS}, "dwell_ms 900000 must lie 7000 below slice_ms 900000"),
    ],
)
def test_a_fuse_that_does_not_fit_together_is_refused(fields: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        msgspec.structs.replace(FUSE, **fields)


def test_a_fuse_at_the_bounds_is_allowed() -> None:
    assert Fuse(limit_a=1_000, safe_a=1_000).limit_a == 1_000
    assert Fuse(limit_a=32, safe_a=0, dwell_ms=0, slice_ms=RELEASE_MS).dwell_ms == 0


def test_a_grant_is_a_safety_limit_and_a_stranger_has_none() -> None:
    sharing = step(Sharing(), [claim(1)], FUSE, 0, budget_a=flat(32))
    assert (sharing.limit(1).limit_a, sharing.limit(1).safety) == (32, True)
    assert sharing.limit(2).limit_a == 0


def test_a_station_without_evses_shares_nothing() -> None:
    assert step(Sharing(), [], FUSE, 0, budget_a=None) == Sharing()
