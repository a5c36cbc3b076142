"""Kill -9 of core, ring 1 and OCPP link in every session state, with real processes.

A stalled disk can not be had from outside a process: test_scenario_deaths.py has it, in virtual
time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from proc_station import (
    FORCED_MS,
    LETS_GO_MA,
    STATES,
    WATCHDOG_MS,
    WITH_TRANSACTION,
    Station,
    end_reason,
)

from hil.bench.bench import Process
from hil.bench.plugin import FAILED
from hil.errors import DutRefused
from hil.trace import Lane

pytestmark = pytest.mark.proc

KILLS = 25
SEED = 20261121
_shared: list[Station] = []


@pytest.fixture(scope="module", autouse=True)
def _end_of_station() -> Iterator[None]:
    yield
    while _shared:
        _shared.pop().close()


@pytest.fixture
def station(request: pytest.FixtureRequest) -> Iterator[Station]:
    """Idle, whole, and with everything running."""
    if not _shared:
        _shared.append(Station())
    station = _shared[0]
    yield station
    try:
        assert not request.node.stash.get(FAILED, False), "the test failed: the next gets another"
        station.to_idle()
        station.bill_is_whole()
        station.nothing_broken()
    except BaseException:  # also Ctrl-C: no station is left behind
        _shared.pop().close()
        raise


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
