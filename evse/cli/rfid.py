"""`evse rfid watch`: what a reader reads, without a running station."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from datetime import datetime
from pathlib import Path
from typing import get_args

import msgspec

from drivers.rfid.events import Back, Lost, ReaderEvent, Refused, Token
from evse.cli.bounds import number
from evse.cli.places import load_or_explain
from evse.clock import MonotonicClock
from evse.config.read import Reader
from evse.config.rfid import RfidTable, rfid_disagreements
from evse.run.rfid import Readers, name

_CHOICES = ("kind", "format", "byte_order", "terminator", "token_type")


def add(parser: argparse.ArgumentParser, _name: str) -> None:
    commands = parser.add_subparsers(dest="act", required=True, metavar="watch")
    watch = commands.add_parser("watch", help="print each card as it is presented")
    watch.description = (
        "Prints each card that is held to a reader. A running station has its readers for itself: "
        "stop it first."
    )
    which = watch.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--config", type=Path, help="station.toml: its readers, as [[rfid]] has them"
    )
    which.add_argument("--port", help="a reader at this port, such as /dev/ttyAMA0")
    hints = _literals()
    for option in _CHOICES:
        spelled = f"--{option.replace('_', '-')}"
        watch.add_argument(spelled, choices=hints[option], help="as in [[rfid]]; with --port")
    watch.add_argument("--baud", type=int, help="of a serial port; with --port")
    watch.add_argument("--uid-bytes", type=int, help="of a UID in decimal; with --port")
    watch.add_argument("--seconds", type=number(0.01, 1e9), help="end after so long (until Ctrl-C)")


def run(arguments: argparse.Namespace) -> int:
    """0; 2 for what can not be watched; after `--seconds`, 1 if a reader could not be used."""
    tables = _tables(arguments)
    if not tables:
        return 2
    return asyncio.run(_watch(tables, arguments.seconds))


def _literals() -> dict[str, tuple[str, ...]]:
    fields = msgspec.structs.fields(RfidTable)
    return {field.name: get_args(field.type) for field in fields if field.name in _CHOICES}


def _tables(arguments: argparse.Namespace) -> tuple[RfidTable, ...]:
    """The readers to watch; none after what is wrong has been printed."""
    if arguments.config is not None:
        config = load_or_explain(arguments.config)
        if config is not None and not config.rfid:
            print(f"{arguments.config.name}: has no [[rfid]]", file=sys.stderr)
        return () if config is None else config.rfid
    options = (*_CHOICES, "baud", "uid_bytes")
    given = {key: value for key in options if (value := getattr(arguments, key)) is not None}
    given = {"kind": "pn532", "port": arguments.port, **given}
    reader = Reader("rfid watch")
    table = reader.table(RfidTable, given)
    problems = list(reader.problems if table is None else rfid_disagreements([table], (), ()))
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    return () if table is None or problems else (table,)


async def _watch(tables: tuple[RfidTable, ...], seconds: float | None) -> int:
    usable = dict.fromkeys(range(1, len(tables) + 1), False)

    def told(number: int, event: ReaderEvent) -> None:
        if isinstance(event, Back | Lost):
            usable[number] = isinstance(event, Back)
        at = f"{datetime.now().astimezone():%H:%M:%S}"
        print(f"{at}  {_line(number, tables[number - 1], event)}", flush=True)

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await Readers(tables, MonotonicClock(), told).run()
    return 0 if all(usable.values()) else 1


def _line(number: int, table: RfidTable, event: ReaderEvent) -> str:
    if isinstance(event, Token):
        return f"reader {number}: {event.value}  ({event.type.value})"
    if isinstance(event, Refused):
        read = f" It read: {event.read}" if event.read else ""
        return f"reader {number}: refused. {event.says}{read}"
    if isinstance(event, Lost):
        return f"{name(number, table)} {event.why}. {event.hint}"
    return f"{name(number, table)} {event.says}. Hold a card to it; Ctrl-C ends."
