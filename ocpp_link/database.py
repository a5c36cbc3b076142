"""The link's memory on disk: SQLite in WAL mode, every commit fsynced, one schema version.

`Database` is synchronous and belongs to one thread at a time; `store.py` decides which.
A database of a newer release is refused and left alone; a damaged one is set aside under
another name and the link starts with an empty one, saying so.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import TypeVar

import msgspec

from evse.storage import connection_class
from ocpp_link.errors import StoreTooNew
from ocpp_link.records import EvseState, StoredRecord, TxRecord

SCHEMA_VERSION = 1
TOMBSTONES = 1_000
"""Delivered records whose keys are remembered, so that a replayed event adds nothing. The core
replays what was not acknowledged: a handful, and never more than this."""

_SCHEMA = """
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
"""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Snapshot(msgspec.Struct, frozen=True):
    """What a start finds: `items` by kind and name, and how many records wait."""

    items: dict[str, dict[str, bytes]]
    waiting: int
    set_aside: str = ""
    """Where a damaged database was put; empty = it was sound."""

    def decoded(self, kind: str, type_: type[T]) -> dict[str, T]:
        """The items of a kind by name, without those that cannot be read: they are logged, and
        the start goes on."""
        found: dict[str, T] = {}
        for name, body in self.items.get(kind, {}).items():
            try:
                found[name] = msgspec.json.decode(body, type=type_)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                _log.error("%s %s cannot be read and is ignored: %s", kind, name, error)
        return found


class Database:
    """Items (small named values) and the queue of transaction records.

    `path` may be `:memory:`. Raises StoreTooNew, or sqlite3.OperationalError when the place
    cannot be written.
    """

    def __init__(self, path: Path | str) -> None:
        self._set_aside = ""
        try:
            self._db = self._opened(path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            self._set_aside = str(_moved_aside(Path(path)))
            _log.error("%s is damaged (%s): kept as %s", path, error, self._set_aside)
            self._db = self._opened(path)

    def _opened(self, path: Path | str) -> sqlite3.Connection:
        db = sqlite3.connect(
            path,
            isolation_level=None,
            check_same_thread=False,
            factory=connection_class(path),
        )
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            self._migrate(db, path)
            if str(path) != ":memory:":  # a thousand simulated stations have nothing to check
                _check_pages(db)
        except (sqlite3.Error, StoreTooNew):
            db.close()
            raise
        return db

    @staticmethod
    def _migrate(db: sqlite3.Connection, path: Path | str) -> None:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise StoreTooNew(
                f"{path} has schema {version}; this release knows up to {SCHEMA_VERSION}: "
                "install the newer release again, or move the file away"
            )
        if version == 0:
            db.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")

    def load(self) -> Snapshot:
        items: dict[str, dict[str, bytes]] = {}
        for kind, name, body in self._db.execute("SELECT kind, name, body FROM item"):
            items.setdefault(kind, {})[name] = body
        (waiting,) = self._db.execute("SELECT count(*) FROM record WHERE done = 0").fetchone()
        return Snapshot(items=items, waiting=waiting, set_aside=self._set_aside)

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

    def keep(self, state: EvseState, record: TxRecord | None, seq: int) -> StoredRecord | None:
        """Keep what the core's event `seq` changed, all or nothing."""
        self.put("evse", str(state.evse), msgspec.json.encode(state))
        self.put("journal", "seq", str(seq).encode())
        return self.append(record) if record else None

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


def _check_pages(db: sqlite3.Connection) -> None:
    """Raises sqlite3.DatabaseError for a damaged file."""
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)


def _moved_aside(path: Path) -> Path:
    """Rename a damaged database, with its log, to the first free `….damaged-N`."""
    number = 1
    while (target := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.rename(target)
    for suffix in ("-wal", "-shm"):
        log = path.with_name(path.name + suffix)
        if log.exists():
            log.rename(target.with_name(target.name + suffix))
    return target
