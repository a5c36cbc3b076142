"""The file: sound, damaged, too new, locked; and the one thread that touches it."""

from __future__ import annotations

import contextlib
import errno
import functools
import gc
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evse.journal.storage import (
    InlineStorage,
    SchemaTooNew,
    StorageEnded,
    StorageError,
    StorageUnavailable,
    open_database,
    run_job,
)
from evse.journal.thread import ThreadStorage

UTC_NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
FIRST = "CREATE TABLE note (n INTEGER PRIMARY KEY, text TEXT NOT NULL)"
SECOND = "ALTER TABLE note ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'"


def opened(
    path: Path, *migrations: str, said: list[str] | None = None
) -> contextlib.closing[sqlite3.Connection]:
    say: Callable[[str], Any] = (said if said is not None else []).append
    return contextlib.closing(open_database(path, migrations or (FIRST,), utc=UTC_NOW, say=say))


def with_notes(path: Path, count: int = 200) -> None:
    with opened(path) as db:
        db.execute("BEGIN")
        db.executemany("INSERT INTO note (text) VALUES (?)", [("x" * 100,)] * count)
        db.execute("COMMIT")


def test_a_new_file_has_the_newest_schema_and_survives_reopening(tmp_path: Path) -> None:
    with_notes(tmp_path / "core.db", 3)
    with opened(tmp_path / "core.db", FIRST, SECOND) as db:
        assert db.execute("SELECT count(*), min(colour) FROM note").fetchone() == (3, "red")
        assert db.execute("PRAGMA user_version").fetchone() == (2,)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,), "every commit is fsynced"


def test_a_newer_schema_is_refused_in_words_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "core.db"
    with opened(path, FIRST, SECOND):
        pass
    before = path.read_bytes()
    with pytest.raises(SchemaTooNew, match="has schema 2, this program knows up to 1: install"):
        open_database(path, (FIRST,), utc=UTC_NOW, say=pytest.fail)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["core.db"]


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "core.db"
    with_notes(path, 2)
    with pytest.raises(StorageUnavailable, match="no such table: nope"):
        open_database(path, (FIRST, "DROP TABLE note; DROP TABLE nope"), utc=UTC_NOW, say=print)
    with opened(path) as db:
        assert db.execute("SELECT count(*) FROM note").fetchone() == (2,)


@pytest.mark.parametrize("junk", [b"not a database" * 100, b"SQLite format 3\x00" + b"\xff" * 500])
def test_a_file_that_is_no_database_is_set_aside_and_said(tmp_path: Path, junk: bytes) -> None:
    path, said = tmp_path / "core.db", list[str]()
    path.write_bytes(junk)
    with opened(path, said=said) as db:
        assert db.execute("SELECT count(*) FROM note").fetchone() == (0,)
    aside = tmp_path / "core.db.damaged-20261121T083000"
    assert aside.read_bytes() == junk
    assert len(said) == 1
    assert said[0].startswith("core.db is damaged (")
    assert said[0].endswith("set aside as core.db.damaged-20261121T083000, starting anew")


def test_set_aside_overwrites_nothing_and_keeps_the_newest_three(tmp_path: Path) -> None:
    """Without a battery clock every boot has the same second."""
    path, said = tmp_path / "core.db", list[str]()
    for number in range(5):
        path.write_bytes(b"damage %d" % number * 100)
        with opened(path, said=said):
            pass
        aside = said[-1].removesuffix(", starting anew").rpartition(" ")[2]
        os.utime(tmp_path / aside, (number, number))
    kept = sorted(p.name for p in tmp_path.iterdir() if "damaged" in p.name)
    stem = "core.db.damaged-20261121T083000"
    assert kept == [f"{stem}{end}" for end in ("", "-3", "-4")]
    assert (tmp_path / stem).read_bytes().startswith(b"damage 4"), "a name that was free"


def test_a_locked_file_is_not_taken_for_a_damaged_one(tmp_path: Path) -> None:
    path = tmp_path / "core.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE mine (n)")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageUnavailable, match="locked"):
            open_database(path, (FIRST,), utc=UTC_NOW, say=pytest.fail)
    assert [p.name for p in tmp_path.iterdir()] == ["core.db"]


