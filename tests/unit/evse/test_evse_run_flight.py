"""Flights are written a little at a time, kept on the disk once, and torn ones say so."""

from __future__ import annotations

import ast
import asyncio
import importlib
import importlib.util
import os
import resource
import signal
import subprocess
import sys
import textwrap
from importlib.resources import files
from pathlib import Path

import pytest
from flight_rig import FlightRig

from evse.clock import VirtualClock
from evse.config.load import parse
from evse.door.client import DoorClient
from evse.door.jsonrpc import RpcError
from evse.guard.flight_read import TornFlight, read
from evse.guard.recorder import Cause
from evse.guard.replay import replay
from evse.run.core import CoreProcess
from evse.run.flight import (
    DIRECTORY,
    MAX_FILES,
    REQUEST,
    TURN_BUDGET_NS,
    FlightWriter,
    ask_for_flight,
    by_age,
)
from evse.run.flight_keeper import BURST, EVERY_MS, LOOK_MS, FlightKeeper
from evse.run.flight_keeper import MAX_FILES as KEPT_FILES
from evse.run.kernel_name import KERNEL, kernel_name
from hil.sim.station import StallingStorage, new_database

BOOT_ID = 0xBADCAFE
LINE_NS = 50_000
"""What a line costs on a computer as slow as a small Pi."""


class Ticking:
    """A clock on which each look costs time."""

    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        self.ns += LINE_NS
        return self.ns


