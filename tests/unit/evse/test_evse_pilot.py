"""The pilot, judged by the clause table and not by itself."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evse.clauses import load
from evse.model import F_BP, X1_BP, PilotState
from evse.pilot import (
    Debounced,
    DiodeCheck,
    amps_to_duty_bp,
    check_diode,
    classify,
    debounce,
    duty_bp_to_amps,
    is_pwm,
    leaves_at_once,
    low_level_ok,
    sound_duty_bp,
)

TABLE = load()
STATES = tuple(PilotState)
LEVELS_MV = st.integers(-20_000, 20_000)


@pytest.mark.parametrize("row", TABLE["pilot"]["window"], ids=lambda row: row["state"])
@pytest.mark.parametrize("previous", STATES)
def test_table_a4_window_is_its_state_whatever_was_before(
    row: dict[str, Any], previous: PilotState
) -> None:
    for hi_mv in (row["low_mv"], row["nominal_mv"], row["high_mv"]):
        assert classify(hi_mv, previous).name == row["state"]


@pytest.mark.parametrize("row", TABLE["pilot"]["gap"], ids=lambda row: str(row["low_mv"]))
@pytest.mark.parametrize("previous", STATES)
def test_table_a4_gap_keeps_a_neighbour(row: dict[str, Any], previous: PilotState) -> None:
    expected = row["as"] if previous.name in row["keeps"] else row["otherwise"]
    for hi_mv in (row["low_mv"] + 1, row["high_mv"] - 1):
        assert classify(hi_mv, previous).name == expected


@pytest.mark.parametrize("row", TABLE["pilot"]["invalid"], ids=lambda row: str(row["low_mv"]))
@pytest.mark.parametrize("previous", STATES)
def test_a_level_outside_every_window_is_invalid(row: dict[str, Any], previous: PilotState) -> None:
    for hi_mv in (row["low_mv"], row["high_mv"]):
        assert classify(hi_mv, previous) is PilotState.INVALID


def test_the_table_covers_every_millivolt() -> None:
    rows = TABLE["pilot"]["window"] + TABLE["pilot"]["gap"] + TABLE["pilot"]["invalid"]
    covered = {mv for row in rows for mv in range(row["low_mv"], row["high_mv"] + 1)}
    assert covered == set(range(-20_000, 20_001))


@given(LEVELS_MV, st.sampled_from(STATES))
def test_hysteresis_is_stable(hi_mv: int, previous: PilotState) -> None:
    once = classify(hi_mv, previous)
    assert classify(hi_mv, once) is once


@given(LEVELS_MV, LEVELS_MV, st.sampled_from(STATES))
def test_a_higher_level_never_asks_for_more(a_mv: int, b_mv: int, previous: PilotState) -> None:
    rank = {PilotState.D: 3, PilotState.C: 2, PilotState.B: 1, PilotState.A: 0}
    low, high = classify(min(a_mv, b_mv), previous), classify(max(a_mv, b_mv), previous)
    if low in rank and high in rank:
        assert rank[low] >= rank[high]


@pytest.mark.parametrize("lo_mv", [-13_001, -10_999, -8_800, 0, 8_800])
def test_low_level_outside_the_window_is_no_diode(lo_mv: int) -> None:
    assert not low_level_ok(lo_mv)


def test_low_level_window_is_the_tables() -> None:
    row = TABLE["pilot"]["diode"]
    assert low_level_ok(row["low_mv"])
    assert low_level_ok(row["high_mv"])
    assert not low_level_ok(row["low_mv"] - 1)
    assert not low_level_ok(row["high_mv"] + 1)


@pytest.mark.parametrize("row", TABLE["duty"]["station"], ids=lambda row: str(row["limit_a"]))
def test_station_duty_is_the_tables(row: dict[str, Any]) -> None:
    assert amps_to_duty_bp(row["limit_a"]) == row["duty_bp"]


@pytest.mark.parametrize("row", TABLE["duty"]["car"], ids=lambda row: str(row["from_bp"]))
def test_car_reads_the_duty_as_the_table_says(row: dict[str, Any]) -> None:
    for duty_bp in (row["from_bp"], (row["from_bp"] + row["to_bp"]) // 2, row["to_bp"]):
        amps = row.get("fixed_a")
        if amps is None:
            amps = (duty_bp / 100 - row["offset_percent"]) * row["slope_a_per_percent"]
        assert duty_bp_to_amps(duty_bp) == pytest.approx(amps)


@given(st.floats(0, 200))
def test_an_offer_is_never_more_than_the_limit(limit_a: float) -> None:
    duty_bp = amps_to_duty_bp(limit_a)
    offered_a = duty_bp_to_amps(duty_bp)
    assert offered_a <= limit_a + 1e-9
    if limit_a >= 6:
        assert offered_a >= min(limit_a, 51.0 if limit_a < 52.525 else 80.0) - 0.026
        assert is_pwm(duty_bp)
    else:
        assert duty_bp == X1_BP


@given(st.floats(6, 200), st.floats(6, 200))
def test_a_higher_limit_never_offers_less(one_a: float, other_a: float) -> None:
    low_a, high_a = sorted((one_a, other_a))
    assert amps_to_duty_bp(low_a) <= amps_to_duty_bp(high_a)


@pytest.mark.parametrize("limit_a", [math.nan, -math.inf, -1.0, 5.999_999_9])
def test_what_can_not_be_offered_is_x1(limit_a: float) -> None:
    assert amps_to_duty_bp(limit_a) == X1_BP


def test_infinity_is_80_amps() -> None:
    assert amps_to_duty_bp(math.inf) == 9_600


def test_only_duties_that_mean_something_are_sound() -> None:
    ranges = TABLE["duty"]["sound"]["ranges_bp"]
    for duty_bp in range(-100, 10_200):
        means_something = any(low <= duty_bp <= high for low, high in ranges)
        assert sound_duty_bp(duty_bp) == (duty_bp if means_something else X1_BP)


def test_only_between_f_and_x1_is_pwm() -> None:
    assert [is_pwm(duty_bp) for duty_bp in (F_BP, 1, 9_999, X1_BP)] == [False, True, True, False]


# --- debounce --------------------------------------------------------------------------------

IN_MS, OUT_MS = 100, 20
BANDS = st.sampled_from((*STATES[1:], None))


def feed(pilot: Debounced, band: PilotState | None, now_ms: int) -> Debounced:
    return debounce(pilot, band, now_ms, in_ms=IN_MS, out_ms=OUT_MS)


def run(pilot: Debounced, band: PilotState | None, start_ms: int, until_ms: int) -> Debounced:
    for now_ms in range(start_ms, until_ms + 1, 10):
        pilot = feed(pilot, band, now_ms)
    return pilot


@pytest.mark.parametrize("old", STATES)
@pytest.mark.parametrize("new", STATES[1:])
def test_a_change_is_believed_after_its_time_and_not_before(
    old: PilotState, new: PilotState
) -> None:
    if old is new:
        return
    span_ms = OUT_MS if leaves_at_once(old, new) else IN_MS
    assert run(Debounced(old), new, 0, span_ms - 10).state is old
    assert run(Debounced(old), new, 0, span_ms).state is new


@pytest.mark.parametrize(
    ("old", "new", "fast"),
    [
        ("C", "B", True),
        ("D", "B", True),
        ("C", "A", True),
        ("B", "A", True),
        ("B", "E", True),
        ("B", "F", True),
        ("C", "INVALID", True),
        ("B", "INVALID", True),
        ("B", "C", False),
        ("A", "B", False),
        ("A", "C", False),
        ("C", "D", False),
        ("D", "C", False),
        ("F", "C", False),
        ("UNKNOWN", "B", False),
    ],
)
def test_fast_out_slow_in(old: str, new: str, fast: bool) -> None:
    assert leaves_at_once(PilotState[old], PilotState[new]) is fast


def test_one_sample_is_never_believed() -> None:
    pilot = feed(Debounced(PilotState.C), PilotState.B, 0)
    assert pilot.state is PilotState.C
    assert feed(pilot, PilotState.C, 10) == Debounced(PilotState.C)


def test_no_verdict_neither_confirms_nor_resets() -> None:
    pilot = feed(Debounced(PilotState.C), PilotState.B, 0)
    assert run(pilot, None, 10, 500) == pilot
    assert feed(pilot, PilotState.B, 510).state is PilotState.B


def test_another_candidate_starts_anew() -> None:
    pilot = run(Debounced(PilotState.A), PilotState.B, 0, 90)
    pilot = feed(pilot, PilotState.C, 100)
    assert run(pilot, PilotState.C, 110, 190).state is PilotState.A


@given(st.lists(st.tuples(BANDS, st.integers(1, 15)), max_size=20))
def test_only_times_count_not_the_number_of_samples(
    runs: list[tuple[PilotState | None, int]],
) -> None:
    ticked = skipped = Debounced()
    now_ms = 0
    for band, periods in runs:
        for period in range(periods):
            ticked = feed(ticked, band, now_ms + 10 * period)
        skipped = feed(skipped, band, now_ms)
        last_ms = now_ms + 10 * (periods - 1)
        if skipped.since_ms is not None:
            for due_ms in (skipped.since_ms + OUT_MS, skipped.since_ms + IN_MS):
                if now_ms < due_ms <= last_ms:
                    skipped = feed(skipped, band, due_ms)
        assert skipped == ticked
        now_ms += 10 * periods


# --- diode --------------------------------------------------------------------------------------

CONFIRM_MS = 30


def look(diode: DiodeCheck, low_ok: bool | None, now_ms: int) -> DiodeCheck:
    return check_diode(diode, low_ok, now_ms, confirm_ms=CONFIRM_MS)


def test_a_good_low_half_wave_proves_the_diode() -> None:
    assert look(DiodeCheck(), True, 0) == DiodeCheck(proven=True)


def test_a_diode_that_was_not_looked_at_is_not_proven() -> None:
    assert not look(DiodeCheck(), None, 0).proven


def test_a_bad_diode_is_confirmed_within_50_ms() -> None:
    diode = DiodeCheck(proven=True)
    for now_ms in (1_000, 1_010, 1_020):
        diode = look(diode, False, now_ms)
        assert not diode.bad
    assert look(diode, False, 1_030) == DiodeCheck(bad=True)


def test_a_proven_diode_stays_proven_until_the_doubt_is_confirmed() -> None:
    assert look(DiodeCheck(proven=True), False, 0).proven
    assert not look(DiodeCheck(), False, 0).proven


def test_bursts_without_a_low_half_wave_are_waited_out() -> None:
    diode = look(DiodeCheck(), False, 0)
    assert look(diode, None, 10) == diode
    assert look(diode, None, 90) == diode
    assert look(diode, False, 100).bad


def test_a_single_bad_burst_is_forgiven() -> None:
    diode = look(look(DiodeCheck(), False, 0), True, 10)
    assert diode == DiodeCheck(proven=True)


def test_a_bad_diode_stays_bad() -> None:
    assert look(DiodeCheck(bad=True), True, 100) == DiodeCheck(bad=True)


def test_duties_of_the_station_table_rise() -> None:
    duties = [row["duty_bp"] for row in TABLE["duty"]["station"] if row["limit_a"] >= 6]
    assert all(low <= high for low, high in pairwise(duties))
