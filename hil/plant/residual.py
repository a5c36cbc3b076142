"""The residual-current monitor: trips the faster the higher the current, lets go late."""

from __future__ import annotations

from hil.plant.model import NEVER_MS, ResidualSpec


class ResidualMonitor:
    """`tripped` is the output that ring 1 reads."""

    def __init__(self, spec: ResidualSpec) -> None:
        self._spec = spec
        self._excess: tuple[int, int] | None = None
        self.tripped = False
        self.due_ms = NEVER_MS

    def refresh(self, now_ms: int, residual_ma: float, *, test: bool) -> None:
        """Residual current and test winding as they are from now on."""
        excess = self._delays(residual_ma, test=test)
        if excess == self._excess:
            return
        before, self._excess = self._excess, excess
        if excess is None:
            release_ms = before[1] if before else self._spec.release_ms
            self.due_ms = now_ms + release_ms if self.tripped else NEVER_MS
        elif self.tripped:
            self.due_ms = NEVER_MS
        else:
            pending_ms = self.due_ms if before else NEVER_MS
            self.due_ms = min(pending_ms, now_ms + excess[0])

    def _delays(self, residual_ma: float, *, test: bool) -> tuple[int, int] | None:
        """(trips after, releases after) in ms; None: nothing to trip on."""
        spec = self._spec
        for limit_ma, trip_ms in spec.trip:
            if residual_ma >= limit_ma:
                return trip_ms, spec.release_ms
        return (spec.test_trip_ms, spec.test_release_ms) if test else None

    def fire(self, now_ms: int) -> None:
        """Trip or release, whichever is due."""
        if now_ms >= self.due_ms:
            self.tripped = self._excess is not None
            self.due_ms = NEVER_MS
