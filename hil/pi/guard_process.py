"""The native guard as a process without a Pi: its drivers on a computer made of memory, whose wires
end in the plant's process.

What `evse run --sim` starts for a station with a native board: a configuration and its profile can
be tried at a desk, drivers included.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from drivers.board.fitted import of_station
from drivers.board.native import NativeBoard
from drivers.board.profile import load_profile
from evse.clock import MonotonicClock
from evse.config.load import load
from evse.guard.facts import Inputs, Outputs
from evse.run.flight import FlightWriter
from evse.run.guard_loop import GuardLoop
from evse.run.guard_process import live
from evse.run.native import board_name
from evse.run.process import die_with_parent, log_to_stderr
from evse.run.ring_1 import make_host, make_identity
from firmware_bridge.board_ports import PtyPort
from hil.pi.machine import FakePi
from hil.plant.guard_process import reach_plant
from hil.plant.pin_wire import RemotePins


class WiredBoard:
    """evse.run.guard_loop.LoopPins: the board, and the wire to the plant that it ends in."""

    def __init__(self, board: NativeBoard, wire: RemotePins) -> None:
        self._board, self._wire = board, wire

    @property
    def next_deadline_ms(self) -> int | None:
        return self._board.next_deadline_ms

    def read(self, evse: int, now_ms: int) -> Inputs:
        return self._board.read(evse, now_ms)

    def write(self, evse: int, outputs: Outputs, now_ms: int) -> None:
        self._board.write(evse, outputs, now_ms)

    def flush(self) -> None:
        self._board.flush()
        self._wire.flush()

    def close(self) -> None:
        """Safe, and the plant hears of it while it still listens."""
        self._board.close()
        self._wire.flush()
        self._wire.close()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="ring 1 by the native drivers, on simulated metal")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--run-dir", type=Path, required=True)
    given = parser.parse_args(arguments)
    die_with_parent()
    log_to_stderr("guard")
    config, clock = load(given.config), MonotonicClock()
    profile = load_profile(config.board.profile)
    fitted = of_station(profile, config.evses)
    wire = reach_plant(given.run_dir / "pins.sock")
    pi = FakePi(profile, dict.fromkeys(fitted, wire), clock.now_ms)
    board = NativeBoard(pi, profile, len(config.evses), fitted=fitted)
    pins = WiredBoard(board, wire)
    port = PtyPort(given.run_dir / "board.tty")
    flights = FlightWriter(given.run_dir, clock, station=config.station.identity)
    loop = GuardLoop(
        lambda: make_host(config, fitted, pins),
        lambda boot_id: make_identity(config, fitted, board_name(profile), boot_id),
        pins,
        port,
        panel=board,
        flights=flights,
    )
    raise SystemExit(live(loop, flights, clock, (pins, port)))


if __name__ == "__main__":
    main()
