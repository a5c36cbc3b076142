"""The lane plot: one run as a self-contained page that opens without a network.

All lanes share one time axis. The page is complete without scripts; with them a crosshair shows
the values of all lanes at the pointer.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files

import msgspec

from hil.plot.lanes import (
    Drawn,
    band_lane,
    current_lane,
    duty_lane,
    hue,
    pilot_lane,
    time_axis,
)
from hil.plot.markers import marker_lane
from hil.plot.scale import TimeScale
from hil.trace import EVENT_LANES, Entry, Lane, Trace

WIDTH = 1180
LEFT = 128
RIGHT_MARGIN = 34
GAP = 12
PAD = 14
"""Around a picture that stands alone."""
_ORDER = (
    Lane.STATE,
    Lane.MESSAGE,
    Lane.FAULT,
    Lane.PILOT,
    Lane.DUTY,
    Lane.CONTACTOR,
    Lane.LOCK,
    Lane.CURRENT,
)
_CONTACTOR = {"open": "off", "closed": "on"}
_LOCK = {"unlocked": "off", "moving": "half", "locked": "on"}


def lane_plot(
    trace: Trace,
    *,
    title: str,
    subtitle: str = "",
    bill: Sequence[tuple[str, str]] = (),
    from_ms: int | None = None,
    to_ms: int | None = None,
) -> str:
    """The whole page as HTML.

    `bill`: rows of (what, how much) below the lanes. `from_ms`, `to_ms` cut the time axis; by
    default it shows the whole trace. Times on the page count from the trace's first record.
    """
    scale = _time_scale(trace, from_ms, to_ms)
    sections = [_section(trace, evse, scale, alone=len(trace.evses) == 1) for evse in trace.evses]
    own = files("hil.plot")
    return "".join(
        (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>\n{own.joinpath('plot.css').read_text()}",
            f"</style></head>\n<body><main><h1>{escape(title)}</h1>",
            f'<p class="sub">{escape(subtitle)}</p>' if subtitle else "",
            *(sections or ["<p>Nothing was recorded.</p>"]),
            _bill(bill),
            f"</main><script>\n{own.joinpath('plot.js').read_text()}</script></body></html>\n",
        )
    )


def _time_scale(trace: Trace, from_ms: int | None, to_ms: int | None) -> TimeScale:
    zero_ms = trace.start_ms
    start_ms = zero_ms if from_ms is None else from_ms
    last_ms = trace.end_ms if to_ms is None else to_ms
    if to_ms is None:
        # The last values need some length to be seen.
        last_ms += max((last_ms - start_ms) // 40, 100)
    end_ms = max(last_ms, start_ms + 1)
    return TimeScale(start_ms, end_ms, LEFT, WIDTH - RIGHT_MARGIN, zero_ms)


def _within(entries: list[Entry], lane: Lane, scale: TimeScale) -> list[Entry]:
    """What the axis shows of a lane; a level that was set before it is taken to its start."""
    inside = [entry for entry in entries if scale.from_ms <= entry.t_ms < scale.to_ms]
    before = [entry for entry in entries if entry.t_ms < scale.from_ms]
    if lane in EVENT_LANES or not before or (inside and inside[0].t_ms == scale.from_ms):
        return inside
    return [Entry(scale.from_ms, before[-1].evse, lane, before[-1].value), *inside]


def lane_svg(trace: Trace, evse: int = 1) -> str:
    """The lanes of one EVSE as a picture that stands alone, for a document. It follows the
    reader's light or dark scheme."""
    css = files("hil.plot").joinpath("plot.css").read_text()
    paper = f'<rect x="-{PAD}" y="-{PAD}" width="100%" height="100%" style="fill:var(--paper)"/>'
    svg, _states = _svg(trace, evse, _time_scale(trace, None, None), PAD)
    opening, closing, lanes = svg.partition(">")
    named = opening.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return f"{named}{closing}<style>\n{css}</style>{paper}{lanes}\n"


