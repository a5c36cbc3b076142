"""`evse check-config FILE`: every mistake, or the effective configuration; names of users that this
computer does not have are told beside it, for the file may be meant for another one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from drivers.metering.settings import meter_warnings
from evse.cli.places import board_explained, load_or_explain
from evse.cli.temperature import sensors_of
from evse.config.load import effective
from evse.config.station import StationConfig
from evse.door.peer import access

UNITS = ("guard", "sim", "ocpp", "temperature")
"""Processes that not every configuration needs."""
NOT_NEEDED = 3
"""Another exit code than that of a configuration that can not be read."""


def add(parser: argparse.ArgumentParser, _name: str) -> None:
    parser.add_argument("config", type=Path, help="station.toml")
    parser.add_argument(
        "--needs",
        choices=UNITS,
        help=f"print nothing, and end with {NOT_NEEDED} where this process is not needed",
    )


def run(arguments: argparse.Namespace) -> int:
    config = load_or_explain(arguments.config)
    if config is None:
        return 1
    if arguments.needs:
        return 0 if needs(config, arguments.needs) else NOT_NEEDED
    if not board_explained(config, arguments.config):
        return 1
    for warning in meter_warnings(config):
        print(f"warning: {warning}", file=sys.stderr)
    access(config.door, lambda words: print(words, file=sys.stderr))
    print(effective(config), end="")
    return 0


def needs(config: StationConfig, unit: str) -> bool:
    """Whether a station of this configuration has the process `unit`, one of UNITS."""
    if unit == "ocpp":
        return config.ocpp is not None
    if unit == "temperature":
        return bool(sensors_of(config))
    return config.board.kind == {"guard": "native", "sim": "simulated"}[unit]
