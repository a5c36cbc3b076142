"""Ten years of one file: each released schema opens, keeps what it held, and is never rewritten."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from pathlib import Path

import msgspec
import pytest

from evse.clock import VirtualClock
from evse.history import page
from evse.journal.journal import Journal
from evse.journal.rows import MIGRATIONS, find, records, snapshots
from evse.journal.storage import InlineStorage, open_database
from evse.session.record import Snapshot
from ocpp_link.memory.database import MIGRATIONS as OCPP_MIGRATIONS
from ocpp_link.memory.database import Database

SCHEMAS = Path(__file__).parents[2] / "data" / "schema"


def stored(tmp_path: Path, name: str) -> Path:
    """The file that a release with that schema left."""
    path = tmp_path / "some.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript((SCHEMAS / name).read_text("utf-8"))
    return path


def migrated(path: Path) -> sqlite3.Connection:
    return open_database(path, MIGRATIONS, utc=VirtualClock().utc(), say=pytest.fail)


def tables(script: str) -> dict[str, str]:
    """Statement by name, as SQLite keeps it."""
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.executescript(script)
        rows = db.execute("SELECT name, sql FROM sqlite_master WHERE sql NOT NULL").fetchall()
    return {name: re.sub(r"\s+", " ", sql) for name, sql in rows}


@pytest.mark.parametrize(
    ("name", "first"), [("core_1.sql", MIGRATIONS[0]), ("ocpp_1.sql", OCPP_MIGRATIONS[0])]
)
def test_a_step_that_was_released_still_makes_the_same_schema(name: str, first: str) -> None:
    assert tables(first) == tables((SCHEMAS / name).read_text("utf-8"))


def test_a_journal_of_the_first_schema_keeps_all_and_gets_a_name(tmp_path: Path) -> None:
    path = stored(tmp_path, "core_1.sql")
    with contextlib.closing(migrated(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        found = find(db)
        assert (found.first_seq, found.last_seq, found.consumers) == (7, 9, {"ocpp": 8})
        assert re.fullmatch("[0-9a-f]{16}", found.journal_id)
        names = [msgspec.json.decode(r.body)["event"] for r in records(db, 0, 9)]
        assert names == ["Enabled", "SessionStarted", "TransactionStarted"]
        (session,) = page(db).sessions
        assert (session.uuid, session.running, session.register_wh) == ("4b1d", True, 1_000.0)
        snapshot = Snapshot.decode(snapshots(db)[1])
        assert (snapshot.uuid, snapshot.transaction) == ("4b1d", True)
        assert snapshot.meter is not None
        assert snapshot.meter.energy_Wh_import.total == 1_234.0
    with contextlib.closing(migrated(path)) as db:
        assert find(db) == found, "once migrated, it stays"


def test_numbers_go_on_over_a_migration(tmp_path: Path) -> None:
    db = migrated(stored(tmp_path, "core_1.sql"))
    journal = Journal(InlineStorage(db), VirtualClock(), found=find(db))
    assert journal.append(1, b"{}", b"{}") == 10
    assert journal.close() == ""


def test_a_link_s_file_of_the_first_schema_keeps_where_it_stood(tmp_path: Path) -> None:
    database = Database(stored(tmp_path, "ocpp_1.sql"))
    kept = database.load()
    database.close()
    assert kept.items["journal"] == {"seq": b"9"}
    assert kept.set_aside == ""


def test_a_migration_that_is_cut_off_is_done_again(tmp_path: Path) -> None:
    """A step and its number are one transaction: half of it never shows."""
    path = stored(tmp_path, "core_1.sql")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN")
        for statement in MIGRATIONS[1].split(";"):
            db.execute(statement)
        db.execute("ROLLBACK")
    with contextlib.closing(migrated(path)) as db:
        assert find(db).last_seq == 9
