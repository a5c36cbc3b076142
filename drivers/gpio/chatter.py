"""An input that changes more often than any contact can is not connected. Pure.

Responsibility: tells a floating wire (mains hum makes 100 changes a second) from a bouncing contact
and from a hasty finger.
"""

from __future__ import annotations

from collections import deque

WINDOW_MS = 200
MOST_CHANGES = 6
"""In one window, by a contact: three quick presses, or one whose bouncing is caught twice."""
CALM_MS = 1_000
"""So long without a change before it is believed again."""


class Chatter:
    """The changes of one input."""

    def __init__(self) -> None:
        self.floating = False
        self._changes_ms: deque[int] = deque(maxlen=MOST_CHANGES + 1)

    def changed(self, now_ms: int) -> None:
        """The input has another level than at the last reading."""
        self._changes_ms.append(now_ms)
        full = len(self._changes_ms) > MOST_CHANGES
        if full and now_ms - self._changes_ms[0] <= WINDOW_MS:
            self.floating = True

    def unchanged(self, now_ms: int) -> None:
        """The input has the level that it had; needs telling only while `floating`."""
        if self.floating and now_ms - self._changes_ms[-1] >= CALM_MS:
            self.floating = False
