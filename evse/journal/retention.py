"""How long the journal keeps what: by age, and never more than its share of the disk."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from datetime import timedelta

import msgspec

from evse.clock import Clock
from evse.journal.rows import Keep, Pruned, prune
from evse.journal.storage import Storage

FIRST_PRUNE_MS = 60_000
"""After the start: also a station that is switched off every evening forgets."""
PRUNE_EVERY_MS = 3_600_000


class Retention(msgspec.Struct, frozen=True):
    """How long events stay."""

    days: int = 365
    """Those that every consumer has acknowledged."""
    unread_days: int = 365
    """The others; no less than `days` is used."""
    max_bytes: int = 128_000_000
    """All of them, whoever has read them."""


class Pruner:
    """Forgets events about once an hour; the owner calls `poll`. `say` hears, once, of events
    that a consumer had not acknowledged."""

    def __init__(
        self, storage: Storage, clock: Clock, keep: Retention, say: Callable[[str], None]
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._keep = keep
        self._say = say
        self._due_ms = clock.now_ms() + FIRST_PRUNE_MS
        self._under_way = False
        self._missed: Pruned | None = None
        self.failures = 0
        self.on_forgotten: Callable[[int], None] = lambda _last_seq: None
        """Hears the highest number that is gone."""

    def poll(self, now_ms: int) -> None:
        if now_ms >= self._due_ms:
            self._due_ms = now_ms + PRUNE_EVERY_MS
            if not self._under_way:
                self._prune()

    def _prune(self) -> None:
        now, keep = self._clock.utc(), self._keep
        limits = Keep(
            read_from_utc=(now - timedelta(days=keep.days)).timestamp(),
            unread_from_utc=(now - timedelta(days=max(keep.days, keep.unread_days))).timestamp(),
            max_bytes=keep.max_bytes,
        )
        self._under_way = True
        self._storage.submit(functools.partial(prune, keep=limits), self._pruned)

    def _pruned(self, outcome: Pruned | sqlite3.Error) -> None:
        self._under_way = False
        if isinstance(outcome, sqlite3.Error):
            self.failures += 1
            return
        if outcome.last_seq >= outcome.first_seq:
            self.on_forgotten(outcome.last_seq)
        if outcome.unread_by:
            begun = self._missed or outcome
            self._missed = msgspec.structs.replace(outcome, first_seq=begun.first_seq)
        if outcome.more:
            self._prune()
        elif self._missed is not None:
            self._say(_missed(self._missed, self._keep))
            self._missed = None


def _missed(pruned: Pruned, keep: Retention) -> str:
    why = (
        f"the journal is over its {keep.max_bytes / 1e6:g} MB"
        if pruned.full
        else f"they are older than {max(keep.days, keep.unread_days)} days"
    )
    return (
        f"events {pruned.first_seq} to {pruned.last_seq} are forgotten although "
        f"{', '.join(pruned.unread_by)} never acknowledged them: {why}"
    )
