"""IEC 61851-1 Table A.6 and Table A.7, as sequences of a car and a station."""

from __future__ import annotations

from itertools import pairwise

import pytest
from scenario_steps import (
    OFF_BP,
    carrying_current,
    charging,
    closed,
    limit,
    opens,
    pwm_changes_ms,
    stays_open,
)

from evse.model import F_BP, X1_BP
from hil.bench.bench import Bench
from hil.trace import Lane

OPENING_S = 0.1
"""Sequences 2.2 and 8.1."""
FORCED_S = 6.0
"""Sequence 10.2."""


@pytest.mark.parametrize(
    ("amps", "percent"),
    [
        pytest.param(amps, percent, marks=pytest.mark.station(default_a=amps, max_current_a=80.0))
        for amps, percent in [
            (6.0, 10.0),
            (10.0, 16.67),
            (16.0, 26.67),
            (32.0, 53.33),
            (51.0, 85.0),
        ]
    ],
)
def test_a7_duty_of_the_configured_limit_within_one_percent(
    bench: Bench, amps: float, percent: float
) -> None:
    bench.ev.plug(cable_a=63)
    bench.clock.run_until(lambda: bench.probe.metal().duty_bp not in OFF_BP, within=10)
    duty_bp = bench.probe.metal().duty_bp
    assert duty_bp / 100 == pytest.approx(percent, abs=1.0)
    assert duty_bp / 100 <= percent + 0.05, "duty rounds down: never more than the limit"


@pytest.mark.station(connector="cable", max_current_a=80.0, default_a=None)
def test_a7_duty_above_51_a_uses_the_second_formula(bench: Bench) -> None:
    bench.ev.plug(draw_a=80.0)
    bench.clock.run_until(lambda: bench.probe.metal().duty_bp not in OFF_BP, within=10)
    assert bench.probe.metal().duty_bp == (80 / 2.5 + 64) * 100


@pytest.mark.station(default_a=None, max_current_a=63.0)
@pytest.mark.parametrize("cable_a", [13, 20, 32, 63])
def test_annex_b_the_offer_never_exceeds_the_cable(bench: Bench, cable_a: int) -> None:
    charging(bench, cable_a=cable_a, draw_a=80.0)
    assert bench.probe.metal().current_a == pytest.approx(cable_a, rel=0.02)


def test_seq_1_1_no_pwm_before_a_car_is_there(bench: Bench) -> None:
    bench.clock.run_for(60)
    assert bench.probe.metal().duty_bp == X1_BP
    assert not closed(bench)


def test_seq_4_closes_within_3_s_of_c2(bench: Bench) -> None:
    bench.ev.plug()
    bench.clock.run_until(lambda: bench.probe.metal().duty_bp not in OFF_BP, within=10)
    bench.clock.run_until(lambda: 5500 < bench.probe.metal().pilot_mv < 6500, within=10)
    bench.clock.run_until(lambda: closed(bench), within=3.0, what="closed after C2")


def test_seq_4_back_in_c_within_3_s_again(bench: Bench) -> None:
    """Also when the car comes back at once, the contactor's rest included."""
    charging(bench)
    bench.ev.pause()
    opens(bench, within=10)
    bench.ev.resume()
    bench.clock.run_until(lambda: 5500 < bench.probe.metal().pilot_mv < 6500, within=10)
    bench.clock.run_until(lambda: closed(bench), within=3.0, what="closed after C2")


def test_seq_2_2_unplugged_under_load_opens_within_100_ms(bench: Bench) -> None:
    charging(bench)
    bench.ev.unplug()
    assert opens(bench, within=OPENING_S) <= OPENING_S


def test_seq_8_1_car_opens_s2_and_the_contactor_follows_within_100_ms(bench: Bench) -> None:
    charging(bench)
    bench.ev.pause()
    probe = bench.probe
    bench.clock.run_until(lambda: probe.metal().pilot_mv > 8000, within=5, what="state B")
    assert opens(bench, within=OPENING_S) <= OPENING_S


def test_seq_10_1_a_good_car_lets_go_within_3_s_and_before_us(bench: Bench) -> None:
    charging(bench)
    begin_ms = bench.clock.now_ms()
    assert bench.dut.call("evse_manager.pause_charging") is True
    assert opens(bench, within=3.1) <= 3.1
    let_go_ms = [e.t_ms for e in bench.probe.trace().changes(Lane.CURRENT) if e.value == 0][-1]
    assert let_go_ms >= begin_ms
    opened_ms = bench.probe.first_ms(Lane.CONTACTOR, "open", begin_ms)
    assert opened_ms is not None
    assert let_go_ms <= opened_ms, "opened without load"


