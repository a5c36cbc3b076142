"""`evse meter scan`: who answers on a line, with which settings, and which model it may be."""

from __future__ import annotations

import argparse
import asyncio
import sys

from drivers.errors import MeterUnreachable
from drivers.metering.catalogue import catalogue
from drivers.metering.doctor import diagnose
from drivers.metering.exchange import Exchange
from drivers.metering.map import Line
from drivers.metering.scan import Found, Scan
from drivers.metering.search import plan_of, units_in
from evse.cli.meter_table import line as reading_line
from evse.cli.meter_target import BAUD, TIMEOUT, advice

UNITS = "1-10,33"
"""Where meters are as delivered, and the next ones that are given to them."""
TIMEOUT_MS = 200
"""Meters take 10 to 100 ms to begin an answer."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", required=True, help="/dev/serial/by-id/... or /dev/ttyUSB0")
    parser.add_argument("--units", default=UNITS, help=f"addresses to try ({UNITS}); 1-247 = all")
    parser.add_argument("--baud", type=BAUD, action="append", default=[], help="this only")
    parser.add_argument(
        "--parity", choices=["N", "E", "O"], action="append", default=[], help="this only"
    )
    parser.add_argument("--timeout-ms", type=TIMEOUT, default=TIMEOUT_MS, help=f"({TIMEOUT_MS})")


def run(arguments: argparse.Namespace) -> int:
    maps = catalogue()
    try:
        plan = plan_of(
            maps.values(),
            units=units_in(arguments.units),
            timeout_ms=arguments.timeout_ms,
            bauds=arguments.baud,
            parities=arguments.parity,
        )
    except ValueError as error:
        print(f"--units: {error}", file=sys.stderr)
        return 2
    print(
        f"searching {arguments.port}: {len(plan.lines)} line settings, {len(plan.units)} addresses;"
        f" at most {_span(plan.most_ms)}; nothing is written to a meter; Ctrl-C ends it"
    )
    scan = Scan(arguments.port, plan, maps, tell=_progress)
    try:
        found = asyncio.run(scan.run())
    except MeterUnreachable:
        _progress("")
        return _explained(arguments.port, scan.oddest)
    _progress("")
    if not found:
        return _nothing(arguments.port, scan.oddest)
    for one in found:
        _show(one, arguments.port)
    return 0


def _progress(setting: str) -> None:
    """On a terminal one line that changes, else one for each setting."""
    if sys.stdout.isatty():
        print(f"\r\x1b[K{setting}", end="", flush=True)
    elif setting:
        print(setting, flush=True)


def _show(one: Found, port: str) -> None:
    print(f"unit {one.unit} answers at {one.line.words}", end="")
    if not one.matches:
        print("; its registers fit no model of `evse meter models`")
        return
    print("; its registers fit")
    for match in one.matches:
        print(f"  {match.model:<20}{reading_line(match.reading)}")
    best, *others = one.matches
    alike = [match.model for match in others if match.weight == best.weight]
    print("compare with its display, and write into the station's file:")
    choice = f"  # or {', '.join(alike)}: its label tells" if alike else ""
    print(f'  model = "{best.model}"{choice}\n  port = "{port}"\n  unit = {one.unit}')
    print(f'  baud = {one.line.baud}\n  parity = "{one.line.parity}"')
    if one.line.stop_bits != 1:
        print(f"  stop_bits = {one.line.stop_bits}")


def _nothing(port: str, oddest: tuple[Line, Exchange] | None) -> int:
    if oddest is not None:
        return _explained(port, oddest)
    print(
        f"nothing answers at {port} with any of these. Check the meter's supply, swap A and B, and "
        "look up its address on its display (--units 1-247 tries all)",
        file=sys.stderr,
    )
    return 1


def _explained(port: str, oddest: tuple[Line, Exchange] | None) -> int:
    """What came instead of an answer, or what is in the way, in the doctor's words."""
    if oddest is not None:
        line, exchange = oddest
        print(advice(diagnose([exchange], exchange.unit, line, port)), file=sys.stderr)
    return 1


def _span(ms: int) -> str:
    minutes, seconds = divmod(-(-ms // 1000), 60)
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
