"""One and three phases on a whole station: the contact moves unloaded, and survives what dies."""

from __future__ import annotations

import pytest
from scenario_steps import charging, last_seq, names

from hil.bench.bench import Bench, Process
from hil.bench.sim import SimBench
from hil.bench.station import StationSetup

pytestmark = pytest.mark.needs("virtual_time")

SWITCHED = StationSetup(phase_switch="both")
SWITCH = "evse_manager.switch_three_phases_while_charging"


@pytest.fixture(params=[False, True], ids=["values", "frames"])
def bench(request: pytest.FixtureRequest) -> Bench:
    return SimBench(SWITCHED, frames=request.param)


def on_one_phase(bench: Bench) -> None:
    charging(bench)
    assert bench.dut.call(SWITCH, three_phases=False) == "Success"
    bench.clock.run_until(lambda: bench.probe.metal().phases == 1, within=20, what="one phase")
    bench.clock.run_until(lambda: bench.probe.metal().current_a > 15, within=20, what="a current")


def test_a_charge_goes_to_one_phase_and_back_and_no_contact_moves_under_load(bench: Bench) -> None:
    on_one_phase(bench)
    begun_wh = bench.probe.metal().energy_wh
    bench.clock.run_for(360)
    assert bench.probe.metal().energy_wh - begun_wh == pytest.approx(230 * 16 / 10, rel=0.01)
    assert bench.dut.call(SWITCH, three_phases=True) == "Success"
    bench.clock.run_for(30)
    metal = bench.probe.metal()
    assert (metal.phases, metal.closed) == (3, True)
    assert bench.probe.violations() == []


def test_a_restart_of_ring_1_leaves_the_contact_and_is_no_switch(bench: Bench) -> None:
    on_one_phase(bench)
    last = last_seq(bench)
    bench.faults.kill(Process.GUARD)
    bench.clock.run_for(3)
    assert bench.probe.metal().phases == 1
    bench.faults.restart(Process.GUARD)
    bench.clock.run_until(lambda: bench.probe.metal().closed, within=30, what="closed again")
    assert bench.probe.metal().phases == 1
    assert "SwitchingPhases" not in names(bench, last)
    assert bench.probe.violations() == []


def test_a_core_that_dies_on_the_way_leaves_the_contact_where_it_was_sent(bench: Bench) -> None:
    charging(bench)
    bench.dut.call(SWITCH, three_phases=False)
    bench.clock.run_until(lambda: bench.probe.metal().phases == 1, within=20, what="one phase")
    bench.faults.kill(Process.CORE)
    bench.clock.run_for(30)
    metal = bench.probe.metal()
    assert (metal.phases, metal.closed, metal.coil) == (1, False, False)
    assert bench.probe.violations() == []


def test_a_contact_that_falls_open_is_seen_by_its_feedback_and_opens_the_contactor(
    bench: Bench,
) -> None:
    charging(bench)
    began_ms = bench.clock.now_ms()
    bench.faults.set("phase_contact_open")
    bench.clock.run_until(lambda: not bench.probe.metal().closed, within=1, what="open")
    assert bench.clock.now_ms() - began_ms <= 100
    assert "the phase contact" in bench.probe.why()
    assert [v.rule for v in bench.probe.violations()] == ["phases_switched_under_load"]


def test_values_and_frames_leave_the_same_trace() -> None:
    traces = []
    for frames in (False, True):
        bench = SimBench(SWITCHED, frames=frames)
        on_one_phase(bench)
        bench.faults.board_fault("TILT")
        bench.clock.run_for(5)
        bench.faults.board_fault("TILT", False)
        bench.clock.run_for(30)
        bench.dut.call(SWITCH, three_phases=True)
        bench.clock.run_for(60)
        traces.append(bench.probe.trace().lines())
    assert traces[0] == traces[1]
