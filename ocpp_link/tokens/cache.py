"""What the back office said of tokens that were presented here (OCPP 1.6 §3.5.1, 2.0.1 C10).

Bounded and kept over restarts. A verdict that only repeats itself is written once a day: a card
costs the flash nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from evse.types.authorization import AuthorizationStatus
from ocpp_link.memory.database import Database
from ocpp_link.records import Verdict
from ocpp_link.station import Station, parse_time

MAX_CACHED = 1_000
REWRITE_AFTER_S = 86_400
KIND = "token"


class CacheEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A verdict, and when it was last told (wall time in seconds since 1970; 0 = not known)."""

    status: AuthorizationStatus
    parent: str = ""
    expiry: str = ""
    evses: tuple[int, ...] = ()
    at_s: int = 0

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.status, self.parent, self.expiry, self.evses)


class TokenCache:
    """By the token's value in lower case, the latest verdict last."""

    def __init__(self, station: Station, kept: dict[str, CacheEntry]) -> None:
        self._station = station
        self._entries = dict(sorted(kept.items(), key=lambda item: item[1].at_s))

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, name: str) -> Verdict | None:
        """Expired where its time is over (§3.5.1)."""
        entry = self._entries.get(name)
        return None if entry is None else at_its_time(entry.verdict, self._station.clock.utc())

    def put(self, name: str, verdict: Verdict) -> None:
        """The newest verdict; where the cache is full, what is not valid makes room first."""
        before = self._entries.pop(name, None)
        now_s = self._station.utc_ms() // 1_000
        repeats = before is not None and before.verdict == verdict
        if before is not None and repeats and 0 <= now_s - before.at_s < REWRITE_AFTER_S:
            self._entries[name] = before
            return
        if before is None and len(self._entries) >= MAX_CACHED:
            self.drop([self._dispensable()])
        entry = CacheEntry(
            verdict.status, verdict.parent, verdict.expiry, verdict.evses, at_s=now_s
        )
        self._entries[name] = entry
        self._station.keep(KIND, name, entry)

    def drop(self, names: Iterable[str]) -> None:
        """Forget what is known of these tokens."""
        known = [name for name in names if self._entries.pop(name, None) is not None]
        if known:
            self._station.store.submit(lambda database: _delete(database, known))

    def clear(self) -> None:
        self.drop(list(self._entries))

    def _dispensable(self) -> str:
        now = self._station.clock.utc()
        for name, entry in self._entries.items():
            if not is_valid(at_its_time(entry.verdict, now)):
                return name
        return next(iter(self._entries))


def at_its_time(verdict: Verdict, now: datetime) -> Verdict:
    """The verdict as it holds now. A date that can not be read does not open a charger."""
    if verdict.status is not AuthorizationStatus.Accepted or not verdict.expiry:
        return verdict
    try:
        over = parse_time(verdict.expiry) <= now
    except ValueError:
        over = True
    return msgspec.structs.replace(verdict, status=AuthorizationStatus.Expired) if over else verdict


def is_valid(verdict: Verdict) -> bool:
    return verdict.status is AuthorizationStatus.Accepted


def _delete(database: Database, names: list[str]) -> None:
    for name in names:
        database.delete(KIND, name)
