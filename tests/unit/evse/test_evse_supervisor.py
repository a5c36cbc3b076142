"""The supervisor with real child processes: what restarts, what stays down, in what order it ends.

Times are judged from below only (a wait is at least so long), or against generous deadlines: a
busy machine may delay everything.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from evse.run.supervisor import FIRST_WAIT_S, Supervisor, Unit, python_unit

PATIENCE_S = 30.0

LIVES = """
import os, signal, sys, time
name, log = sys.argv[1:3]
def note(what):
    fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    line = f"{what} {name} {time.monotonic()} {os.environ.get('PIEVSE_BOOT_ID', 'kernel')}\\n"
    os.write(fd, line.encode())
    os.close(fd)
def end(number, frame):
    note("ends")
    os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if "deaf" in sys.argv else end)
signal.signal(signal.SIGUSR1, lambda number, frame: os._exit(80))
signal.signal(signal.SIGUSR2, lambda number, frame: os._exit(81))
note("lives")
if "fails" in sys.argv:
    os._exit(3)
while True:
    signal.pause()
"""


class Station:
    """A supervisor of children that write down their lives."""

    def __init__(self, directory: Path, *names: str, **kinds: str) -> None:
        self._log = directory / "log"
        self.supervisor = Supervisor([self._unit(name, kinds.get(name, "")) for name in names])
        self.stop = asyncio.Event()

    def _unit(self, name: str, kind: str) -> Unit:
        argv = (sys.executable, "-I", "-S", "-c", LIVES, name, str(self._log), kind)
        takes = {80: ("core",), 81: ("guard", "core")} if name == "ocpp" else {}
        metal = name in ("plant", "meter-1")
        return Unit(name, argv, simulated_metal=metal, takes=takes)

    def lines(self, what: str, name: str = "") -> list[list[str]]:
        if not self._log.exists():
            return []
        rows = [line.split() for line in self._log.read_text("utf-8").splitlines()]
        return [row for row in rows if row[0] == what and name in ("", row[1])]

    def pid(self, name: str) -> int | None:
        found: int | None = next(
            row["pid"] for row in self.supervisor.processes() if row["name"] == name
        )
        return found

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110 a child's file has no asyncio.Event
                await asyncio.sleep(0.005)

    async def all_live(self) -> None:
        units = self.supervisor.processes()
        await self.until(lambda: all(self.lines("lives", unit["name"]) for unit in units))


def live(station: Station, act: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run the supervisor, do `act` once all children live, end it, and see that nothing is left."""

    async def body() -> None:
        running = asyncio.create_task(station.supervisor.run(station.stop))
        await station.all_live()
        try:
            await act()
        finally:
            pids = [row["pid"] for row in station.supervisor.processes() if row["pid"]]
            station.stop.set()
            await running
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)

    asyncio.run(body())


async def nothing() -> None:
    """The station only starts and ends."""


def test_a_unit_that_is_killed_is_started_again_and_counted(tmp_path: Path) -> None:
    station = Station(tmp_path, "core", "guard")

    async def act() -> None:
        pid = station.pid("core")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await station.until(lambda: len(station.lines("lives", "core")) == 2)
        rows = {row["name"]: row for row in station.supervisor.processes()}
        assert rows["core"]["restarts"] == 1
        assert rows["guard"]["restarts"] == 0
        assert rows["core"]["pid"] != pid

    live(station, act)


def test_the_wait_before_a_restart_doubles_while_a_unit_keeps_failing(tmp_path: Path) -> None:
    station = Station(tmp_path, "core", core="fails")

    async def act() -> None:
        await station.until(lambda: len(station.lines("lives")) == 4)

    live(station, act)
    began = [float(row[2]) for row in station.lines("lives")]
    gaps = [after - before for before, after in pairwise(began)]
    for index, gap in enumerate(gaps):
        assert gap >= FIRST_WAIT_S * 2**index


def test_a_program_that_is_not_there_is_tried_again_and_hurts_no_other(tmp_path: Path) -> None:
    station = Station(tmp_path, "guard")
    missing = Unit("core", (str(tmp_path / "no-such-program"),))
    both = Supervisor([missing, *station.supervisor._units.values()])

    async def body() -> None:
        running = asyncio.create_task(both.run(station.stop))
        await station.until(lambda: both.processes()[0]["restarts"] >= 1)
        await station.until(lambda: station.lines("lives", "guard"))
        assert both.processes()[0]["pid"] is None
        station.stop.set()
        await running

    asyncio.run(body())


def test_the_end_asks_the_core_first_then_ring_1_and_the_metal_last(tmp_path: Path) -> None:
    station = Station(tmp_path, "plant", "guard", "meter-1", "core")
    live(station, nothing)
    order = [row[1] for row in station.lines("ends")]
    assert order[:2] == ["core", "guard"]
    assert set(order[2:]) == {"plant", "meter-1"}


def test_a_deaf_unit_is_killed_and_the_end_stays_within_3_s(tmp_path: Path) -> None:
    station = Station(tmp_path, "plant", "guard", "core", core="deaf", plant="deaf", guard="deaf")
    began_s: list[float] = []

    async def act() -> None:
        began_s.append(time.monotonic())

    live(station, act)
    assert time.monotonic() - began_s[0] < 3.0


