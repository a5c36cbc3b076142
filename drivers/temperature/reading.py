"""What a temperature source says, and what several of them say together. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from evse.board_faults import Wiring


class Temperature(NamedTuple):
    """One look at one sensor, or at several."""

    dc: int | None
    """Tenths of a degree Celsius; None: not known."""
    wiring: Wiring = Wiring(0)


def hottest(readings: Iterable[Temperature]) -> Temperature:
    """The highest of all; not known as soon as one of them is not known, and when there is none."""
    highest: int | None = None
    wiring = Wiring(0)
    known = True
    for reading in readings:
        wiring |= reading.wiring
        if reading.dc is None:
            known = False
        elif highest is None or reading.dc > highest:
            highest = reading.dc
    return Temperature(highest if known else None, wiring)
