"""Ring 1's punctuality: counted, and told when it is felt."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evse.guard.pace import LATE_US, OFTEN, WITHIN_MS, Pace


def test_a_punctual_loop_is_never_too_late() -> None:
    pace = Pace()
    for now_ms in range(0, 60_000, 10):
        pace.turn(now_ms, 300)
    assert not pace.too_late(60_000)
    assert (pace.stats.turns, pace.stats.late, pace.stats.worst_us) == (6_000, 0, 300)


def test_turns_that_come_late_often_are_told_until_they_are_long_past() -> None:
    pace = Pace()
    for now_ms in range(0, OFTEN * 100, 100):
        pace.turn(now_ms, LATE_US)
    assert pace.too_late(OFTEN * 100)
    assert pace.stats.late == OFTEN
    assert not pace.too_late(OFTEN * 100 + WITHIN_MS)


@given(st.lists(st.tuples(st.integers(1, 5_000), st.integers(0, 50_000)), max_size=60))
def test_too_late_means_so_many_late_turns_within_so_long(turns: list[tuple[int, int]]) -> None:
    pace, now_ms, late_at = Pace(), 0, []
    for gap_ms, late_us in turns:
        now_ms += gap_ms
        pace.turn(now_ms, late_us)
        if late_us >= LATE_US:
            late_at.append(now_ms)
        recent = [at_ms for at_ms in late_at[-OFTEN:] if now_ms - at_ms <= WITHIN_MS]
        assert pace.too_late(now_ms) == (len(recent) == OFTEN)
    assert pace.stats.late == len(late_at)
