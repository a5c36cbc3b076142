"""`evse ocpp`: the link's process, and the tools for it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

from evse.cli import run as station
from evse.clock import parse_time

UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def add(parser: argparse.ArgumentParser, name: str) -> None:
    station.add(parser, name)
    tools = parser.add_subparsers(dest="tool", title="tools", metavar="{doctor,log}")
    for tool, line, add_to in (
        ("doctor", "try the way to a back office and say what to change", _add_doctor),
        ("log", "what crossed the wire, CALLs with their answers", _add_log),
    ):
        add_to(tools.add_parser(tool, help=line, description=line))


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", nargs="?", help="of the back office (default: the configuration's)")
    parser.add_argument("--config", type=Path, default=argparse.SUPPRESS, help="station.toml")
    parser.add_argument("--state-dir", type=Path, default=argparse.SUPPRESS)
    parser.add_argument("--identity", help="of the station (default: the configuration's)")
    parser.add_argument("--key-file", type=Path, help="holds the AuthorizationKey and nothing else")
    parser.add_argument("--ca", type=Path, help="PEM file of the authorities to trust instead")
    parser.add_argument("--interface", default="", help="network interface to go out through")
    parser.add_argument(
        "--boot", action="store_true", help="register, too: the back office takes it for a start"
    )
    parser.add_argument("--json", action="store_true", help="the findings as JSON")


def _add_log(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, nargs="?", help="default: the station's own")
    parser.add_argument("--state-dir", type=Path, default=argparse.SUPPRESS)
    parser.add_argument("--follow", action="store_true", help="go on with what is written next")
    parser.add_argument("--action", action="append", default=[], help="this one only (repeatable)")
    parser.add_argument(
        "--errors", action="store_true", help="CALLERRORs, missing answers and broken frames only"
    )
    parser.add_argument(
        "--since", type=moment, metavar="T", help="2026-11-21T08:00Z, or 90s, 10m, 2h, 1d ago"
    )
    parser.add_argument("--raw", action="store_true", help="the lines of the log, as they are")


def moment(text: str) -> datetime:
    """A time, or so long ago."""
    number, unit = text[:-1], text[-1:]
    if number.isdecimal() and unit in UNITS_S:
        return datetime.now(UTC) - timedelta(seconds=int(number) * UNITS_S[unit])
    try:
        when = parse_time(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 10m or 2h") from error
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def run(arguments: argparse.Namespace) -> int:
    if arguments.tool is not None:
        work: Callable[[argparse.Namespace], int]
        work = import_module(f"evse.cli.ocpp_{arguments.tool}").run
        return work(arguments)
    if arguments.config is None:
        print("evse ocpp needs --config, or one of its tools: doctor, log", file=sys.stderr)
        return 2
    return station.run(arguments)
