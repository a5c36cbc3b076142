"""How punctual ring 1's loop is. Pure.

Responsibility: counts every turn that began late, so that a busy computer is seen before it is
felt. It guarantees constant memory and a few additions a turn.
"""

from __future__ import annotations

from collections import deque

from evse.model import BoardPace

LATE_US = 10_000
"""A turn that begins a whole period late has lost a sample."""
OFTEN = 5
WITHIN_MS = 10_000
"""So many late turns within so long, and the computer is too busy for ring 1."""


class Pace:
    """Told of every turn."""

    def __init__(self) -> None:
        self._turns = 0
        self._late = 0
        self._worst_us = 0
        self._overslept = 0
        self._recent: deque[int] = deque(maxlen=OFTEN)

    def turn(self, now_ms: int, late_us: int) -> None:
        """A turn begins `late_us` after its time."""
        self._turns += 1
        if late_us > self._worst_us:
            self._worst_us = late_us
        if late_us >= LATE_US:
            self._late += 1
            self._recent.append(now_ms)

    def overslept(self) -> None:
        """The loop began anew."""
        self._overslept += 1

    def too_late(self, now_ms: int) -> bool:
        """Is the computer too busy at present?"""
        recent = self._recent
        return len(recent) == OFTEN and now_ms - recent[0] <= WITHIN_MS

    @property
    def stats(self) -> BoardPace:
        return BoardPace(self._turns, self._late, self._worst_us, self._overslept)
