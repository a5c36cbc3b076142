"""`evse charge-now`: a person before the station will not wait for the random delay."""

from __future__ import annotations

import argparse
from pathlib import Path

from evse.cli.ask import ask, explain
from evse.cli.places import add_socket
from evse.door.jsonrpc import INVALID_PARAMS, RpcError


def add(parser: argparse.ArgumentParser, _name: str) -> None:
    add_socket(parser)
    parser.add_argument("evse", type=int, nargs="?", help="which EVSE (all, if left out)")


def run(arguments: argparse.Namespace) -> int:
    """0 also where no delay runs: nothing is held back then."""
    try:
        for evse, delayed in _delays(arguments.socket, arguments.evse):
            if delayed:
                ask(arguments.socket, "uk_random_delay.cancel", {"evse": evse})
            end = "the random delay is over" if delayed else "no random delay is running"
            print(f"EVSE {evse}: {end}")
    except (RpcError, OSError) as error:
        return explain(error, arguments.socket)
    return 0


def _delays(socket: Path, evse: int | None) -> list[tuple[int, bool]]:
    """(EVSE, does a delay run there) of the one that was named, or of all. Raises RpcError."""
    rows = ask(socket, "sys.state", {})["evses"]
    found = [(int(row["evse"]), row["delay"] is not None) for row in rows]
    named = [row for row in found if evse in (None, row[0])]
    if not named:
        known = [number for number, _ in found]
        raise RpcError(INVALID_PARAMS, f"evse {evse} is not here: one of {known}")
    return named
