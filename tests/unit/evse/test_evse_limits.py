"""How much may be offered: the lowest source, schedules in time, watts, and the pace of changes."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from session_rig import Rig, cable_evse, limit_of

from evse.clock import parse_time, rfc3339
from evse.energy.external import ExternalSchedule
from evse.limits import DUTY_INTERVAL_MS
from evse.model import F_BP, X1_BP, PilotState
from evse.pilot import amps_to_duty_bp, duty_bp_to_amps
from evse.types.energy import (
    ExternalLimits,
    IntegerWithSource,
    LimitsReq,
    NumberWithSource,
    ScheduleReqEntry,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
amps = st.floats(0, 100, allow_nan=False)


def number(value: float, source: str = "test") -> NumberWithSource:
    return NumberWithSource(value=value, source=source)


def entry(at: datetime, **limits: Any) -> ScheduleReqEntry:
    return ScheduleReqEntry(timestamp=rfc3339(at), limits_to_leaves=LimitsReq(**limits))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("field", ["ac_max_current_A", "ac_min_current_A", "total_power_W"])
@pytest.mark.parametrize("where", ["limits_to_root", "limits_to_leaves"])
def test_a_limit_that_is_no_finite_number_is_refused_by_name(
    where: str, field: str, value: float
) -> None:
    request = LimitsReq(**{field: number(value)})
    bad: Any = {"timestamp": rfc3339(NOW), where: request}
    limits = ExternalLimits(schedule_import=(entry(NOW), ScheduleReqEntry(**bad)))
    with pytest.raises(ValueError, match=rf"{where}\.{field}: {value} is no finite number"):
        ExternalSchedule(limits)


def test_refused_limits_change_nothing() -> None:
    rig = Rig()
    rig.session.set_external_limits(
        ExternalLimits(schedule_import=(entry(NOW, ac_max_current_A=number(8)),))
    )
    before = rig.session.limit()
    with pytest.raises(ValueError, match="no finite number"):
        rig.session.set_external_limits(
            ExternalLimits(schedule_import=(entry(NOW, ac_max_current_A=number(float("nan"))),))
        )
    assert rig.session.limit() == before


# --- the lowest wins ------------------------------------------------------------------------------


@given(external=amps, cable=st.sampled_from([0, 13, 20, 32, 63]), default=amps | st.none())
def test_no_offer_exceeds_any_source(external: float, cable: int, default: float | None) -> None:
    rig = Rig(default_a=default)
    rig.board.cable_a = cable
    rig.session.set_external_limits(limit_of(external))
    rig.tick()
    rig.car(PilotState.B)
    known = [32.0, external, *([float(cable)] if cable else []), *([default] if default else [])]
    if default == 0:
        known.append(0.0)
    assert rig.session.limit().limit_a == min(known)
    for _close, duty_bp, *_ in rig.board.wishes:
        if F_BP < duty_bp < X1_BP:
            assert duty_bp_to_amps(duty_bp) <= min(known)


def test_a_tethered_cable_is_not_read_for_a_rating() -> None:
    rig = Rig(cable_evse())
    rig.board.cable_a = 13
    rig.tick()
    rig.car(PilotState.B)
    assert rig.session.limit().limit_a == 16


# --- schedules ------------------------------------------------------------------------------------

offsets_s = st.lists(st.integers(-1_000_000, 1_000_000), min_size=1, max_size=6, unique=True)


@given(offsets_s, st.randoms(use_true_random=False))
def test_the_last_entry_not_in_the_future_is_active_else_the_first(
    offsets: list[int], rng: Any
) -> None:
    rows = [
        entry(NOW + timedelta(seconds=s), ac_max_current_A=number(i)) for i, s in enumerate(offsets)
    ]
    rng.shuffle(rows)
    schedule = ExternalSchedule(ExternalLimits(schedule_import=tuple(rows)))
    by_time = sorted(rows, key=lambda row: parse_time(row.timestamp))
    begun = [row for row in by_time if parse_time(row.timestamp) <= NOW]
    assert schedule.active(NOW) is (begun[-1] if begun else by_time[0])
    assert schedule.active(NOW + timedelta(days=10_000)) is by_time[-1], "valid for ever"


@given(offsets_s)
def test_walking_from_change_to_change_misses_none(offsets: list[int]) -> None:
    rows = tuple(entry(NOW + timedelta(seconds=s), ac_max_current_A=number(1)) for s in offsets)
    schedule = ExternalSchedule(ExternalLimits(schedule_import=rows))
    at: datetime | None = NOW - timedelta(seconds=2_000_000)
    seen = {id(schedule.active(at))} if at else set()
    while (at := schedule.next_change(at)) is not None:
        before = schedule.active(at - timedelta(seconds=1))
        assert schedule.active(at) is not before
        seen.add(id(schedule.active(at)))
    assert seen == {id(row) for row in rows}


def test_an_empty_schedule_removes_the_limit() -> None:
    rig = Rig()
    rig.session.set_external_limits(limit_of(7))
    assert rig.session.limit().limit_a == 7
    rig.session.set_external_limits(ExternalLimits(schedule_import=()))
    assert (rig.session.limit().limit_a, rig.session.limit().source) == (32, "configuration")


def test_a_schedule_takes_effect_at_its_time_without_any_event() -> None:
    rig = Rig().charging()
    utc = rig.clock.utc()
    rows = (
        entry(utc, ac_max_current_A=number(16)),
        entry(utc + timedelta(seconds=30), ac_max_current_A=number(3)),
        entry(utc + timedelta(seconds=60), ac_max_current_A=number(10)),
    )
    rig.session.set_external_limits(ExternalLimits(schedule_import=rows))
    rig.run(10_000)
    assert rig.board.duty_bp == amps_to_duty_bp(16)
    deadline_ms = rig.session.next_deadline_ms(rig.clock.now_ms())
    assert deadline_ms is not None
    assert deadline_ms - rig.clock.now_ms() <= 20_001
    rig.run(21_000)
    assert rig.names[-1] == "ChargingPausedEVSE(NoEnergy)"
    rig.run(30_000)
    assert rig.names[-1] == "ChargingStarted"
    assert rig.board.duty_bp == amps_to_duty_bp(10)


def test_a_time_that_no_calendar_has_changes_nothing() -> None:
    rig = Rig()
    rig.session.set_external_limits(limit_of(7))
    bad = ScheduleReqEntry(timestamp="2026-02-30T00:00:00Z")
    with pytest.raises(ValueError, match="day"):
        rig.session.set_external_limits(ExternalLimits(schedule_import=(bad,)))
    assert rig.session.limit().limit_a == 7


@pytest.mark.parametrize("text", ["2026-01-01T12:00:00Z", "2026-01-01T13:00:00.000+01:00"])
def test_times_of_any_offset_are_the_same_moment(text: str) -> None:
    assert parse_time(text) == NOW


# --- watts and phases -----------------------------------------------------------------------------


@given(watts=st.floats(0, 100_000), count=st.sampled_from([None, 1, 2, 3]))
def test_watts_become_amps_over_the_phases_in_use(watts: float, count: int | None) -> None:
    """A car on three phases takes its share of each, whatever a schedule would have it use."""
    limits: dict[str, Any] = {"total_power_W": number(watts, "grid")}
    if count is not None:
        limits["ac_max_phase_count"] = IntegerWithSource(value=count, source="grid")
    rig = Rig()
    rig.session.set_external_limits(ExternalLimits(schedule_import=(entry(NOW, **limits),)))
    limit = rig.session.limit()
    assert limit.phases == (count or 3)
    assert limit.limit_a == pytest.approx(min(32.0, watts / 230 / 3))


def test_of_amps_and_watts_and_of_both_sides_the_lowest_counts() -> None:
    rig = Rig()
    row = ScheduleReqEntry(
        timestamp="2020-01-01T00:00:00Z",
        limits_to_leaves=LimitsReq(
            ac_max_current_A=number(20, "leaves"), total_power_W=number(230 * 3 * 15, "watts")
        ),
        limits_to_root=LimitsReq(ac_max_current_A=number(12, "root")),
    )
    rig.session.set_external_limits(ExternalLimits(schedule_import=(row,)))
    assert (rig.session.limit().limit_a, rig.session.limit().source) == (12, "root")


# --- the pace of changes --------------------------------------------------------------------------


def test_a_charging_car_sees_at_most_one_change_in_five_seconds() -> None:
    rig = Rig().charging()
    seen: list[tuple[int, int]] = []
    for step in range(300):
        rig.session.set_external_limits(limit_of(10 + step % 20))
        rig.tick()
        if not seen or seen[-1][1] != rig.board.duty_bp:
            seen.append((rig.clock.now_ms(), rig.board.duty_bp))
    gaps = [after - before for (before, _), (after, _) in itertools.pairwise(seen[1:])]
    assert gaps
    assert min(gaps) >= DUTY_INTERVAL_MS
