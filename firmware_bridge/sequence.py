"""Counters that wrap: what is newer, and how many are missing."""

from __future__ import annotations

U16 = 1 << 16
U32 = 1 << 32


def is_newer(seq: int, than: int, modulus: int) -> bool:
    """Is `seq` ahead of `than` by less than half of `modulus`?"""
    return 0 < (seq - than) % modulus < modulus // 2


class GapCounter:
    """Follows a 16-bit sequence number: hands on what is newer, counts what is missing."""

    def __init__(self) -> None:
        self._last: int | None = None
        self.lost = 0
        """Numbers that never came."""
        self.repeated = 0
        """Numbers that came again, or after a newer one."""

    def accept(self, seq: int) -> bool:
        """Is `seq` newer than all before? The first one after a restart always is."""
        last = self._last
        if last is not None:
            if not is_newer(seq, last, U16):
                self.repeated += 1
                return False
            self.lost += (seq - last - 1) % U16
        self._last = seq
        return True

    def restart(self) -> None:
        """A new session: the next number is taken as it comes. Counters stay."""
        self._last = None
