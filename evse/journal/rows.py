"""The journal's tables: what is written, found at a start, and forgotten.

Runs on the storage thread.

Numbers are the age that counts: events are forgotten from the oldest number on, so that a clock
which stood in 1970 or 2038 for a while can neither hide an event nor keep all that follow.
"""

from __future__ import annotations

import sqlite3

import msgspec

from evse.journal.entries import Acknowledgement, Entry, Record, Write

MIGRATIONS = (
    """
    CREATE TABLE event (
        seq INTEGER PRIMARY KEY, evse INTEGER NOT NULL, utc REAL NOT NULL, body BLOB NOT NULL);
    CREATE TABLE consumer (name TEXT PRIMARY KEY, seq INTEGER NOT NULL);
    CREATE TABLE snapshot (evse INTEGER PRIMARY KEY, body BLOB NOT NULL)
    """,
    """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    INSERT INTO meta VALUES ('journal', lower(hex(randomblob(8))))
    """,
)
"""Schema n is what the first n steps make. A step that was released is never changed."""
DATED_FROM = 1_767_225_600.0
"""2026-01-01: an event with an older time was written before the clock was set, so its age is not
known."""
MAX_FORGOTTEN = 2_000
"""Events forgotten in one job: a large one would hold up the events that wait behind it."""
SPARE = 0.05
"""Beyond the ceiling this part more goes, or every look would find a little too much."""


class Found(msgspec.Struct, frozen=True):
    """What a start finds."""

    journal_id: str = ""
    """Another one means another journal, whose numbers are not comparable."""
    first_seq: int = 1
    """The oldest event that is still there."""
    last_seq: int = 0
    """The highest number ever given out."""
    consumers: dict[str, int] = {}
    snapshots: dict[int, bytes] = {}


class Keep(msgspec.Struct, frozen=True):
    """What prune may not forget."""

    read_from_utc: float
    """Events of this time or younger."""
    unread_from_utc: float
    """And those that some consumer has not acknowledged, of this time or younger."""
    max_bytes: int
    """But no more than this in all."""


class Pruned(msgspec.Struct, frozen=True):
    """`first_seq` to `last_seq` are forgotten; empty when first > last."""

    first_seq: int
    last_seq: int
    unread_by: tuple[str, ...] = ()
    """Consumers that never acknowledged some of it."""
    full: bool = False
    """Because of `max_bytes`, not of age."""
    more: bool = False
    """There is more to forget."""


def find(db: sqlite3.Connection) -> Found:
    """Of a database with the newest schema."""
    consumers = dict(db.execute("SELECT name, seq FROM consumer").fetchall())
    first, last = db.execute("SELECT min(seq), max(seq) FROM event").fetchone()
    highest = max(last or 0, *consumers.values(), 0)
    (journal_id,) = db.execute("SELECT value FROM meta WHERE name = 'journal'").fetchone()
    return Found(journal_id, first or highest + 1, highest, consumers, snapshots(db))


def snapshots(db: sqlite3.Connection) -> dict[int, bytes]:
    """The last snapshot of each EVSE."""
    return dict(db.execute("SELECT evse, body FROM snapshot").fetchall())


def of_last_session(db: sqlite3.Connection, evse: int) -> list[bytes]:
    """The events of an EVSE from its last SessionStarted on, the oldest first. Looks at all."""
    mark = b'"event":"SessionStarted"'
    rows = db.execute(
        "SELECT body FROM event WHERE evse = ? AND seq >= coalesce("
        "(SELECT max(seq) FROM event WHERE evse = ? AND instr(body, ?)), 0) ORDER BY seq",
        (evse, evse, mark),
    )
    return [body for (body,) in rows]


