"""Which settings and addresses a search tries, in which order, and what it takes. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from drivers.metering.frames import ANSWER_OVERHEAD, REQUEST_BYTES, character_s
from drivers.metering.map import Line, MeterMap, Parity, Request

GREETING = Request(0, 2)
"""Asked with both functions: whoever has no such registers says so, and is found all the same."""
FUNCTIONS = (4, 3)
MORE_LINES = (
    Line(baud=9_600),
    Line(baud=9_600, parity="E"),
    Line(baud=19_200, parity="E"),
    Line(baud=19_200),
    Line(baud=2_400),
    Line(baud=2_400, parity="E"),
    Line(baud=38_400),
    Line(baud=38_400, parity="E"),
    Line(baud=4_800),
    Line(baud=1_200),
    Line(baud=1_200, parity="E"),
    Line(baud=115_200),
    Line(baud=9_600, parity="O"),
)
"""What meters can be set to, the usual ones first; stop bits beyond the first are idle line to a
receiver, so that 8N1 finds 8N2."""


USUAL_PARITIES: tuple[Parity, ...] = ("N", "E")


HIGHEST_UNIT = 247
"""Modbus over Serial Line 1.02, 2.2."""


class Plan(msgspec.Struct, frozen=True):
    """Every line setting is tried with each unit, in this order."""

    lines: tuple[Line, ...]
    units: tuple[int, ...]
    timeout_ms: int

    @property
    def most_ms(self) -> int:
        """What it takes where nothing answers. After each silence the line rests as long."""
        asks = len(self.units) * len(FUNCTIONS)
        characters = REQUEST_BYTES + ANSWER_OVERHEAD + 2 * GREETING.count
        waits_s = sum(
            2 * (self.timeout_ms / 1000 + characters * character_s(line)) for line in self.lines
        )
        return round(1000 * asks * waits_s)


def plan_of(
    maps: Iterable[MeterMap],
    *,
    units: Sequence[int],
    timeout_ms: int,
    bauds: Sequence[int] = (),
    parities: Sequence[Parity] = (),
) -> Plan:
    """As delivered first, by how many models are so; then what else there is. `bauds` and
    `parities` leave others out; `units` are tried after the usual ones among them."""
    known = list(maps)
    usual = Counter(line for one in known if (line := _delivered_line(one)) is not None)
    lines = dict.fromkeys([*(line for line, _n in usual.most_common()), *MORE_LINES])
    wanted = [
        line
        for line in lines
        if (not bauds or line.baud in bauds) and (not parities or line.parity in parities)
    ]
    named = [Line(baud=baud, parity=one) for baud in bauds for one in parities or USUAL_PARITIES]
    given = Counter(one.delivered.unit for one in known if one.delivered.unit is not None)
    order = [unit for unit, _n in given.most_common() if unit in units]
    return Plan(
        lines=tuple(dict.fromkeys([*wanted, *named])),
        units=tuple(dict.fromkeys([*order, *units])),
        timeout_ms=timeout_ms,
    )


def _delivered_line(one: MeterMap) -> Line | None:
    given = one.delivered
    if given.baud is None or given.parity is None:
        return None
    return Line(baud=given.baud, parity=given.parity)


def units_in(text: str) -> tuple[int, ...]:
    """`1-10,33` as numbers. Raises ValueError for what is no address (1 to 247)."""
    found: list[int] = []
    for part in text.split(","):
        spelt = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3}))?", part)
        units = range(int(spelt[1]), int(spelt[2] or spelt[1]) + 1) if spelt else range(0)
        if not units or not 1 <= units[0] <= units[-1] <= HIGHEST_UNIT:
            raise ValueError(f"{part!r} names no addresses from 1 to {HIGHEST_UNIT}")
        found.extend(units)
    return tuple(dict.fromkeys(found))
