"""From milliseconds and units to pixels, with round ticks."""

from __future__ import annotations

import math

import msgspec

_MS_PER_S = 1000
_TIME_STEPS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900)
_LONG_STEPS_S = (1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
MAX_TIME_TICKS = 12
MAX_ROWS = 9
"""Of labels below one another, where a crowd can be helped by crossing leaders."""


class TimeScale(msgspec.Struct, frozen=True):
    """The time axis: `from_ms` at pixel `left`, `to_ms` at pixel `right`."""

    from_ms: int
    to_ms: int
    left: float
    right: float
    zero_ms: int = 0
    """The instant that is called 0 on the axis."""

    def seconds(self, t_ms: int) -> str:
        """`t_ms` as it is called on this axis, in seconds to the millisecond."""
        return f"{(t_ms - self.zero_ms) / _MS_PER_S:.3f} s"

    def x(self, t_ms: float) -> float:
        share = (t_ms - self.from_ms) / (self.to_ms - self.from_ms)
        return self.left + share * (self.right - self.left)

    def ticks(self) -> list[tuple[float, str]]:
        """(pixel, label) of the round times on the axis, at most MAX_TIME_TICKS + 1."""
        step_ms = self._step_s() * _MS_PER_S
        first = math.ceil((self.from_ms - self.zero_ms) / step_ms)
        last = math.floor((self.to_ms - self.zero_ms) / step_ms)
        return [
            (self.x(self.zero_ms + k * step_ms), self._label(k * step_ms))
            for k in range(first, last + 1)
        ]

    def _step_s(self) -> float:
        wanted_s = (self.to_ms - self.from_ms) / _MS_PER_S / MAX_TIME_TICKS
        steps = (*_TIME_STEPS_S, *_LONG_STEPS_S)
        day_s = steps[-1]
        return next((s for s in steps if s >= wanted_s), math.ceil(wanted_s / day_s) * day_s)

    def _label(self, after_zero_ms: float) -> str:
        seconds = after_zero_ms / _MS_PER_S
        if self.span_s <= 600:
            return f"{seconds:g}"
        hours, rest = divmod(round(seconds), 3600)
        minutes, left = divmod(rest, 60)
        if self.span_s <= 7200:
            return f"{hours * 60 + minutes}:{left:02d}"
        return f"{hours}:{minutes:02d}"

    @property
    def span_s(self) -> float:
        return (self.to_ms - self.from_ms) / _MS_PER_S

    @property
    def unit(self) -> str:
        """What the labels count."""
        if self.span_s <= 600:
            return "s"
        return "min:s" if self.span_s <= 7200 else "h:min"


class ValueScale(msgspec.Struct, frozen=True):
    """A vertical axis: `low` at pixel `bottom`, `high` at pixel `top`."""

    low: float
    high: float
    top: float
    bottom: float

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.bottom - share * (self.bottom - self.top)


def round_top(largest: float) -> tuple[float, float]:
    """(top of an axis from 0, step of its ticks) for values up to `largest`; 2 to 5 steps."""
    if largest <= 0:
        return 1.0, 0.5
    power = 10.0 ** math.floor(math.log10(largest))
    for share in (0.2, 0.5, 1.0, 2.0, 5.0):
        step = share * power
        if largest <= 4 * step:
            return math.ceil(largest / step) * step, step
    return 10 * power, 2 * power


class Label(msgspec.Struct, frozen=True):
    """A label that belongs to the vertical leader at `x` and covers `left` to `right`."""

    x: float
    left: float
    right: float


def stagger(labels: list[Label], gap: float) -> list[int]:
    """A row for each label, 0 on top, so that no two labels in one row come nearer than `gap`.

    A label to the right of its leader goes below all later ones that begin within its length, so
    that no leader crosses it; in a crowd that would need more than MAX_ROWS it takes the first row
    with room. What hangs to the left, at the edge, goes below whatever it meets.
    """
    rows = [0] * len(labels)
    placed: list[int] = []
    straight = [k for k, label in enumerate(labels) if label.left >= label.x]
    hanging = [k for k, label in enumerate(labels) if label.left < label.x]
    straight.sort(key=lambda k: (-labels[k].x, -k))
    hanging.sort(key=lambda k: (labels[k].x, k))
    for k in straight + hanging:
        mine = labels[k]
        met = {
            rows[other]
            for other in placed
            if min(labels[other].x, labels[other].left) < mine.right + gap
            and labels[other].right + gap > min(mine.left, mine.x)
        }
        rows[k] = max(met, default=-1) + 1
        if rows[k] >= MAX_ROWS:
            rows[k] = min(set(range(len(met) + 1)) - met)
        placed.append(k)
    return rows
