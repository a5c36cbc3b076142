"""Orderly and rude ends of a whole station of real processes."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from proc_station import STATES, WITH_TRANSACTION, Station, end_reason, transactions_wh

from evse.model import F_BP, X1_BP
from hil.bench.plugin import FAILED
from hil.trace import Lane

pytestmark = pytest.mark.proc

END_S = 3.0
"""SIGTERM ends anything within this."""
SCHEDULING_S = 1.0
"""What a busy machine may add to the end of six Python processes."""
GONE_S = 5.0
"""Likewise for children whose supervisor was killed, and the machine's own delay."""


@pytest.fixture
def station(request: pytest.FixtureRequest) -> Iterator[Station]:
    """A station of its own; what it must have kept is asserted by the test itself."""
    station = Station()
    try:
        yield station
        if not request.node.stash.get(FAILED, False):
            station.nothing_broken()
    finally:
        station.close()


@pytest.mark.parametrize("state", [*STATES, "charging a rude car"])
def test_sigterm_ends_everything_in_time_with_safe_outputs(station: Station, state: str) -> None:
    if state in STATES:
        station.reach(state)
    else:
        station.charge(variant="rude")
    bench = station.bench
    pids = [row["pid"] for row in bench.rig.processes().values()]
    begin_s = time.monotonic()
    os.kill(bench.rig.child.pid, signal.SIGTERM)
    hear_out(station)
    code = bench.rig.child.wait(END_S + SCHEDULING_S)
    took_s = time.monotonic() - begin_s
    assert code == 0
    assert took_s <= END_S + SCHEDULING_S
    assert all(not lives(pid) for pid in pids)
    trace = bench.rig.trace
    assert trace.changes(Lane.CONTACTOR)[-1].value == "open"
    assert trace.changes(Lane.DUTY)[-1].value in (X1_BP, F_BP)
    violations = [e for e in trace.changes(Lane.FAULT) if str(e.value).startswith("violation")]
    assert violations == []
    bench.rig.start_again()
    records = station.journal()
    transactions_wh(records)
    if state in WITH_TRANSACTION:
        told = ("Reboot", "Remote") if state == "stopping" else ("Reboot",)
        assert end_reason(records) in told, "a restart is no power cut"


def hear_out(station: Station) -> None:
    """What the plant tells until it ends too."""
    with pytest.raises(ConnectionError):
        while True:
            plant = station.bench.rig.plant
            select.select([plant], [], [], END_S)
            plant.hear()


def lives(pid: int) -> bool:
    """Not gone, and no zombie that only waits for whoever inherited it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_children_end_by_themselves_when_the_supervisor_is_killed(station: Station) -> None:
    station.charge()
    rig = station.bench.rig
    watched = [os.pidfd_open(row["pid"]) for row in rig.processes().values()]
    os.kill(rig.child.pid, signal.SIGKILL)
    rig.child.wait(END_S)
    for process in watched:
        assert select.select([process], [], [], GONE_S)[0], "a process outlives its supervisor"
        os.close(process)
    rig.start_again()
    records = station.journal()
    transactions_wh(records)
    assert end_reason(records) == "Reboot"