class WriterRig(FlightRig):
    """The rig with a writer in its loop."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__()
        self.clock = VirtualClock()
        self.ticking = Ticking()
        self.writer = FlightWriter(run_dir, self.clock, station="CP1", now_ns=self.ticking)
        self.writer.watch(self.host, BOOT_ID, 0)
        self.recorder = self.host.recorders[1]
        self.directory = run_dir / DIRECTORY
        self.longest_ns = 0

    def run(self, span_ms: int) -> None:
        for _ in range(span_ms // 10):
            super().run(10)
            self.clock.advance_to(self.now_ms)
            before_ns = self.ticking.ns
            self.writer.turn(self.now_ms)
            self.longest_ns = max(self.longest_ns, self.ticking.ns - before_ns)

    def trip(self) -> None:
        self.plant.set_fault("emergency_stop", True)
        self.run(2_100)

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in self.directory.iterdir())


def imported_by(module: str) -> set[str]:
    """Those of our modules that it imports, and that these import."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        found.add(name)
        tree = ast.parse(Path(importlib.import_module(name).__file__ or "").read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("evse."):
                named = [f"{node.module}.{alias.name}" for alias in node.names]
                modules = (
                    [name for name in named if importlib.util.find_spec(name)]
                    if (node.module == "evse.guard")
                    else [node.module or ""]
                )
                waiting += [module for module in modules if module not in found]
    return found


def test_the_kernels_name_is_of_every_module_that_decides() -> None:
    deciding = imported_by("evse.guard.kernel") | imported_by("evse.guard.commands")
    assert set(KERNEL) == deciding | imported_by("evse.guard.rules")


def test_nothing_is_written_while_nothing_is_wrong(tmp_path: Path) -> None:
    rig = WriterRig(tmp_path)
    rig.charge()
    rig.run(65_000)
    assert rig.names == []


def test_a_trip_is_written_whole_and_a_turn_never_takes_long(tmp_path: Path) -> None:
    rig = WriterRig(tmp_path)
    rig.charge()
    rig.run(50_000)
    rig.trip()
    assert rig.names == ["flight-evse1-0badcafe-1.flight.part"]
    rig.run(20_000)
    assert rig.names == ["flight-evse1-0badcafe-1.flight"]
    assert rig.longest_ns <= TURN_BUDGET_NS + 2 * LINE_NS
    flight = read((rig.directory / rig.names[0]).read_bytes())
    origin = flight.header.origin
    assert (origin.station, origin.evse, origin.boot) == ("CP1", 1, "0badcafe")
    assert origin.kernel == kernel_name()
    assert origin.utc.startswith("2026-01-01T00:01:0")
    assert flight.header.trigger.detail == "EMERGENCY_STOP"
    assert len(flight.records) == 6_199
    assert all(not step.differences for step in replay(flight))
    assert (rig.directory / rig.names[0]).stat().st_mode & 0o777 == 0o640


def test_a_request_in_the_directory_is_taken_once_and_its_words_are_kept(tmp_path: Path) -> None:
    rig = WriterRig(tmp_path)
    rig.run(1_000)
    (rig.directory / REQUEST).write_bytes(b"car \x1b[2J stops\xff\nsecond line" + b"x" * 1_000)
    rig.run(10_000)
    (name,) = rig.names
    flight = read((rig.directory / name).read_bytes())
    assert flight.header.trigger.cause is Cause.ASKED
    assert flight.header.trigger.detail == "car [2J stops\N{REPLACEMENT CHARACTER}"


def test_a_guard_that_overslept_leaves_the_minute_before(tmp_path: Path) -> None:
    rig = WriterRig(tmp_path)
    rig.charge()
    rig.writer.trigger(Cause.OVERSLEPT, "900 ms", rig.now_ms)
    other = FlightRig(start_ms=rig.now_ms)
    rig.writer.watch(other.host, 0xFEED, rig.now_ms)
    for _ in range(300):
        other.run(10)
        rig.writer.turn(other.now_ms)
    assert rig.names == ["flight-evse1-0badcafe-1.flight"]
    flight = read((rig.directory / rig.names[0]).read_bytes())
    assert flight.header.trigger.cause is Cause.OVERSLEPT
    assert flight.records[-1].now_ms == rig.now_ms
    assert all(not step.differences for step in replay(flight))


def test_a_closing_guard_writes_what_was_triggered(tmp_path: Path) -> None:
    rig = WriterRig(tmp_path)
    rig.charge()
    rig.writer.trigger(Cause.PINS_LOST, "[Errno 5]", rig.now_ms)
    rig.writer.close(rig.now_ms)
    assert rig.names == ["flight-evse1-0badcafe-1.flight"]


def test_a_request_that_is_no_plain_file_keeps_nobody_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rig = WriterRig(tmp_path)
    os.mkfifo(rig.directory / REQUEST)
    rig.run(4_000)
    (name,) = rig.names
    assert read((rig.directory / name).read_bytes()).header.trigger.detail == "without a word"
    (rig.directory / REQUEST).symlink_to("/etc/passwd")
    rig.run(2_000)
    assert "a request for a flight can not be taken" in caplog.text


def test_the_core_may_take_files_away_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        rig = WriterRig(tmp_path)
    finally:
        os.umask(before)
    assert rig.directory.stat().st_mode & 0o777 == 0o770


def test_the_newest_files_stay_also_over_a_restart(tmp_path: Path) -> None:
    kept: list[str] = []
    for life in (0, 1):
        rig = WriterRig(tmp_path)
        rig.writer.watch(rig.host, life, 0)
        for number in range(MAX_FILES - 1):
            rig.run(100)
            rig.writer.trigger(Cause.ASKED, str(number), rig.now_ms)
            rig.writer.close(rig.now_ms)
            kept.append(f"flight-evse1-{life:08x}-{number + 1}.flight")
            at_s = len(kept)
            os.utime(rig.directory / kept[-1], (at_s, at_s))
    assert [path.name for path in by_age(rig.directory)] == kept[-MAX_FILES:]


def test_a_directory_that_can_not_be_used_is_told_and_ring_1_lives_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / DIRECTORY).write_text("a file is in the way")
    rig = FlightRig()
    writer = FlightWriter(tmp_path, VirtualClock())
    writer.watch(rig.host, BOOT_ID, 0)
    rig.run(1_000)
    writer.trigger(Cause.ASKED, "", rig.now_ms)
    writer.turn(rig.now_ms)
    writer.close(rig.now_ms)
    assert "no flight is recorded" in caplog.text


