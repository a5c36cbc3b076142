"""`evse board check`: a technician's walk through every input and output of a native board."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import msgspec

from evse.board_check.record import Record, summary, table, to_json, to_markdown
from evse.board_check.step import Step
from evse.cli.places import SYSTEM_RUN_DIR, default_state_dir, load_or_explain, run_dir, somebody_at
from evse.clock import MonotonicClock
from evse.config.station import StationConfig
from evse.run.process import BOARD_SOCKET

if TYPE_CHECKING:
    from drivers.board.profile import BoardProfile
    from drivers.machine import Machine
    from evse.cli.board_walk import Hand, Walker

STOP_IT = "stop ring 1 first: sudo systemctl stop pievse-guard"
NO_TTY = "the walk asks a technician: run it at a terminal (this is what it does)"


def add(parser: argparse.ArgumentParser, _name: str) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    check = actions.add_parser("check", help="walk through every input and output")
    safe = actions.add_parser("make-safe", help="pilots to X1, every output off; nothing else")
    for each in (check, safe):
        each.add_argument("--config", type=Path, required=True, help="station.toml")
        each.add_argument("--profile", default="", help="another board profile, by name or path")
    check.add_argument("--list", action="store_true", help="print the steps, touch nothing")
    check.add_argument(
        "--step", action="append", default=[], metavar="NAME", help="only these, as --list has them"
    )
    check.add_argument(
        "--yes-interlock",
        action="store_true",
        help="with the steps that close the contactor: nobody can touch the outlet, it may be live",
    )
    check.add_argument(
        "--report", type=Path, metavar="FILE", help="the record: FILE.md as a page, else JSON"
    )
    check.add_argument(
        "--fake", action="store_true", help="on a simulated board, to see how the walk goes"
    )


def run(arguments: argparse.Namespace) -> int:
    config = load_or_explain(arguments.config)
    if config is None:
        return 1
    # The libraries of the pins are for this process alone.
    from drivers.board.fitted import of_station
    from drivers.board.profile import load_profile, profile_names
    from drivers.errors import BoardError

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
    from drivers.raspberry_pi import RaspberryPi
    from evse.run.native import make_safe

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
    if arguments.fake:
        return _on_desk(arguments, config, profile, steps)
    for directory in (SYSTEM_RUN_DIR, SYSTEM_RUN_DIR.with_name("pievse-guard")):
        if somebody_at(directory / BOARD_SOCKET):
            print(f"ring 1 runs and holds the pins: {STOP_IT}", file=sys.stderr)
            return 1
    if somebody_at(run_dir(default_state_dir()) / BOARD_SOCKET):
        print("ring 1 runs and holds the pins: end the `evse run` first", file=sys.stderr)
        return 1
    from drivers.raspberry_pi import RaspberryPi
    from evse.cli.board_keeper import keeper

    watched = keeper(arguments.config, config.board.profile)
    return _walk(arguments, config, profile, steps, RaspberryPi(), watched=watched)


def _on_desk(
    arguments: argparse.Namespace,
    config: StationConfig,
    profile: BoardProfile,
    steps: list[Step],
) -> int:
    from hil.pi.desk import Desk

    desk = Desk(profile, len(config.evses), MonotonicClock().now_ms)
    print("A SIMULATED board: what is read here proves nothing of any metal.")
    watched = contextlib.nullcontext()
    return _walk(arguments, config, profile, steps, desk.pi, watched=watched, hand=desk)


def _wanted(names: list[str], config: StationConfig, profile: BoardProfile) -> list[Step] | None:
    from evse.board_check.steps import walk
    from evse.cli.board_fitting import fitting_of

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


def _walk(
    arguments: argparse.Namespace,
    config: StationConfig,
    profile: BoardProfile,
    steps: list[Step],
    machine: Machine,
    *,
    watched: contextlib.AbstractContextManager[None],
    hand: Hand | None = None,
) -> int:
    """`watched`: entered for as long as pins are held. Raises BoardError where they can not be
    had."""
    from drivers.board.native import NativeBoard
    from drivers.errors import GpioUnavailable
    from evse.cli.board_terminal import LineTerminal
    from evse.cli.board_walk import Walker

    notes = notes_on(machine, profile)
    for note in notes:
        print(f"note: {note}")
    clock = MonotonicClock()
    try:
        board = NativeBoard(machine, profile, len(config.evses))
    except GpioUnavailable as error:
        raise GpioUnavailable(f"{error}\nIf a program holds the pins, {STOP_IT}") from error
    walker = Walker(
        board,
        range(1, len(config.evses) + 1),
        clock,
        LineTerminal(clock),
        hand=hand,
        yes_interlock=arguments.yes_interlock,
    )
    with watched, ends_by_signal():
        try:
            walker.walk(steps)
        except GpioUnavailable as error:
            print(f"\n{error}", file=sys.stderr)
        finally:
            with deaf():
                board.close()
                record = record_of(walker, config, machine, notes, simulated=hand is not None)
                _keep(record, arguments.report)
    print(f"\n{table(record.findings)}\n\n{summary(record.findings)}")
    return 1 if record.failed or not record.complete else 0


def notes_on(machine: Machine, profile: BoardProfile) -> tuple[str, ...]:
    """What is to be known before anything is switched."""
    from drivers.gpio.release import HOW_TO_RELEASE, outputs_outlive_process

    notes = []
    if outputs_outlive_process(machine) is not False:
        notes.append(HOW_TO_RELEASE)
    if profile.heartbeat is None:
        notes.append("no heartbeat pin: nothing that this computer feeds opens the contactor")
    if not profile.seen_on_metal:
        notes.append(f"board profile {profile.name} was never seen on metal by its makers")
    return tuple(notes)


def record_of(
    walker: Walker,
    config: StationConfig,
    machine: Machine,
    notes: tuple[str, ...],
    *,
    simulated: bool,
) -> Record:
    computer = "unknown"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        computer = machine.read_text("/proc/device-tree/model").strip("\0 \n")
    return Record(
        date=datetime.now().astimezone().isoformat(timespec="seconds"),
        station=config.station.identity,
        profile=config.board.profile,
        software=f"pievse {version('pievse')}",
        computer=computer,
        simulated=simulated,
        interlock=config.board.interlock,
        notes=notes,
        complete=walker.complete,
        findings=tuple(walker.findings),
    )


def _keep(record: Record, path: Path | None) -> None:
    if path is None:
        return
    text = to_markdown(record) if path.suffix == ".md" else to_json(record)
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        print(f"--report {path} can not be written: {error.strerror}", file=sys.stderr)


@contextlib.contextmanager
def ends_by_signal() -> Iterator[None]:
    """A hang-up and a polite kill end the walk as Ctrl-C does."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def deaf() -> Iterator[None]:
    """Making safe is not interrupted by an impatient second Ctrl-C."""
    numbers = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
