"""Session logs (spec evse-core C8): what they say, where they are, and that nothing waits."""

from __future__ import annotations

import csv
import os
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from station_rig import Peer, accepted, config

from evse.clock import VirtualClock
from evse.journal.storage import MEMORY, Done, Ephemeral, Job
from evse.model import BoardStatus, LockState, MeterReading, PilotState, Reason, SelfTest
from evse.session_log import folders
from evse.session_log.folders import INCOMPLETE, LOG, PAGE, folder_name, tidy
from evse.session_log.lines import Narrator
from evse.session_log.log import MAX_LINES, MAX_WAITING, SessionLogs
from evse.session_log.page import page
from evse.types.session import SessionEvent, SessionEventEnum
from hil.sim.simulation import Simulation

DAY = timedelta(days=1)
UUID = "4b1d2c3e-0000-4000-8000-000000000001"


class Disk:
    """Runs jobs when told; what a job does to files is its own business."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Job, Done]] = []
        self.hangs = False
        self._database = sqlite3.connect(MEMORY, factory=Ephemeral)

    def submit(self, job: Job, done: Done) -> None:
        self.jobs.append((job, done))
        if not self.hangs:
            self.work()

    def work(self) -> None:
        while self.jobs:
            job, done = self.jobs.pop(0)
            done(job(self._database))

    def close(self, last: Job | None = None) -> str:
        return ""


class Rig:
    def __init__(self, root: Path, **options: Any) -> None:
        self.root = root
        self.clock = VirtualClock(0, datetime(2026, 11, 21, 8, 30, tzinfo=UTC))
        self.disk = Disk()
        self.said: list[str] = []
        self.logs = SessionLogs(root, self.clock, self.disk, say=self.said.append, **options)

    def event(self, name: str, uuid: str = UUID, evse: int = 1) -> None:
        event = SessionEventEnum(name)
        at = self.clock.utc().isoformat()
        self.logs.on_event(evse, SessionEvent(uuid=uuid, event=event, timestamp=at))

    def session(self, uuid: str = UUID) -> None:
        self.event("SessionStarted", uuid)
        self.wait(10_000)
        self.event("SessionFinished", uuid)

    def wait(self, ms: int) -> None:
        self.clock.advance_to(self.clock.now_ms() + ms)
        self.logs.poll(self.clock.now_ms())

    def rows(self, name: str = LOG) -> list[dict[str, str]]:
        (path,) = self.root.glob(f"*/{name}")
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def names(self) -> list[str]:
        return sorted(str(p.relative_to(self.root)) for p in self.root.glob("*/*"))


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path / "sessions")


STAMP = "2026-11-21T08-30-00Z"


def test_c8_a_log_is_incomplete_until_its_session_ends(rig: Rig) -> None:
    rig.event("SessionStarted")
    rig.wait(5_000)
    assert rig.names() == [f"{STAMP}-{UUID}/{INCOMPLETE}{LOG}"]
    rig.event("SessionFinished")
    assert rig.names() == [f"{STAMP}-{UUID}/{LOG}", f"{STAMP}-{UUID}/{PAGE}"]
    assert [(r["timestamp"], r["origin"], r["message"], r["xml"]) for r in rig.rows()] == [
        ("2026-11-21T08:30:00.000Z", "EVSE", "SessionStarted", ""),
        ("2026-11-21T08:30:05.000Z", "EVSE", "SessionFinished", ""),
    ]


def test_c8_the_path_that_is_told_is_the_one_that_is_written(rig: Rig) -> None:
    told = rig.logs.path(UUID, rig.clock.utc())
    rig.session()
    assert told is not None
    assert (Path(told) / LOG).exists()


@pytest.mark.parametrize("uuid", ["", "../../etc", "a/b", "..", "a b", "x" * 65, "a\n", ".", "\0"])
def test_c8_a_name_that_leaves_the_root_is_refused_and_the_session_has_no_log(
    rig: Rig, uuid: str
) -> None:
    assert rig.logs.path(uuid, rig.clock.utc()) is None
    rig.session(uuid)
    assert not rig.root.exists()
    assert "is no name for a session's log" in rig.said[0]


@given(st.text(max_size=80))
def test_a_folder_s_name_is_one_plain_component(uuid: str) -> None:
    try:
        name = folder_name(datetime(2026, 1, 1, tzinfo=UTC), uuid)
    except ValueError:
        return
    assert Path("/root") / name == Path(os.path.normpath(f"/root/{name}"))
    assert Path(name).name == name


def test_c8_a_place_that_can_not_be_written_is_said_once_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    rig = Rig(tmp_path / "file" / "sessions")
    for _ in range(3):
        rig.session()
    assert len(rig.said) == 1
    assert rig.said[0].startswith("session logs can not be written: ")
    (tmp_path / "file").unlink()
    rig.session()
    assert rig.names(), "and goes on where it can"


def test_a_log_whose_end_met_a_full_disk_is_finished_later(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.event("SessionStarted")
    rig.wait(5_000)
    with monkeypatch.context() as full:
        full.setattr(Path, "open", _no_space)
        rig.logs.on_status(1, BoardStatus(pilot=PilotState.B))
        rig.event("SessionFinished")
        rig.wait(5_000)
        rig.wait(5_000)
        assert all(INCOMPLETE in name for name in rig.names())
    rig.wait(5_000)
    assert [row["message"] for row in rig.rows()] == [
        "SessionStarted",
        "2 lines are missing: the disk did not take them",
    ]
    assert len(rig.said) == 1


def _no_space(*_arguments: object, **_options: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_disk_that_hangs_holds_nobody_and_the_lines_are_bounded(rig: Rig) -> None:
    rig.disk.hangs = True
    rig.event("SessionStarted")
    rig.wait(10_000)
    for number in range(MAX_WAITING + 50):
        rig.logs.on_status(1, BoardStatus(duty_bp=1_000 + number))
    rig.wait(10_000)
    assert len(rig.disk.jobs) <= 2, "one write and one look for old logs"
    rig.disk.hangs = False
    rig.disk.work()
    rig.event("SessionFinished")
    said = [row["message"] for row in rig.rows()]
    assert "50 lines are missing: the disk did not take them" in said
    assert (said[0], said[-1]) == ("SessionStarted", "SessionFinished"), "events have room"


def test_a_session_that_flaps_fills_no_disk(rig: Rig) -> None:
    rig.event("SessionStarted")
    for number in range(MAX_LINES + 500):
        rig.logs.on_status(1, BoardStatus(duty_bp=1_000 + number % 2))
        if number % 1_000 == 0:
            rig.wait(5_000)
    rig.event("SessionFinished")
    rows = rig.rows()
    assert len(rows) == MAX_LINES
    assert rows[-1]["message"] == f"this log is full: {MAX_LINES} lines"


def test_a_session_found_open_after_a_restart_goes_on_in_its_folder(tmp_path: Path) -> None:
    before = Rig(tmp_path)
    before.event("SessionStarted")
    before.wait(5_000)
    after = Rig(tmp_path)
    after.clock.advance_to(60_000)
    after.event("SessionResumed")
    after.event("TransactionFinished")
    after.event("SessionFinished")
    assert after.names() == [f"{STAMP}-{UUID}/{LOG}", f"{STAMP}-{UUID}/{PAGE}"]
    said = [row["message"] for row in after.rows()]
    assert said == ["SessionStarted", "SessionResumed", "TransactionFinished", "SessionFinished"]


def test_a_restart_without_its_folder_begins_one(rig: Rig) -> None:
    rig.event("SessionResumed")
    rig.event("SessionFinished")
    assert [row["message"] for row in rig.rows()] == ["SessionResumed", "SessionFinished"]


def test_closing_writes_what_waits(rig: Rig) -> None:
    rig.event("SessionStarted")
    rig.logs.close()
    assert rig.names() == [f"{STAMP}-{UUID}/{INCOMPLETE}{LOG}"]


def test_two_evses_have_a_log_each(rig: Rig) -> None:
    rig.event("SessionStarted", "one", 1)
    rig.event("SessionStarted", "two", 2)
    rig.logs.on_status(2, BoardStatus(pilot=PilotState.B))
    rig.event("SessionFinished", "one", 1)
    rig.event("SessionFinished", "two", 2)
    pages = {p.parent.name[-3:]: p.read_text("utf-8") for p in rig.root.glob(f"*/{LOG}")}
    assert ("CAR,pilot B" in pages["two"], "pilot" in pages["one"]) == (True, False)


# --- kept and forgotten ---------------------------------------------------------------------------


def kept(rig: Rig) -> list[str]:
    return [folder.uuid for folder in folders.folders(rig.root)]


def test_logs_are_kept_twelve_months(rig: Rig) -> None:
    rig.session("old")
    rig.wait(10 * 86_400_000)
    rig.session("young")
    rig.wait(356 * 86_400_000)
    assert kept(rig) == ["young"]
    rig.wait(10 * 86_400_000)
    assert kept(rig) == []
    assert rig.said == []


def test_a_log_from_before_the_clock_was_set_is_not_taken_for_old(rig: Rig) -> None:
    rig.clock = rig.logs._clock = VirtualClock(0, datetime(1970, 1, 1, tzinfo=UTC))
    rig.session("undated")
    assert tidy(rig.root, datetime(2027, 1, 1, tzinfo=UTC), frozenset()) == 0
    assert kept(rig) == ["undated"]


def test_whatever_the_clock_says_there_are_never_too_many(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "MAX_FOLDERS", 3)
    for number in range(5):
        rig.session(f"s{number}")
        rig.wait(60_000)
    tidy(rig.root, datetime(1970, 1, 1, tzinfo=UTC), frozenset())
    assert kept(rig) == ["s2", "s3", "s4"]


def test_deletion_on_request_spares_what_runs_and_what_is_not_ours(rig: Rig) -> None:
    rig.session("over")
    rig.event("SessionStarted", "runs", 2)
    rig.wait(5_000)
    theirs = rig.root / f"{STAMP}-over" / "notes.txt"
    theirs.write_text("mine")
    (rig.root / "elsewhere").mkdir()
    (rig.root / "elsewhere" / LOG).write_text("mine too")
    target = rig.root.parent / "target"
    target.mkdir()
    (target / LOG).write_text("outside")
    (rig.root / f"{STAMP}-link").symlink_to(target)
    found: list[int | str] = []
    rig.logs.delete_before(datetime(2099, 1, 1, tzinfo=UTC), found.append)
    assert found == [1]
    assert theirs.read_text() == "mine"
    assert not (theirs.parent / LOG).exists()
    assert (rig.root / "elsewhere" / LOG).exists()
    assert (target / LOG).exists()
    assert any(INCOMPLETE in name for name in rig.names()), "the session that runs"


def test_a_log_that_can_not_be_removed_is_said(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.session()

    def refuses(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError("not yours")

    monkeypatch.setattr(Path, "unlink", refuses)
    found: list[int | str] = []
    rig.logs.delete_before(datetime(2099, 1, 1, tzinfo=UTC), found.append)
    assert found == ["not yours"]


# --- what is said ---------------------------------------------------------------------------------


def test_the_narrator_says_what_changes_and_whose_doing_it_is() -> None:
    narrator = Narrator()
    charging = BoardStatus(
        pilot=PilotState.C,
        duty_bp=5_333,
        coil=True,
        mirror_closed=True,
        lock=LockState.LOCKED,
        cable_a=32,
        self_test=SelfTest.PASSED,
        phases=3,
    )
    assert [f"{line.origin} {line.message}" for line in narrator.status(charging)] == [
        "CAR pilot C",
        "CAR cable of 32 A",
        "EVSE pilot duty 53.33 %: 32.0 A offered",
        "EVSE contactor: coil on, mirror closed",
        "EVSE lock locked",
        "EVSE residual-current self-test passed",
    ]
    assert narrator.status(charging) == []
    tripped = msgspec.structs.replace(
        charging, coil=False, mirror_closed=False, duty_bp=0, reason=Reason.RCD, phases=0
    )
    assert [line.message for line in narrator.status(tripped)] == [
        "pilot steady -12 V: not available",
        "contactor: coil off, mirror open",
        "phase contact: moving",
        "TRIP: rcd",
    ]


def test_the_meter_is_told_once_a_minute() -> None:
    narrator = Narrator()
    reading = MeterReading(
        taken_ms=0,
        energy_import_wh=12_345.6,
        power_w=7_360.0,
        voltage_v=(230.1, None, None),
        current_a=(32.0, None, None),
    )
    told = [at_ms for at_ms in range(0, 180_000, 1_000) if narrator.reading(reading, at_ms)]
    assert told == [0, 60_000, 120_000]
    (line,) = narrator.reading(reading, 180_000)
    assert line.message == "meter 12.346 kWh, 7.36 kW, 32.0 A, 230 V"


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "timestamp": st.datetimes().map(lambda t: t.isoformat() + "Z"),
                "origin": st.sampled_from(["EVSE", "CAR", "SYS"]),
                "message": st.text()
                | st.floats(-1, 50).map(lambda kw: f"meter 1.000 kWh, {kw:.2f} kW"),
            }
        ),
        max_size=12,
    ),
    st.text(),
)
def test_whatever_a_log_says_its_page_holds_no_foreign_mark_up(
    rows: list[dict[str, str]], title: str
) -> None:
    text = page(title, rows)
    for row in rows:
        if "<" in row["message"]:
            assert row["message"] not in text.replace("<tr>", "").replace("</table>", "")
    assert text.count("<tr") == len(rows) + 1


# --- a whole station ------------------------------------------------------------------------------


@pytest.fixture
def station(tmp_path: Path) -> Simulation:
    sim = Simulation(config(mode="ocpp"), seed=1)
    assert sim.station is not None
    sim.station.core.log = SessionLogs(tmp_path, sim.clock, sim.station.storage)
    sim.run_for(3_000)
    return sim


def test_a_whole_session_is_told_from_plug_to_unplug(station: Simulation, tmp_path: Path) -> None:
    sim = station
    assert sim.station is not None
    peer = Peer(sim.station.hub)
    peer.result("subscribe", {"variable": "evse_manager.session_event"})
    sim.plants[1].car.plug()
    sim.wake()
    sim.run_for(3_000)
    peer.result("evse_manager.authorize_response", accepted("04A1B2C3"))
    sim.run_for(130_000)
    sim.plants[1].car.unplug()
    sim.wake()
    sim.run_for(10_000)
    (log,) = tmp_path.glob(f"*/{LOG}")
    events = [p["value"] for p in peer.notified("evse_manager.session_event")]
    (started,) = [e for e in events if e["event"] == "SessionStarted"]
    assert started["session_started"]["logging_path"] == str(log.parent)
    with log.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    said = [row["message"] for row in rows]
    told = [e["event"] for e in events]
    assert [m.split(":")[0] for m in said if m.split(":")[0] in told] == told
    wanted = ("pilot B -> C", "contactor: coil on, mirror closed", "lock locked")
    for message in (*wanted, "pilot duty 53.33 %: 32.0 A offered"):
        assert message in said
    assert sum(m.startswith("meter ") for m in said) == 3
    assert any(m.startswith("limit 32 A on ") for m in said)
    assert "04A1B2C3" not in log.read_text("utf-8")
    assert "token ***B2C3" in log.read_text("utf-8")
    text = (log.parent / PAGE).read_text("utf-8")
    assert "<polyline" in text
    assert "kWh</dd>" in text


def test_deleting_at_the_door_takes_the_logs_too(station: Simulation, tmp_path: Path) -> None:
    sim = station
    assert sim.station is not None
    sim.plants[1].car.plug()
    sim.wake()
    sim.run_for(3_000)
    sim.plants[1].car.unplug()
    sim.wake()
    sim.run_for(10_000)
    assert len(list(tmp_path.iterdir())) == 1
    caller = Peer(sim.station.hub)
    for folder in tmp_path.iterdir():
        os.utime(folder, (0, 0))
    answer = caller.result("history.delete_before", {"before": "2099-01-01T00:00:00Z"})
    assert answer["logs"] == 1
    assert list(tmp_path.iterdir()) == []
