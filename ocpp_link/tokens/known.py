"""What is known here of a token: the local list, and behind it the cache (OCPP 1.6 §3.5.3)."""

from __future__ import annotations

from collections.abc import Callable

from ocpp_link.memory.database import Database, Snapshot
from ocpp_link.records import Verdict
from ocpp_link.station import Station
from ocpp_link.tokens.cache import KIND, CacheEntry, TokenCache
from ocpp_link.tokens.local_list import ENTRY, VERSION, LocalList


class KnownTokens:
    """Both of them; a token's case does not count."""

    def __init__(self, station: Station, kept: Snapshot) -> None:
        self._station = station
        self.cache = TokenCache(station, kept.decoded(KIND, CacheEntry))
        version = kept.decoded(VERSION, int).get("version", 0)
        self.list = LocalList(station, kept.decoded(ENTRY, Verdict), version)
        self.list.on_accepted.append(self.cache.drop)

    def find(self, token: str) -> Verdict | None:
        """As it holds now; None for a token that nobody judged, or that was forgotten."""
        name = token.casefold()
        listed = self.list.get(name)
        if listed is not None or not self._station.settings.cache_enabled:
            return listed
        return self.cache.get(name)

    def remember(self, token: str, verdict: Verdict) -> None:
        """A verdict of the back office; what is on the list is not cached (§3.5.3)."""
        name = token.casefold()
        if self._station.settings.cache_enabled and self.list.get(name) is None:
            self.cache.put(name, verdict)

    def clear_cache(self, on_done: Callable[[bool], None]) -> None:
        """Empty the cache; `on_done` hears of it when it is durable. False where there is none
        (1.6 errata 3.23, 2.0.1 C11.FR.04)."""
        if not self._station.settings.cache_enabled:
            on_done(False)
            return
        self.cache.clear()
        self._station.store.submit(_nothing, lambda _none: on_done(True))


def _nothing(_database: Database) -> None:
    """Behind everything that was submitted before."""
