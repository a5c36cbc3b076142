"""Who on a shared line may ask, and when: the dead must not keep the living from being read.

Pure. A unit that does not answer costs the line a whole answer time and the rest after it, many
times what a sound answer takes. So one that has failed `DEAD_AFTER` times is tried less often while
others answer: the tries of all the dead together get one part of the line's time in `SHARE`.
"""

from __future__ import annotations

DEAD_AFTER = 2
"""Failures one after the other."""
SHARE = 4


class Turns:
    """The units of one line."""

    def __init__(self) -> None:
        self._failures: dict[int, int] = {}
        self._next_dead_ms = 0

    def is_dead(self, unit: int) -> bool:
        """Has it failed so often that it is not expected to answer?"""
        return self._failures.get(unit, 0) >= DEAD_AFTER

    def wait_ms(self, unit: int, now_ms: int) -> int:
        """How long `unit` has to wait before it may join the others; 0 for one that is alive, and
        for all while nobody is."""
        if not self.is_dead(unit) or all(map(self.is_dead, self._failures)):
            return 0
        return max(0, self._next_dead_ms - now_ms)

    def note(self, unit: int, *, alive: bool, began_ms: int, ended_ms: int) -> None:
        """A request to `unit` has ended; `ended_ms` is when the line may be used again."""
        self._failures[unit] = 0 if alive else self._failures.get(unit, 0) + 1
        if self.is_dead(unit):
            self._next_dead_ms = ended_ms + (SHARE - 1) * (ended_ms - began_ms)
