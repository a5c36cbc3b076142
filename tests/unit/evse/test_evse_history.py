"""The session history: a fold that balances with the registers, its door, its table."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal_rig import JournalRig, new_disk
from station_rig import BAD_PARAMS, Peer, station

from evse.cli import main
from evse.cli.sessions import table
from evse.clock import VirtualClock
from evse.history import Charge, delete_before, fold, mask, page
from evse.journal.rows import MIGRATIONS
from evse.journal.storage import open_database
from hil.sim.simulation import Simulation

Row = tuple[int, int, bytes]

BEGIN_UTC = 1_800_000_000
"""2027-01-15T08:00:00Z; the n-th event comes n hours later."""


def body(event: str, uuid: str, n: int = 0, wh: float = 0.0, token: str = "") -> bytes:
    part: dict[str, Any] = {"meter_value": {"energy_Wh_import": {"total": wh}}}
    if token:
        part["id_tag"] = {"id_token": {"value": token, "type": "ISO14443"}}
    names = {
        "SessionStarted": "session_started",
        "TransactionStarted": "transaction_started",
        "TransactionFinished": "transaction_finished",
    }
    if event == "TransactionFinished":
        part["reason"] = "EVDisconnected"
    at = f"2027-01-{15 + (8 + n) // 24:02}T{(8 + n) % 24:02}:00:00.000Z"
    rest = {names[event]: part} if event in names else {}
    return msgspec.json.encode({"uuid": uuid, "event": event, "timestamp": at, **rest})


ONE = ("SessionStarted", "Authorized", "TransactionStarted", "ChargingStarted")
END = ("ChargingFinished", "TransactionFinished", "SessionFinished")


def journal(*sessions: tuple[int, str, float, float, bool]) -> list[Row]:
    """(EVSE, uuid, register at start, at end, finished), one after the other."""
    rows: list[Row] = []
    for evse, uuid, begin_wh, end_wh, finished in sessions:
        for event in (*ONE, *(END if finished else ())):
            n, wh = len(rows), end_wh if event == "TransactionFinished" else begin_wh
            rows.append((n + 1, evse, body(event, uuid, n, wh, "04A1B2C3")))
    return rows


def disk(rows: list[Row]) -> sqlite3.Connection:
    return fill(new_disk(), rows)


def fill(db: sqlite3.Connection, rows: list[Row]) -> sqlite3.Connection:
    db.executemany(
        "INSERT INTO event VALUES (?, ?, ?, ?)",
        [(seq, evse, BEGIN_UTC + (seq - 1) * 3_600, text) for seq, evse, text in rows],
    )
    return db


# --- the fold ---------------------------------------------------------------------------------


def test_a_session_is_told_with_its_energy_and_reason() -> None:
    (session,) = fold(journal((1, "a", 1_000.0, 8_500.0, True))).sessions
    assert (session.energy_wh, session.reason, session.token) == (
        7_500,
        "EVDisconnected",
        "***B2C3",
    )
    assert (session.seq, session.running, session.ended) == (1, False, "2027-01-15T14:00:00.000Z")


def test_a_session_that_runs_is_told_as_such() -> None:
    (session,) = fold(journal((1, "a", 1_000.0, 0.0, False))).sessions
    assert (session.running, session.ended, session.energy_wh) == (True, None, None)
    assert session.register_wh == 1_000


def test_a_session_that_another_followed_does_not_run() -> None:
    rows = journal((1, "a", 0.0, 0.0, False), (1, "b", 0.0, 0.0, False), (2, "c", 0.0, 0.0, False))
    assert [s.running for s in fold(rows).sessions] == [False, True, True]


def test_what_can_not_be_read_is_passed_over() -> None:
    rows = journal((1, "a", 1.0, 2.0, True))
    torn = [*rows[:2], (99, 1, b'{"uuid'), (100, 1, b"\xff"), (101, 1, b"{}"), *rows[2:]]
    assert fold(torn).sessions == fold(rows).sessions


STORIES = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 99_999), st.integers(0, 99_999), st.booleans()),
    max_size=8,
).map(lambda rows: [(e, f"s{n}", float(a), float(a + b), f) for n, (e, a, b, f) in enumerate(rows)])


def balance(rows: list[Row]) -> float:
    """Registers at TransactionFinished less those at the TransactionStarted that are met."""
    total, started = 0.0, {}
    for _seq, _evse, text in rows:
        event = json.loads(text)
        if event["event"] == "TransactionStarted":
            part = event["transaction_started"]
            started[event["uuid"]] = part["meter_value"]["energy_Wh_import"]["total"]
        elif event["event"] == "TransactionFinished":
            part = event["transaction_finished"]
            total += part["meter_value"]["energy_Wh_import"]["total"] - started[event["uuid"]]
    return total


@given(STORIES, st.data())
def test_any_prefix_folds_and_balances_with_the_registers(
    story: list[tuple[int, str, float, float, bool]], data: st.DataObject
) -> None:
    rows = journal(*story)
    prefix = rows[: data.draw(st.integers(0, len(rows)))]
    found = fold(prefix).sessions
    assert sum(s.energy_wh or 0.0 for s in found) == balance(prefix)
    assert len(found) == sum(json.loads(t)["event"] == "SessionStarted" for _, _, t in prefix)
    assert all(s.running is False for s in found if s.ended)
    for evse in (1, 2, 3):
        assert sum(s.running for s in found if s.evse == evse) <= 1


@given(STORIES, st.data())
def test_any_stretch_folds(
    story: list[tuple[int, str, float, float, bool]], data: st.DataObject
) -> None:
    rows = journal(*story)
    begin = data.draw(st.integers(0, len(rows)))
    whole = {s.uuid: s for s in fold(rows).sessions}
    for session in fold(rows[begin:]).sessions:
        assert session == whole[session.uuid], "told in full or not at all"


@given(STORIES, st.integers(1, 3))
def test_pages_together_are_the_whole(
    story: list[tuple[int, str, float, float, bool]], limit: int
) -> None:
    db = disk(journal(*story))
    found: list[Charge] = []
    after: int | None = 0
    while after is not None:
        part = page(db, after_seq=after, limit=limit)
        assert len(part.sessions) <= limit
        found += part.sessions
        after = part.after_seq
    assert tuple(found) == page(db).sessions
    db.close()


@given(st.text(max_size=40))
def test_a_token_is_never_told_whole(token: str) -> None:
    shown = mask(token).removeprefix("***")
    assert token.endswith(shown)
    assert len(shown) <= min(4, len(token) / 2)


# --- the database -----------------------------------------------------------------------------

THREE = journal((1, "a", 0, 5_000, True), (2, "b", 0, 7_000, True), (1, "c", 5_000, 0, False))


def test_a_page_keeps_to_its_times_and_its_evse() -> None:
    db = disk(THREE)
    of_b = THREE[7][0]
    since = BEGIN_UTC + (of_b - 1) * 3_600
    assert [s.uuid for s in page(db, since=since).sessions] == ["b", "c"]
    assert [s.uuid for s in page(db, until=since).sessions] == ["a"]
    assert [s.uuid for s in page(db, evse=1).sessions] == ["a", "c"]
    assert page(db, since=since, until=since).sessions == ()
    db.close()


@pytest.mark.parametrize(
    ("acknowledged", "unclaimed", "left"),
    [
        (None, True, ["c"]),
        (None, False, ["a", "b", "c"]),
        (10, False, ["b", "c"]),
        (18, False, ["c"]),
    ],
)
def test_deletion_spares_what_runs_and_what_was_not_acknowledged(
    acknowledged: int | None, unclaimed: bool, left: list[str]
) -> None:
    db = disk(THREE)
    if acknowledged is not None:
        db.execute("INSERT INTO consumer VALUES ('ocpp', ?)", (acknowledged,))
    delete_before(db, 2e9, running=frozenset({"c"}), unclaimed=unclaimed)
    assert [s.uuid for s in page(db).sessions] == left
    db.close()


def test_deletion_takes_whole_sessions_and_keeps_the_newest_number() -> None:
    db = disk(THREE[:14])
    inside_b = BEGIN_UTC + 9 * 3_600
    assert delete_before(db, inside_b, running=frozenset(), unclaimed=True) == 7
    assert [s.uuid for s in page(db).sessions] == ["b"]
    delete_before(db, 2e9, running=frozenset(), unclaimed=True)
    assert db.execute("SELECT max(seq) FROM event").fetchone() == (14,)
    db.close()


def test_what_is_deleted_on_request_is_not_left_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "core.db"
    db = fill(open_database(path, MIGRATIONS, utc=VirtualClock().utc(), say=print), THREE)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert path.read_bytes().count(b"04A1B2C3") > 3
    db.execute("BEGIN")
    delete_before(db, 2e9, running=frozenset(), unclaimed=True)
    db.execute("COMMIT")
    stay = sum(text.count(b"04A1B2C3") for (text,) in db.execute("SELECT body FROM event"))
    db.close()
    assert path.read_bytes().count(b"04A1B2C3") == stay == 2, "those of the session that runs"


def test_twelve_months_of_sessions_are_kept() -> None:
    rig = JournalRig()
    rig.journal.acknowledge("ocpp", 0)
    begun = rig.journal.append(1, body("SessionStarted", "a"), b"s")
    rig.journal.append(1, body("SessionFinished", "a"), b"s")
    rig.settle()
    rig.journal.acknowledge("ocpp", 2)
    rig.wait(364 * 86_400_000)
    rig.append("today")
    rig.settle()
    assert [s.seq for s in page(rig.disk).sessions] == [begun]
    rig.wait(2 * 86_400_000)
    rig.settle()
    assert page(rig.disk).sessions == ()


# --- the door ---------------------------------------------------------------------------------


def charged() -> Simulation:
    """A session that ended and one that runs."""
    sim = station(mode="free")
    car = sim.plants[1].car
    for act in (car.plug, car.unplug, car.plug):
        act()
        sim.wake()
        sim.run_for(20_000)
    return sim


def peer(sim: Simulation) -> Peer:
    assert sim.station is not None
    return Peer(sim.station.hub)


def test_history_at_the_door_is_that_of_the_meter() -> None:
    sim = charged()
    found = peer(sim).result("history.sessions", {"from": "2020-01-01T00:00:00Z", "limit": 9})
    first, second = found["sessions"]
    assert (first["running"], second["running"]) == (False, True)
    assert first["reason"] == "EVDisconnected"
    assert 10 < first["energy_wh"] < 200
    assert second["register_wh"] >= first["energy_wh"]
    assert found["after_seq"] is None


def test_deleting_at_the_door_spares_the_session_that_runs() -> None:
    caller = peer(charged())
    assert caller.result("history.delete_before", {"before": "2099-01-01T00:00:00Z"})["deleted"] > 5
    (left,) = caller.result("history.sessions")["sessions"]
    assert left["running"] is True


@pytest.mark.parametrize(
    ("method", "params", "field"),
    [
        ("history.sessions", {"from": "yesterday"}, "from"),
        ("history.sessions", {"to": "2026-02-31T00:00:00Z"}, "to"),
        ("history.sessions", {"evse": 9}, "evse"),
        ("history.sessions", {"limit": 0}, "limit"),
        ("history.delete_before", {}, "before"),
        ("history.delete_before", {"before": "2026-13-01T00:00:00Z"}, "before"),
    ],
)
def test_a_bad_question_names_its_field(method: str, params: dict[str, Any], field: str) -> None:
    code, _message, named = peer(station()).error(method, params)
    assert (code, named) == (BAD_PARAMS, field)


# --- the command ------------------------------------------------------------------------------


def test_the_table_has_a_line_a_session_and_the_totals() -> None:
    lines = table(list(fold(THREE).sessions))
    assert lines[1] == (
        "2027-01-15 08:00  14:00       1  ***B2C3      5.000     6:00  EVDisconnected"
    )
    assert lines[2].startswith("2027-01-15 15:00  21:00       2")
    assert "running" in lines[3]
    assert lines[3].endswith("charging")
    assert lines[-1] == f"{'3 session(s), 1 running':<41}    12.000 kWh"
    assert all(len(line) < 80 for line in lines)


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """Of a station that does not run."""
    path = tmp_path / "core.db"
    fill(open_database(path, MIGRATIONS, utc=VirtualClock().utc(), say=print), THREE).close()
    return tmp_path


@pytest.mark.parametrize(
    ("options", "holds"),
    [
        (["--csv"], lambda out: out.splitlines()[0].startswith("began,ended,evse,token")),
        (["--csv"], lambda out: len(out.splitlines()) == 4),
        (["--json"], lambda out: json.loads(out)["totals"]["energy_wh"] == 12_000),
        (["--since", "2027-01-15T12:00:00+00:00"], lambda out: "2 session(s)" in out),
        (["--since", "2027-01-16"], lambda out: "0 session(s)" in out),
        (["--until", "2027-01-15T12:00:00+00:00"], lambda out: "1 session(s)" in out),
        (["--since", "2027-01-15", "--until", "2027-01-16"], lambda out: "3 session(s)" in out),
        (["--evse", "2"], lambda out: "7.000 kWh" in out),
    ],
)
def test_a_station_that_does_not_run_is_read_from_its_directory(
    state_dir: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    holds: Callable[[str], bool],
) -> None:
    assert main(["sessions", "--state-dir", str(state_dir), *options]) == 0
    assert holds(capsys.readouterr().out)
    assert [path.name for path in state_dir.iterdir()] == ["core.db"], "left as it was"


def test_no_station_and_no_directory_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sessions", "--socket", str(tmp_path / "none.sock")]) == 1
    assert "no station is running" in capsys.readouterr().err
    assert main(["sessions", "--state-dir", str(tmp_path)]) == 1
    assert "unable to open" in capsys.readouterr().err
    where = ["--state-dir", str(tmp_path)]
    assert main(["sessions", *where, "--delete-before", "2026-01-01"]) == 2
    with pytest.raises(SystemExit):
        main(["sessions", "--since", "monday"])