def test_no_unit_is_started_once_the_end_has_begun(tmp_path: Path) -> None:
    """Also one that was just waiting for its restart."""
    station = Station(tmp_path, "guard", "core", guard="fails", core="deaf")

    async def act() -> None:
        await station.until(lambda: len(station.lines("lives", "guard")) == 2)

    live(station, act)
    births = len(station.lines("lives", "guard"))
    assert births == station.supervisor.processes()[0]["restarts"] + 1
    assert station.pid("guard") is None


def test_what_is_held_stays_off_until_it_is_released(tmp_path: Path) -> None:
    station = Station(tmp_path, "guard", "core", "ocpp")

    async def act() -> None:
        station.supervisor.hold(["core"])
        await station.until(lambda: station.pid("core") is None)
        pid = station.pid("ocpp")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)  # more than a restart's time passes for the other one
        await station.until(lambda: len(station.lines("lives", "ocpp")) == 2)
        assert len(station.lines("lives", "core")) == 1
        station.supervisor.release(["core"])
        await station.until(lambda: len(station.lines("lives", "core")) == 2)

    live(station, act)


def test_one_unit_killed_is_the_same_boot_and_the_whole_computer_is_another(
    tmp_path: Path,
) -> None:
    station = Station(tmp_path, "plant", "guard", "core")

    async def act() -> None:
        station.supervisor.hold(["core"])
        station.supervisor.release(["core"])
        await station.until(lambda: len(station.lines("lives", "core")) == 2)
        station.supervisor.hold(station.supervisor.computer)
        station.supervisor.release(station.supervisor.computer)
        await station.until(lambda: len(station.lines("lives", "core")) == 3)
        await station.until(lambda: len(station.lines("lives", "guard")) == 2)

    live(station, act)
    boots = [row[3] for row in station.lines("lives", "core")]
    assert boots[:2] == ["kernel", "kernel"], "a restart of processes is no power cut"
    assert boots[2] != "kernel"
    assert station.lines("lives", "guard")[1][3] == boots[2]
    assert len(station.lines("lives", "plant")) == 1, "the metal needs no computer"


def test_what_a_killed_unit_leaves_behind_is_removed_before_it_can_lead_astray(
    tmp_path: Path,
) -> None:
    """A link to a dead pseudo-terminal: its number may belong to somebody else by now."""
    station, link = Station(tmp_path, "guard"), tmp_path / "board.tty"
    unit = msgspec.structs.replace(station.supervisor._units["guard"], leaves=(str(link),))
    station.supervisor = Supervisor([unit])
    link.symlink_to("/dev/pts/no-such")  # of an earlier life

    async def act() -> None:
        assert not link.is_symlink()
        link.symlink_to("/dev/pts/no-such")
        station.supervisor.hold(["guard"])
        await station.until(lambda: not link.is_symlink())

    live(station, act)


def test_an_unknown_unit_is_refused_and_nothing_is_held(tmp_path: Path) -> None:
    station = Station(tmp_path, "core")

    async def act() -> None:
        with pytest.raises(KeyError):
            station.supervisor.hold(["core", "fridge"])
        with pytest.raises(KeyError):
            station.supervisor.release(["fridge"])
        assert station.pid("core") is not None

    live(station, act)
    assert len(station.lines("lives", "core")) == 1


def test_children_are_sessions_of_their_own(tmp_path: Path) -> None:
    """A Ctrl-C at the terminal must not end ring 1 before the core has said its word."""
    station = Station(tmp_path, "core")

    async def act() -> None:
        pid = station.pid("core")
        assert pid is not None
        assert os.getsid(pid) == pid

    live(station, act)


def test_a_python_unit_runs_on_this_interpreter() -> None:
    unit = python_unit("core", "evse", "core", "--sim")
    assert unit == Unit("core", (sys.executable, "-m", "evse", "core", "--sim"), False)


@pytest.mark.parametrize(
    ("number", "begins_anew", "other_boot"),
    [
        (signal.SIGUSR1, {"core", "ocpp"}, False),
        (signal.SIGUSR2, {"guard", "core", "ocpp"}, True),
    ],
)
def test_a_reset_of_the_link_takes_the_rest_with_it(
    tmp_path: Path, number: int, begins_anew: set[str], other_boot: bool
) -> None:
    """OCPP 1.6 §5.14: the programs (soft), or all hardware (hard); the core ends first."""
    station = Station(tmp_path, "plant", "guard", "core", "ocpp")

    async def act() -> None:
        await station.all_live()
        before = {row["name"]: row["pid"] for row in station.supervisor.processes()}
        os.kill(before["ocpp"], number)
        await station.until(lambda: all(len(station.lines("lives", n)) == 2 for n in begins_anew))
        after = {row["name"]: row["pid"] for row in station.supervisor.processes()}
        assert {name for name in after if after[name] != before[name]} == begins_anew
        boots = {row[3] for row in station.lines("lives", "core")}
        assert len(boots) == (2 if other_boot else 1)
        ends = [row[1] for row in station.lines("ends")]
        assert ends == [name for name in ("core", "guard") if name in begins_anew]

    live(station, act)


def test_a_reset_in_the_midst_of_the_end_starts_nothing_again(tmp_path: Path) -> None:
    station = Station(tmp_path, "core", "ocpp", core="deaf")

    async def act() -> None:
        await station.all_live()
        pid = station.pid("ocpp")
        assert pid is not None
        os.kill(pid, signal.SIGUSR1)
        await station.until(lambda: station.pid("ocpp") is None)
        station.stop.set()

    live(station, act)
    assert len(station.lines("lives", "core")) == 1
