"""How long an output may stay on, whoever wants it on. Pure.

Responsibility: an order holds for a moment only, and repeated orders for a bounded time, so that
nothing above this file can leave a motor burning or a test running by forgetting about it.
"""

from __future__ import annotations

FRESH_MS = 100
"""An order that was not given again for so long has lapsed: ten guard periods."""


class PulseLimit:
    """The life of one pulse."""

    def __init__(self, longest_ms: int) -> None:
        """`longest_ms`: how long one pulse may last; the next begins after a rest."""
        self._longest_ms = longest_ms
        self._began_ms: int | None = None
        self._ordered_ms = 0

    def rest(self) -> None:
        """The order is withdrawn: the next one is a new pulse."""
        self._began_ms = None

    def order(self, now_ms: int) -> bool:
        """It is wanted on. False: this pulse has had its time."""
        if self._began_ms is None:
            self._began_ms = now_ms
        self._ordered_ms = now_ms
        return now_ms - self._began_ms < self._longest_ms

    def lapsed(self, now_ms: int) -> bool:
        """Nobody repeated the order."""
        return self._began_ms is not None and now_ms - self._ordered_ms >= FRESH_MS
