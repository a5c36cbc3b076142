"""One direction of a network connection in virtual time."""

from __future__ import annotations

from collections import deque


class DelayLine:
    """Frames arrive in the order in which they were sent, each not before its time."""

    def __init__(self) -> None:
        self._frames: deque[tuple[int, str]] = deque()

    @property
    def next_ms(self) -> int | None:
        """When the next frame arrives."""
        return self._frames[0][0] if self._frames else None

    def put(self, arrives_ms: int, frame: str) -> None:
        last_ms = self._frames[-1][0] if self._frames else arrives_ms
        self._frames.append((max(arrives_ms, last_ms), frame))

    def take(self, now_ms: int) -> list[str]:
        found = []
        while self._frames and self._frames[0][0] <= now_ms:
            found.append(self._frames.popleft()[1])
        return found

    def clear(self) -> None:
        """What is under way never arrives."""
        self._frames.clear()
