"""Kill -9 of the OCPP link in every session state, with real processes."""

from __future__ import annotations

import random

import pytest
from proc_station import (
    STATES,
    WITH_TRANSACTION,
    Station,
)

from hil.bench.bench import Process
from hil.errors import DutRefused
from hil.trace import Lane

pytestmark = pytest.mark.proc

KILLS = 25
SEED = 20261121


@pytest.mark.parametrize("state", STATES)
def test_ocpp_link_killed(station: Station, state: str) -> None:
    """Nothing changes but what the back office hears, and that it hears later."""
    bench = station.bench
    station.reach(state)
    begin_ms = bench.clock.now_ms()
    bench.faults.kill(Process.OCPP)
    bench.clock.run_for(0.3)
    if state != "stopping":
        assert bench.probe.state() == state
        changes = bench.probe.trace().changes(Lane.CONTACTOR)
        assert [e for e in changes if e.t_ms > begin_ms] == []
    if state in WITH_TRANSACTION:
        station.to_idle()  # the end of the transaction happens while nobody listens
    bench.faults.restart(Process.OCPP)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_an_ocpp_link_killed_at_random_moments_of_sessions_bills_them_all(station: Station) -> None:
    """What hil/cuts tries at every point in one process, sampled with a real kill -9."""
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    for _ in range(KILLS):
        bench = station.bench
        station.reach(rng.choice(sorted(WITH_TRANSACTION)))
        bench.clock.run_for(rng.uniform(0.0, 1.5))
        bench.faults.kill(Process.OCPP)
        if rng.random() < 0.5:
            station.to_idle()
        bench.faults.restart(Process.OCPP)
        bench.clock.run_for(rng.uniform(0.0, 0.8))
        bench.faults.kill(Process.OCPP)  # often before it has reached anybody
        bench.faults.restart(Process.OCPP)
        station.to_idle()
        station.bill_is_whole()
        station.until(lambda: _validates(station), 20, "the link at the core's door")


def _validates(station: Station) -> bool:
    """The link is there for the next card."""
    try:
        return bool(station.bench.dut.call("ocpp.state")["is_connected"])
    except DutRefused:
        return False
