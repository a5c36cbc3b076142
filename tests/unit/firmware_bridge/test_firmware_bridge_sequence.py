"""Wrapping counters: what is newer, what is missing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.sequence import U16, U32, GapCounter, is_newer


@given(st.integers(0, U32 - 1), st.integers(1, U32 // 2 - 1))
def test_ahead_by_less_than_half_is_newer_and_never_both_ways(seq: int, step: int) -> None:
    ahead = (seq + step) % U32
    assert is_newer(ahead, seq, U32)
    assert not is_newer(seq, ahead, U32)
    assert not is_newer(seq, seq, U32)


@given(st.integers(0, U16 - 1), st.lists(st.booleans(), max_size=300))
def test_lost_is_exactly_what_did_not_arrive_before_the_last_that_did(
    first: int, arrives: list[bool]
) -> None:
    gap = GapCounter()
    assert gap.accept(first)
    missing = lost = 0
    for offset, arrived in enumerate(arrives, start=1):
        if arrived:
            assert gap.accept((first + offset) % U16)
            lost += missing
            missing = 0
        else:
            missing += 1
    assert (gap.lost, gap.repeated) == (lost, 0)


def test_repeats_and_late_ones_are_refused_until_a_restart() -> None:
    gap = GapCounter()
    assert [gap.accept(seq) for seq in (10, 10, 9, 11)] == [True, False, False, True]
    assert gap.repeated == 2
    gap.restart()
    assert gap.accept(3)
    assert gap.lost == 0
