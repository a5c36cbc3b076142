"""`evse meter models`: what there are maps for, and what is known of one."""

from __future__ import annotations

import argparse
import sys
from textwrap import wrap

from drivers.errors import MeterMapError
from drivers.metering.catalogue import catalogue, load_map
from drivers.metering.describe import settings_words, tells
from drivers.metering.map import MeterMap


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", nargs="?", help="all that is known of this one")


def run(arguments: argparse.Namespace) -> int:
    if arguments.model is not None:
        return _show(arguments.model)
    print(f"{'model':<18}{'':<34}{'ph':>2}  {'tells':<16}  as delivered")
    for name, one in catalogue().items():
        doubt = "*" if one.doubts else " "
        kinds = f"{one.phases:>2}  {tells(one):<16}"
        print(f"{name:<18}{one.model:<34}{kinds}{doubt} {settings_words(one)}")
    print("\n* = not sure in all; `evse meter models MODEL` says in what")
    return 0


def _show(name: str) -> int:
    try:
        one = load_map(name)
    except MeterMapError as error:
        print(error, file=sys.stderr)
        return 1
    print(f'{one.model} (model = "{name}")')
    for label, text in _facts(one):
        first, *others = wrap(text, 82, break_long_words=False)
        print(f"  {label:<14}{first}")
        for line in others:
            print(f"  {'':<14}{line}")
    print("  registers")
    for quantity, value in one.present().items():
        parts = ", ".join(f"{part.type} at {part.address:#06x}" for part in value.parts)
        print(f"    {quantity:<20}{parts}")
    return 0


def _facts(one: MeterMap) -> list[tuple[str, str]]:
    order = "high word first" if one.word_order == "high_first" else "low word first"
    facts = [
        ("phases", str(one.phases)),
        ("tells", tells(one)),
        ("as delivered", settings_words(one)),
        ("read with", f"function {one.function_code}, {order}"),
        ("doubts", one.doubts),
        ("know that", one.hint),
        ("source", one.source),
    ]
    return [(label, text) for label, text in facts if text]
