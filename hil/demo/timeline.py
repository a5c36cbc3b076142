"""The demonstration's timeline: one line an event, in the order of their times, as they come."""

from __future__ import annotations

import textwrap
from itertools import count
from typing import TextIO

import msgspec

WIDTH = 80
LANE_WIDTH = 9
INDENT = 7 + 2 + LANE_WIDTH + 2
BOLD, DIM, CYAN, GREEN, YELLOW, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[36m", "\x1b[32m", "\x1b[33m", ""
_RESET = "\x1b[0m"
COLOURS = {"you": BOLD, "why?": GREEN, "network": YELLOW, "OCPP →": CYAN, "OCPP ←": CYAN}
"""By lane; the others are plain."""


class _Line(msgspec.Struct, frozen=True, order=True):
    t_ms: int
    order: int
    lane: str
    text: str


class Timeline:
    """Takes events in any order and prints them by time; `zero_ms` is 0.00 s."""

    def __init__(self, out: TextIO, *, zero_ms: int, colour: bool) -> None:
        self._out = out
        self._zero_ms = zero_ms
        self._colour = colour
        self._waiting: list[_Line] = []
        self._order = count()

    def add(self, t_ms: int, lane: str, text: str) -> None:
        """Something happened."""
        self._waiting.append(_Line(t_ms, next(self._order), lane, text))

    def print_before(self, t_ms: int) -> None:
        """Print what happened before `t_ms`; what happened then or later waits."""
        self._waiting.sort()
        due = [line for line in self._waiting if line.t_ms < t_ms]
        del self._waiting[: len(due)]
        for line in due:
            self._print(line)
        self._out.flush()

    def _print(self, line: _Line) -> None:
        seconds = f"{max(0, line.t_ms - self._zero_ms) / 1000:7.2f}"
        first, *more = textwrap.wrap(line.text, WIDTH - INDENT) or [""]
        colour = COLOURS.get(line.lane, PLAIN)
        lane = self._paint(f"{line.lane:<{LANE_WIDTH}}", colour)
        print(f"{self._paint(seconds, DIM)}  {lane}  {self._paint(first, colour)}", file=self._out)
        for rest in more:
            print(" " * INDENT + self._paint(rest, colour), file=self._out)

    def _paint(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_RESET}" if self._colour and colour else text
