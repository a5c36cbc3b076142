"""`evse check-config FILE`: every mistake, or the effective configuration; names of users that this
computer does not have are told beside it, for the file may be meant for another one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from evse.cli.places import load_or_explain
from evse.config.load import effective
from evse.door.peer import access


def add(parser: argparse.ArgumentParser, _name: str) -> None:
    parser.add_argument("config", type=Path, help="station.toml")


def run(arguments: argparse.Namespace) -> int:
    config = load_or_explain(arguments.config)
    if config is None:
        return 1
    access(config.door, lambda words: print(words, file=sys.stderr))
    print(effective(config), end="")
    return 0
