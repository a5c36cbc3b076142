"""The session history: what was charged, folded from the journal. Pure but for the database it
is handed.

Guarantees: any stretch of a journal folds, also one that begins or ends inside a session; a
session's energy is exactly the register at TransactionFinished minus that at TransactionStarted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec
from msgspec import UNSET, UnsetType

MAX_PAGE = 1_000
"""Sessions in one answer of the door; about 300 bytes each."""
_SHOWN = 4
"""Letters of a token that are told; a short one shows at most half of itself."""


class Charge(msgspec.Struct, frozen=True):
    """One charging session. Times are RFC 3339; what is not known (yet) is None."""

    seq: int
    """The journal's number of its SessionStarted."""
    uuid: str
    evse: int
    began: str
    ended: str | None = None
    running: bool = True
    """Neither ended nor followed by another session of the same EVSE."""
    token: str | None = None
    """Masked."""
    energy_wh: float | None = None
    """Of its finished transactions; None before one has finished."""
    reason: str | None = None
    """Why the transaction ended."""
    register_wh: float | None = None
    """At the start of the transaction that runs."""


class Page(msgspec.Struct, frozen=True):
    """Sessions, oldest first. `after_seq`: what to ask from for the rest; None = that was all."""

    sessions: tuple[Charge, ...]
    after_seq: int | None = None


class _Energy(msgspec.Struct):
    total: float


class _Meter(msgspec.Struct):
    imported: _Energy = msgspec.field(name="energy_Wh_import")


class _IdToken(msgspec.Struct):
    value: str


class _Token(msgspec.Struct):
    id_token: _IdToken


class _Part(msgspec.Struct):
    meter_value: _Meter | UnsetType = UNSET
    id_tag: _Token | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class Event(msgspec.Struct):
    """As much of a SessionEvent as the history needs, of this version's journal or an older one."""

    uuid: str
    event: str
    timestamp: str
    session_started: _Part | UnsetType = UNSET
    transaction_started: _Part | UnsetType = UNSET
    transaction_finished: _Part | UnsetType = UNSET


_decode = msgspec.json.Decoder(Event).decode


class Fold:
    """Takes events in the journal's order; `sessions` are those that began within them."""

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._found: dict[str, Charge] = {}
        self._open: dict[int, str] = {}
        """EVSE -> uuid of its session that has not ended."""
        self.more = False
        """Sessions began after the limit was reached."""

    @property
    def sessions(self) -> tuple[Charge, ...]:
        return tuple(self._found.values())

    @property
    def complete(self) -> bool:
        """Nothing that comes later can change the answer."""
        return self.more and not self._open

    def take(self, seq: int, evse: int, event: Event) -> None:
        if event.event == "SessionStarted":
            self._begin(seq, evse, event)
        elif event.uuid in self._found and self._found[event.uuid].evse == evse:
            self._found[event.uuid] = self._advance(evse, self._found[event.uuid], event)

    def _begin(self, seq: int, evse: int, event: Event) -> None:
        if event.uuid in self._found:
            return
        before = self._open.pop(evse, None)
        if before is not None:
            self._found[before] = msgspec.structs.replace(self._found[before], running=False)
        if self._limit is not None and len(self._found) >= self._limit:
            self.more = True
            return
        self._open[evse] = event.uuid
        token = _masked(event.session_started)
        self._found[event.uuid] = Charge(seq, event.uuid, evse, event.timestamp, token=token)

    def _advance(self, evse: int, now: Charge, event: Event) -> Charge:
        if event.event == "TransactionStarted":
            return msgspec.structs.replace(
                now,
                token=_masked(event.transaction_started) or now.token,
                register_wh=_register(event.transaction_started),
            )
        if event.event == "TransactionFinished":
            return _billed(now, event.transaction_finished)
        if event.event == "SessionFinished":
            if self._open.get(evse) == now.uuid:
                del self._open[evse]
            return msgspec.structs.replace(now, ended=event.timestamp, running=False)
        return now


