"""The link's memory: versioned, set aside when damaged, durable in order, never blocking."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ocpp_rig import Rig

from evse.clock import VirtualClock
from evse.journal.storage import SchemaTooNew, StorageUnavailable
from evse.types.powermeter import Energy, Powermeter
from ocpp_link.errors import DatabaseDamaged
from ocpp_link.memory.database import MIGRATIONS, TOMBSTONES, Database
from ocpp_link.memory.queue import WINDOW, TransactionQueue
from ocpp_link.memory.store import InlineStore, ThreadStore
from ocpp_link.records import EvseState, RecordKind, StoredRecord, TxRecord

AT = "2026-01-01T00:00:00.000Z"


def record(seq: int, session: str = "s", kind: RecordKind = RecordKind.SAMPLE) -> TxRecord:
    meter = Powermeter(timestamp=AT, energy_Wh_import=Energy(total=float(seq)))
    return TxRecord(session=session, kind=kind, seq=seq, evse=1, timestamp=AT, meter=meter)


def test_items_and_records_survive(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db")
    database.put("token", "x", b"1")
    database.append(record(1))
    database.keep(EvseState(2), record(2), 7)
    database.close()
    again = Database(tmp_path / "a.db")
    snapshot = again.load()
    assert snapshot.items["token"] == {"x": b"1"}
    assert snapshot.items["journal"] == {"seq": b"7"}
    assert msgspec.json.decode(snapshot.items["evse"]["2"], type=EvseState) == EvseState(2)
    assert snapshot.waiting == 2
    assert [stored.record for stored in again.waiting_after(0, 9)] == [record(1), record(2)]


def test_a_key_is_taken_once_also_after_delivery() -> None:
    database = Database(":memory:")
    stored = database.append(record(1))
    assert stored is not None
    assert database.append(record(1)) is None
    database.deliver(stored.row)
    assert database.append(record(1)) is None
    assert database.append(record(1, kind=RecordKind.STARTED)) is not None
    assert database.append(record(1, session="other")) is not None


def test_delivered_records_are_forgotten_after_a_while() -> None:
    database = Database(":memory:")
    for seq in range(TOMBSTONES + 100):
        stored = database.append(record(seq))
        assert stored is not None
        database.deliver(stored.row)
    (kept,) = database._db.execute("SELECT count(*) FROM record").fetchone()
    assert kept == TOMBSTONES


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    Database(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(SchemaTooNew, match="newer version"):
        Database(path)
    assert [entry.name for entry in tmp_path.iterdir() if "damaged" in entry.name] == []


def test_a_damaged_file_is_set_aside_and_an_empty_one_begun(tmp_path: Path) -> None:
    path, damage = tmp_path / "a.db", b"not a database at all, but long enough to be read " * 40
    path.write_bytes(damage)
    database = Database(path)
    snapshot = database.load()
    (aside,) = tmp_path.glob("a.db.damaged-*")
    assert aside.name in snapshot.set_aside
    assert aside.read_bytes() == damage
    assert snapshot.waiting == 0
    database.close()


def test_a_torn_page_is_found_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    database = Database(path)
    for seq in range(500):
        database.append(record(seq))
    database.close()
    body = bytearray(path.read_bytes())
    body[8_192:16_384] = bytes(8_192)
    path.write_bytes(bytes(body))
    assert Database(path).load().set_aside


def test_a_place_that_cannot_be_written_is_an_error_and_nothing_is_moved(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable):
        Database(tmp_path / "nowhere" / "a.db")


class Engine:
    """A thread's inbox, as an event loop would be."""

    def __init__(self, database: Database) -> None:
        self.inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.done: list[Any] = []
        self.faults: list[Exception] = []
        self.clock = VirtualClock()
        self.store = ThreadStore(database, self.clock, self.inbox.put, self.faults.append)

    def run_one(self) -> None:
        self.inbox.get(timeout=10)()

    def run_until_done(self, count: int) -> None:
        while len(self.done) < count:
            self.run_one()


def test_the_storage_thread_reports_in_order_and_shares_commits(tmp_path: Path) -> None:
    engine = Engine(Database(tmp_path / "a.db"))
    hold = threading.Event()
    engine.store.submit(lambda _: hold.wait(10))
    for seq in range(100):
        engine.store.submit(lambda db, seq=seq: db.append(record(seq)), engine.done.append)
    assert engine.done == []
    hold.set()
    engine.run_until_done(100)
    assert [stored.record.seq for stored in engine.done] == list(range(100))
    assert engine.store.commits <= 5
    assert engine.store.close() == ""
    assert Database(tmp_path / "a.db").load().waiting == 100


def test_a_stalled_disk_blocks_nobody_who_submits(tmp_path: Path) -> None:
    engine = Engine(Database(tmp_path / "a.db"))
    hold = threading.Event()
    engine.store.submit(lambda _: hold.wait(10))
    begun_s = time.monotonic()
    for seq in range(1_000):
        engine.store.submit(lambda db, seq=seq: db.append(record(seq)), engine.done.append)
    assert time.monotonic() - begun_s < 2.0
    hold.set()
    assert engine.store.close(wait_s=10) == ""
    assert Database(tmp_path / "a.db").load().waiting == 1_000


class Full(Database):
    """A disk that refuses the first `left` appends."""

    left = 3

    def append(self, record: TxRecord) -> StoredRecord | None:
        self.left -= 1
        if self.left >= 0:
            raise sqlite3.OperationalError("database or disk is full")
        return super().append(record)


