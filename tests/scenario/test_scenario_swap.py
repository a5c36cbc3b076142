"""A car leaves and another comes while nobody can tell the core; and cars that sleep."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from scenario_steps import charging, last, names

from evse.model import F_BP, X1_BP
from hil.bench.bench import Bench, Process
from hil.bench.station import TOKENS
from hil.trace import Lane

pytestmark = pytest.mark.needs("virtual_time")

FORCED_OPEN_S = 8.0
"""Lease 0.5 s, sequence 10.2 6 s, and margin."""
WAKE_F_MS, WAKE_X1_MS = 4_000, 750
"""IEC 61851-1 A.5.3: state F long enough to wake a car, then steady +12 V."""


def _cut(bench: Bench) -> Callable[[], None]:
    bench.faults.cut_link()
    return bench.faults.mend_link


def _kill_core(bench: Bench) -> Callable[[], None]:
    bench.faults.kill(Process.CORE)
    return lambda: bench.faults.restart(Process.CORE)


def _power_cut(bench: Bench) -> Callable[[], None]:
    bench.mains.cut()
    return bench.mains.restore


def swap(bench: Bench, blind: Callable[[Bench], Callable[[], None]], away_s: float) -> None:
    """One car out, the next one in, between two looks of the core; the bolt lets go of a plug
    only where ring 1 lives."""
    see_again = blind(bench)
    bench.clock.run_for(FORCED_OPEN_S)
    bench.ev.unplug()
    bench.clock.run_for(away_s)
    bench.ev.plug(draw_a=10.0)
    bench.clock.run_for(5)
    see_again()
    bench.clock.run_for(20)


BLIND = pytest.mark.parametrize("blind", [_cut, _kill_core, _power_cut])
AWAY = pytest.mark.parametrize("away_s", [20.0, 300.0])


@pytest.mark.needs("cut_link", "kill_core")
@BLIND
@AWAY
@pytest.mark.station(authorization="list")
def test_the_next_car_is_never_charged_on_the_token_of_the_one_before(
    bench: Bench, blind: Callable[[Bench], Callable[[], None]], away_s: float
) -> None:
    bench.ev.plug()
    bench.clock.run_for(3)
    bench.dut.swipe(TOKENS[0])
    bench.clock.run_for(60)
    swap(bench, blind, away_s)
    told = [name for name in names(bench) if name != "Enabled"]
    assert told[-3:] == ["SessionFinished", "SessionStarted", "AuthRequired"]
    assert not bench.probe.metal().closed
    bench.dut.swipe(TOKENS[1])
    bench.clock.run_until(lambda: bench.probe.metal().closed, within=20, what="the next car")


@pytest.mark.needs("cut_link", "kill_core")
@BLIND
@AWAY
def test_each_of_the_two_cars_has_its_own_bill(
    bench: Bench, blind: Callable[[Bench], Callable[[], None]], away_s: float
) -> None:
    charging(bench)
    bench.clock.run_for(600)
    swap(bench, blind, away_s)
    first = last(bench, "TransactionFinished").event.transaction_finished
    second = last(bench, "TransactionStarted").event.transaction_started
    assert first.meter_value.energy_Wh_import.total == pytest.approx(
        second.meter_value.energy_Wh_import.total, abs=0.01
    )
    assert (
        last(bench, "TransactionFinished").event.uuid
        != last(bench, "TransactionStarted").event.uuid
    )
    assert bench.probe.metal().closed


@pytest.mark.needs("car_variants")
def test_a_5_3_a_sleeping_car_gets_one_pulse_of_f_and_one_of_x1_and_charges(bench: Bench) -> None:
    bench.ev.plug(variant="sleepy")
    bench.clock.run_until(lambda: bench.probe.metal().closed, within=60, what="charging")
    changes = bench.probe.trace().changes(Lane.DUTY, bench.evse)
    spans = [(now.value, after.t_ms - now.t_ms) for now, after in pairwise(changes)]
    pulse = [(value, span_ms) for value, span_ms in spans if value == F_BP]
    assert len(pulse) == 1
    assert pulse[0][1] == pytest.approx(WAKE_F_MS, abs=20)
    after = spans[spans.index(pulse[0]) + 1]
    assert after[0] == X1_BP
    assert after[1] == pytest.approx(WAKE_X1_MS, abs=20)
    assert names(bench)[-3:] == ["PrepareCharging", "PrepareCharging", "ChargingStarted"]


@pytest.mark.needs("car_variants")
def test_a_car_that_sleeps_on_is_woken_once_and_then_waited_for(bench: Bench) -> None:
    bench.ev.plug(draw_a=0.0)
    bench.ev.pause()
    bench.clock.run_for(600)
    changes = bench.probe.trace().changes(Lane.DUTY, bench.evse)
    assert sum(entry.value == F_BP for entry in changes) == 1
    assert names(bench)[-1] == "ChargingPausedEV"
