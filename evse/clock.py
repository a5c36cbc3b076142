"""Time: one monotonic clock, injected; wall time only where a person or a back office reads it.

All deciding code counts whole milliseconds of the monotonic clock (`now_ms`), so that sums are
exact, states hash, and a simulated span that is skipped equals one that is ticked through.
"""

from __future__ import annotations

import time
from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where `now` comes from."""

    def now_ms(self) -> int:
        """Milliseconds since an arbitrary start; never runs back."""

    def utc(self) -> datetime:
        """Wall time, aware and in UTC. May jump; never subtract two of them."""


class MonotonicClock:
    """The machine's CLOCK_MONOTONIC, which all processes of one machine share."""

    def now_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def utc(self) -> datetime:
        return datetime.now(UTC)


class VirtualClock:
    """Simulated time: moves only when told to."""

    def __init__(self, start_ms: int = 0, start_utc: datetime | None = None) -> None:
        self._now_ms = start_ms
        self._origin = (start_utc or datetime(2026, 1, 1, tzinfo=UTC)) - timedelta(
            milliseconds=start_ms
        )
        self._utc: datetime | None = None
        """The wall time of `_now_ms`, once somebody has asked for it."""

    def now_ms(self) -> int:
        return self._now_ms

    def utc(self) -> datetime:
        if self._utc is None:
            self._utc = self._origin + timedelta(milliseconds=self._now_ms)
        return self._utc

    def advance_to(self, now_ms: int) -> None:
        """Go to `now_ms`. Raises ValueError if that lies in the past."""
        if now_ms < self._now_ms:
            raise ValueError(f"time cannot run back from {self._now_ms} ms to {now_ms} ms")
        if now_ms > self._now_ms:
            self._now_ms, self._utc = now_ms, None


class Timers:
    """Named deadlines. Setting a name again moves it; a due name is handed out once."""

    def __init__(self) -> None:
        self._deadlines: dict[Hashable, int] = {}

    def set(self, name: Hashable, deadline_ms: int) -> None:
        self._deadlines[name] = deadline_ms

    def cancel(self, name: Hashable) -> None:
        self._deadlines.pop(name, None)

    def __contains__(self, name: Hashable) -> bool:
        return name in self._deadlines

    @property
    def next_deadline_ms(self) -> int | None:
        return min(self._deadlines.values()) if self._deadlines else None

    def pop_due(self, now_ms: int) -> list[Hashable]:
        """The names due by `now_ms`, earliest first (ties in the order they were set)."""
        due = [name for name, at_ms in self._deadlines.items() if at_ms <= now_ms]
        due.sort(key=self._deadlines.__getitem__)
        for name in due:
            del self._deadlines[name]
        return due


def earliest(*deadlines_ms: int | None) -> int | None:
    """The nearest of several deadlines; None means `never`."""
    nearest_ms: int | None = None
    for at_ms in deadlines_ms:
        if at_ms is not None and (nearest_ms is None or at_ms < nearest_ms):
            nearest_ms = at_ms
    return nearest_ms


def earliest_after(now_ms: int, *deadlines_ms: int | None) -> int | None:
    """The nearest deadline that still lies ahead: what is past has been acted on."""
    nearest_ms: int | None = None
    for at_ms in deadlines_ms:
        if at_ms is not None and at_ms > now_ms and (nearest_ms is None or at_ms < nearest_ms):
            nearest_ms = at_ms
    return nearest_ms


def parse_time(text: str) -> datetime:
    """An RFC 3339 date-time that `evse.types.base.DateTime` let pass. Raises ValueError."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def rfc3339(moment: datetime) -> str:
    """`2026-01-01T00:00:00.000Z`: the only spelling of wall time that leaves the process."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
