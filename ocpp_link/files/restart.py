"""A restart that waits for what is to be told before it, and does not wait for ever.

What is known is on the disk before; a restart that does not come is asked for again, a few times.
"""

from __future__ import annotations

from collections.abc import Callable

from ocpp_link.station import Station

TELL_MS = 10_000
"""For the back office to hear of a restart before it happens (whitepaper L01.FR.15)."""
AGAIN_MS = 120_000
"""A restart that did not happen is asked for again, so often:"""
MAX_ASKED = 5


class Restart:
    """`ask` restarts everything, a moment later. `is_told`: nothing is left to tell. `is_due`:
    what `want` was called for still holds. `on_stuck`: it was asked for in vain."""

    def __init__(
        self,
        station: Station,
        ask: Callable[[], None],
        *,
        is_told: Callable[[], bool],
        is_due: Callable[[], bool],
        on_stuck: Callable[[], None],
    ) -> None:
        self._station = station
        self._ask = ask
        self._is_told = is_told
        self._is_due = is_due
        self._on_stuck = on_stuck
        self._is_wanted = False
        self._asked = 0
        station.on_timer["firmware_restart"] = self._now

    def want(self) -> None:
        self._is_wanted = True
        self._station.start_timer(TELL_MS, "firmware_restart")
        self.told()

    def told(self) -> None:
        """Something was told: perhaps the last."""
        if self._is_wanted and self._is_told():
            self._now()

    def _now(self) -> None:
        self._is_wanted = False
        if not self._is_due():
            return
        if self._asked >= MAX_ASKED:
            self._on_stuck()
            return
        self._asked += 1
        self._station.start_timer(AGAIN_MS, "firmware_restart")
        self._station.store.submit(lambda _database: None, lambda _: self._ask())
