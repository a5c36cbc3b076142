"""The reference front-end's values, the board profile and the pilot's windows agree."""

from __future__ import annotations

import pytest

from drivers.board.profile import BurstSection, NtcSection, load_profile
from drivers.gpio.wires import OutputPin
from drivers.temperature.ntc import Ntc
from evse.guard.proximity import cable_rating_a
from evse.model import PilotState
from evse.pilot import classify
from hil.docs import front_end as fe
from hil.docs.front_end_coil_svg import coil_svg
from hil.docs.front_end_lock_svg import lock_svg
from hil.docs.front_end_pilot_svg import pilot_svg
from hil.docs.front_end_tables import CODES, PROFILE, proximity_extremes, tables
from hil.docs.front_end_wires import HEADER_PINS, PULLED_UP_UP_TO, wires
from hil.docs.hardware import hardware_markdown, refreshed

BOARD = load_profile(PROFILE)
EVSE = BOARD.evse[0]
assert isinstance(EVSE.pilot, BurstSection)
SCALE = EVSE.pilot.scale


def test_the_profile_scales_what_the_dividers_divide() -> None:
    computed = fe.scale_of(fe.PILOT_DIVIDER)
    for scale in (SCALE, BOARD.supply_12v.scale, BOARD.supply_minus_12v.scale):  # type: ignore[union-attr]  # both are fitted
        assert scale.zero_counts == pytest.approx(computed.zero_counts)
        assert scale.gain_mv == pytest.approx(computed.gain_mv, rel=1e-4)
    top_ohm, low_ohm = fe.RESERVE_DIVIDER_OHM
    assert EVSE.lock_reserve is not None
    mv_per_count = fe.REFERENCE_MV / fe.FULL_COUNTS
    assert EVSE.lock_reserve.gain_mv == pytest.approx(
        mv_per_count * (top_ohm + low_ohm) / low_ohm, rel=1e-3
    )


@pytest.mark.parametrize("state", "ABCDEF")
def test_each_state_of_any_specimen_is_read_as_itself(state: str) -> None:
    """IEC 61851-1 Table A.4, with every part at the worse end of its tolerance."""
    for level_mv in (*fe.extremes_mv(state, SCALE), fe.read_mv(state, SCALE)):
        assert classify(level_mv, PilotState.UNKNOWN) is PilotState[state]


def test_the_divider_hardly_moves_the_pilot() -> None:
    assert max(abs(fe.loading_mv(state)) for state in "ABCDF") < 50


def test_a_divider_of_one_percent_would_use_up_the_margin_of_state_f() -> None:
    """Why the page asks for 0.1 %."""
    _, highest = fe.extremes_mv("F", SCALE)
    _, of_one_percent = fe.extremes_mv("F", SCALE, divider_tolerance=0.01)
    assert -11_000 - highest > 200
    assert -11_000 - of_one_percent < 20


@pytest.mark.parametrize(("ohm", "rating_a"), CODES.items())
def test_each_cable_is_rated_with_every_part_at_its_worst(ohm: int, rating_a: int) -> None:
    """IEC 61851-1 Annex B."""
    assert EVSE.proximity is not None
    for read_ohm in proximity_extremes(ohm, EVSE.proximity.pull_up_ohm):
        assert cable_rating_a(read_ohm) == rating_a


@pytest.mark.parametrize("celsius", [-20, 0, 25, 65, 71, 80, 100])
def test_the_thermistor_is_read_within_a_degree_and_a_half(celsius: int) -> None:
    heat = EVSE.temperature
    assert isinstance(heat, NtcSection)
    ntc = Ntc(fe.REFERENCE_MV, heat.pull_up_ohm, heat.ohm_25c, heat.beta_k)
    ohm = fe.ntc_ohm(celsius, heat.ohm_25c, heat.beta_k)
    for error in (-fe.CONVERTER_ERROR_COUNTS, 0.0, fe.CONVERTER_ERROR_COUNTS):
        read_dc = ntc.temperature(fe.counted_mv(fe.pulled_up_mv(ohm, heat.pull_up_ohm), error)).dc
        assert read_dc == pytest.approx(celsius * 10, abs=15)


def test_the_gate_conducts_in_c_and_d_and_in_no_other_state() -> None:
    low_mv, high_mv = fe.gate_mv()
    for state in "CD":
        lowest, highest = fe.extremes_mv(state, SCALE)
        assert low_mv + 300 < fe.gate_sees_mv(lowest)
        assert highest < high_mv - 300
    for state in "AB":
        assert fe.gate_sees_mv(fe.extremes_mv(state, SCALE)[0]) > high_mv + 300
    assert fe.extremes_mv("E", SCALE)[1] < low_mv - 300
    assert fe.gate_short_ms() < 50


def test_the_watchdog_outlasts_many_late_periods_and_is_over_in_a_quarter_of_a_second() -> None:
    least_ms, nominal_ms, most_ms = fe.monostable_ms()
    assert least_ms > 150
    assert nominal_ms == pytest.approx(200)
    assert most_ms < 250


def test_the_reserve_unlocks_from_the_level_below_which_nothing_is_locked() -> None:
    assert EVSE.lock is not None
    assert EVSE.lock.reserve_min_mv is not None
    threshold_v = EVSE.lock.reserve_min_mv / 1_000
    assert fe.joule(threshold_v) > fe.MOTOR_W * fe.MOTOR_S
    assert fe.joule(threshold_v) > fe.MOTOR_W * fe.PULSE_S + fe.COMPUTER_W * fe.MOTOR_S
    assert fe.CELLS * fe.CELL_V > 13


def test_what_moves_something_is_on_a_pin_that_rests_low() -> None:
    """GPIO0 to GPIO8 are pulled up from power-on, until somebody claims them."""
    for gpio, function, pin in wires(BOARD):
        if isinstance(pin, OutputPin):
            assert gpio > PULLED_UP_UP_TO, function


def test_each_wire_has_its_place_on_the_header() -> None:
    used = [wire.gpio for wire in wires(BOARD)]
    assert sorted(set(used)) == used
    assert set(used) <= set(HEADER_PINS)
    assert len(set(HEADER_PINS.values())) == len(HEADER_PINS)


def test_drawings_and_tables_are_the_same_each_time() -> None:
    for drawing in (pilot_svg, coil_svg, lock_svg):
        assert drawing() == drawing()
        assert drawing().count("<svg") == drawing().count("</svg>") == 1
    assert hardware_markdown() == hardware_markdown()


def test_a_table_that_nobody_computes_is_refused() -> None:
    page = "<!-- table: pilot -->\n\nold\n\n<!-- end -->\n"
    assert refreshed(page, {"pilot": "new"}) == page.replace("old", "new")
    with pytest.raises(ValueError, match="the page has the tables"):
        refreshed(page, tables())