def write_all(db: sqlite3.Connection, batch: tuple[Entry, ...]) -> None:
    for entry in batch:
        if isinstance(entry, Acknowledgement):
            db.execute(
                "INSERT INTO consumer VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET seq = max(seq, excluded.seq)",
                (entry.consumer, entry.seq),
            )
            continue
        if entry.record is not None:
            row = (entry.record.seq, entry.evse, entry.utc, entry.record.body)
            db.execute("INSERT INTO event VALUES (?, ?, ?, ?)", row)
        if entry.snapshot is not None:
            db.execute("REPLACE INTO snapshot VALUES (?, ?)", (entry.evse, entry.snapshot))


def write_rest(db: sqlite3.Connection, batch: tuple[Entry, ...]) -> None:
    """What of `batch` is not on disk yet: the write before this one may have succeeded. A
    snapshot that an event on disk has overtaken must not come back: it may know of a transaction
    that has ended since, which the next start would end once more."""
    stored = db.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()[0]
    begin = 0
    for number, entry in enumerate(batch, start=1):
        if isinstance(entry, Write) and entry.record is not None and entry.record.seq <= stored:
            begin = number
    write_all(db, batch[begin:])


def records(
    db: sqlite3.Connection, from_seq: int, limit: int, evse: int | None = None
) -> list[Record]:
    """From `from_seq` on, oldest first."""
    rows = db.execute(
        "SELECT seq, evse, body FROM event WHERE seq >= ? AND evse = coalesce(?, evse)"
        " ORDER BY seq LIMIT ?",
        (from_seq, evse, limit),
    )
    return [Record(*row) for row in rows]


def newest(db: sqlite3.Connection, evse: int | None) -> list[Record]:
    """The last record of `evse`, or of all, as a list of none or one."""
    rows = db.execute(
        "SELECT seq, evse, body FROM event WHERE evse = coalesce(?, evse)"
        " ORDER BY seq DESC LIMIT 1",
        (evse,),
    )
    return [Record(*row) for row in rows]


def forget_consumer(db: sqlite3.Connection, name: str) -> None:
    db.execute("DELETE FROM consumer WHERE name = ?", (name,))


def prune(db: sqlite3.Connection, keep: Keep) -> Pruned:
    """Forget what `keep` does not hold, at most MAX_FORGOTTEN events, never the newest one: its
    number must not come again."""
    first, last = db.execute("SELECT min(seq), max(seq) FROM event").fetchone()
    if first is None:
        return Pruned(1, 0)
    consumers = db.execute("SELECT name, seq FROM consumer").fetchall()
    read_to = min((seq for _, seq in consumers), default=last)
    by_age = max(
        min(_last_before(db, keep.read_from_utc), read_to), _last_before(db, keep.unread_from_utc)
    )
    by_size = first - 1 + _too_many(db, last - first + 1, keep.max_bytes)
    wanted = min(max(by_age, by_size), last - 1)
    to = min(wanted, first - 1 + MAX_FORGOTTEN)
    if to < first:
        return Pruned(first, first - 1)
    db.execute("DELETE FROM event WHERE seq <= ?", (to,))
    unread_by = tuple(name for name, seq in consumers if seq < to)
    return Pruned(first, to, unread_by, full=by_size > by_age, more=to < wanted)


def _last_before(db: sqlite3.Connection, utc: float) -> int:
    """The last event known to be older than `utc`, of those before the first younger one; 0 = none.
    Reads what it finds, not the whole table."""
    (young,) = db.execute(
        "SELECT coalesce((SELECT seq FROM event WHERE utc >= ? ORDER BY seq LIMIT 1),"
        " (SELECT max(seq) + 1 FROM event), 1)",
        (utc,),
    ).fetchone()
    (old,) = db.execute(
        "SELECT coalesce((SELECT seq FROM event WHERE seq < ? AND utc >= ? ORDER BY seq DESC"
        " LIMIT 1), 0)",
        (young, DATED_FROM),
    ).fetchone()
    return int(old)


def _too_many(db: sqlite3.Connection, count: int, max_bytes: int) -> int:
    """How many of `count` events go so that the used pages fit into `max_bytes`."""
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    used = (pages - free) * size
    if used <= max_bytes:
        return 0
    return int(count * (1 - (1 - SPARE) * max_bytes / used)) + 1
