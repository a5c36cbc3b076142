"""A firmware update whose link dies at every point of it, on a disk that takes its time."""

from __future__ import annotations

from typing import Any

import pytest
from files_rig import GOOD, FakeInstaller, FilesRig

from evse.clock import VirtualClock
from hil.csms.brain import CsmsBrain
from ocpp_link.files.jobs import End, Outcome
from ocpp_link.memory.database import Database

RESTART = End(Outcome.DONE, version="2.0", restart=True)
IN_ORDER = ["Downloading", "Downloaded", "Installing", "Installed"]
STEP_S = 0.01
DISK_MS = 25
"""Longer than a step: a death loses what was just decided."""


class World:
    """What outlives the link: disk, clock, back office, installer, and what the core was told."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.brain = CsmsBrain(self.clock)
        self.database = Database(":memory:")
        self.installer = FakeInstaller()
        self.disabled: set[int] = set()
        self.core_runs = "1.0"
        self.died_announced = False
        """In the half second between the announcement of the restart and the restart."""
        self.rig = self._rig()

    def _rig(self) -> FilesRig:
        rig = FilesRig(
            self.installer,
            evses=2,
            database=self.database,
            clock=self.clock,
            brain=self.brain,
            latency_ms=DISK_MS,
        )
        rig.start()
        return rig

    def die(self, *, power: bool) -> None:
        """Kill -9 of the link, which begins anew from what is there; with `power`, the core too."""
        self.note()
        update = self.rig.engine.firmware.update
        waits = update is not None and update.restarting and not self.rig.system.restarts
        self.died_announced = self.died_announced or waits
        self.installer.start()
        if power:
            self.core_runs = self.installer.running
        self.rig = self._rig()

    def note(self) -> None:
        """What the core was told since."""
        for params in self.rig.core.called("enable_disable"):
            wish: dict[str, Any] = params["cmd_source"]
            if wish["enable_state"] == "Disable":
                self.disabled.add(params["evse"])
            else:
                self.disabled.discard(params["evse"])
        self.rig.core.calls.clear()

    def step(self) -> None:
        """Time passes; whatever waits for the world goes on."""
        rig = self.rig
        if rig.workers.active:
            rig.end_job(GOOD)
        elif self.installer.pending:
            if self.installer.asked[-1] == "install":
                self.installer.end(RESTART)
            else:
                self.installer.confirmed(End(Outcome.DONE))
            rig.flush()
        rig.run(STEP_S)
        if rig.system.restarts:
            self.die(power=True)

    def is_over(self) -> bool:
        update = self.rig.engine.firmware.update
        return update is not None and update.is_ended and not update.untold


def begin(world: World) -> None:
    world.rig.run(10)
    request = {"location": "http://h/f", "retrieveDate": "2026-01-01T00:00:00Z"}
    assert world.rig.ask("UpdateFirmware", request) == ("result", {})


def play(cut_at: int, *, power: bool) -> tuple[World, int]:
    """Until it is over; the link dies once, after so many steps. Returns how many there were."""
    world = World()
    begin(world)
    world.rig.run(0.1)  # the request is on the disk: before that nothing was begun
    for steps in range(2_000):
        if world.is_over():
            break
        if steps == cut_at:
            world.die(power=power)
        world.step()
    world.rig.run(20)
    world.note()
    return world, steps


UNCUT = play(-1, power=False)[1]


def test_without_a_death_it_is_told_once_in_order() -> None:
    world, _ = play(-1, power=False)
    heard = [payload["status"] for payload in world.brain.sent("FirmwareStatusNotification")]
    assert heard == IN_ORDER


@pytest.mark.parametrize("power", [False, True], ids=["kill", "power cut"])
def test_an_update_comes_to_its_end_wherever_the_link_dies(power: bool) -> None:
    """Nothing is skipped or comes out of order, what is told twice is told again in order, the
    release that runs is the one that was told of, and nobody is kept from charging afterwards."""
    for cut_at in range(UNCUT + 1):
        world, _ = play(cut_at, power=power)
        heard = [payload["status"] for payload in world.brain.sent("FirmwareStatusNotification")]
        assert list(dict.fromkeys(heard)) == IN_ORDER, f"cut after {cut_at} steps: {heard}"
        assert heard.count("Installed") == 1, f"cut after {cut_at} steps: {heard}"
        assert world.installer.running == "2.0"
        assert world.core_runs == "2.0" or world.died_announced
        assert world.disabled == set(), f"cut after {cut_at} steps"
        assert world.brain.complaints == []


def test_the_cuts_are_many(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nfirmware update: the link dies at {2 * (UNCUT + 1)} points", end="")
    assert UNCUT > 30