def _section(trace: Trace, evse: int, scale: TimeScale, *, alone: bool) -> str:
    svg, states = _svg(trace, evse, scale)
    heading = "" if alone else f"<h2>EVSE {evse}</h2>"
    return f'{heading}<div class="scroll">{svg}</div>{_legend(states)}'


def _svg(trace: Trace, evse: int, scale: TimeScale, pad: int = 0) -> tuple[str, list[Entry]]:
    """The drawing with `pad` around it, and the states that its legend names."""
    lanes = {lane: _within(trace.changes(lane, evse), lane, scale) for lane in _ORDER}
    shown = {lane: entries for lane, entries in lanes.items() if entries}
    top = 6.0
    drawn: list[Drawn] = []
    for lane, entries in shown.items():
        part = _draw(lane, entries, scale, top)
        drawn.append(part)
        top += part.height + GAP
    bottom = top - GAP + 4
    height = bottom + 24
    view = _view(shown, scale, bottom)
    svg = (
        f'<svg viewBox="{-pad} {-pad} {WIDTH + 2 * pad} {height + 2 * pad:.0f}" role="img" '
        f'aria-label="Lanes of EVSE {evse} over time" data-lanes="{escape(view)}">'
        + "".join(part.back for part in drawn)
        + time_axis(scale, 6, bottom)
        + "".join(part.front for part in drawn)
        + "</svg>"
    )
    return svg, shown.get(Lane.STATE, [])


def _draw(lane: Lane, entries: list[Entry], scale: TimeScale, top: float) -> Drawn:
    match lane:
        case Lane.STATE:
            return band_lane(entries, scale, top, "session", None)
        case Lane.CONTACTOR:
            return band_lane(entries, scale, top, "contactor", _CONTACTOR)
        case Lane.LOCK:
            return band_lane(entries, scale, top, "lock", _LOCK)
        case Lane.PILOT:
            return pilot_lane(entries, scale, top)
        case Lane.DUTY:
            return duty_lane(entries, scale, top)
        case Lane.CURRENT:
            return current_lane(entries, scale, top)
        case Lane.MESSAGE:
            return marker_lane(entries, scale, top, "messages")
        case Lane.FAULT:
            return marker_lane(entries, scale, top, "faults", bad=True)


def _shown_value(entry: Entry) -> str:
    match entry.lane:
        case Lane.PILOT:
            return f"{int(entry.value) / 1000:.2f} V"
        case Lane.DUTY:
            return f"{int(entry.value) / 100:.2f} %"
        case Lane.CURRENT:
            return f"{int(entry.value) / 1000:.2f} A"
        case _:
            return str(entry.value)


def _view(shown: dict[Lane, list[Entry]], scale: TimeScale, bottom: float) -> str:
    """What the crosshair needs, as JSON."""
    lanes = [
        {
            "name": str(lane),
            "t": [entry.t_ms for entry in entries],
            "v": [_shown_value(entry) for entry in entries],
        }
        for lane, entries in shown.items()
        if lane not in EVENT_LANES
    ]
    view = {
        "zero": scale.zero_ms,
        "from": scale.from_ms,
        "to": scale.to_ms,
        "left": scale.left,
        "right": scale.right,
        "top": 6,
        "bottom": bottom,
        "lanes": lanes,
    }
    return msgspec.json.encode(view).decode()


def _legend(states: list[Entry]) -> str:
    names = dict.fromkeys(str(entry.value) for entry in states)
    items = "".join(f'<li><span class="{hue(name)}"></span>{escape(name)}</li>' for name in names)
    return f'<ul class="legend">{items}</ul>' if items else ""


def _bill(bill: Sequence[tuple[str, str]]) -> str:
    if not bill:
        return ""
    rows = "".join(f"<tr><td>{escape(k)}</td><td>{escape(v)}</td></tr>" for k, v in bill)
    return f"<h2>Bill</h2><table>{rows}</table>"
