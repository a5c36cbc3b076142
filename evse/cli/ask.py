"""`evse why`, `evse state`, `evse call`: questions to a running station."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from evse.cli.places import SUPERVISOR_SOCKET, add_socket, somebody_at
from evse.door.client import LINK_SOCKET, DoorClient
from evse.door.jsonrpc import RpcError

AT_THE_LINK = ("data_transfer", "pricing")
"""Namespaces that the OCPP link's own door has alone."""
HANDED_ON = ("ocpp", "ocpp_1_6_charge_point")
"""Namespaces that both have."""
ANSWER_S = 30.0
"""A forced unlock may take this long; everything else answers at once."""


def add(parser: argparse.ArgumentParser, name: str) -> None:
    add_socket(parser)
    if name == "why":
        parser.add_argument("evse", type=int, nargs="?", help="which EVSE (all, if left out)")
    if name == "call":
        parser.add_argument("method", help="such as evse_manager.pause_charging")
        parser.add_argument("params", nargs="?", default="{}", help='JSON, such as {"evse": 1}')


def run(arguments: argparse.Namespace) -> int:
    if arguments.command == "why":
        return _why(arguments.socket, arguments.evse)
    if arguments.command == "state":
        return _show(arguments.socket, "sys.state", {})
    try:
        params = json.loads(arguments.params)
    except ValueError as error:
        print(f"params are not JSON: {error}", file=sys.stderr)
        return 2
    if not isinstance(params, dict):
        print('params are no JSON object such as {"evse": 1}', file=sys.stderr)
        return 2
    return _show(door_of(arguments.socket, arguments.method, params), arguments.method, params)


def door_of(socket: Path, method: str, params: dict[str, Any]) -> Path:
    """Where a call goes: to the core's door at `socket`, or to the OCPP link's own beside it for
    what is there alone, and for what the core would hand on while there is no core."""
    link = socket.with_name(LINK_SOCKET)
    variable = str(params.get("variable", "")) if method == "get" else ""
    namespace = (variable or method).partition(".")[0]
    if namespace in AT_THE_LINK:
        return link
    handed_on = namespace in HANDED_ON and not somebody_at(socket) and somebody_at(link)
    return link if handed_on else socket


def ask(socket: Path, method: str, params: dict[str, Any]) -> Any:
    """One call. Raises RpcError when it is refused, OSError when no station runs there."""
    return asyncio.run(_ask(socket, method, params))


async def _ask(socket: Path, method: str, params: dict[str, Any]) -> Any:
    door = await DoorClient.connect(socket)
    try:
        async with asyncio.timeout(ANSWER_S):
            return await door.call(method, params)
    finally:
        await door.aclose()


def explain(error: Exception, socket: Path) -> int:
    """Print why a call failed; the exit code."""
    if isinstance(error, RpcError):
        print(error.message, file=sys.stderr)
    elif isinstance(error, TimeoutError):
        print(f"the station at {socket} does not answer", file=sys.stderr)
    elif isinstance(error, PermissionError):
        print(f"you may not talk to the station at {socket}: {error.strerror}", file=sys.stderr)
    elif isinstance(error, ConnectionError) and not isinstance(error, ConnectionRefusedError):
        print(f"the station at {socket} went away before it answered", file=sys.stderr)
    elif somebody_at(socket.with_name(SUPERVISOR_SOCKET)):
        print("the station's core is starting: ask again in a moment", file=sys.stderr)
    else:
        print(f"no station is running at {socket}: start one with `evse run`", file=sys.stderr)
    return 1


def _show(socket: Path, method: str, params: dict[str, Any]) -> int:
    try:
        answer = ask(socket, method, params)
    except (RpcError, OSError) as error:
        return explain(error, socket)
    print(json.dumps(answer, indent=2))
    return 0


def _why(socket: Path, evse: int | None) -> int:
    try:
        if evse is not None:
            print(ask(socket, "sys.why", {"evse": evse}))
            return 0
        for row in ask(socket, "sys.state", {})["evses"]:
            print(row["why"])
    except (RpcError, OSError) as error:
        return explain(error, socket)
    return 0
