"""Pilot circuit against IEC 61851-1 Annex A as tabled in the hardware facts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evse.model import F_BP, X1_BP
from hil.plant.model import PilotCircuit
from hil.plant.pilot import CarResistors, ev_offer_ma, levels_mv, scatter

CIRCUIT = PilotCircuit()
CAR = CarResistors()
LOADS = {
    "A": None,
    "B": CAR.load_ohm(s2=False, ventilation=False),
    "C": CAR.load_ohm(s2=True, ventilation=False),
    "D": CAR.load_ohm(s2=True, ventilation=True),
}
NOMINAL_MV = {"A": 12_000, "B": 8_980, "C": 6_000, "D": 2_930}


@pytest.mark.parametrize("state", LOADS)
def test_table_a4_levels_with_pwm(state: str) -> None:
    hi_mv, lo_mv = levels_mv(CIRCUIT, 2666, LOADS[state])
    assert hi_mv == pytest.approx(NOMINAL_MV[state], abs=10)
    assert lo_mv == -12_000


@pytest.mark.parametrize("state", LOADS)
def test_x1_is_steady_and_carries_the_state(state: str) -> None:
    hi_mv, lo_mv = levels_mv(CIRCUIT, X1_BP, LOADS[state])
    assert hi_mv == lo_mv == pytest.approx(NOMINAL_MV[state], abs=10)


@pytest.mark.parametrize("state", LOADS)
def test_f_is_steady_minus_12_v_behind_the_diode(state: str) -> None:
    assert levels_mv(CIRCUIT, F_BP, LOADS[state]) == (-12_000, -12_000)


@pytest.mark.parametrize("state", ["B", "C", "D"])
def test_a_shorted_diode_mirrors_the_halves(state: str) -> None:
    hi_mv, lo_mv = levels_mv(CIRCUIT, 5000, LOADS[state], diode_short=True)
    assert hi_mv == -lo_mv
    assert hi_mv < NOMINAL_MV[state]


def test_a4_9_short_of_80_ohm_reads_as_state_e() -> None:
    hi_mv, lo_mv = levels_mv(CIRCUIT, 5000, LOADS["C"], shorted=True)
    assert hi_mv == 889
    assert lo_mv == -889


@pytest.mark.parametrize(
    ("resistors", "s2", "low_mv", "high_mv"),
    [
        (CarResistors(r2_ohm=1870), False, 8_000, 10_000),
        (CarResistors(r2_ohm=4610), False, 8_000, 10_000),
        (CarResistors(r3_c_ohm=909), True, 5_000, 7_000),
        (CarResistors(r3_c_ohm=1723), True, 5_000, 7_000),
    ],
)
def test_resistors_at_the_edge_stay_in_the_windows_of_table_a4(
    resistors: CarResistors, s2: bool, low_mv: int, high_mv: int
) -> None:
    hi_mv, _ = levels_mv(CIRCUIT, 5000, resistors.load_ohm(s2=s2, ventilation=False))
    assert low_mv < hi_mv < high_mv


@pytest.mark.parametrize(
    ("duty_bp", "offer_ma"),
    [
        (0, 0),
        (299, 0),
        (500, 0),
        (750, 0),
        (800, 6_000),
        (999, 6_000),
        (1000, 6_000),
        (1330, 7_980),
        (2666, 15_996),
        (5333, 31_998),
        (8500, 51_000),
        (8501, 52_525),
        (8600, 55_000),
        (9200, 70_000),
        (9600, 80_000),
        (9700, 80_000),
        (9701, 0),
        (10_000, 0),
    ],
)
def test_table_a8_what_a_car_may_draw(duty_bp: int, offer_ma: int) -> None:
    assert ev_offer_ma(duty_bp) == offer_ma


@given(st.integers(0, 2**32), st.integers(0, 9), st.integers(0, 2**40))
def test_scatter_is_a_pure_function_of_64_bits(seed: int, stream: int, index: int) -> None:
    assert scatter(seed, stream, index) == scatter(seed, stream, index)
    assert 0 <= scatter(seed, stream, index) < 2**64


def test_scatter_spreads_evenly() -> None:
    counts = [0] * 10
    for index in range(10_000):
        counts[scatter(7, 1, index) % 10] += 1
    assert min(counts) > 900
    assert max(counts) < 1100
