"""A disk that is full or hangs: charging goes on, it is told, and nothing of the bill is lost."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from evse.config.load import load
from evse.history import page
from evse.journal.journal import LATE_MS
from evse.journal.storage import Done, Job
from hil.sim.simulation import Simulation
from hil.sim.station import LocalPeer

CONFIG = load(Path(__file__).parents[2] / "hil" / "station_free.toml")
FULL = "database or disk is full"


class Disk:
    """The simulated core's, which fills up or hangs on request."""

    def __init__(self, sim: Simulation) -> None:
        assert sim.station is not None
        self._storage = sim.station.storage
        self._submit = self._storage.submit
        self.full = False
        self._storage.submit = self._take  # type: ignore[method-assign]  # the disk of this test

    def _take(self, job: Job, done: Done) -> None:
        if self.full:
            done(sqlite3.OperationalError(FULL))
        else:
            self._submit(job, done)

    def fail(self, kind: str) -> None:
        self.full = kind == "full"
        self._storage.stalled = kind == "hung"

    def mend(self) -> None:
        self.full = False
        self._storage.resume()


class Faults:
    """What a peer hears of the disk."""

    def __init__(self, sim: Simulation) -> None:
        self.peer = LocalPeer(sim.peer()._hub)
        self.told: list[tuple[str, str]] = []
        self.peer.on_notification = self._hear
        self.peer.ask("subscribe", {"variable": "sys.fault"})

    def _hear(self, _variable: str, params: dict[str, Any]) -> None:
        value = params["value"]
        if value["sub_type"] == "JournalNotWritten":
            self.told.append((value["state"], value["uuid"]))


@pytest.mark.parametrize("kind", ["full", "hung"])
def test_a_session_goes_on_without_a_disk_and_is_billed_with_it(kind: str) -> None:
    sim = Simulation(CONFIG, seed=3)
    sim.run_for(3_000)
    assert sim.station is not None
    disk, faults, car = Disk(sim), Faults(sim), sim.plants[1].car
    disk.fail(kind)
    car.plug()
    sim.wake()
    sim.run_for(LATE_MS - 1_000)
    assert faults.told == [], "a short stall is no fault"
    sim.run_for(60_000)
    session = sim.station.core.sessions[1]
    assert session.state == "charging"
    assert sim.plants[1].energised
    assert [state for state, _ in faults.told] == ["Active"]
    state = sim.station.core.journal.trouble(sim.now_ms)
    assert state.endswith(FULL if kind == "full" else "it does not answer")
    car.unplug()
    sim.wake()
    sim.run_for(20_000)
    assert sim.database.execute("SELECT count(*) FROM event").fetchone() == (1,)
    disk.mend()
    sim.run_for(2_000)
    sim.station.core.poll()
    assert [state for state, _ in faults.told] == ["Active", "Cleared"]
    assert len({uuid for _, uuid in faults.told}) == 1
    (charge,) = page(sim.database).sessions
    truth = sim.plants[1].meter(sim.now_ms).energy_import_wh
    assert charge.energy_wh == pytest.approx(truth, abs=0.2)
    assert sim.station.core.journal.lost == 0
    assert sim.plants[1].violations == []