def test_a_folder_that_is_not_there_is_an_error_in_words(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "core.db"
    with pytest.raises(StorageUnavailable, match=r"core\.db: No such file"):
        open_database(path, (FIRST,), utc=UTC_NOW, say=pytest.fail)
    assert issubclass(StorageUnavailable, OSError)
    assert issubclass(StorageUnavailable, StorageError)


@pytest.fixture(scope="module")
def sound_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "core.db"
    with_notes(path)
    return path.read_bytes()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_happened_to_the_file_a_sound_database_opens(
    tmp_path: Path, sound_file: bytes, data: st.DataObject
) -> None:
    path, said = tmp_path / "core.db", list[str]()
    for old in tmp_path.iterdir():
        old.unlink()
    body = bytearray(sound_file)
    del body[data.draw(st.integers(0, len(body))) :]
    for at, value in data.draw(
        st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=20)
    ):
        if at < len(body):
            body[at] = value
    path.write_bytes(body)
    try:
        with opened(path, said=said) as db:
            db.execute("INSERT INTO note (text) VALUES ('new')")
    except SchemaTooNew:  # the damage hit the version: refused in words is right as well
        assert said == []


# --- jobs -----------------------------------------------------------------------------------------


def memory() -> sqlite3.Connection:
    return open_database(":memory:", (FIRST,), utc=UTC_NOW, say=print)


def insert(text: str | None) -> Callable[[sqlite3.Connection], int]:
    def job(db: sqlite3.Connection) -> int:
        db.execute("INSERT INTO note (text) VALUES ('half')")
        db.execute("INSERT INTO note (text) VALUES (?)", (text,))
        return 2

    return job


