"""A technician asks for the self-test of the residual-current device, and is told how it went."""

from __future__ import annotations

import pytest
from scenario_steps import charging, closed

from hil.bench.bench import Bench, Process

METHOD = "ac_rcd.self_test"


def test_a_sound_device_passes_with_and_without_a_car(bench: Bench) -> None:
    bench.clock.run_for(5)
    assert bench.dut.call(METHOD) is True
    assert bench.dut.call(METHOD) is True, "each call runs it anew"
    charging(bench)
    assert closed(bench)


@pytest.mark.needs("metal_faults")
def test_a_device_whose_test_does_nothing_fails_and_blocks_until_it_passes(bench: Bench) -> None:
    bench.clock.run_for(5)
    bench.faults.set("rcd_test_dead")
    assert bench.dut.call(METHOD) is False
    assert "self-test" in bench.probe.why()
    bench.faults.clear("rcd_test_dead")
    assert bench.dut.call(METHOD) is True
    charging(bench)


def test_it_is_refused_during_a_transaction_and_changes_nothing(bench: Bench) -> None:
    charging(bench)
    assert bench.dut.call(METHOD) is False
    bench.clock.run_for(10)
    assert closed(bench)


def test_a_board_that_does_not_answer_has_not_passed(bench: Bench) -> None:
    bench.clock.run_for(5)
    bench.faults.kill(Process.GUARD)
    bench.clock.run_for(3)
    assert bench.dut.call(METHOD) is False
