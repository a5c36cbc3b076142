"""The plug's coding resistor (PP): what the cable may carry. Pure; sockets only.

Responsibility: turns ohms into the cable's rating. It guarantees that a value between two codes
counts as the lower rating, that a short or an impossible value rates 0 A, and that a rating, once
read, never rises within the session. IEC 61851-1 Annex B; the tests judge it by
`evse/clauses.toml`.
"""

from __future__ import annotations

import msgspec

_RATINGS: tuple[tuple[int, int], ...] = ((140, 63), (308, 32), (936, 20), (2_460, 13))
"""(highest resistance in ohm, rating in amps), ascending."""
_SHORT_BELOW_OHM = 80


def cable_rating_a(pp_ohm: int | None) -> int:
    """Rating of the plugged cable, amps; 0 = none, shorted, or not a cable's value."""
    if pp_ohm is None or pp_ohm < _SHORT_BELOW_OHM:
        return 0
    for top_ohm, rating_a in _RATINGS:
        if pp_ohm <= top_ohm:
            return rating_a
    return 0


class Cable(msgspec.Struct, frozen=True, gc=False):
    """The cable of this session."""

    rating_a: int | None = None
    """None until read; 0 once the coding was missing for the confirmation time."""
    candidate_a: int | None = None
    since_ms: int | None = None


def read_cable(cable: Cable, rating_a: int, now_ms: int, *, confirm_ms: int) -> Cable:
    """Take the first rating that stays for `confirm_ms`; after that it may only fall, likewise.

    From 0 (coding missing) it is read anew.
    """
    known_a = cable.rating_a
    if known_a is not None and (rating_a >= known_a > 0 or rating_a == known_a):
        return cable if cable.candidate_a is None else Cable(known_a)
    if rating_a != cable.candidate_a:
        return Cable(known_a, rating_a, now_ms)
    assert cable.since_ms is not None
    return Cable(rating_a) if now_ms - cable.since_ms >= confirm_ms else cable
