"""Mains lost at a native board whose lock has a reserve: the plug is let go, never under load."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scenario_steps import charging, closed

from drivers.gpio.inputs import MAINS_BACK_MS, MAINS_LOST_MS
from hil.bench.plugin import started, unexcused
from hil.bench.sim import SimBench
from hil.trace import Lane

LETS_GO_S = 3.0
"""What a reserve is sized for (TI TIDA-010239: 7.5 W for 3 s after the loss)."""


@pytest.fixture
def bench() -> Iterator[SimBench]:
    bench = SimBench(native=True)
    started(bench)
    yield bench
    assert unexcused(bench, set()) == []
    bench.close()


def test_the_plug_is_free_soon_after_the_mains_are_lost_and_not_before_the_contactor_is_open(
    bench: SimBench,
) -> None:
    charging(bench)
    begin_ms = bench.clock.now_ms()
    bench.faults.board_fault("POWER_LOSS")
    bench.clock.run_until(
        lambda: bench.probe.metal().lock == "unlocked", within=LETS_GO_S, what="the plug is free"
    )
    opened = [
        e.t_ms
        for e in bench.probe.trace().changes(Lane.CONTACTOR)
        if e.t_ms >= begin_ms and e.value == "open"
    ]
    moved = [e.t_ms for e in bench.probe.trace().changes(Lane.LOCK) if e.t_ms >= begin_ms]
    assert opened
    assert moved
    assert opened[0] < moved[0]
    assert moved[0] - begin_ms >= MAINS_LOST_MS


def test_with_the_mains_back_a_car_charges_again(bench: SimBench) -> None:
    charging(bench)
    bench.faults.board_fault("POWER_LOSS")
    bench.clock.run_for(6)
    assert not closed(bench)
    assert "mains" in bench.probe.why() or "power" in bench.probe.why()
    bench.faults.board_fault("POWER_LOSS", False)
    bench.clock.run_until(lambda: closed(bench), within=40, what="charging again")
    assert bench.probe.metal().lock == "locked"


def locks_moved(bench: SimBench, begin_ms: int) -> int:
    """How often the bolt began to move."""
    return sum(
        e.value == "moving" for e in bench.probe.trace().changes(Lane.LOCK) if e.t_ms >= begin_ms
    )


def test_mains_that_flicker_move_no_lock_and_stop_no_charge(bench: SimBench) -> None:
    charging(bench)
    begin_ms = bench.clock.now_ms()
    for _ in range(30):
        bench.faults.board_fault("POWER_LOSS")
        bench.clock.run_for(0.15)
        bench.faults.board_fault("POWER_LOSS", False)
        bench.clock.run_for(0.15)
    assert closed(bench)
    assert locks_moved(bench, begin_ms) == 0


def test_mains_that_flutter_slowly_do_not_pump_the_lock_and_leave_no_plug_loose(
    bench: SimBench,
) -> None:
    charging(bench)
    begin_ms = bench.clock.now_ms()
    for _ in range(20):
        bench.faults.board_fault("POWER_LOSS")
        bench.clock.run_for(1.2)
        bench.faults.board_fault("POWER_LOSS", False)
        bench.clock.run_for(1.0)
    assert locks_moved(bench, begin_ms) == 1, "out, and not in before the mains stay"
    bench.clock.run_until(lambda: closed(bench), within=90, what="charging again")
    assert bench.probe.metal().lock == "locked"
    lived_ms = bench.clock.now_ms() - begin_ms
    assert locks_moved(bench, begin_ms) <= 2 + 2 * lived_ms // (MAINS_LOST_MS + MAINS_BACK_MS)
