"""Which time certificates are judged by, where the machine's clock may not be believed. Pure.

A board without a battery wakes up in 1970, and every certificate is "not yet valid" there; the
right time comes from the back office, which can not be reached without TLS. Time does not run back,
though: it is at least the day on which this release was made, and at least the last time that the
back office is known to have told (kept on disk, at most a day old while the station ran).
"""

from __future__ import annotations

RELEASED_MS = 1_795_219_200_000
"""2026-11-21, ms since 1970; moved forward with each release."""


def judged_ms(clock_ms: int, seen_ms: int = 0) -> int:
    """The time to judge certificates by: `clock_ms`, unless it is plainly too early."""
    return max(clock_ms, RELEASED_MS, seen_ms)
