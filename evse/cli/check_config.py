"""`evse check-config FILE`: every mistake, or the effective configuration."""

from __future__ import annotations

import argparse
from pathlib import Path

from evse.cli.places import load_or_explain
from evse.config.load import effective


def add(parser: argparse.ArgumentParser, _name: str) -> None:
    parser.add_argument("config", type=Path, help="station.toml")


def run(arguments: argparse.Namespace) -> int:
    config = load_or_explain(arguments.config)
    if config is None:
        return 1
    print(effective(config), end="")
    return 0
