"""The guard as a process on simulated metal: the product's loop and link, pins to the plant."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from evse.clock import MonotonicClock
from evse.config.load import load
from evse.run.flight import FlightWriter
from evse.run.guard_loop import GuardLoop
from evse.run.guard_process import live
from evse.run.process import die_with_parent, log_to_stderr
from firmware_bridge.board_ports import PtyPort
from hil.plant.pin_wire import RemotePins
from hil.plant.virtual_board import guard_host, identity

PLANT_WAIT_S = 10.0


def reach_plant(path: Path) -> RemotePins:
    """Raises OSError when no plant comes up within PLANT_WAIT_S."""
    give_up_s = time.monotonic() + PLANT_WAIT_S
    while True:
        try:
            return RemotePins(str(path))
        except OSError:
            if time.monotonic() >= give_up_s:
                raise
            time.sleep(0.05)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="ring 1 on simulated metal")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--run-dir", type=Path, required=True)
    given = parser.parse_args(arguments)
    die_with_parent()
    log_to_stderr("guard")
    pins = reach_plant(given.run_dir / "pins.sock")
    port = PtyPort(given.run_dir / "board.tty")
    config, clock = load(given.config), MonotonicClock()
    flights = FlightWriter(given.run_dir, clock, station=config.station.identity)
    loop = GuardLoop(
        lambda: guard_host(config, pins),
        lambda boot_id: identity(config, boot_id),
        pins,
        port,
        flights=flights,
    )
    raise SystemExit(live(loop, flights, clock, (port, pins)))


if __name__ == "__main__":
    main()
