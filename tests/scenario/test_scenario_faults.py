"""What breaks, what opens the contactor because of it, and what brings charging back."""

from __future__ import annotations

import pytest
from scenario_steps import carrying_current, charging, closed, last_seq, names, opens, stays_open

from evse.model import X1_BP
from hil.bench.bench import Bench
from hil.trace import Lane

pytestmark = pytest.mark.needs("metal_faults")

OPENING_S = 0.1
"""The opening budget, the contactor's own time included."""


@pytest.mark.parametrize(
    "fault",
    [
        "emergency_stop",
        "diode_short",
        "pilot_short",
        "pilot_open",
        "adc_stuck",
        "adc_rail",
        "over_temperature",
        "lock_feedback_lost",
        "mirror_stuck_open",
    ],
)
def test_electrical_reasons_open_within_100_ms(bench: Bench, fault: str) -> None:
    charging(bench)
    bench.faults.set(fault)
    assert opens(bench, within=OPENING_S) <= OPENING_S
    stays_open(bench, 30)


def test_the_residual_current_device_opens_within_100_ms_of_its_trip(bench: Bench) -> None:
    charging(bench)
    bench.faults.set("rcd_dc")
    opens(bench, within=1.0 + OPENING_S)


def test_an_rcd_trip_is_not_retried_while_the_car_stays_plugged_in(bench: Bench) -> None:
    charging(bench)
    bench.faults.set("leak_dc")
    opens(bench, within=1.2)
    seen_ms = bench.clock.now_ms()
    stays_open(bench, 3600)
    assert bench.probe.first_ms(Lane.CONTACTOR, "closed", seen_ms) is None
    assert "residual" in bench.probe.why()
    bench.faults.clear("leak_dc")
    stays_open(bench, 60)
    bench.ev.unplug()
    bench.clock.run_for(10)
    charging(bench)


@pytest.mark.parametrize("fault", ["emergency_stop", "over_temperature", "adc_stuck"])
def test_it_goes_on_by_itself_when_the_cause_has_gone(bench: Bench, fault: str) -> None:
    charging(bench)
    seq = last_seq(bench)
    bench.faults.set(fault)
    opens(bench, within=OPENING_S)
    bench.clock.run_for(30)
    assert bench.probe.state() == "paused_evse"
    assert "not charging" in bench.probe.why()
    bench.faults.clear(fault)
    carrying_current(bench)
    told = names(bench, seq)
    assert told[0] == "StoppingCharging"
    assert told[-1] == "ChargingStarted"
    assert "TransactionFinished" not in told


def test_a_diode_fault_is_not_retried_before_the_car_was_unplugged(bench: Bench) -> None:
    charging(bench)
    bench.faults.set("diode_short")
    opens(bench, within=OPENING_S)
    bench.faults.clear("diode_short")
    stays_open(bench, 60)
    assert "diode" in bench.probe.why()
    bench.ev.unplug()
    bench.clock.run_for(10)
    charging(bench)


def test_a_car_without_a_diode_is_never_charged(bench: Bench) -> None:
    bench.faults.set("diode_short")
    bench.ev.plug()
    stays_open(bench, 30)


@pytest.mark.expect_fault("contactor_weld")
def test_a_welded_contactor_is_told_and_keeps_the_plug_locked(bench: Bench) -> None:
    charging(bench)
    bench.faults.set("contactor_weld")
    bench.dut.call("evse_manager.stop_transaction", request={"reason": "Remote"})
    bench.clock.run_for(30)
    assert closed(bench)
    assert bench.probe.metal().lock == "locked"
    assert not bench.probe.metal().coil
    assert "stays closed" in bench.probe.why()
    bench.faults.clear("contactor_weld")
    bench.clock.run_for(30)
    assert not closed(bench)
    bench.ev.unplug()
    bench.clock.run_for(10)
    charging(bench)


def test_a_mirror_that_sticks_closed_forbids_closing(bench: Bench) -> None:
    bench.faults.set("mirror_stuck_closed")
    bench.ev.plug()
    stays_open(bench, 30)
    assert "stays closed" in bench.probe.why()


def test_a_contactor_that_does_not_close_is_told(bench: Bench) -> None:
    bench.faults.set("contactor_stuck_open")
    bench.ev.plug()
    bench.clock.run_for(10)
    assert not bench.probe.metal().coil
    assert "mirror contact" in bench.probe.why()


@pytest.mark.parametrize("fault", ["pp_open", "pp_short"])
def test_annex_b_no_charging_without_a_rated_cable(bench: Bench, fault: str) -> None:
    bench.faults.set(fault)
    bench.ev.plug()
    stays_open(bench, 30)
    assert bench.probe.metal().duty_bp == X1_BP
    assert "PP" in bench.probe.why()
    bench.faults.clear(fault)
    bench.ev.unplug()
    bench.clock.run_for(10)
    charging(bench)


@pytest.mark.parametrize("fault", ["pp_open", "pp_short"])
def test_annex_b_a_coding_lost_while_charging_opens(bench: Bench, fault: str) -> None:
    charging(bench)
    bench.faults.set(fault)
    opens(bench, within=0.5)
    bench.faults.clear(fault)
    carrying_current(bench)


def test_a_jammed_lock_forbids_closing(bench: Bench) -> None:
    bench.faults.set("lock_jam")
    bench.ev.plug()
    stays_open(bench, 30)
    assert "can not be locked" in bench.probe.why()
    bench.ev.unplug()
    bench.faults.clear("lock_jam")
    bench.clock.run_for(10)
    charging(bench)


def test_a_dead_self_test_forbids_closing(bench: Bench) -> None:
    bench.faults.set("rcd_test_dead")
    bench.ev.plug()
    stays_open(bench, 30)
    assert "self-test" in bench.probe.why()


def test_pilot_shorted_state_e_and_back(bench: Bench) -> None:
    charging(bench)
    bench.faults.set("pilot_short")
    opens(bench, within=OPENING_S)
    bench.clock.run_for(30)
    bench.faults.clear("pilot_short")
    carrying_current(bench)


def test_mains_lost_and_back_the_car_goes_on(bench: Bench) -> None:
    charging(bench)
    bench.mains.off()
    bench.clock.run_for(60)
    assert bench.probe.metal().current_a == 0
    bench.mains.on()
    carrying_current(bench)


def test_a_lost_phase_does_not_bill_what_did_not_flow(bench: Bench) -> None:
    charging(bench)
    begin_wh = bench.probe.metal().energy_wh
    bench.faults.set("phase_lost")
    bench.clock.run_for(3600)
    charged_wh = bench.probe.metal().energy_wh - begin_wh
    assert charged_wh == pytest.approx(2 * 230 * 15.996, rel=0.01)
    meter_wh = bench.probe.meter_wh()
    assert meter_wh == pytest.approx(bench.probe.metal().energy_wh, abs=15)


@pytest.mark.station(evses=2)
def test_one_evse_in_trouble_does_not_concern_the_other(bench: Bench) -> None:
    other = bench.at(2)
    charging(bench)
    charging(other)
    bench.faults.set("emergency_stop")
    opens(bench, within=OPENING_S)
    bench.clock.run_for(60)
    assert closed(other)
    assert other.probe.state() == "charging"