def test_a_full_file_system_loses_the_flight_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rig = WriterRig(tmp_path)
    rig.run(3_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        rig.writer.trigger(Cause.ASKED, "", rig.now_ms)
        rig.writer.close(rig.now_ms)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert rig.names == []
    assert "can not be written: File too large" in caplog.text
    rig.writer.trigger(Cause.ASKED, "", rig.now_ms)
    rig.run(5_000)
    assert len(rig.names) == 1


KILLED = """
    import os, signal, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    from flight_rig import FlightRig
    from evse.clock import VirtualClock
    from evse.guard.recorder import Cause
    from evse.run.flight import FlightWriter
    rig = FlightRig()
    writer = FlightWriter(Path(sys.argv[1]), VirtualClock())
    writer.watch(rig.host, 1, 0)
    rig.charge()
    writer.trigger(Cause.ASKED, "", rig.now_ms)
    rig.run(2_100)
    for _ in range(15):
        writer.turn(rig.now_ms)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_guard_killed_while_it_wrote_leaves_a_torn_flight_that_says_so(tmp_path: Path) -> None:
    script = textwrap.dedent(KILLED)
    here = str(Path(__file__).parent)
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path), here], timeout=60)
    assert ended.returncode == -signal.SIGKILL
    FlightWriter(tmp_path, VirtualClock())
    (path,) = by_age(tmp_path / DIRECTORY)
    with pytest.raises(TornFlight, match=r"torn: it ends after \d+ periods"):
        read(path.read_bytes())
    rest = read(path.read_bytes(), torn=True)
    assert rest.records
    assert all(not step.differences for step in replay(rest))


# --- the keeper -----------------------------------------------------------------------------------


class KeeperRig:
    def __init__(self, tmp_path: Path) -> None:
        self.source = tmp_path / "run" / DIRECTORY
        self.target = tmp_path / "state" / DIRECTORY
        self.source.mkdir(parents=True)
        self.target.parent.mkdir()
        self.clock = VirtualClock()
        self.storage = StallingStorage(new_database(self.clock, print))
        self.keeper = FlightKeeper(self.source.parent, self.target.parent, self.clock, self.storage)
        self.number = 0

    def put(self, count: int = 1, size: int = 100) -> None:
        for _ in range(count):
            self.number += 1
            path = self.source / f"flight-evse1-00000001-{self.number}.flight"
            path.write_bytes(b"x" * size)
            os.utime(path, (self.number, self.number))

    @property
    def source_names(self) -> list[str]:
        return [path.name for path in self.source.iterdir()]

    def wait(self, span_ms: int = LOOK_MS) -> None:
        self.clock.advance_to(self.clock.now_ms() + span_ms)
        self.keeper.poll()

    @property
    def kept(self) -> list[int]:
        return sorted(int(path.stem.rpartition("-")[2]) for path in self.target.iterdir())


def test_a_finished_flight_is_brought_over_and_what_is_unfinished_stays(tmp_path: Path) -> None:
    rig = KeeperRig(tmp_path)
    rig.wait()
    assert not rig.target.exists(), "nothing is made while nothing is wrong"
    rig.put()
    (rig.source / "flight-evse1-00000001-2.flight.part").touch()
    (rig.source / "flight-x.flight").symlink_to("/etc/passwd")
    rig.wait()
    assert rig.kept == [1]
    assert sorted(path.name for path in rig.source.iterdir()) == [
        "flight-evse1-00000001-2.flight.part",
        "flight-x.flight",
    ]
    (kept,) = rig.target.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o640


def test_a_fault_that_comes_and_goes_for_ever_wears_out_no_card(tmp_path: Path) -> None:
    rig = KeeperRig(tmp_path)
    rig.put(BURST + 5)
    rig.wait()
    rig.wait()
    assert len(rig.kept) == BURST
    rig.wait(EVERY_MS)
    assert len(rig.kept) == BURST + 1


def test_the_oldest_kept_go_by_number_and_by_bytes(tmp_path: Path) -> None:
    rig = KeeperRig(tmp_path)
    for _ in range(KEPT_FILES + 3):
        rig.put()
        rig.wait(EVERY_MS)
    assert rig.kept == list(range(4, KEPT_FILES + 4))
    rig.put(3, size=3_000_000)
    rig.wait(3 * EVERY_MS)
    assert rig.kept == [KEPT_FILES + 5, KEPT_FILES + 6]


def test_a_flight_that_can_not_be_taken_away_is_copied_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rig = KeeperRig(tmp_path)
    rig.put()

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.parent == rig.source:
            raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    rig.wait()
    assert "can not be kept" in caplog.text
    (kept,) = rig.target.iterdir()
    kept.rename(tmp_path / "moved")
    rig.wait()
    assert list(rig.target.iterdir()) == []


def test_a_card_that_fails_is_not_worn_out_by_trying(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = KeeperRig(tmp_path)
    rig.put()
    tries: list[int] = []

    def fail(handle: int) -> None:
        tries.append(rig.clock.now_ms())
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail)
        for _ in range(2 * EVERY_MS // LOOK_MS):
            rig.wait()
    assert len(tries) <= 3
    rig.wait(EVERY_MS)
    assert rig.kept == [1]
    assert rig.source_names == []


def test_a_request_is_written_where_no_link_of_others_points_to(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    (tmp_path / f"{REQUEST}.new").symlink_to(mine)
    before = os.umask(0o077)
    try:
        ask_for_flight(tmp_path, "so")
    finally:
        os.umask(before)
    assert mine.read_text() == "mine"
    assert (tmp_path / REQUEST).read_text() == "so\n"
    assert (tmp_path / REQUEST).stat().st_mode & 0o777 == 0o644, "ring 1 is another user"


def test_a_disk_that_hangs_is_asked_once(tmp_path: Path) -> None:
    rig = KeeperRig(tmp_path)
    rig.storage.stalled = True
    for _ in range(5):
        rig.wait()
    assert len(rig.storage._waiting) == 1
    rig.put()
    rig.storage.resume()
    rig.wait()
    assert rig.kept == [1]


def test_whoever_asks_the_core_is_heard_by_ring_1_or_told_why_not(tmp_path: Path) -> None:
    rig = KeeperRig(tmp_path)
    told: list[str] = []
    rig.keeper.ask("a car that stops", told.append)
    assert told == [""]
    assert (rig.source / REQUEST).read_text() == "a car that stops\n"
    (rig.source / REQUEST).unlink()
    rig.source.rmdir()
    rig.keeper.ask("", told.append)
    assert told[-1] == "no ring 1 on this computer records"


def test_a_technician_at_the_door_gets_a_flight(tmp_path: Path) -> None:
    async def story() -> None:
        run_dir, config = tmp_path / "run", files("hil").joinpath("station_free.toml")
        (run_dir / DIRECTORY).mkdir(parents=True)
        door = run_dir / "door.sock"
        core = CoreProcess(
            parse(config.read_text("utf-8")), state_dir=tmp_path, socket=door, run_dir=run_dir
        )
        running = asyncio.ensure_future(core.run())
        async with asyncio.timeout(20):
            while not door.exists():  # noqa: ASYNC110 - a path is no event
                await asyncio.sleep(0.01)
            client = await DoorClient.connect(door)
            assert await client.call("sys.record", {"why": "it hums"}) == {"asked": True}
            with pytest.raises(RpcError, match="why"):
                await client.call("sys.record", {"why": "x" * 101})
            await client.aclose()
            core.life.stop()
            await running
        assert (run_dir / DIRECTORY / REQUEST).read_text() == "it hums\n"

    asyncio.run(story())
