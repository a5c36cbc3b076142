"""Level lanes as SVG: step lines with their units, and bands."""

from __future__ import annotations

from html import escape

import msgspec

from evse.model import F_BP, X1_BP
from hil.plant.pilot import ev_offer_ma
from hil.plot.scale import TimeScale, ValueScale, round_top
from hil.trace import Entry, Value

CHAR_PX = 6.1
"""Width of an average character of the labels, on the wide side."""
PILOT_LEVELS_V = ((12, "A"), (9, "B"), (6, "C"), (3, "D"), (0, "E"), (-12, "F"))

_HUES = (
    ("fault", "red"),
    ("unavailable", "red"),
    ("disabled", "grey"),
    ("booting", "grey"),
    ("idle", "grey"),
    ("available", "grey"),
    ("paused", "violet"),
    ("suspended", "violet"),
    ("stopping", "orange"),
    ("finish", "teal"),
    ("wait", "amber"),
    ("auth", "amber"),
    ("prepar", "blue"),
    ("charging", "green"),
)
_SPARE_HUES = ("teal", "orange", "violet", "blue", "amber")


class Drawn(msgspec.Struct, frozen=True):
    """A lane's SVG in two layers, between which the time grid goes, and the height it takes."""

    back: str
    front: str
    height: float


def hue(state: str) -> str:
    """The colour class of a state, by what its name says."""
    plain = state.lower().replace("_", "")
    for part, colour in _HUES:
        if part in plain:
            return colour
    return _SPARE_HUES[sum(map(ord, state)) % len(_SPARE_HUES)]


def spans(entries: list[Entry], scale: TimeScale) -> list[tuple[Value, int, int]]:
    """(value, from, to) in ms of a level lane; the last reaches the end of the axis."""
    ends = [entry.t_ms for entry in entries[1:]] + [scale.to_ms]
    return [(e.value, e.t_ms, end) for e, end in zip(entries, ends, strict=True)]


def heading(y: float, name: str, unit: str = "") -> str:
    """A lane's name in the left margin, with its unit below."""
    text = f'<text class="name" x="0" y="{y:.1f}">{escape(name)}</text>'
    if unit:
        text += f'<text class="unit" x="0" y="{y + 14:.1f}">{escape(unit)}</text>'
    return text


def band_lane(
    entries: list[Entry], scale: TimeScale, top: float, name: str, classes: dict[str, str] | None
) -> Drawn:
    """A coloured band for each value. `classes` gives (value: class); None: states by hue.

    Class `off` draws a thin line instead of a band: the quiet value of a two-valued lane.
    """
    height = 24.0
    parts = [heading(top + 16, name)]
    for value, from_ms, to_ms in spans(entries, scale):
        colour = hue(str(value)) if classes is None else classes.get(str(value), "half")
        parts.append(_band(scale, top, height, str(value), colour, (from_ms, to_ms)))
    return Drawn(backdrop(scale, top, height), "".join(parts), height)


def _band(
    scale: TimeScale, top: float, height: float, value: str, colour: str, span: tuple[int, int]
) -> str:
    from_ms, to_ms = span
    x, width = scale.x(from_ms), max(scale.x(to_ms) - scale.x(from_ms), 0.8)
    y, thick = (top + height / 2 - 1.5, 3.0) if colour == "off" else (top, height)
    label = escape(value)
    tip = f"<title>{label}: {scale.seconds(from_ms)} to {scale.seconds(to_ms)}</title>"
    corner = min(2.0, width / 2)
    drawn = (
        f'<rect class="{colour}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
        f'height="{thick:.1f}" rx="{corner:.1f}">{tip}</rect>'
    )
    if colour != "off" and len(value) * CHAR_PX + 10 <= width:
        ink = ' class="on"' if colour == "on" else ""
        drawn += f'<text{ink} x="{x + 6:.1f}" y="{top + height / 2 + 4:.1f}">{label}</text>'
    return drawn


def pilot_lane(entries: list[Entry], scale: TimeScale, top: float) -> Drawn:
    """High plateau in volts, with the states that the levels mean."""
    volts = [(entry.t_ms, int(entry.value) / 1000) for entry in entries]
    low = -12.0 if any(v < -1 for _, v in volts) else 0.0
    height = 96.0 if low == 0 else 132.0
    axis = ValueScale(low - 1, 13, top, top + height)
    parts = [heading(top + 14, "pilot", "V, high half")]
    for volt, state in PILOT_LEVELS_V:
        if volt >= low:
            parts.append(_level(scale, axis.y(volt), f"{volt}", state))
    parts.append(f'<path class="line volt" d="{_steps(volts, scale, axis)}"/>')
    return Drawn(backdrop(scale, top, height), "".join(parts), height)