@pytest.mark.needs("car_variants")
def test_seq_10_2_a_rude_car_is_opened_under_load_after_6_s(bench: Bench) -> None:
    charging(bench, variant="rude")
    assert bench.dut.call("evse_manager.pause_charging") is True
    took_s = opens(bench, within=FORCED_S + 0.3)
    assert FORCED_S <= took_s <= FORCED_S + 0.2
    stays_open(bench, 30)


@pytest.mark.needs("car_variants")
def test_seq_10_2_a_slow_car_is_waited_for(bench: Bench) -> None:
    charging(bench, variant="slow")
    bench.dut.call("evse_manager.stop_transaction", request={"reason": "Remote"})
    assert opens(bench, within=FORCED_S) < FORCED_S


@pytest.mark.needs("car_variants")
def test_a_2_3_a_simplified_car_is_charged(bench: Bench) -> None:
    charging(bench, variant="simplified")
    assert bench.probe.metal().current_a == pytest.approx(10.0)
    bench.ev.unplug()
    assert opens(bench, within=OPENING_S) <= OPENING_S


@pytest.mark.needs("car_variants")
def test_a_bouncing_plug_closes_once(bench: Bench) -> None:
    charging(bench, variant="bouncing")
    entries = bench.probe.trace().changes(Lane.CONTACTOR)
    assert [e.value for e in entries] == ["open", "closed"]


def test_seq_6_a_new_limit_reaches_the_pilot_within_10_s(bench: Bench) -> None:
    charging(bench)
    limit(bench, 8.0)
    probe = bench.probe
    bench.clock.run_until(lambda: probe.metal().duty_bp == 1333, within=10, what="13.3 %")
    bench.clock.run_until(lambda: probe.metal().current_a <= 8.0, within=5, what="the car follows")


def test_seq_6_offers_change_at_least_5_s_apart(bench: Bench) -> None:
    charging(bench)
    begin_ms = bench.clock.now_ms()
    for amps in (6.0, 15.0, 7.0, 14.0, 8.0, 13.0, 9.0, 12.0) * 3:
        limit(bench, amps)
        bench.clock.run_for(1.3)
    changes_ms = pwm_changes_ms(bench, begin_ms)
    assert len(changes_ms) >= 5
    assert all(after - before >= 5000 for before, after in pairwise(changes_ms))


def test_below_6_a_there_is_no_duty_so_charging_pauses(bench: Bench) -> None:
    charging(bench)
    limit(bench, 5.9)
    opens(bench, within=5)
    assert bench.probe.metal().duty_bp == X1_BP
    assert bench.probe.state() == "paused_evse"
    limit(bench, 6.0)
    carrying_current(bench)
    assert bench.probe.metal().duty_bp == 1000


def test_state_f_while_disabled_and_back(bench: Bench) -> None:
    assert bench.dut.call("evse_manager.disable", connector_id=1) is True
    bench.clock.run_for(1)
    assert bench.probe.metal().duty_bp == F_BP
    assert bench.dut.call("evse_manager.enable", connector_id=1) is True
    bench.clock.run_for(1)
    assert bench.probe.metal().duty_bp == X1_BP
    charging(bench)


@pytest.mark.station(ventilation=True)
def test_state_d_is_charged_where_the_site_is_ventilated(bench: Bench) -> None:
    charging(bench)
    bench.ev.request_ventilation()
    bench.clock.run_for(5)
    assert closed(bench)


def test_state_d_opens_where_the_site_is_not_ventilated(bench: Bench) -> None:
    """No clause gives a time: entering a state takes its debounce, then the contactor opens."""
    charging(bench)
    bench.ev.request_ventilation()
    opens(bench, within=0.2)
    stays_open(bench, 30)
    bench.ev.request_ventilation(False)
    carrying_current(bench)


@pytest.mark.needs("car_variants")
def test_the_plug_is_locked_before_current_flows_and_until_it_has_stopped(bench: Bench) -> None:
    charging(bench)
    bench.ev.pull_at_station()
    bench.clock.run_for(5)
    assert bench.probe.metal().lock == "locked"
    assert closed(bench), "pulling at a locked plug changes nothing"
    bench.dut.call("evse_manager.stop_transaction", request={"reason": "Remote"})
    probe = bench.probe
    bench.clock.run_until(lambda: not probe.metal().cable_in, within=15, what="the plug is free")
    assert not closed(bench)


def test_seq_2_1_the_plug_is_free_within_5_s_of_unplugging_the_car(bench: Bench) -> None:
    charging(bench)
    bench.ev.unplug()
    bench.clock.run_until(lambda: not bench.probe.metal().cable_in, within=5)
