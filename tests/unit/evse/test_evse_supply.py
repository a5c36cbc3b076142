"""Voltages must be wrong for some time before they count, and right for as long to be forgotten."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evse import supply
from evse.clauses import load
from evse.config.evse import EvseTable, VoltageTable
from evse.faults import CoreCondition
from evse.model import BoardAnalog
from evse.supply import SAG_DWELL_MS, Lasting, MainsWatch, SupplyWatch, Volts, follow

POWER_LOSS, UNDER = CoreCondition.POWER_LOSS, CoreCondition.UNDER_VOLTAGE
OVER, SUPPLY = CoreCondition.OVER_VOLTAGE, CoreCondition.SUPPLY
GOOD: Volts = (230.0, 231.0, 229.0)
DWELL_MS = VoltageTable().dwell_ms


def evse(phases: Literal[1, 3] = 3) -> EvseTable:
    return EvseTable(
        id=1,
        evse_id="DE*PNX*E1*1",
        connector="cable",
        max_current_a=32.0,
        phases=phases,
    )


def after(watch: MainsWatch, voltage_v: Volts, span_ms: int = 4_000) -> frozenset[CoreCondition]:
    """What shows when a meter has read this once a second for so long."""
    for at_ms in range(0, span_ms + 1, 1_000):
        watch.take(voltage_v, NOW_MS[0] + at_ms)
    NOW_MS[0] += span_ms + 1_000
    return watch.shown


NOW_MS = [0]


@pytest.mark.parametrize(
    ("voltage_v", "shown"),
    [
        (GOOD, set()),
        ((230.0, 195.0, 230.0), {UNDER}),
        ((230.0, 196.0, 230.0), set()),
        ((230.0, 49.0, 230.0), set()),
        ((230.0, 50.0, 230.0), {UNDER}),
        ((265.0, 230.0, 230.0), {OVER}),
        ((264.0, 230.0, 230.0), set()),
        ((265.0, 150.0, 230.0), {OVER, UNDER}),
        ((0.0, 0.0, 0.0), {POWER_LOSS}),
        ((49.0, 20.0, 0.0), {POWER_LOSS}),
        ((None, None, None), set()),
        ((None, 100.0, None), {UNDER}),
    ],
)
def test_mrec_5_6_15_the_worst_phase_decides(voltage_v: Volts, shown: set[CoreCondition]) -> None:
    assert after(MainsWatch(evse()), voltage_v) == shown


def test_phases_that_the_evse_does_not_have_are_not_judged() -> None:
    assert after(MainsWatch(evse(phases=1)), (230.0, 0.0, 500.0)) == set()


def test_a_sag_that_is_shorter_than_the_dwell_stops_nobody() -> None:
    watch = MainsWatch(evse())
    assert after(watch, (150.0, 150.0, 150.0), DWELL_MS - 1_000) == set()
    assert after(watch, GOOD, 1_000) == set()
    assert after(watch, (150.0, 150.0, 150.0), DWELL_MS - 1_000) == set(), "it counts anew"


def test_a_voltage_is_good_again_only_well_within_its_limit_and_after_as_long() -> None:
    watch = MainsWatch(evse())
    assert after(watch, (190.0, 230.0, 230.0)) == {UNDER}
    assert after(watch, (199.0, 230.0, 230.0)) == {UNDER}, "195.5 V and 2 % of 230 V: 200.1 V"
    assert after(watch, (201.0, 230.0, 230.0), DWELL_MS - 1_000) == {UNDER}
    assert after(watch, (201.0, 230.0, 230.0)) == set()
    assert after(watch, (270.0, 230.0, 230.0)) == {OVER}
    assert after(watch, (262.0, 230.0, 230.0)) == {OVER}
    assert after(watch, (259.0, 230.0, 230.0)) == set()


def test_mains_that_come_back_low_are_low_and_no_longer_gone() -> None:
    watch = MainsWatch(evse())
    assert after(watch, (0.0, 0.0, 0.0)) == {POWER_LOSS}
    assert after(watch, (150.0, 150.0, 150.0)) == {UNDER}
    assert after(watch, (0.0, 0.0, 0.0)) == {POWER_LOSS}


def test_a_lost_meter_says_nothing_of_the_mains() -> None:
    watch = MainsWatch(evse())
    assert after(watch, (270.0, 230.0, 230.0)) == {OVER}
    watch.forget()
    assert watch.shown == set()


@pytest.mark.parametrize(
    ("plus_mv", "minus_mv", "shown"),
    [
        (12_000, -12_000, set()),
        (11_000, -11_000, set()),
        (10_999, -12_000, {SUPPLY}),
        (12_000, -10_999, {SUPPLY}),
        (0, 0, {SUPPLY}),
    ],
)
def test_a_supply_from_which_no_pilot_can_be_made_is_a_brown_out(
    plus_mv: int, minus_mv: int, shown: set[CoreCondition]
) -> None:
    watch = SupplyWatch()
    analog = BoardAnalog(supply_12v_mv=plus_mv, supply_minus_12v_mv=minus_mv)
    watch.take(analog, 0)
    assert watch.shown == set(), "one report is not enough"
    watch.take(analog, SAG_DWELL_MS)
    assert watch.shown == shown


def test_a_supply_is_sound_again_within_the_generators_own_tolerance() -> None:
    watch = SupplyWatch()
    for at_ms, plus_mv in enumerate((10_000, 10_000, 11_399, 11_399)):
        watch.take(BoardAnalog(supply_12v_mv=plus_mv), at_ms * 1_000)
    assert watch.shown == {SUPPLY}
    watch.take(BoardAnalog(supply_12v_mv=11_400), 5_000)
    watch.take(BoardAnalog(supply_12v_mv=11_400), 6_000)
    assert watch.shown == set()


@given(st.lists(st.tuples(st.integers(1, 5_000), st.booleans()), max_size=40))
def test_nothing_changes_twice_within_the_dwell(steps: list[tuple[int, bool]]) -> None:
    state, now_ms, changed_ms = Lasting(), 0, -10_000
    for gap_ms, bad in steps:
        now_ms += gap_ms
        before = state.present
        state = follow(state, bad=bad, good=not bad, now_ms=now_ms, dwell_ms=3_000)
        if state.present != before:
            assert state.present == bad
            assert now_ms - changed_ms >= 3_000
            changed_ms = now_ms


def test_each_number_is_that_of_its_clause() -> None:
    defaults = VoltageTable()
    for row in load()["supply"]:
        name = row["what"]
        value = getattr(supply, name) if name.isupper() else getattr(defaults, name)
        assert value == row["value"]
