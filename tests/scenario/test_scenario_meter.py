"""The billing meter falls silent or freezes: nothing is given away and nothing is invented."""

from __future__ import annotations

import pytest
from scenario_steps import billed_wh, carrying_current, charging, closed, last, names, opens

from hil.bench.bench import Bench

pytestmark = pytest.mark.needs("meter_faults")

LOST_S = 10.0
"""`lost_ms` of the configuration."""


def test_a_silent_meter_pauses_and_resumes(bench: Bench) -> None:
    charging(bench)
    bench.faults.set("meter_silent")
    opens(bench, within=LOST_S + 6.5)
    bench.clock.run_for(60)
    assert bench.probe.state() == "paused_evse"
    reasons = last(bench, "ChargingPausedEVSE").event.charging_paused_evse.reasons
    assert [reason.value for reason in reasons] == ["Error"]
    assert "meter" in bench.probe.why()
    bench.faults.clear("meter_silent")
    carrying_current(bench)
    bench.ev.unplug()
    bench.clock.run_for(10)
    assert billed_wh(bench) == pytest.approx(bench.probe.metal().energy_wh, abs=0.01)


def test_a_short_silence_changes_nothing(bench: Bench) -> None:
    charging(bench)
    bench.faults.set("meter_silent")
    bench.clock.run_for(LOST_S - 2)
    bench.faults.clear("meter_silent")
    bench.clock.run_for(20)
    assert closed(bench)
    assert bench.probe.state() == "charging"


def test_without_a_first_reading_no_transaction_begins(bench: Bench) -> None:
    bench.faults.set("meter_silent")
    bench.clock.run_for(LOST_S + 2)
    bench.ev.plug()
    bench.clock.run_for(30)
    assert not closed(bench)
    assert "TransactionStarted" not in names(bench)
    assert "meter" in bench.probe.why()
    bench.faults.clear("meter_silent")
    carrying_current(bench)


def test_silent_at_the_end_the_bill_comes_late_and_low_but_it_comes(bench: Bench) -> None:
    """The last known value is billed: never more than was drawn."""
    charging(bench)
    bench.clock.run_for(60)
    bench.faults.set("meter_silent")
    bench.ev.unplug()
    bench.clock.run_until(lambda: "TransactionFinished" in names(bench), within=5)
    energy_wh = bench.probe.metal().energy_wh
    assert energy_wh - 5 < billed_wh(bench) <= energy_wh + 0.01


def test_a_frozen_meter_bills_what_it_showed(bench: Bench) -> None:
    charging(bench)
    bench.clock.run_for(60)
    before_wh = bench.probe.metal().energy_wh
    bench.faults.set("meter_frozen")
    bench.clock.run_for(60)
    bench.ev.unplug()
    bench.clock.run_for(10)
    assert billed_wh(bench) == pytest.approx(before_wh, abs=5)


@pytest.mark.station(meter=False)
def test_a_station_without_a_meter_charges(bench: Bench) -> None:
    charging(bench)
    bench.ev.unplug()
    bench.clock.run_for(10)
    assert billed_wh(bench) == 0
