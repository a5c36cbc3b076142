"""One walk of `evse board check` from its first pin to its record: whatever ends it, the board is
made safe and what was found is kept."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from drivers.board.native import NativeBoard
from drivers.board.profile import BoardProfile, slow_sensors
from drivers.errors import GpioUnavailable
from drivers.gpio.release import HOW_TO_RELEASE, outputs_outlive_process
from drivers.machine import Machine
from evse import __version__
from evse.board_check.record import Record, summary, table, to_json, to_markdown
from evse.board_check.step import Step
from evse.cli.board_sensors import read_by_its_own
from evse.cli.board_terminal import LineTerminal
from evse.cli.board_walk import Hand, Walker
from evse.clock import MonotonicClock
from evse.config.station import StationConfig

STOP_IT = "stop ring 1 first: sudo systemctl stop pievse-guard"


class Check(NamedTuple):
    """What is walked through, and how."""

    config: StationConfig
    """Its [board] is the one that is checked."""
    profile: BoardProfile
    steps: list[Step]
    yes_interlock: bool
    report: Path | None


def walk_on(
    check: Check,
    machine: Machine,
    *,
    watched: contextlib.AbstractContextManager[None],
    hand: Hand | None = None,
) -> int:
    """The exit code. `watched`: entered for as long as pins are held. Raises BoardError where they
    can not be had."""
    notes = notes_on(machine, check.profile)
    for note in notes:
        print(f"note: {note}")
    evses = len(check.config.evses)
    sensors = [] if hand else slow_sensors(check.profile, evses)
    with read_by_its_own(sensors) as slow_path:
        board = _claimed(machine, check.profile, evses, slow_path)
        clock = MonotonicClock()
        terminal = LineTerminal(clock)
        numbers = range(1, evses + 1)
        yes = check.yes_interlock
        walker = Walker(board, numbers, clock, terminal, hand=hand, yes_interlock=yes)
        with watched, ends_by_signal():
            try:
                walker.walk(check.steps)
            except GpioUnavailable as error:
                print(f"\n{error}", file=sys.stderr)
            finally:
                with deaf():
                    board.close()
                    record = record_of(walker, check, machine, notes, simulated=hand is not None)
                    _keep(record, check.report)
    print(f"\n{table(record.findings)}\n\n{summary(record.findings)}")
    return 1 if record.failed or not record.complete else 0


def _claimed(machine: Machine, profile: BoardProfile, evses: int, slow_path: str) -> NativeBoard:
    _ = machine.gpio  # what is missing or closed says so itself; what fails after it is held
    try:
        return NativeBoard(machine, profile, evses, slow_path=slow_path)
    except GpioUnavailable as error:
        raise GpioUnavailable(f"{error}\nIf a program holds the pins, {STOP_IT}") from error


def notes_on(machine: Machine, profile: BoardProfile) -> tuple[str, ...]:
    """What is to be known before anything is switched."""
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
    check: Check,
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
        station=check.config.station.identity,
        profile=check.config.board.profile,
        software=f"pievse {__version__}",
        computer=computer,
        simulated=simulated,
        interlock=check.config.board.interlock,
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
