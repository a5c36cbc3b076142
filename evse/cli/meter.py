"""`evse meter`: the models, one reading, a watch on it, a search on the line, and its doctor."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module

TOOLS = {
    "models": ("evse.cli.meter_models", "the models whose registers are known"),
    "read": ("evse.cli.meter_read", "one reading, as a table"),
    "watch": ("evse.cli.meter_watch", "readings as they come, until Ctrl-C"),
    "scan": ("evse.cli.meter_scan", "find out what is on a line; nothing is written to a meter"),
    "doctor": ("evse.cli.meter_doctor", "say what is wrong on a line, and what to do"),
    "verify": ("evse.cli.meter_verify", "check a signed record (OCMF) with the meter's key"),
}
"""Tool -> (module with `add(parser)` and `run(arguments)`, one line of help)."""


def add(parser: argparse.ArgumentParser, _name: str) -> None:
    tools = parser.add_subparsers(dest="tool", title="tools", required=True)
    for tool, (module, line) in TOOLS.items():
        own = tools.add_parser(tool, help=line, description=line)
        import_module(module).add(own)


def run(arguments: argparse.Namespace) -> int:
    work: Callable[[argparse.Namespace], int]
    work = import_module(TOOLS[arguments.tool][0]).run
    return work(arguments)
