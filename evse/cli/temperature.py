"""`evse temperature`: the process that reads the sensors which make their reader wait."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from evse.cli.places import default_state_dir
from evse.cli.places import run_dir as run_dir_of
from evse.config.load import load
from evse.config.read import ConfigError
from evse.config.station import StationConfig
from evse.run.process import TEMPERATURES, die_with_parent


def add(parser: argparse.ArgumentParser, _name: str) -> None:
    parser.add_argument("--config", type=Path, required=True, help="station.toml")
    parser.add_argument(
        "--run-dir",
        type=Path,
        default=run_dir_of(default_state_dir()),
        help="the guard's, where it looks for what was read (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    try:
        sensors = sensors_of(load(arguments.config))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    if not sensors:
        print("no board of this configuration has slow temperature sensors", file=sys.stderr)
        return 1
    from drivers.temperature.__main__ import main

    die_with_parent()
    return main([str(arguments.run_dir.absolute() / TEMPERATURES), *sensors])


def sensors_of(config: StationConfig) -> list[str]:
    """Of a native board; a profile that can not be read has none, and the guard says why."""
    if config.board.kind != "native":
        return []
    from drivers.errors import ProfileError

    try:
        from drivers.board.profile import load_profile, slow_sensors

        return slow_sensors(load_profile(config.board.profile), len(config.evses))
    except (ProfileError, ModuleNotFoundError):
        return []
