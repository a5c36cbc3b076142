"""`evse board check`: a technician's walk through every input and output of a native board."""

from __future__ import annotations

import argparse
from pathlib import Path

from evse.cli.places import explain_no_pins, load_or_explain


def add(parser: argparse.ArgumentParser, _name: str) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    check = actions.add_parser("check", help="walk through every input and output")
    safe = actions.add_parser("make-safe", help="pilots to X1, every output off; nothing else")
    for each in (check, safe):
        each.add_argument("--config", type=Path, required=True, help="station.toml")
        each.add_argument("--profile", default="", help="another board profile, by name or path")
    check.add_argument("--list", action="store_true", help="print the steps, touch nothing")
    check.add_argument(
        "--step", action="append", default=[], metavar="NAME", help="only these, as --list has them"
    )
    check.add_argument(
        "--yes-interlock",
        action="store_true",
        help="with the steps that close the contactor: nobody can touch the outlet, it may be live",
    )
    check.add_argument(
        "--report", type=Path, metavar="FILE", help="the record: FILE.md as a page, else JSON"
    )
    check.add_argument(
        "--fake", action="store_true", help="on a simulated board, to see how the walk goes"
    )


def run(arguments: argparse.Namespace) -> int:
    config = load_or_explain(arguments.config)
    if config is None:
        return 1
    try:
        from evse.cli.board_call import call  # the libraries of the pins are an extra
    except ModuleNotFoundError as error:
        explain_no_pins(error)
        return 1
    return call(arguments, config)
