"""`evse`: one command with sub-commands. Each imports what it needs when it runs."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from evse import __version__

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("evse.cli.demo", "a car is charged and billed, in front of you"),
    "run": ("evse.cli.run", "run a station: start what its configuration needs"),
    "check-config": ("evse.cli.check_config", "say what is wrong with a configuration"),
    "why": ("evse.cli.ask", "why is it not charging?"),
    "state": ("evse.cli.ask", "everything about the station, as JSON"),
    "charge-now": ("evse.cli.charge_now", "end the random delay that holds the current back"),
    "call": ("evse.cli.ask", "call any method at the door"),
    "console": ("evse.cli.console", "a technician's terminal, also on a serial line"),
    "sessions": ("evse.cli.sessions", "what was charged: table, CSV, JSON"),
    "sim": ("evse.cli.sim", "act on a simulated station: plug a car in, swipe, break things"),
    "link": ("evse.cli.link", "decode a recording of the board link"),
    "meter": ("evse.cli.meter", "read, search and diagnose energy meters on a serial line"),
    "rfid": ("evse.cli.rfid", "watch what a reader of cards reads"),
    "replay": ("evse.cli.replay", "what ring 1 recorded around a fault, decided again"),
    "board": ("evse.cli.board", "commission a board: walk through its inputs and outputs"),
    "guard": ("evse.cli.guard", "one process of `run`: ring 1 on this computer's own pins"),
    "temperature": ("evse.cli.temperature", "one process of `run`: reads slow sensors for ring 1"),
    "support": ("evse.cli.support", "one file for whoever helps, without secrets"),
    "core": ("evse.cli.run", "one process of `run`: the core"),
    "ocpp": ("evse.cli.ocpp", "the way to the back office: doctor, log; or the link's process"),
}
"""Sub-command -> (module with `add(parser)` and `run(arguments)`, one line of help)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 refused or failed, 2 wrong usage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    name = given[0] if given else ""
    if name in ("--version", "-V"):
        print(f"pievse {__version__}")
        return 0
    if name not in COMMANDS:
        return _usage(name)
    module = import_module(COMMANDS[name][0])
    parser = argparse.ArgumentParser(prog=f"evse {name}", description=COMMANDS[name][1])
    parser.set_defaults(command=name)
    module.add(parser, name)
    run: Callable[[argparse.Namespace], int] = module.run
    _print_anything()
    try:
        code = run(parser.parse_args(given[1:]))
        sys.stdout.flush()  # here, where a reader that has gone can still be taken calmly
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _forget_stdout()
        return 1
    return code


def _print_anything() -> None:
    """A terminal that lacks a letter shows a question mark, and ends no command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _forget_stdout() -> None:
    """Nobody reads it any more: what is left in its buffer must not be told at the exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def _nearest(name: str) -> str:
    import difflib  # for a slip alone

    close = difflib.get_close_matches(name, COMMANDS, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _usage(name: str) -> int:
    wanted_help = name in ("", "-h", "--help")
    out = sys.stdout if wanted_help else sys.stderr
    if not wanted_help:
        print(f"evse: there is no command {name!r}{_nearest(name)}", file=out)
    print("usage: evse COMMAND [options]   (evse COMMAND --help tells more)\n", file=out)
    for command, (_module, line) in COMMANDS.items():
        print(f"  {command:<14}{line}", file=out)
    return 0 if wanted_help else 2
