"""A session's log as a page that needs nothing else: facts, power over time, every line. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape

from evse.clock import parse_time

Row = Mapping[str, str]

_POWER = re.compile(r"meter [\d.]+ kWh, (-?[\d.]+) kW")
_REGISTER = re.compile(r"Transaction(Started|Finished):.*?([\d.]+) kWh")
_WIDTH, _HEIGHT = 720, 120
_STYLE = """
:root{color-scheme:light dark;--line:#8884;--car:#1668b8;--evse:#1a7f4b;--sys:#8a5a00;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--car:#7db7f0;--evse:#6fd3a0;--sys:#e2b45f;--bad:#ff8a80}}
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.3rem;margin:0}dl{display:flex;flex-wrap:wrap;gap:.5rem 2rem;margin:1rem 0}
dt{font-size:.8rem;opacity:.7}dd{margin:0;font-size:1.15rem;font-variant-numeric:tabular-nums}
svg{width:100%;height:auto;border:1px solid var(--line);border-radius:4px}
svg text{font-size:11px;fill:currentColor;opacity:.7}
polyline{fill:none;stroke:var(--evse);stroke-width:2}
table{border-collapse:collapse;width:100%;margin-top:1rem;font-variant-numeric:tabular-nums}
td,th{text-align:left;padding:.15rem .8rem .15rem 0;border-bottom:1px solid var(--line)}
td:first-child{white-space:nowrap}.CAR{color:var(--car)}.EVSE{color:var(--evse)}.SYS{color:var(--sys)}
tr.bad td{color:var(--bad);font-weight:600}
"""


def page(title: str, rows: Sequence[Row]) -> str:
    """`rows` as in the CSV file."""
    facts = "".join(f"<div><dt>{k}</dt><dd>{escape(v)}</dd></div>" for k, v in _facts(rows))
    body = "".join(_line(row) for row in rows)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style><h1>Session {escape(title)}</h1><dl>{facts}</dl>{_chart(rows)}"
        f"<table><tr><th>UTC<th>from<th>what</tr>{body}</table></html>\n"
    )


def _facts(rows: Sequence[Row]) -> list[tuple[str, str]]:
    if not rows:
        return []
    first, last = rows[0]["timestamp"], rows[-1]["timestamp"]
    spent = parse_time(last) - parse_time(first)
    matches = (_REGISTER.match(row["message"]) for row in rows)
    registers = {match[1]: match[2] for match in matches if match}
    found = [("began (UTC)", first[:19].replace("T", " ")), ("took", str(spent).split(".")[0])]
    if len(registers) == 2:
        charged = float(registers["Finished"]) - float(registers["Started"])
        found.append(("charged", f"{charged:.3f} kWh"))
    bad = sum(_is_bad(row) for row in rows)
    return [*found, ("faults", str(bad) if bad else "none"), ("lines", str(len(rows)))]


def _chart(rows: Sequence[Row]) -> str:
    """Power over time; nothing where it was hardly measured."""
    points = [
        (parse_time(row["timestamp"]), float(match[1]))
        for row in rows
        if (match := _POWER.match(row["message"]))
    ]
    if len(points) < 2 or points[-1][0] <= points[0][0]:
        return ""
    top_kw = max(1.0, *(kw for _, kw in points))
    path = " ".join(f"{_x(at, points):.1f},{_y(kw, top_kw):.1f}" for at, kw in points)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="power over time">'
        f'<polyline points="{path}"/><text x="6" y="14">{top_kw:.1f} kW</text>'
        f'<text x="6" y="{_HEIGHT - 6}">{points[0][0]:%H:%M}</text>'
        f'<text x="{_WIDTH - 40}" y="{_HEIGHT - 6}">{points[-1][0]:%H:%M}</text></svg>'
    )


def _x(at: datetime, points: Sequence[tuple[datetime, float]]) -> float:
    first, last = points[0][0], points[-1][0]
    return (at - first) / (last - first) * _WIDTH


def _y(kw: float, top_kw: float) -> float:
    return _HEIGHT - 20 - max(0.0, kw) / top_kw * (_HEIGHT - 40)


def _is_bad(row: Row) -> bool:
    said = row["message"]
    return said.startswith("TRIP") or (said.startswith("fault ") and not said.endswith(" is over"))


def _line(row: Row) -> str:
    bad = ' class="bad"' if _is_bad(row) else ""
    at, origin = escape(row["timestamp"][11:23]), escape(row["origin"])
    return f'<tr{bad}><td>{at}<td class="{origin}">{origin}<td>{escape(row["message"])}</tr>'