def test_a_full_disk_is_a_slow_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    engine = Engine(Full(tmp_path / "a.db"))
    for seq in (1, 2):
        engine.store.submit(lambda db, seq=seq: db.append(record(seq)), engine.done.append)
    for _ in range(3):
        engine.run_one()
        due_ms = engine.store.next_deadline_ms
        assert due_ms is not None
        engine.clock.advance_to(due_ms)
        engine.store.poll(due_ms)
    engine.run_until_done(2)
    assert engine.store.failures == 3
    assert engine.store.next_deadline_ms is None
    assert [stored.record.seq for stored in engine.done] == [1, 2]
    assert [r.getMessage() for r in caplog.records] == [
        "the OCPP database takes nothing (database or disk is full): trying again"
    ]
    assert engine.store.close() == ""
    assert Database(tmp_path / "a.db").load().waiting == 2


def test_a_disk_that_is_full_to_the_end_is_said_at_the_close(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Full(tmp_path / "a.db")
    database.left = 99
    engine = Engine(database)
    engine.store.submit(lambda db: db.append(record(1)))
    assert engine.store.close() == "database or disk is full"
    assert caplog.records[-1].getMessage() == (
        "database or disk is full; 1 changes may be missing in the OCPP database"
    )


def test_an_error_that_is_not_the_disks_is_heard(tmp_path: Path) -> None:
    engine = Engine(Database(tmp_path / "a.db"))
    engine.store.submit(lambda _: [][1])
    engine.store._storage._thread.join()
    assert [type(fault) for fault in engine.faults] == [IndexError]
    assert engine.store.close() == "the storage thread had ended"


def test_a_file_that_turns_out_damaged_ends_the_process_and_is_set_aside_by_the_next(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.db"
    database = Database(path)
    for seq in range(500):
        database.append(record(seq))
    engine = Engine(database)
    database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    database.connection.execute("PRAGMA shrink_memory")
    with path.open("r+b") as file:
        file.seek(4_096)
        file.write(b"\xa5" * (path.stat().st_size - 4_096))
    engine.store.submit(lambda db: db.waiting_after(0, 500))
    engine.store._storage._thread.join()
    assert [type(fault) for fault in engine.faults] == [DatabaseDamaged]
    assert "database disk image is malformed" in str(engine.faults[0])
    engine.store.close()
    again = Database(path)
    assert "set aside" in again.load().set_aside
    again.close()


def test_what_cannot_be_read_is_ignored_and_blocks_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db")
    for kind, name in (("evse", "1"), ("token", "t"), ("profile", "1"), ("settings", "settings")):
        database.put(kind, name, b"{torn")
    database.append(record(1))
    database.append(record(2))
    database._db.execute("UPDATE record SET body = x'7b' WHERE seq = 1")
    rig = Rig(database=database).start()
    rig.run(1)
    assert [p["transactionId"] for p in rig.brain.sent("MeterValues")] == [-1]
    assert len(rig.engine.transactions.queue) == 0


def test_text_that_is_no_utf_8_is_ignored_like_any_other_damage() -> None:
    database = Database(":memory:")
    database.put("token", "bad", b'"\xff"')
    database.put("token", "good", b'"kept"')
    assert database.load().decoded("token", str) == {"good": "kept"}
    database.append(record(1))
    database.append(record(2))
    database._db.execute("UPDATE record SET body = ? WHERE seq = 1", (b'{"session": "\xff"}',))
    assert [stored.record.seq for stored in database.waiting_after(0, 9)] == [2]
    database.close()


def test_what_was_submitted_before_the_close_is_durable(tmp_path: Path) -> None:
    engine = Engine(Database(tmp_path / "a.db"))
    for seq in range(50):
        engine.store.submit(lambda db, seq=seq: db.append(record(seq)))
    assert engine.store.close() == ""
    assert Database(tmp_path / "a.db").load().waiting == 50


def test_a_newcomer_waits_behind_what_is_still_on_the_disk() -> None:
    records = TransactionQueue(InlineStore(Database(":memory:")), 0, lambda: None)
    for seq in range(WINDOW + 20):
        records.append(EvseState(1), record(seq))
    seen = []
    for seq in range(WINDOW + 20, WINDOW + 120):
        head = records.head(0)
        assert head is not None
        seen.append(head.record.seq)
        records.remove()
        records.append(EvseState(1), record(seq))
    assert seen == list(range(100))


@given(
    st.lists(st.sampled_from(["add", "send", "wait", "restart"]), max_size=300),
    st.sampled_from([0, 5]),
)
@settings(max_examples=60, deadline=None)
def test_the_queue_delivers_each_record_once_and_in_order(steps: list[str], latency: int) -> None:
    database = Database(":memory:")
    delivered: list[int] = []
    added, now_ms = 0, 0

    def fresh() -> tuple[InlineStore, TransactionQueue]:
        inline = InlineStore(database, latency_ms=latency)
        inline.poll(now_ms)
        waiting = inline.load().waiting
        made = TransactionQueue(inline, waiting, lambda: None)
        made.refill()
        return inline, made

    inline, records = fresh()
    for step in steps:
        if step == "add":
            for _ in range(20):
                added += 1
                records.append(EvseState(1), record(added))
        elif step == "send" and (head := records.head(now_ms)) is not None:
            delivered.append(head.record.seq)
            records.remove()
        elif step == "wait":
            now_ms += 10
            inline.poll(now_ms)
        elif step == "restart":
            now_ms += 10
            inline.poll(now_ms)
            inline, records = fresh()
        assert len(records._window) <= 2 * WINDOW
    for _ in range(2 * added + 10):
        now_ms += 10
        inline.poll(now_ms)
        records.refill()
        if (head := records.head(now_ms)) is not None:
            delivered.append(head.record.seq)
            records.remove()
    assert delivered == list(range(1, added + 1))
    assert len(records) == 0
