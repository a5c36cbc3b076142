"""Which parts of a board can not be asked or driven now, and since when. Pure.

Responsibility: tells each loss once and each return once, whatever fails how often in between, and
knows when a loss has lasted so long that only another process can end it. It keeps names and
times, never an error: an error holds the frames that it came through, and the guard collects no
garbage.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.errors import GpioUnavailable

GIVE_UP_MS = 5_000
"""A GPIO chip that is gone for so long comes back under a new number, if it does: only a process
that begins anew can claim it."""


class Losses:
    """Of one board, or, by `of`, of one of its EVSEs."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """`say`: gets one sentence for each loss and each return."""
        self._say = say
        self._since_ms: dict[str, int] = {}
        self._failing: set[str] = set()
        """In this period."""

    def note(self, part: str, error: GpioUnavailable, now_ms: int) -> None:
        """`part` failed."""
        self._failing.add(part)
        if part not in self._since_ms:
            self._since_ms[part] = now_ms
            self._say(str(error))

    @property
    def any(self) -> bool:
        """Has anything failed in this period?"""
        return bool(self._failing)

    def end_period(self, now_ms: int) -> None:
        """Whatever has not failed since the last call is back. Raises GpioUnavailable, which names
        the part, for one that has been lost for GIVE_UP_MS."""
        if not self._since_ms:
            return
        for part in [part for part in self._since_ms if part not in self._failing]:
            del self._since_ms[part]
            self._say(f"{part} is back")
        self._failing.clear()
        for part, since_ms in self._since_ms.items():
            if now_ms - since_ms >= GIVE_UP_MS:
                raise GpioUnavailable(f"{part} has been lost for {GIVE_UP_MS // 1000} s")
