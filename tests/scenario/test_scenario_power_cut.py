"""The power goes before and after every single write and sync of a session's life.

One station lives through two customers, with checkpoints, acknowledgements, forgetting and the
log's own checkpoints, while everything that SQLite does to its files is noted (power_cut.py). For
every step, and for each of the four things that a cut may leave of what was not synced, the files
are laid out, opened as the core opens them, and judged; for each different content that this gives
a core starts on it, in the world as it stood at that moment, and serves the next customer.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from power_cut import Image, Recorder, available, images, laid_out

from evse.clock import VirtualClock
from evse.config.load import load
from evse.journal.entries import Record
from evse.journal.rows import MIGRATIONS
from evse.journal.storage import Done, Job, open_database
from hil.sim.simulation import Simulation
from hil.sim.station import LocalPeer, SimStation

pytestmark = pytest.mark.skipif(
    not available(), reason="this Python's SQLite is built in and can not be watched"
)

CONFIG = load(Path(__file__).parents[2] / "hil" / "station_demo.toml")
TOKEN = {"id_token": {"value": "CARD", "type": "ISO14443"}, "authorization_type": "RFID"}
ACCEPTED = {"authorization_status": "Accepted", "tariff_messages": []}
OLD = 12
"""Events of long ago, to be forgotten on the way."""
LOG_PAGES = 12
"""The log is carried over into the file so often that this happens several times in the story."""
PRUNE_MS = 20_000

RAM = Path("/dev/shm")
"""Where files are laid out that are looked at once."""

Content = tuple[Any, ...]
"""All rows of a database."""


def new_file(path: Path) -> sqlite3.Connection:
    """A journal that is in use for long."""
    db = opened(path)
    old_utc = VirtualClock().utc().timestamp() - 400 * 86_400
    body = b'{"uuid": "old", "event": "ChargingStarted", "timestamp": "2024-11-01T00:00:00.000Z"}'
    db.execute("UPDATE meta SET value = 'the same at each run'")
    db.execute("BEGIN")
    for seq in range(1, OLD + 1):
        db.execute("INSERT INTO event VALUES (?, 1, ?, ?)", (seq, old_utc + seq, body))
    db.execute("INSERT INTO consumer VALUES ('ocpp', ?)", (OLD,))
    db.execute("COMMIT")
    return db


def opened(path: Path) -> sqlite3.Connection:
    said: list[str] = []
    db = open_database(path, MIGRATIONS, utc=VirtualClock().utc(), say=said.append)
    db.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}").fetchall()
    assert said == [], "a power cut leaves no damage"
    return db


def content(db: sqlite3.Connection) -> Content:
    tables = ("event", "consumer", "snapshot", "meta")
    return tuple(tuple(db.execute(f"SELECT * FROM {t} ORDER BY 1").fetchall()) for t in tables)


@dataclass
class Told:
    record: Record
    at_step: int
    """How many steps the disk had done when it was told."""


@dataclass
class Life:
    """A station whose core lives on `database` until the `dies_at`-th job, and then on another."""

    database: sqlite3.Connection
    disk: Recorder | None = None
    dies_at: int | None = None
    goes_on: sqlite3.Connection | None = None
    told: list[Told] = field(default_factory=list)
    jobs: list[int] = field(default_factory=list)
    """How many steps the disk had done when each job was handed to it."""

    def __post_init__(self) -> None:
        self.sim = Simulation(CONFIG, seed=7)
        self.sim.kill_core()
        self.sim.database = self.database
        self.sim.on_core.append(self._watch)
        self.dead = False
        self.sim.start_core()

    def _watch(self, station: SimStation) -> None:
        tell, submit = station.core.journal.on_durable, station.storage.submit
        peer = LocalPeer(station.hub)

        def durable(record: Record) -> None:
            self.told.append(Told(record, self._steps()))
            tell(record)
            self.sim.at(self.sim.now_ms, lambda: acknowledge(record.seq))

        def acknowledge(seq: int) -> None:
            if self.sim.station is station:
                peer.call("journal.acknowledge", {"consumer": "ocpp", "seq": seq})

        def counted(job: Job, done: Done) -> None:
            if len(self.jobs) == self.dies_at and not self.dead:
                self.dead = True
                station.storage.stalled = True
                self.sim.at(self.sim.now_ms, self._power_cut)
            self.jobs.append(self._steps())
            submit(job, done)

        station.core.journal.on_durable = durable
        station.storage.submit = counted  # type: ignore[method-assign]  # the disk of this test

    def _steps(self) -> int:
        return len(self.disk.steps) if self.disk else 0

    def _power_cut(self) -> None:
        assert self.goes_on is not None
        self.sim.kill_core()
        self.sim.kill_guard()
        self.sim.database = self.goes_on
        self.sim.boot += 1
        self.sim.start_guard()
        self.sim.start_core()

    def live(self) -> Life:
        """Plug, authorize, charge over a checkpoint, pause, resume, unplug; a second customer."""
        sim, car = self.sim, self.sim.plants[1].car
        sim.run_for(3_000)
        car.plug()
        self._customer(70_000)
        self._call("pause_charging")
        sim.run_for(8_000)
        self._call("resume_charging")
        sim.run_for(15_000)
        self._leave()
        car.plug()
        self._customer(20_000)
        self._leave()
        return self

    def _customer(self, span_ms: int) -> None:
        self.sim.wake()
        self.sim.run_for(3_000)
        params = {"provided_token": TOKEN, "validation_result": ACCEPTED}
        self._call("authorize_response", params)
        self.sim.run_for(span_ms)

    def _leave(self) -> None:
        self.sim.plants[1].car.unplug()
        self.sim.wake()
        self.sim.run_for(25_000)

    def _call(self, method: str, params: dict[str, Any] | None = None) -> None:
        self.sim.peer().call(f"evse_manager.{method}", params or {})


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_PRUNE_MS", "PRUNE_EVERY_MS"):
        monkeypatch.setattr(f"evse.journal.retention.{name}", PRUNE_MS)


@dataclass(frozen=True)
class Recording:
    life: Life
    disk: Recorder
    first: int
    """The step at which the core started."""
    last: Content


def recorded(folder: Path, synchronous: str = "FULL") -> Recording:
    with Recorder() as disk:
        db = new_file(folder / "core.db")
        db.execute(f"PRAGMA synchronous = {synchronous}")
        first = len(disk.steps)
        life = Life(db, disk).live()
        last = content(db)
        db.close()
    return Recording(life, disk, first, last)


def recovered(recording: Recording, folder: Path) -> Iterator[tuple[int, Content]]:
    """(steps done, what the core finds) for every cut; equal files are opened once."""
    known: dict[Image, Content] = {}
    for done, image in images(recording.disk.steps):
        if image not in known:
            with laid_out(image, folder):
                db = opened(folder / "core.db")
                known[image] = content(db)
                db.close()
        yield done, known[image]


def judge_rows(recording: Recording, done: int, found: Content) -> None:
    """What was told is there, and nothing else has its number."""
    events = {row[0]: row[3] for row in found[0]}
    told = {t.record.seq: t.record.body for t in recording.life.told if t.at_step <= done}
    assert told.items() <= events.items(), f"step {done}"
    whole = {row[0]: row[3] for row in recording.last[0]}
    for seq, body in events.items():
        assert whole.get(seq, body) == body
    names = [msgspec.json.decode(body)["event"] for body in events.values()]
    if found[2] and names:
        state = msgspec.json.decode(found[2][0][1])
        counts = Counter(names)
        running = counts["TransactionStarted"] - counts["TransactionFinished"]
        assert state["transaction"] == bool(running), "an event and its snapshot are one"


def judge_life(first: list[Told], life: Life, found: Content) -> None:
    """Over both lives: numbers go on, bills are whole, registers only rise."""
    kept = [Record(seq, evse, body) for seq, evse, _utc, body in found[0] if seq > OLD]
    meaning = {t.record.seq: t.record.body for t in first}
    for record in [*kept, *(t.record for t in life.told)]:
        assert meaning.setdefault(record.seq, record.body) == record.body, (
            "a number has one meaning"
        )
    rows = [msgspec.json.decode(body) for _seq, body in sorted(meaning.items())]
    assert sorted(meaning) == list(range(OLD + 1, OLD + 1 + len(meaning))), "without a gap"
    for uuid in {row["uuid"] for row in rows if row["uuid"]}:
        names = Counter(row["event"] for row in rows if row["uuid"] == uuid)
        assert names["SessionStarted"] == names["SessionFinished"] == 1
        assert names["TransactionStarted"] == names["TransactionFinished"] <= 1
    registers = [
        part["meter_value"]["energy_Wh_import"]["total"]
        for row in rows
        for key in ("transaction_started", "transaction_finished")
        if (part := row.get(key))
    ]
    assert registers == sorted(registers)
    assert rows[-1]["event"] in ("SessionFinished", "Enabled"), "nothing is left open"
    assert life.sim.plants[1].violations == []
    assert life.sim.said == []


def test_the_power_goes_at_every_write(
    tmp_path: Path, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = recorded(tmp_path)
    points, starts = 0, dict[tuple[int, Content], int]()
    with tempfile.TemporaryDirectory(dir=RAM if RAM.exists() else None) as folder:
        for done, found in recovered(recording, Path(folder)):
            points += 1
            if done < recording.first:
                continue
            judge_rows(recording, done, found)
            job = sum(step < done for step in recording.life.jobs) - 1
            starts.setdefault((max(job, 0), found), done)
    for (job, found), done in starts.items():
        before = [t for t in recording.life.told if t.at_step <= done]
        begin = new_file(Path(":memory:"))
        life = Life(begin, dies_at=job, goes_on=in_memory(found)).live()
        judge_life(before, life, found)
    syncs = sum(step.kind == "sync" for step in recording.disk.steps)
    record_property("power cuts", points)
    with capsys.disabled():
        print(
            f"\npower cut: {points} cuts at {len(recording.disk.steps)} steps ({syncs} syncs), "
            f"{len(starts)} different starts"
        )
    assert points > 1_000
    assert len(starts) > 30


def test_with_fewer_syncs_the_same_cuts_lose_what_was_told(tmp_path: Path) -> None:
    """That the cuts of this file would find it, and why `synchronous` is not NORMAL."""
    recording = recorded(tmp_path, "NORMAL")
    with (
        tempfile.TemporaryDirectory(dir=RAM if RAM.exists() else None) as folder,
        pytest.raises(AssertionError, match="step"),
    ):
        for done, found in recovered(recording, Path(folder)):
            if done >= recording.first:
                judge_rows(recording, done, found)


def test_an_idle_hour_writes_nothing_and_a_charging_hour_little(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An SD card lives by what is written to it."""
    with Recorder() as disk:
        db = new_file(tmp_path / "core.db")
        db.execute("PRAGMA wal_autocheckpoint = 1000").fetchall()
        life = Life(db, disk)
        life.sim.run_for(60_000)
        begin = len(disk.steps)
        life.sim.run_for(3_600_000)
        idle = disk.steps[begin:]
        life.sim.plants[1].car.plug()
        life._customer(10_000)
        begin = len(disk.steps)
        life.sim.run_for(3_600_000)
        charging = disk.steps[begin:]
        db.close()
    written = sum(len(step.data) for step in charging)
    syncs = sum(step.kind == "sync" for step in charging)
    with capsys.disabled():
        print(f"\ndisk: idle hour {len(idle)} steps, charging hour {written} bytes, {syncs} syncs")
    assert idle == []
    assert written < 2_000_000
    assert syncs <= 80


def in_memory(found: Content) -> sqlite3.Connection:
    """A database with these rows."""
    db = open_database(":memory:", MIGRATIONS, utc=VirtualClock().utc(), say=pytest.fail)
    db.execute("DELETE FROM meta")
    for table, rows in zip(("event", "consumer", "snapshot", "meta"), found, strict=True):
        for row in rows:
            db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    return db
