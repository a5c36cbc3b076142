"""`evse guard`: the process of ring 1 on this computer's own pins; `--make-safe` after its end."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from drivers.errors import BoardError
from evse.cli.places import default_state_dir, explain_no_pins
from evse.cli.places import run_dir as run_dir_of
from evse.config.load import load
from evse.config.read import ConfigError
from evse.run.process import die_with_parent, log_to_stderr
from firmware_bridge.errors import PortError


def add(parser: argparse.ArgumentParser, _name: str) -> None:
    parser.add_argument("--config", type=Path, required=True, help="station.toml")
    parser.add_argument(
        "--run-dir",
        type=Path,
        default=run_dir_of(default_state_dir()),
        help="where its socket and its flight recordings are (default: %(default)s)",
    )
    parser.add_argument(
        "--make-safe",
        action="store_true",
        help="do not run: pilots to X1, every output off, after a guard that has ended",
    )


def run(arguments: argparse.Namespace) -> int:
    if arguments.make_safe:
        return _make_safe(arguments)
    # The meters' drivers, which others ask too, bring half an interpreter into locked memory.
    try:
        config = load(arguments.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    if config.board.kind != "native":
        print(f'[board] kind = "{config.board.kind}" has no guard here', file=sys.stderr)
        return 1
    # The libraries of the pins are for this process alone.
    try:
        from drivers.raspberry_pi import RaspberryPi
        from evse.run.native import run_native
    except ModuleNotFoundError as error:
        explain_no_pins(error)
        return 1
    log_to_stderr("guard")
    die_with_parent()
    try:
        arguments.run_dir.mkdir(parents=True, exist_ok=True)
        return run_native(config, arguments.run_dir.absolute(), RaspberryPi())
    except (BoardError, PortError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def _make_safe(arguments: argparse.Namespace) -> int:
    """What the guard itself has left word of goes first: the configuration may be broken by now."""
    try:
        from drivers.raspberry_pi import RaspberryPi
        from evse.run.native import make_last_safe, make_safe
    except ModuleNotFoundError as error:
        explain_no_pins(error)
        return 1
    problems = make_last_safe(arguments.run_dir, RaspberryPi())
    if problems is None:
        try:
            config = load(arguments.config)
            if config.board.kind != "native":
                return 0
            problems = make_safe(config, RaspberryPi())
        except (ConfigError, BoardError) as error:
            problems = [str(error)]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0
