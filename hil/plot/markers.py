"""Event lanes as SVG: a dot for each event, with labels that do not overlap."""

from __future__ import annotations

from collections import Counter
from html import escape
from itertools import accumulate

from hil.plot.lanes import CHAR_PX, Drawn, backdrop, heading
from hil.plot.scale import Label, TimeScale, stagger
from hil.trace import Entry, Value

ROW_PX = 15
LABEL_GAP_PX = 8
MAX_LABELS = 60


def marker_lane(
    entries: list[Entry], scale: TimeScale, top: float, name: str, *, bad: bool = False
) -> Drawn:
    """A dot for each event, its label beside a leader in the first row with room.

    Of more than MAX_LABELS events the most frequent go unnamed, but for the hover text.
    """
    named = _named(entries)
    labelled = [entry for entry in entries if entry.value in named]
    labels = [_label(entry, scale) for entry in labelled]
    rows = stagger(labels, LABEL_GAP_PX)
    height = 24.0 + ROW_PX * (max(rows, default=0) + 1)
    dot_y = top + 8
    leaders, texts = [], []
    for entry, label, row in zip(labelled, labels, rows, strict=True):
        y = top + 26 + ROW_PX * row
        leaders.append(
            f'<line class="leader" x1="{label.x:.1f}" y1="{dot_y:.1f}" '
            f'x2="{label.x:.1f}" y2="{y:.1f}"/>'
        )
        text = escape(str(entry.value))
        texts.append(f'<text class="halo" x="{label.left:.1f}" y="{y:.1f}">{text}</text>')
    marks = leaders + [_dot(entry, scale, dot_y) for entry in entries] + texts
    group = f'<g class="{"bad" if bad else "good"}">{"".join(marks)}</g>'
    unit = "" if len(labelled) == len(entries) else "frequent ones: hover"
    return Drawn(backdrop(scale, top, height), heading(top + 12, name, unit) + group, height)


def _named(entries: list[Entry]) -> set[Value]:
    """The rarest values, of which together at most MAX_LABELS happened."""
    counts = Counter(entry.value for entry in entries)
    totals = accumulate(sorted(counts.values()))
    limit = sum(total <= MAX_LABELS for total in totals)
    return {value for value, _ in sorted(counts.items(), key=lambda item: item[1])[:limit]}


def _dot(entry: Entry, scale: TimeScale, y: float) -> str:
    tip = f"{escape(str(entry.value))}: {scale.seconds(entry.t_ms)}"
    x = scale.x(entry.t_ms)
    return f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3"><title>{tip}</title></circle>'


def _label(entry: Entry, scale: TimeScale) -> Label:
    """To the right of the marker, or to its left where the right edge is too near."""
    x, width = scale.x(entry.t_ms), len(str(entry.value)) * CHAR_PX
    if x + 4 + width <= scale.right:
        return Label(x, x + 4, x + 4 + width)
    left = max(x - 4 - width, scale.left)
    return Label(x, left, left + width)