def count(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM note").fetchone()[0])


def test_a_job_that_fails_leaves_nothing_behind_and_tells_its_error() -> None:
    with contextlib.closing(memory()) as db:
        assert isinstance(run_job(db, insert(None)), sqlite3.IntegrityError)
        assert count(db) == 0
        assert run_job(db, insert("whole")) == 2
        assert count(db) == 2


def test_a_job_with_a_defect_is_rolled_back_and_heard_of() -> None:
    def defect(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO note (text) VALUES ('half')")
        raise TypeError("defect")

    with contextlib.closing(memory()) as db:
        with pytest.raises(TypeError):
            run_job(db, defect)
        assert count(db) == 0
        assert run_job(db, insert("whole")) == 2


def test_inline_storage_answers_at_once() -> None:
    outcomes: list[Any] = []
    storage = InlineStorage(memory())
    storage.submit(insert("a"), outcomes.append)
    storage.submit(insert(None), outcomes.append)
    storage.close()
    assert outcomes[0] == 2
    assert isinstance(outcomes[1], sqlite3.Error)


def _answer(number: int, _db: sqlite3.Connection) -> int:
    return number


def test_the_thread_answers_in_order_through_post_and_never_on_itself() -> None:
    posted: list[Callable[[], None]] = []
    outcomes: list[Any] = []
    storage = ThreadStorage(memory(), posted.append)
    for number in range(50):
        storage.submit(functools.partial(_answer, number), outcomes.append)
    storage.submit(insert(None), outcomes.append)
    storage.close()
    assert outcomes == []
    for call in posted:
        call()
    assert outcomes[:-1] == list(range(50))
    assert isinstance(outcomes[-1], sqlite3.Error)


def test_closing_finishes_what_was_submitted(tmp_path: Path) -> None:
    storage = ThreadStorage(
        open_database(tmp_path / "core.db", (FIRST,), utc=UTC_NOW, say=print), lambda _c: None
    )
    for _ in range(20):
        storage.submit(insert("a"), lambda _outcome: None)
    assert storage.close() == ""
    with opened(tmp_path / "core.db") as db:
        assert count(db) == 40


def test_closing_does_not_wait_for_a_disk_that_hangs() -> None:
    answers = threading.Event()
    storage = ThreadStorage(memory(), lambda _call: None)
    storage.submit(lambda _db: answers.wait(), lambda _outcome: None)
    assert storage.close(wait_s=0.01) == "the disk did not finish in time"
    answers.set()
    storage._thread.join()
    assert storage.close() == ""


@pytest.mark.parametrize("kind", ["inline", "thread"])
def test_closing_tells_what_became_of_the_last_job(kind: str, tmp_path: Path) -> None:
    for text, verdict in (("kept", ""), (None, "NOT NULL constraint failed: note.text")):
        db = open_database(tmp_path / "core.db", (FIRST,), utc=UTC_NOW, say=print)
        storage = InlineStorage(db) if kind == "inline" else ThreadStorage(db, lambda _c: None)
        assert storage.close(insert(text)) == verdict
    with opened(tmp_path / "core.db") as db:
        assert count(db) == 2


def test_a_closed_loop_does_not_stop_the_thread() -> None:
    def post(_call: Callable[[], None]) -> None:
        raise RuntimeError("Event loop is closed")

    storage = ThreadStorage(memory(), post)
    storage.submit(insert("a"), pytest.fail)
    storage.submit(insert("a"), pytest.fail)
    storage.close()


def test_a_dead_storage_thread_is_told_at_the_next_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    died = threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda _args: died.set())
    connection = memory()
    storage = ThreadStorage(connection, lambda call: call())

    def defect(_db: sqlite3.Connection) -> None:
        raise TypeError("defect")

    storage.submit(defect, pytest.fail)
    storage._thread.join()
    assert died.is_set()
    with pytest.raises(StorageEnded, match="nothing can be written"):
        storage.submit(insert("a"), pytest.fail)
    assert storage.close() == "the storage thread had ended"
    gc.collect()


def test_whoever_asked_hears_of_a_defect_at_once() -> None:
    faults: list[Exception] = []
    storage = ThreadStorage(memory(), pytest.fail, on_fault=faults.append)
    storage.submit(lambda _db: [][1], pytest.fail)
    storage._thread.join()
    assert [type(fault) for fault in faults] == [IndexError]
    assert storage.close() == "the storage thread had ended"


def modes(folder: Path) -> dict[str, str]:
    return {file.name: f"{file.stat().st_mode & 0o7777:o}" for file in folder.iterdir()}


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_tokens_are_kept_from_strangers_whatever_the_umask(
    tmp_path: Path, umask: Callable[[int], int], mask: int
) -> None:
    umask(mask)
    with opened(tmp_path / "core.db") as db:
        run_job(db, lambda db: db.execute("INSERT INTO note (text) VALUES ('x')"))
        assert modes(tmp_path) == {"core.db": "640", "core.db-wal": "640", "core.db-shm": "640"}


def test_files_that_everybody_could_read_are_tightened(tmp_path: Path) -> None:
    path = tmp_path / "core.db"
    said: list[str] = []
    with opened(path) as db:
        run_job(db, lambda db: db.execute("INSERT INTO note (text) VALUES ('x')"))
        (tmp_path / "core.db.damaged-20260101T000000").write_bytes(b"")
        (tmp_path / "core.db-copy").write_bytes(b"")
        for file in tmp_path.iterdir():
            file.chmod(0o644)
        with opened(path, said=said) as again:
            assert again.execute("SELECT text FROM note").fetchall() == [("x",)]
            assert set(modes(tmp_path).items()) == {
                ("core.db", "640"),
                ("core.db-wal", "640"),
                ("core.db-shm", "640"),
                ("core.db.damaged-20260101T000000", "640"),
                ("core.db-copy", "644"),
            }
    assert said == []


def test_a_file_that_is_tighter_already_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "core.db"
    with opened(path):
        path.chmod(0o600)
    with opened(path):
        assert modes(tmp_path)["core.db"] == "600"


def test_a_file_whose_mode_can_not_be_changed_is_told_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the state lies on a file system without modes, or belongs to somebody else."""
    path = tmp_path / "core.db"
    with opened(path):
        path.chmod(0o644)

    def refuse(_path: Path, _mode: int) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "chmod", refuse)
    said: list[str] = []
    with opened(path, said=said) as db:
        run_job(db, lambda db: db.execute("INSERT INTO note (text) VALUES ('x')"))
    assert said == [f"{path} can not be kept from others' eyes: Operation not permitted"]


def test_a_new_file_in_the_place_of_a_damaged_one_is_as_private(tmp_path: Path) -> None:
    path = tmp_path / "core.db"
    path.write_bytes(b"no database at all, and long enough to be looked at" * 100)
    path.chmod(0o644)
    with opened(path):
        assert set(modes(tmp_path).values()) == {"640"}
