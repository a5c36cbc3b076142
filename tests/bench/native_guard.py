"""The native guard as its own real-time process, on fakes at the kernel's edges, with a car that
lets go again and again: how long until the coil's pin is low, and how punctual is the loop?

Everything above pins, PWM files and SPI ioctls is the product. The SPI double takes as long for a
burst as the wire would. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from array import array
from pathlib import Path
from typing import Any

import msgspec

from drivers.board.fitted import of_station
from drivers.board.native import NativeBoard
from drivers.board.profile import load_profile
from drivers.machine import IoctlArgument
from evse.clock import MonotonicClock
from evse.config.load import load
from evse.config.station import StationConfig
from evse.guard.facts import Inputs, Outputs, Timing
from evse.guard.guard import Guard
from evse.guard.host import GuardHost
from evse.guard.pace import Pace
from evse.model import LockTarget, Permit
from evse.pilot import PilotSample
from evse.run.flight import FlightWriter
from evse.run.guard_loop import GuardLoop
from evse.run.native import board_name
from evse.run.realtime import become_realtime, freeze_garbage
from evse.run.ring_1 import make_identity
from firmware_bridge.board_ports import SocketPort
from hil.pi.machine import FakePi
from hil.pi.spi import Mcp3x08

DEMO = Path(__file__).parents[2] / "hil" / "station_demo.toml"
PROFILE = "pievse-reference"
DUTY_BP = 2_666
BURST_S = 0.0042
"""64 conversions every 60 us, and what comes with them."""
MIRROR_MS = 15
RENEW_TURNS = 10
QUICK = Timing(debounce_in_ms=20, min_off_ms=20, self_test_trip_ms=50, self_test_clear_ms=100)
"""So that a cycle of opening and closing takes a tenth of a second and not three."""


class BenchMetal:
    """A car that is ready, until it lets go at a moment of its own."""

    def __init__(self) -> None:
        self._random = random.Random(1)
        self.opened_ms: list[float] = []
        self._coil = False
        self._coil_ns = 0
        self._lets_go_ns: int | None = None
        """The moment at which the car leaves C; None: it stays."""
        self._away_ns = 0
        self._test_ns: int | None = None

    def read(self, evse: int, now_ms: int) -> Inputs:
        now_ns = time.monotonic_ns()
        away = self._lets_go_ns is not None and now_ns >= self._lets_go_ns
        follows = now_ns - self._coil_ns >= MIRROR_MS * 1_000_000
        closed = self._coil if follows else not self._coil and self._coil_ns > 0
        tested = self._test_ns is not None and now_ns - self._test_ns > 20_000_000
        return Inputs(
            sample=PilotSample(8_980 if away else 6_000, -12_000),
            mirror_closed=closed,
            rcd_tripped=tested,
            lock_locked=True,
            pp_ohm=220,
            temperature_dc=250,
        )

    def write(self, evse: int, outputs: Outputs, now_ms: int, feeds: bool = True) -> None:
        now_ns = time.monotonic_ns()
        if outputs.rcd_test:
            self._test_ns = self._test_ns or now_ns
        else:
            self._test_ns = None
        if outputs.coil is self._coil:
            return
        self._coil, self._coil_ns = outputs.coil, now_ns
        if outputs.coil:
            self._lets_go_ns = now_ns + int(self._random.uniform(60e6, 80e6))
        elif self._lets_go_ns is not None and now_ns >= self._lets_go_ns:
            self.opened_ms.append((now_ns - self._lets_go_ns) / 1e6)
            self._lets_go_ns = None


class SlowConverter:
    """An open SPI device that takes its time, as the wire does."""

    def __init__(self, chip: Mcp3x08) -> None:
        self._chip = chip

    def ioctl(self, request: int, argument: IoctlArgument) -> int:
        result = self._chip.ioctl(request, argument)
        if result > 0:  # a message; settings return nothing
            time.sleep(BURST_S)
        return result

    def read(self, limit: int) -> bytes:
        return self._chip.read(limit)

    def write(self, data: bytes) -> int:
        return self._chip.write(data)

    def close(self) -> None:
        self._chip.close()


class TimedPi(FakePi):
    """Whose converter takes its time."""

    def open_device(self, path: str) -> Any:
        return SlowConverter(super().open_device(path))


class Lateness(Pace):
    """Keeps every turn's."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.late_us = array("I", bytes(4 * room))
        self.count = 0

    def turn(self, now_ms: int, late_us: int) -> None:
        super().turn(now_ms, late_us)
        if self.count < len(self.late_us):
            self.late_us[self.count] = late_us
            self.count += 1


def measure(config: StationConfig, runs: int, folder: Path) -> dict[str, Any]:
    clock = MonotonicClock()
    profile = load_profile(PROFILE)
    fitted = of_station(profile, config.evses)
    metal = BenchMetal()
    pi = TimedPi(profile, {1: metal}, clock.now_ms)
    board = NativeBoard(pi, profile, 1)
    port = SocketPort(folder / "board.sock")
    refused = become_realtime()
    turns = 0

    def make_host() -> GuardHost:
        return GuardHost({1: Guard(fitted[1], QUICK)}, board)

    def on_turn(now_ms: int) -> None:
        nonlocal turns
        turns += 1
        if turns % RENEW_TURNS == 0:
            permit = Permit(turns, True, DUTY_BP, LockTarget.LOCK)
            loop.host.permit(1, permit, now_ms)
        if len(metal.opened_ms) >= runs:
            loop.running = False

    loop = GuardLoop(
        make_host,
        lambda boot_id: make_identity(config, fitted, board_name(profile), boot_id),
        board,
        port,
        panel=board,
        flights=FlightWriter(folder, clock, station=config.station.identity),
        on_turn=on_turn,
    )
    pace = loop.pace = Lateness(runs * 40 + 2_000)
    freeze_garbage()
    loop.run()
    board.close()
    port.close()
    rss_kb = _rss_kb()
    return {
        "opened_ms": metal.opened_ms,
        "late_us": list(pace.late_us[: pace.count]),
        "refused": refused,
        "rss_kb": rss_kb,
    }


def _rss_kb() -> int:
    for text in Path("/proc/self/status").read_text("ascii").splitlines():
        if text.startswith("VmRSS"):
            return int(text.split()[1])
    return 0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(load(DEMO), given.runs, Path(folder))
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