def _billed(now: Charge, part: _Part | UnsetType) -> Charge:
    """The transaction's energy is added; one whose start is unknown adds nothing."""
    register_wh = _register(part)
    reason = part.reason if isinstance(part, _Part) and part.reason else None
    charge = msgspec.structs.replace(
        now, reason=reason if isinstance(reason, str) else None, register_wh=None
    )
    if register_wh is None or now.register_wh is None:
        return charge
    energy_wh = (now.energy_wh or 0.0) + register_wh - now.register_wh
    return msgspec.structs.replace(charge, energy_wh=energy_wh)


def _register(part: _Part | UnsetType) -> float | None:
    if isinstance(part, _Part) and isinstance(part.meter_value, _Meter):
        return part.meter_value.imported.total
    return None


def _masked(part: _Part | UnsetType) -> str | None:
    if isinstance(part, _Part) and isinstance(part.id_tag, _Token):
        return mask(part.id_tag.id_token.value)
    return None


def mask(token: str) -> str:
    """Enough to tell two cards apart, too little to make one: the last four letters at most."""
    shown = min(_SHOWN, len(token) // 2)
    return "***" + (token[-shown:] if shown else "")


def fold(rows: Iterable[tuple[int, int, bytes]], limit: int | None = None) -> Fold:
    """Rows (seq, evse, body) of the journal; one that can not be read is passed over."""
    found = Fold(limit)
    for seq, evse, body in rows:
        if found.complete:
            break
        try:
            event = _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        found.take(seq, evse, event)
    return found


def page(
    db: sqlite3.Connection,
    *,
    since: float | None = None,
    until: float | None = None,
    evse: int | None = None,
    after_seq: int = 0,
    limit: int = MAX_PAGE,
) -> Page:
    """Sessions that began at `since` or later and before `until` (seconds of the UTC epoch)."""
    rows = db.execute(
        "SELECT seq, evse, body FROM event WHERE seq > ? AND utc >= coalesce(?, utc)"
        " AND evse = coalesce(?, evse) ORDER BY seq",
        (after_seq, since, evse),
    )
    found = fold(rows, limit)
    last = _last_before(db, until)
    sessions = tuple(s for s in found.sessions if last is None or s.seq <= last)
    rest = found.more and len(sessions) == len(found.sessions)
    return Page(sessions, sessions[-1].seq if rest and sessions else None)


def _last_before(db: sqlite3.Connection, until: float | None) -> int | None:
    if until is None:
        return None
    row = db.execute("SELECT coalesce(max(seq), 0) FROM event WHERE utc < ?", (until,)).fetchone()
    return int(row[0])


def delete_before(
    db: sqlite3.Connection, before: float, *, running: frozenset[str], unclaimed: bool
) -> int:
    """Forget whole sessions that ended before then; how many events went.

    What a consumer has not acknowledged stays, and so does the newest event, which keeps the
    journal's numbers from starting anew. `running`: uuids of sessions that have not ended;
    `unclaimed`: nobody will ever acknowledge, so that need not be waited for.
    """
    last, acknowledged = db.execute(
        "SELECT (SELECT max(seq) FROM event), (SELECT min(seq) FROM consumer)"
    ).fetchone()
    claimed = (last if unclaimed else 0) if acknowledged is None else acknowledged
    keep, old = set(running), []
    for seq, utc, body in db.execute("SELECT seq, utc, body FROM event"):
        uuid = _uuid(body)
        if utc < before and seq <= claimed and seq != last:
            old.append((seq, uuid))
        else:
            keep.add(uuid)
    keep.discard("")
    gone = [(seq,) for seq, uuid in old if uuid not in keep]
    db.execute("PRAGMA secure_delete = ON")  # who asks for it wants the bytes gone, too
    db.executemany("DELETE FROM event WHERE seq = ?", gone)
    db.execute("PRAGMA secure_delete = OFF")
    return len(gone)


def _uuid(body: bytes) -> str:
    """Empty for what belongs to no session and for what can not be read."""
    try:
        return _decode(body).uuid
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
