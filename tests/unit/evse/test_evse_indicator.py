"""What the status light says of each state, and the stop button."""

from __future__ import annotations

import pytest
from session_rig import Rig

from evse.panel import Indicator
from evse.session.chart import SessionChart
from evse.session.indicator import indicator

CHART_STATES = [state.id for state in SessionChart.states]


@pytest.mark.parametrize("state", CHART_STATES)
def test_every_state_of_the_chart_has_a_light(state: str) -> None:
    shown = indicator(state, blocked=False, authorized=False, reserved=False)
    assert shown not in (Indicator.OFF, Indicator.FAULTED, Indicator.NO_CORE)


@pytest.mark.parametrize("state", [s for s in CHART_STATES if s != "booting"])
def test_what_keeps_from_charging_is_seen_in_every_state(state: str) -> None:
    shown = indicator(state, blocked=True, authorized=True, reserved=True)
    assert shown is Indicator.FAULTED


def test_a_free_station_a_reserved_one_and_one_that_awaits_a_car_look_different() -> None:
    def idle(*, authorized: bool, reserved: bool) -> Indicator:
        return indicator("idle", blocked=False, authorized=authorized, reserved=reserved)

    assert idle(authorized=False, reserved=False) is Indicator.AVAILABLE
    assert idle(authorized=False, reserved=True) is Indicator.RESERVED
    assert idle(authorized=True, reserved=True) is Indicator.WAITING


def test_the_stop_button_ends_a_transaction_as_local_and_once() -> None:
    rig = Rig()
    rig.charging()
    rig.board.presses += 1
    rig.tick()
    rig.session.stop_pressed()
    assert rig.session.stop is not None
    assert rig.session.stop.reason.value == "Local"
    first = rig.session.stop
    rig.board.presses += 1
    rig.tick()
    rig.session.stop_pressed()
    assert rig.session.stop is first


def test_presses_that_ring_1_counted_before_we_knew_it_stop_nothing() -> None:
    rig = Rig()
    rig.board.presses = 7
    rig.charging()
    rig.session.stop_pressed()
    rig.session.on_board_restarted()
    rig.board.presses = 0
    rig.tick()
    rig.session.stop_pressed()
    assert rig.session.stop is None
