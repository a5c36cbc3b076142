"""Who charges when a fuse cannot give everybody 6 A: turns, the least served first.

Pure and deterministic. Within a turn whoever charges goes on, and what is free goes to the one
that waits and was served least; at its end all line up anew by the time they were served.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from evse.energy.claims import MIN_MA
from evse.energy.waterfill import Lines


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """The standing of one EVSE in the queue."""

    evse: int
    lines: Lines
    admitted: bool = False
    served_ms: int = 0
    """Time it was admitted while others waited."""
    refused_ms: int | None = None
    """When it last had to stop for lack of current."""


def pick(
    turns: Sequence[Turn], room_ma: Sequence[int], now_ms: int, *, dwell_ms: int, anew: bool
) -> frozenset[int]:
    """The EVSEs that may charge with at least 6 A on each of their lines.

    Whoever does not fit is passed over, so that a line is not left idle because of another one.
    Nobody is admitted again within `dwell_ms` of being stopped. `anew`: the turn is over.
    """
    room = list(room_ma)
    chosen = []
    for turn in sorted(turns, key=lambda t: (not (anew or t.admitted), t.served_ms, t.evse)):
        if not turn.admitted and readmission_ms(turn, dwell_ms) > now_ms:
            continue
        if all(room[line] >= MIN_MA for line in turn.lines):
            chosen.append(turn.evse)
            for line in turn.lines:
                room[line] -= MIN_MA
    return frozenset(chosen)


def readmission_ms(turn: Turn, dwell_ms: int) -> int:
    """From when on it may be admitted; 0 = it was never stopped."""
    return 0 if turn.refused_ms is None else turn.refused_ms + dwell_ms


def join(turn: Turn, others: Sequence[Turn]) -> Turn:
    """A newcomer stands among the `others` that are there: not ahead of the least served, for
    then it would charge alone until it had caught up; not behind the most served."""
    if not others:
        return replace(turn, served_ms=0)
    served = [other.served_ms for other in others]
    return replace(turn, served_ms=min(max(turn.served_ms, min(served)), max(served)))
