"""`evse console`: a technician's terminal, over a socket or a serial line."""

from __future__ import annotations

import argparse
import asyncio
import os
import select
import sys
import termios
import tty
from getpass import getpass
from pathlib import Path
from typing import Any

from evse.cli.ask import ask
from evse.cli.console_pin import PinFiles
from evse.cli.places import add_socket, default_state_dir
from evse.clock import MonotonicClock
from evse.console.console import Console
from evse.console.screen import Screen
from evse.door.client import DoorClient

REDRAW_S = 0.5
EVENT_WAIT_S = 2.0
"""Events that the disk was asked for come within this, or are not there any more."""
HISTORY_LINES = 200


def add(parser: argparse.ArgumentParser, _name: str) -> None:
    add_socket(parser)
    parser.add_argument(
        "--serve",
        action="store_true",
        help="the standard streams are a serial line; its terminal is a plain VT100",
    )
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=default_state_dir(),
        help="where the PIN is kept (default: %(default)s)",
    )
    parser.add_argument("--set-pin", action="store_true", help="set the PIN, and end")


def run(arguments: argparse.Namespace) -> int:
    """Until `quit`, Ctrl-D, or the line hangs up."""
    gate = PinFiles(arguments.state_dir, MonotonicClock())
    if arguments.set_pin:
        return _set_pin(gate)
    if arguments.serve:
        os.environ["TERM"] = "vt100"
    console = Console(SocketDoor(arguments.socket), str(arguments.socket), gate)
    if sys.stdin.isatty():
        _prepare_lines(console)
    _say([f"PiEVSE console at {arguments.socket}; help lists what can be asked"])
    _say(console.line("status").lines)
    try:
        while (text := _read(console.prompt())) is not None:
            if not _act(console, text):
                break
    except BrokenPipeError:
        raise
    except OSError:  # the line hung up: there is nobody left to be told
        return 1
    return 0


def _act(console: Console, text: str) -> bool:
    """One typed line; False when the console ends. Ctrl-C ends a question or view, not more."""
    try:
        reply = console.line(text)
        _say(reply.lines)
        if reply.then == "pin":
            _say(console.line(f"unlock {getpass('PIN: ') or '-'}").lines)
        if reply.then == "watch":
            _watch(console)
    except KeyboardInterrupt:
        print("^C")
        return True
    return reply.then != "quit"


def _set_pin(gate: PinFiles) -> int:
    """Asks twice, unseen, where there is somebody to ask."""
    typed = getpass("new PIN: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if sys.stdin.isatty() and getpass("again: ") != typed:
        print("the two differ; nothing is changed", file=sys.stderr)
        return 1
    try:
        gate.set(typed)
    except (OSError, ValueError) as error:
        print(f"the PIN is not set: {error}", file=sys.stderr)
        return 1
    return 0


class SocketDoor:
    """The station's door, entered anew for each question: it may restart between two."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        return ask(self._socket, method, params)

    def events(self, from_seq: int, count: int) -> list[dict[str, Any]]:
        return asyncio.run(_events(self._socket, from_seq, count))


async def _events(socket: Path, from_seq: int, count: int) -> list[dict[str, Any]]:
    found: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    events: list[dict[str, Any]] = []
    door = await DoorClient.connect(socket)
    try:
        async with asyncio.timeout(EVENT_WAIT_S):
            variable = "evse_manager.session_event"
            about = await door.subscribe(variable, found.put_nowait, from_seq=from_seq)
            while len(events) < count and (not events or events[-1]["seq"] < about["last_seq"]):
                events.append(await found.get())
    except TimeoutError:
        if not events:
            raise
    finally:
        await door.aclose()
    return events


def _prepare_lines(console: Console) -> None:
    """Editing, completion and history, where this Python has them."""
    import readline

    def completer(text: str, state: int) -> str | None:
        found = console.complete(text)
        return found[state] + " " if state < len(found) else None

    readline.set_completer(completer)
    readline.set_history_length(HISTORY_LINES)
    readline.parse_and_bind("tab: complete")
    readline.parse_and_bind("set enable-bracketed-paste off")


def _read(prompt: str) -> str | None:
    """A typed line; None at the end. Ctrl-C forgets the line and ends nothing."""
    while True:
        try:
            typed = input(prompt)
        except EOFError:
            return None
        except KeyboardInterrupt:
            print("^C")
        else:
            _forget_pin(typed)
            return typed


def _forget_pin(typed: str) -> None:
    """Arrow keys do not bring a PIN back."""
    if typed.split()[:1] == ["unlock"] and sys.stdin.isatty():
        import readline

        if last := readline.get_current_history_length():
            readline.remove_history_item(last - 1)


def _say(lines: list[str]) -> None:
    for line in lines:
        print(line)
    sys.stdout.flush()


def _watch(console: Console) -> None:
    """The live view until a key is pressed; one picture where there are no keys."""
    if not sys.stdin.isatty():
        _say(console.watch())
        return
    screen, keys = Screen(), sys.stdin.fileno()
    before = termios.tcgetattr(keys)
    tty.setcbreak(keys)
    try:
        while True:
            sys.stdout.write(screen.draw([*console.watch(), "", "any key ends this"]))
            sys.stdout.flush()
            if select.select([keys], [], [], REDRAW_S)[0]:
                os.read(keys, 64)
                break
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)
        _say([screen.leave()])
