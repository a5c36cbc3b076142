"""The native board as a process: `evse run --sim` of a station with `[board] kind = "native"` runs
the product's drivers on a Pi made of memory, whose wires end in the plant."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from scenario_steps import charging, closed, names

from hil.bench.bench import Process
from hil.bench.plugin import started
from hil.bench.proc import ProcBench
from hil.bench.station import StationSetup

pytestmark = pytest.mark.proc
OPENING_MS = 100
"""From the car's letting go to the contactor (DESIGN "Settled numbers")."""


@pytest.fixture(scope="module")
def station() -> Iterator[ProcBench]:
    bench = ProcBench(StationSetup(native=True))
    started(bench)
    yield bench
    bench.close()


def test_a_car_charges_and_lets_go_through_the_native_drivers(station: ProcBench) -> None:
    charging(station)
    assert "native pievse-reference" in str(station.dut.call("sys.state")["board"])
    station.ev.pause()
    station.clock.run_until(lambda: not closed(station), within=5, what="contactor open")
    station.ev.resume()
    station.clock.run_until(lambda: closed(station), within=5, what="closed again")
    assert station.probe.violations() == []


def test_kill_9_of_the_native_guard_opens_and_the_transaction_goes_on(station: ProcBench) -> None:
    if not closed(station):
        charging(station)
    seq = station.probe.events()[-1].seq
    station.faults.kill(Process.GUARD)
    station.clock.run_until(lambda: not closed(station), within=0.5, what="ring 0 opens")
    station.faults.restart(Process.GUARD)
    station.clock.run_until(lambda: closed(station), within=20, what="charging goes on")
    assert "TransactionFinished" not in names(station, seq)


def test_a_guard_that_is_stopped_for_a_second_begins_anew(station: ProcBench) -> None:
    if not closed(station):
        charging(station)
    pid = {p["name"]: p["pid"] for p in station.dut.call("sys.state")["processes"]}["guard"]
    boot_id = station.dut.call("sys.state")["board"]["boot_id"]
    os.kill(pid, signal.SIGSTOP)
    station.clock.run_until(lambda: not closed(station), within=0.5, what="ring 0 opens")
    os.kill(pid, signal.SIGCONT)
    station.clock.run_until(lambda: closed(station), within=20, what="charging goes on")
    assert station.dut.call("sys.state")["board"]["boot_id"] != boot_id
    assert station.dut.call("sys.state")["link"]["board"]["overslept"] == 1
