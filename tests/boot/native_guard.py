"""`evse guard` inside the container, on a Pi made of memory that a car stands at from the first
moment on: `python native_guard.py` with the command's own arguments."""

from __future__ import annotations

import sys
from pathlib import Path

import drivers.raspberry_pi
from drivers.board.profile import load_profile
from evse.cli import main
from evse.clock import MonotonicClock
from evse.config.load import load
from hil.pi.desk import Desk
from hil.pi.machine import FakePi

CONFIG = "/etc/pievse/station.toml"


def pi() -> FakePi:
    config = load(Path(CONFIG))
    desk = Desk(load_profile(config.board.profile), len(config.evses), MonotonicClock().now_ms)
    desk.act(1, "cable:32")
    desk.act(1, "car:C")
    return desk.pi


if __name__ == "__main__":
    drivers.raspberry_pi.RaspberryPi = pi  # type: ignore[assignment,misc]  # a computer, too
    sys.exit(main(["guard", *sys.argv[1:]]))
