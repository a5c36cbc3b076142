"""Kill -9 of the core in every session state, with real processes.

A stalled disk can not be had from outside a process: test_scenario_deaths.py has it, in virtual
time. Ring 1: test_kill_ring_1.py; the OCPP link: test_kill_link.py.
"""

from __future__ import annotations

import pytest
from proc_station import (
    FORCED_MS,
    LETS_GO_MA,
    STATES,
    WITH_TRANSACTION,
    Station,
    end_reason,
)

from hil.bench.bench import Process
from hil.trace import Lane

pytestmark = pytest.mark.proc


@pytest.mark.parametrize("state", STATES)
def test_core_killed(station: Station, state: str) -> None:
    bench = station.bench
    station.reach(state)
    seq = bench.probe.events()[-1].seq
    closed = bench.probe.metal().closed
    begin_ms = bench.clock.now_ms()
    bench.faults.kill(Process.CORE)
    station.without_offer(begin_ms)
    if closed:
        opened_ms = station.opened_ms(begin_ms, FORCED_MS)
        current_ma = bench.probe.trace().at(Lane.CURRENT, opened_ms - 1)
        assert isinstance(current_ma, int)
        assert current_ma < LETS_GO_MA, "a car that obeys X1 is never cut off under load"
    assert not bench.probe.metal().closed
    bench.faults.restart(Process.CORE)
    told = bench.probe.events(seq)
    finished = [r for r in told if r.name == "TransactionFinished"]
    assert len(finished) == (state in WITH_TRANSACTION)
    if finished:
        assert end_reason(told) == "Reboot"


def test_core_killed_with_a_rude_car(station: Station) -> None:
    """Sequence 10.2: it keeps drawing, and is cut off when the 6 s are over, not before."""
    bench = station.bench
    station.charge(variant="rude")
    begin_ms = bench.clock.now_ms()
    bench.faults.kill(Process.CORE)
    opened_ms = station.opened_ms(begin_ms, FORCED_MS)
    assert opened_ms - begin_ms >= 6_000
    current_ma = bench.probe.trace().at(Lane.CURRENT, opened_ms - 1)
    assert isinstance(current_ma, int)
    assert current_ma > LETS_GO_MA
    bench.faults.restart(Process.CORE)
