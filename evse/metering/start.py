"""The reading that a transaction begins with: how long an authorized car waits for it. Pure."""

from __future__ import annotations

START_READING_MS = 5_000
"""EVerest EvseManager, initial_meter_value_timeout_ms."""


class StartReading:
    """The wait of one EVSE."""

    def __init__(self) -> None:
        self._since_ms: int | None = None

    def note(self, *, waits: bool, now_ms: int) -> bool:
        """Whether somebody waits now; True once it has taken too long."""
        if not waits:
            self._since_ms = None
        elif self._since_ms is None:
            self._since_ms = now_ms
        return self._since_ms is not None and now_ms - self._since_ms >= START_READING_MS

    @property
    def due_ms(self) -> int | None:
        """When the wait becomes too long."""
        return None if self._since_ms is None else self._since_ms + START_READING_MS
