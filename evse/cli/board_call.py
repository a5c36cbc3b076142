"""What `evse board` was called for: which board, which steps, and who holds its pins now."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

import msgspec

from drivers.board.fitted import of_station
from drivers.board.profile import BoardProfile, load_profile, profile_names
from drivers.errors import BoardError
from drivers.raspberry_pi import RaspberryPi
from evse.board_check.step import Step
from evse.board_check.steps import walk
from evse.cli.board_fitting import fitting_of
from evse.cli.board_keeper import keeper
from evse.cli.board_run import STOP_IT, Check, walk_on
from evse.cli.places import default_state_dir, run_dir, somebody_at
from evse.clock import MonotonicClock
from evse.config.station import StationConfig
from evse.run.native import make_safe
from evse.run.process import BOARD_SOCKET

SYSTEM_GUARD = Path("/run/pievse-guard")
"""Where the unit's guard waits for its core (systemd/units/pievse-guard.service)."""
NO_TTY = "the walk asks a technician: run it at a terminal (this is what it does)"


def call(arguments: argparse.Namespace, config: StationConfig) -> int:
    """The exit code."""
    if arguments.profile:
        board = msgspec.structs.replace(config.board, kind="native", profile=arguments.profile)
        config = msgspec.structs.replace(config, board=board)
    if config.board.kind != "native":
        known = ", ".join(profile_names())
        print(
            f'[board] kind = "{config.board.kind}" has no pins here: give --profile, of {known}',
            file=sys.stderr,
        )
        return 2
    try:
        if arguments.action == "make-safe":
            return _make_safe(config)
        profile = load_profile(config.board.profile)
        of_station(profile, config.evses)
        return _check(arguments, config, profile)
    except BoardError as error:
        print(error, file=sys.stderr)
        return 1


def _make_safe(config: StationConfig) -> int:
    problems = make_safe(config, RaspberryPi())
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _check(arguments: argparse.Namespace, config: StationConfig, profile: BoardProfile) -> int:
    steps = _wanted(arguments.step, config, profile)
    if steps is None:
        return 2
    if arguments.list:
        for step in steps:
            print(f"{step.name:<26}{step.title}")
        return 0
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        print(described(steps))
        print(NO_TTY, file=sys.stderr)
        return 2
    check = Check(config, profile, steps, arguments.yes_interlock, arguments.report)
    if arguments.fake:
        return _on_desk(check)
    if why := ring_1_runs():
        print(why, file=sys.stderr)
        return 1
    watched = keeper(arguments.config, config.board.profile)
    return walk_on(check, RaspberryPi(), watched=watched)


def ring_1_runs(system: Path = SYSTEM_GUARD, state: Path | None = None) -> str:
    """Whose pins these are now, and how to get them; "" where nobody has them. `system`: the run
    directory of the unit; `state`: the state directory of an `evse run`."""
    if somebody_at(system / BOARD_SOCKET):
        return f"ring 1 runs and holds the pins: {STOP_IT}"
    if somebody_at(run_dir(state or default_state_dir()) / BOARD_SOCKET):
        return "ring 1 runs and holds the pins: end the `evse run` first"
    return ""


def _on_desk(check: Check) -> int:
    from hil.pi.desk import Desk  # a bench is for who asks for one

    desk = Desk(check.profile, len(check.config.evses), MonotonicClock().now_ms)
    print("A SIMULATED board: what is read here proves nothing of any metal.")
    return walk_on(check, desk.pi, watched=contextlib.nullcontext(), hand=desk)


def _wanted(names: list[str], config: StationConfig, profile: BoardProfile) -> list[Step] | None:
    steps = walk(fitting_of(profile, len(config.evses), config.board.interlock))
    known = [step.name for step in steps]
    if unknown := [name for name in names if name not in known]:
        print(f"no step {unknown[0]!r}: {', '.join(known)}", file=sys.stderr)
        return None
    return [step for step in steps if not names or step.name in names]


def described(steps: list[Step]) -> str:
    """The walk as a text, for who has no terminal."""
    blocks = [
        f"{step.name}: {step.title}\n  happens: {step.happens}\n  measure: {step.measure}\n"
        f"  expect:  {step.expect}"
        for step in steps
    ]
    return "\n\n".join(blocks)
