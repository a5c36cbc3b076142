"""The link's memory on disk, in a file that evse.journal.storage versions, checks, sets aside.

`Database` is synchronous and belongs to one thread at a time; `store.py` decides which.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import TypeVar

import msgspec

from evse.clock import MonotonicClock
from evse.journal.storage import open_database
from ocpp_link.records import EvseState, StoredRecord, TxRecord

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
)
"""Schema n is what the first n steps make. A step that was released is never changed."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Snapshot(msgspec.Struct, frozen=True):
    """What a start finds: `items` by kind and name, and how many records wait."""

    items: dict[str, dict[str, bytes]]
    waiting: int
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
        return Snapshot(items=items, waiting=waiting, set_aside=self._said)

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
        self, state: EvseState, record: TxRecord | None, seq: int | None
    ) -> StoredRecord | None:
        """Keep what the core's event `seq` changed (None: what the link did by itself), all or
        nothing."""
        self.put("evse", str(state.evse), msgspec.json.encode(state))
        if seq is not None:
            self.put("journal", "seq", str(seq).encode())
        return self.append(record) if record else None

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
        try:
            return StoredRecord(row, msgspec.json.decode(body, type=TxRecord))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            _log.error("transaction record %d cannot be read and is given up: %s", row, error)
            self.deliver(row)
            return None

    def deliver(self, row: int) -> None:
        """A record is delivered, or given up: only its key stays, for a while."""
        self._db.execute("UPDATE record SET done = 1, body = x'' WHERE id = ?", (row,))
        self._db.execute("DELETE FROM record WHERE done = 1 AND id <= ?", (row - TOMBSTONES,))