def duty_lane(entries: list[Entry], scale: TimeScale, top: float) -> Drawn:
    """Duty in percent; what it offers is written along the line."""
    height = 84.0
    axis = ValueScale(-4, 118, top, top + height)
    percent = [(entry.t_ms, int(entry.value) / 100) for entry in entries]
    parts = [heading(top + 14, "duty", "%")]
    for level, mark in ((0, "F"), (50, ""), (100, "X1")):
        parts.append(_level(scale, axis.y(level), f"{level}", mark))
    parts.append(f'<path class="line duty" d="{_steps(percent, scale, axis)}"/>')
    for value, from_ms, to_ms in spans(entries, scale):
        if F_BP < int(value) < X1_BP:
            label = f"{int(value) / 100:.1f} % = {ev_offer_ma(int(value)) / 1000:.1f} A"
            parts.append(_along(scale, axis.y(int(value) / 100), label, "duty", from_ms, to_ms))
    return Drawn(backdrop(scale, top, height), "".join(parts), height)


def current_lane(entries: list[Entry], scale: TimeScale, top: float) -> Drawn:
    """Largest phase current, with long plateaus written out."""
    height = 96.0
    amps = [(entry.t_ms, int(entry.value) / 1000) for entry in entries]
    highest, step = round_top(max((a for _, a in amps), default=0.0))
    axis = ValueScale(0, highest * 1.22, top, top + height)
    parts = [heading(top + 14, "current", "A, largest phase")]
    for k in range(round(highest / step) + 1):
        parts.append(_level(scale, axis.y(k * step), f"{k * step:g}", ""))
    path = _steps(amps, scale, axis)
    if amps:
        base = axis.y(0)
        parts.append(
            f'<path class="area" d="{path} V {base:.1f} H {scale.x(amps[0][0]):.1f} Z"/>'
            f'<path class="line amp" d="{path}"/>'
        )
    for value, from_ms, to_ms in spans(entries, scale):
        if int(value):
            y = axis.y(int(value) / 1000)
            parts.append(_along(scale, y, f"{int(value) / 1000:.1f} A", "amp", from_ms, to_ms))
    return Drawn(backdrop(scale, top, height), "".join(parts), height)


def time_axis(scale: TimeScale, top: float, bottom: float) -> str:
    """Grid lines through all lanes, labels below."""
    parts = []
    for x, label in scale.ticks():
        parts.append(
            f'<line class="grid" x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{bottom:.1f}"/>'
            f'<text class="tick" x="{x:.1f}" y="{bottom + 15:.1f}" '
            f'text-anchor="middle">{label}</text>'
        )
    parts.append(
        f'<line class="axis" x1="{scale.left}" y1="{bottom:.1f}" x2="{scale.right}" '
        f'y2="{bottom:.1f}"/><text class="unit" x="0" y="{bottom + 15:.1f}">'
        f"time, {scale.unit}</text>"
    )
    return "".join(parts)


def backdrop(scale: TimeScale, top: float, height: float) -> str:
    """What a lane stands on."""
    return (
        f'<rect class="back" x="{scale.left}" y="{top:.1f}" '
        f'width="{scale.right - scale.left}" height="{height:.1f}" rx="3"/>'
    )


def _level(scale: TimeScale, y: float, label: str, mark: str) -> str:
    drawn = (
        f'<line class="level" x1="{scale.left}" y1="{y:.1f}" x2="{scale.right}" y2="{y:.1f}"/>'
        f'<text class="tick" x="{scale.left - 7}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    )
    if mark:
        drawn += f'<text class="tick" x="{scale.right + 7}" y="{y + 4:.1f}">{mark}</text>'
    return drawn


def _steps(points: list[tuple[int, float]], scale: TimeScale, axis: ValueScale) -> str:
    if not points:
        return ""
    (start_ms, start), *rest = points
    moves = [f"M {scale.x(start_ms):.1f} {axis.y(start):.1f}"]
    moves += [f"H {scale.x(t_ms):.1f} V {axis.y(value):.1f}" for t_ms, value in rest]
    return " ".join([*moves, f"H {scale.right:.1f}"])


def _along(scale: TimeScale, y: float, label: str, colour: str, from_ms: int, to_ms: int) -> str:
    """A label above a level piece of a line, where the piece is long enough for it."""
    left, right = scale.x(from_ms), scale.x(to_ms)
    if len(label) * CHAR_PX + 8 > right - left:
        return ""
    return f'<text class="value halo {colour}" x="{left + 5:.1f}" y="{y - 5:.1f}">{label}</text>'
