"""The clause table itself, and the guard's times against it."""

from __future__ import annotations

from typing import Any

import pytest

from evse.clauses import clauses, load, unverified
from evse.guard.guard import Timing
from evse.guard.state import TIMERS

TABLE = load()
ROWS = TABLE["timing"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["guard"])
def test_a_guard_time_respects_its_clause(row: dict[str, Any]) -> None:
    value_ms = getattr(Timing(), row["guard"])
    if row["at"] == "exactly":
        assert value_ms == row["limit_ms"]
    elif row["at"] == "most":
        assert 0 < value_ms <= row["limit_ms"]
    else:
        assert row["at"] == "least"
        assert value_ms >= row["limit_ms"]


def test_every_guard_time_has_a_row() -> None:
    times = {name for name in Timing.__struct_fields__ if name.endswith("_ms")}
    assert times == {row["guard"] for row in ROWS}


def test_every_guard_time_is_looked_at_by_a_timer() -> None:
    assert {limit for timer in TIMERS for limit in timer.limits} == {r["guard"] for r in ROWS}


def test_detection_takes_at_most_50_ms_with_one_period() -> None:
    timing, period_ms = Timing(), 10
    for limit_ms in (timing.debounce_out_ms, timing.stall_ms, timing.diode_ms):
        assert limit_ms + period_ms <= 50


def test_a_car_back_in_c2_is_served_within_3_s() -> None:
    timing = Timing()
    assert timing.min_off_ms + timing.debounce_in_ms <= 3_000
    assert timing.self_test_trip_ms + timing.self_test_clear_ms + timing.debounce_in_ms <= 3_000


def test_every_row_says_how_it_was_verified() -> None:
    assert {clause.verified for clause in clauses()} == {"c", "w", "own", "m"}
    assert all(clause.clause for clause in clauses())


def test_unverified_rows_are_listed() -> None:
    assert [clause.where for clause in unverified()] == [
        "timing.low_current_ms",
        "residual.1",
        "residual.2",
        "supply.0",
        "supply.3",
    ]
