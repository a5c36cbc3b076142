"""Kill -9 of ring 1 in every session state, with real processes."""

from __future__ import annotations

import pytest
from proc_station import (
    STATES,
    WATCHDOG_MS,
    WITH_TRANSACTION,
    Station,
)

from hil.bench.bench import Process

pytestmark = pytest.mark.proc


@pytest.mark.parametrize("state", STATES)
def test_ring_1_killed(station: Station, state: str) -> None:
    bench = station.bench
    station.reach(state)
    seq = bench.probe.events()[-1].seq
    closed = bench.probe.metal().closed
    begin_ms = bench.clock.now_ms()
    bench.faults.kill(Process.GUARD)
    if closed:
        station.opened_ms(begin_ms, WATCHDOG_MS)
    station.until(lambda: "board" in bench.probe.why(), 5, "the core has noticed")
    assert not bench.probe.metal().closed
    bench.faults.restart(Process.GUARD)
    station.until(lambda: bench.dut.call("sys.state")["board"]["up"], 20, "a new link")
    if state in WITH_TRANSACTION - {"stopping"}:
        assert "TransactionFinished" not in [r.name for r in bench.probe.events(seq)]
    if state == "charging":
        station.until(lambda: bench.probe.metal().closed, 15, "charging goes on")
