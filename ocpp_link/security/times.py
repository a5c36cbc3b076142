"""Which time certificates are judged by, where the machine's clock may not be believed. Pure.

A board without a battery wakes up in 1970, and every certificate is "not yet valid" there; the
right time comes from the back office, which can not be reached without TLS. It is, though, at least
the day on which this release was made. What a back office told before does not count: one wrong
answer would make every certificate expired, and no other answer could ever mend that.
"""

from __future__ import annotations

RELEASED_MS = 1_795_219_200_000
"""2026-11-21, ms since 1970; moved forward with each release."""


def judged_ms(clock_ms: int) -> int:
    """The time to judge certificates by: `clock_ms`, unless it is plainly too early."""
    return max(clock_ms, RELEASED_MS)
