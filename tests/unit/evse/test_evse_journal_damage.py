"""The file turns out damaged while a station runs on it: it goes on, on a new one."""

from __future__ import annotations

import queue
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evse.clock import VirtualClock
from evse.journal.entries import Record
from evse.journal.journal import Journal
from evse.journal.rows import MIGRATIONS, find
from evse.journal.storage import StorageUnavailable, open_database, renew_database
from evse.journal.thread import ThreadStorage

PAGE = 4_096


class Rig:
    """A journal on a real file and a real storage thread; the test is its loop."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "core.db"
        self.said: list[str] = []
        self.told: list[int] = []
        self.inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.clock = VirtualClock()
        self.refuses = 0
        db = open_database(self.path, MIGRATIONS, utc=self.clock.utc(), say=self.said.append)
        self.db = db
        self.storage = ThreadStorage(db, self.inbox.put, renew=self._renew)
        self.journal = Journal(self.storage, self.clock, found=find(db))
        self.storage.on_renewed = self.journal.begin_anew
        self.journal.on_durable = lambda record: self.told.append(record.seq)

    def _renew(self, why: str) -> sqlite3.Connection:
        if self.refuses:
            self.refuses -= 1
            raise StorageUnavailable("no space for another file")
        return renew_database(
            self.path, MIGRATIONS, utc=self.clock.utc(), say=self.said.append, why=why
        )

    def append(self, number: int) -> None:
        self.journal.append(1 + number % 2, b"x" * 500, b"snapshot %d" % number)

    def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.inbox.get(timeout=10)()

    def settle(self) -> None:
        """Let what is under way be done."""
        found: list[Any] = []
        self.journal.query(lambda _db: None, found.append)
        self.until(lambda: bool(found))

    def damage(self) -> None:
        """Every page but the first, of the file alone: as a card with bad blocks would."""
        found: list[Any] = []
        self.journal.query(lambda _db: None, found.append)
        self.until(lambda: bool(found))
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self.db.execute("PRAGMA shrink_memory")  # what it remembers would hide the damage
        size = self.path.stat().st_size
        with self.path.open("r+b") as file:
            file.seek(PAGE)
            file.write(b"\xa5" * (size - PAGE))

    def read(self) -> list[Record]:
        found: list[list[Record]] = []
        self.journal.read(1, 1_000, found.append)
        self.until(lambda: bool(found))
        return found[0]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    for number in range(1, 201):
        made.append(number)
    made.journal.acknowledge("ocpp", 7)
    made.until(lambda: len(made.told) == 200)
    made.settle()
    yield made
    made.storage.close()


def test_damage_is_set_aside_and_numbers_sessions_and_consumers_go_on(rig: Rig) -> None:
    before = rig.journal.journal_id
    rig.damage()
    assert rig.read() == []
    rig.append(201)
    rig.until(lambda: rig.told[-1] == 201)
    rig.settle()
    assert [record.seq for record in rig.read()] == [201]
    assert rig.journal.first_seq == 201
    assert rig.journal.journal_id != before
    assert len(rig.said) == 1
    assert rig.said[0].startswith(
        "core.db is damaged (database disk image is malformed); set aside"
    )
    assert rig.said[0].endswith("going on with a new one")
    assert rig.journal.close() == ""
    db = open_database(rig.path, MIGRATIONS, utc=rig.clock.utc(), say=pytest.fail)
    found = find(db)
    assert (found.first_seq, found.last_seq, found.consumers) == (201, 201, {"ocpp": 7})
    assert found.snapshots == {1: b"snapshot 200", 2: b"snapshot 201"}
    assert found.journal_id == rig.journal.journal_id
    db.close()


def test_an_event_that_meets_the_damage_is_not_lost(rig: Rig) -> None:
    rig.damage()
    rig.append(201)
    rig.until(lambda: rig.told[-1] == 201)
    rig.settle()
    assert [record.seq for record in rig.read()] == [201]
    rig.append(202)
    rig.until(lambda: rig.told[-1] == 202)
    assert rig.told == list(range(1, 203))


def test_where_there_is_no_room_for_another_file_it_is_tried_again(rig: Rig) -> None:
    rig.damage()
    rig.refuses = 2
    found: list[list[Record]] = []
    rig.journal.read(1, 1_000, found.append)
    while not found:
        rig.inbox.get(timeout=10)()
        rig.clock.advance_to(rig.clock.now_ms() + 1_000)
        rig.journal.poll(rig.clock.now_ms())
    assert found == [[]]
    assert rig.journal.failures == 2
    rig.append(201)
    rig.until(lambda: rig.told[-1] == 201)
