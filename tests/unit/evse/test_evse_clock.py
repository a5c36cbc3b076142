"""Clocks and deadlines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evse.clock import MonotonicClock, Timers, VirtualClock, earliest, earliest_after, rfc3339


def test_virtual_time_moves_when_told_and_never_back() -> None:
    clock = VirtualClock(1_000)
    begin = clock.utc()
    clock.advance_to(61_000)
    clock.advance_to(61_000)
    assert clock.now_ms() == 61_000
    assert clock.utc() - begin == timedelta(minutes=1)
    with pytest.raises(ValueError, match="cannot run back"):
        clock.advance_to(60_999)


def test_the_machines_clock_does_not_run_back_and_knows_its_zone() -> None:
    clock = MonotonicClock()
    readings = [clock.now_ms() for _ in range(1_000)]
    assert readings == sorted(readings)
    assert clock.utc().tzinfo is UTC


def test_wall_time_leaves_in_one_spelling() -> None:
    moment = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    assert rfc3339(moment) == "2026-01-01T00:00:00.000Z"


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20)), max_size=20), st.integers(0, 25))
def test_due_timers_are_handed_out_once_in_order(sets: list[tuple[int, int]], now_ms: int) -> None:
    timers = Timers()
    for name, at_ms in sets:
        timers.set(name, at_ms)
    wanted = {name: at_ms for name, at_ms in sets}  # noqa: C416 the last one set counts
    assert timers.next_deadline_ms == min(wanted.values(), default=None)
    due = timers.pop_due(now_ms)
    assert set(due) == {name for name, at_ms in wanted.items() if at_ms <= now_ms}
    assert [wanted[name] for name in due if isinstance(name, int)] == sorted(
        wanted[name] for name in due if isinstance(name, int)
    )
    assert timers.pop_due(now_ms) == []


def test_a_cancelled_timer_is_not_due() -> None:
    timers = Timers()
    timers.set("a", 1)
    timers.cancel("a")
    timers.cancel("a")
    assert "a" not in timers
    assert timers.pop_due(10) == []


@given(st.lists(st.none() | st.integers()), st.integers())
def test_the_nearest_deadline(deadlines: list[int | None], now_ms: int) -> None:
    known = [d for d in deadlines if d is not None]
    assert earliest(*deadlines) == min(known, default=None)
    assert earliest_after(now_ms, *deadlines) == min((d for d in known if d > now_ms), default=None)
