"""The native guard process: ring 1 on this computer's own pins."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from drivers.board.fitted import of_station
from drivers.board.native import NativeBoard
from drivers.board.profile import BoardProfile, load_profile
from drivers.board.rescue import LastBoard, Rescue
from drivers.gpio.release import HOW_TO_RELEASE, outputs_outlive_process
from drivers.machine import Machine
from drivers.pilot.hardware_pwm import sleep_ms
from evse.board_faults import Wiring
from evse.clock import MonotonicClock
from evse.config.station import StationConfig
from evse.run.flight import FlightWriter
from evse.run.guard_loop import GuardLoop
from evse.run.guard_process import live
from evse.run.notify import notifier, watchdog
from evse.run.process import BOARD_SOCKET, TEMPERATURES
from evse.run.realtime import become_realtime, freeze_garbage
from evse.run.ring_1 import make_host, make_identity
from firmware_bridge.board_ports import SocketPort

LAST_BOARD = "board.json"
"""In the run directory: what the guard drives."""

_log = logging.getLogger(__name__)


def board_name(profile: BoardProfile) -> str:
    """What its hello says."""
    return f"native {profile.name}"


class Trouble:
    """What the process finds wrong with its computer, told by every status."""

    def __init__(self, board: NativeBoard, standing: Wiring) -> None:
        self._board = board
        self._standing = standing
        board.stand(standing)

    def __call__(self, now: Wiring) -> None:
        self._board.stand(self._standing | now)


def run_native(config: StationConfig, run_dir: Path, machine: Machine) -> int:
    """The process's body; its exit code. Raises BoardError where the board can not be used."""
    profile = load_profile(config.board.profile)
    fitted = of_station(profile, config.evses)
    clock = MonotonicClock()
    slow = str(run_dir / TEMPERATURES)
    _leave_word(run_dir, LastBoard(profile, len(config.evses)))
    board = NativeBoard(machine, profile, len(config.evses), fitted=fitted, slow_path=slow)
    if outputs_outlive_process(machine) is not False:
        _log.warning("%s", HOW_TO_RELEASE)
    port = SocketPort(run_dir / BOARD_SOCKET)
    refused = become_realtime()
    for sentence in refused:
        _log.warning("%s", sentence)
    flights = FlightWriter(run_dir, clock, station=config.station.identity)
    manager = notifier()
    loop = GuardLoop(
        lambda: make_host(config, fitted, board),
        lambda boot_id: make_identity(config, fitted, board_name(profile), boot_id),
        board,
        port,
        panel=board,
        flights=flights,
        on_turn=watchdog(manager.tell).fed,
        on_trouble=Trouble(board, Wiring.NO_REALTIME if refused else Wiring(0)),
    )
    tier = f"T3 on {profile.name}: {config.board.interlock or 'no interlock, a bench'}"
    _log.info("%s; ring 1 of %d EVSE(s) runs on this computer", tier, len(config.evses))
    manager.ready(tier)
    freeze_garbage()
    try:
        return live(loop, flights, clock, (board, port))
    finally:
        manager.stopping()


def make_safe(
    config: StationConfig, machine: Machine, *, pause: Callable[[int], None] = sleep_ms
) -> list[str]:
    """After a guard that ended in any way: pilots at X1, every output off and released. What could
    not be done, as sentences. `pause`: lets so many milliseconds pass."""
    last = LastBoard(load_profile(config.board.profile), len(config.evses))
    return Rescue(machine, last, pause).run()


def make_last_safe(run_dir: Path, machine: Machine) -> list[str] | None:
    """The same for the board that the guard of `run_dir` drove, whatever the configuration is by
    now. None where no guard has left word."""
    try:
        last = msgspec.json.decode((run_dir / LAST_BOARD).read_bytes(), type=LastBoard)
    except (OSError, msgspec.DecodeError):
        return None
    return Rescue(machine, last, sleep_ms).run()


def _leave_word(run_dir: Path, last: LastBoard) -> None:
    """For `make_last_safe`. A guard that can not leave it runs all the same."""
    try:
        (run_dir / LAST_BOARD).write_bytes(msgspec.json.encode(last))
    except OSError as error:
        _log.warning("%s can not be left in %s: %s", LAST_BOARD, run_dir, error.strerror)
