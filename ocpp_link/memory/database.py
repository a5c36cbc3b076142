"""The link's memory on disk, in a file that evse.journal.storage versions, checks, sets aside.

`Database` is synchronous and belongs to one thread at a time; `store.py` decides which.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from evse.clock import MonotonicClock
from evse.journal.storage import open_database
from ocpp_link.records import EvseState, RecordKind, StoredRecord, TxRecord

TOMBSTONES = 1_000
"""Delivered records whose keys are remembered, so that a replayed event adds nothing. The core
replays what was not acknowledged: a handful, and never more than this."""

MIGRATIONS = (
    """
CREATE TABLE item (
  kind TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TABLE record (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session TEXT NOT NULL, kind TEXT NOT NULL, seq INTEGER NOT NULL,
  done INTEGER NOT NULL DEFAULT 0, body BLOB NOT NULL,
  UNIQUE (session, kind, seq)
);
CREATE INDEX record_open ON record (id) WHERE done = 0;
""",
    """
CREATE TABLE sample (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session TEXT NOT NULL, kind TEXT NOT NULL, seq INTEGER NOT NULL, body BLOB NOT NULL,
  UNIQUE (session, kind, seq)
);
""",
)
"""Schema n is what the first n steps make. A step that was released is never changed."""

MAX_SAMPLES = 200
"""That go with the end of a transaction. When there are more, every second one is dropped, but
never the first (OCPP 1.6 errata 3.14)."""
MAX_WAITING = 200_000
"""Records that wait. When there are more, every second one is dropped of those that neither begin
nor end a transaction (spec ocpp §1.3). Some 150 MB."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Snapshot(msgspec.Struct, frozen=True):
    """What a start finds: `items` by kind and name, and how many records wait."""

    items: dict[str, dict[str, bytes]]
    waiting: int
    newest_sample: int = 0
    """The greatest `seq` of a sample."""
    set_aside: str = ""
    """What was said of a damaged database; empty = it was sound."""

    def decoded(self, kind: str, type_: type[T], only: str = "") -> dict[str, T]:
        """The items of a kind by name (or `only` one of them), without those that cannot be read:
        they are logged, and the start goes on."""
        found: dict[str, T] = {}
        for name, body in self.items.get(kind, {}).items():
            if only not in ("", name):
                continue
            try:
                found[name] = msgspec.json.decode(body, type=type_)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                _log.error("%s %s cannot be read and is ignored: %s", kind, name, error)
        return found


class Database:
    """Items (small named values) and the queue of transaction records.

    `path` may be `:memory:`. Raises SchemaTooNew for the file of a newer release, which is left
    alone, and StorageUnavailable when the place cannot be used.
    """

    max_waiting = MAX_WAITING

    def __init__(self, path: Path | str) -> None:
        self._said = ""
        self._db = open_database(path, MIGRATIONS, utc=MonotonicClock().utc(), say=self._say)

    def _say(self, words: str) -> None:
        self._said = words
        _log.error("%s", words)

    @property
    def connection(self) -> sqlite3.Connection:
        """For whoever runs transactions on it."""
        return self._db

    def load(self) -> Snapshot:
        items: dict[str, dict[str, bytes]] = {}
        for kind, name, body in self._db.execute("SELECT kind, name, body FROM item"):
            items.setdefault(kind, {})[name] = body
        (waiting,) = self._db.execute("SELECT count(*) FROM record WHERE done = 0").fetchone()
        (newest,) = self._db.execute(
            "SELECT max(seq) FROM record WHERE kind = ?", (RecordKind.SAMPLE.value,)
        ).fetchone()
        return Snapshot(items, waiting, newest or 0, set_aside=self._said)

    def begin(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Returns when everything since `begin` is on the disk."""
        self._db.execute("COMMIT")

    def rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def close(self) -> None:
        self._db.close()

    def put(self, kind: str, name: str, body: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO item VALUES (?, ?, ?)", (kind, name, body))

    def delete(self, kind: str, name: str) -> None:
        self._db.execute("DELETE FROM item WHERE kind = ? AND name = ?", (kind, name))

    def clear(self, kind: str) -> None:
        self._db.execute("DELETE FROM item WHERE kind = ?", (kind,))

    def keep(
        self, state: EvseState | None, record: TxRecord | None, seq: int | None
    ) -> StoredRecord | None:
        """Keep what the core's event `seq` changed (None: what the link did by itself), all or
        nothing. The end of a transaction takes with it what was noted for it."""
        if state is not None:
            self.put("evse", str(state.evse), msgspec.json.encode(state))
        if seq is not None:
            self.put("journal", "seq", str(seq).encode())
        if record is None:
            return None
        if record.is_for_end:
            self.note_for_end(record)
        if record.kind is RecordKind.FINISHED:
            record = msgspec.structs.replace(record, samples=self._taken_for_end(record.session))
        return self.append(record)

    def forget_samples(self, sessions: Iterable[str]) -> None:
        """Those of every session but these."""
        open_ = msgspec.json.encode(list(sessions)).decode()
        self._db.execute(
            "DELETE FROM sample WHERE session NOT IN (SELECT value FROM json_each(?))", (open_,)
        )

    def note_for_end(self, record: TxRecord) -> None:
        """Keep a sample until its transaction ends; of too many every second one goes."""
        self._db.execute(
            "INSERT OR IGNORE INTO sample (session, kind, seq, body) VALUES (?, ?, ?, ?)",
            (record.session, record.kind.value, record.seq, msgspec.json.encode(record)),
        )
        ids = self._db.execute("SELECT id FROM sample WHERE session = ?", (record.session,))
        known = sorted(id_ for (id_,) in ids)
        if len(known) > MAX_SAMPLES:
            every_second = [(id_,) for id_ in known[1:-1:2]]
            self._db.executemany("DELETE FROM sample WHERE id = ?", every_second)

    def _taken_for_end(self, session: str) -> tuple[TxRecord, ...]:
        """In the order they were noted, without those that cannot be read."""
        rows = self._db.execute(
            "SELECT id, body FROM sample WHERE session = ? ORDER BY id", (session,)
        ).fetchall()
        self._db.execute("DELETE FROM sample WHERE session = ?", (session,))
        return tuple(found for id_, body in rows if (found := _decoded(id_, body)))

    def thin(self, after_row: int) -> int:
        """Where too many records wait: how many of those behind `after_row` were dropped."""
        (waiting,) = self._db.execute("SELECT count(*) FROM record WHERE done = 0").fetchone()
        if waiting <= self.max_waiting:
            return 0
        dropped = self._db.execute(
            "DELETE FROM record WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER "
            "(ORDER BY id) AS place FROM record WHERE done = 0 AND id > ? AND kind IN (?, ?)) "
            "WHERE place % 2 = 0)",
            (after_row, RecordKind.SAMPLE.value, RecordKind.UPDATED.value),
        ).rowcount
        _log.error("%d records wait: every second sample is dropped (%d)", waiting, dropped)
        return dropped

    def follow(self, journal_id: str, seq: int) -> None:
        """Remember which journal of the core the numbers are of, together with the number."""
        self.put("core", "journal", msgspec.json.encode(journal_id))
        self.put("journal", "seq", str(seq).encode())

    def append(self, record: TxRecord) -> StoredRecord | None:
        """Queue a record. None when its key is known already: adding twice changes nothing."""
        cursor = self._db.execute(
            "INSERT OR IGNORE INTO record (session, kind, seq, body) VALUES (?, ?, ?, ?)",
            (record.session, record.kind.value, record.seq, msgspec.json.encode(record)),
        )
        if not cursor.rowcount or cursor.lastrowid is None:
            return None
        return StoredRecord(cursor.lastrowid, record)

    def waiting_after(self, row: int, limit: int) -> list[StoredRecord]:
        """The oldest undelivered records behind `row`."""
        rows = self._db.execute(
            "SELECT id, body FROM record WHERE done = 0 AND id > ? ORDER BY id LIMIT ?",
            (row, limit),
        )
        return [stored for id_, body in rows.fetchall() if (stored := self._stored(id_, body))]

    def _stored(self, row: int, body: bytes) -> StoredRecord | None:
        """A record that cannot be read is given up, so that it blocks nothing."""
        record = _decoded(row, body)
        if record is None:
            self.deliver(row)
            return None
        return StoredRecord(row, record)

    def deliver(self, row: int) -> None:
        """A record is delivered, or given up: only its key stays, for a while."""
        self._db.execute("UPDATE record SET done = 1, body = x'' WHERE id = ?", (row,))
        self._db.execute("DELETE FROM record WHERE done = 1 AND id <= ?", (row - TOMBSTONES,))


def _decoded(row: int, body: bytes) -> TxRecord | None:
    """None, and words in the log, for a record that can not be read."""
    try:
        return msgspec.json.decode(body, type=TxRecord)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        _log.error("transaction record %d cannot be read and is given up: %s", row, error)
        return None
