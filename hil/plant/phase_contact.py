"""The phase contact in L2 and L3: goes where it is driven, and undriven stays where it is."""

from __future__ import annotations

from hil.plant.model import NEVER_MS


class PhaseContact:
    """`refresh` says what drives it, `fire` lets it arrive when `due_ms` has come."""

    def __init__(self, travel_ms: int) -> None:
        self._travel_ms = travel_ms
        self._goal = 3
        self.phases = 3
        """Phases that are connected, truly: 1 (L1) or 3."""
        self.due_ms = NEVER_MS

    def refresh(self, now_ms: int, driven: int, *, stuck: bool, opens: bool) -> None:
        """Driven to 1 or 3 from now on, or not at all (0), and its faults."""
        goal = 1 if opens else driven or self._goal
        if stuck:
            goal = self.phases
        if goal == self._goal:
            return
        self._goal = goal
        self.due_ms = NEVER_MS if goal == self.phases else now_ms + self._travel_ms

    def fire(self, now_ms: int) -> None:
        """Arrive where it is driven."""
        if now_ms >= self.due_ms:
            self.phases = self._goal
            self.due_ms = NEVER_MS
