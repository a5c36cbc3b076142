"""The meter at the mains as processes: house, plant, Modbus, core, door; then it is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evse.cli.ask import ask
from evse.door.jsonrpc import RpcError

pytestmark = pytest.mark.proc

ROOT = Path(__file__).parents[2]
WITHIN_S = 25
"""For each step, on a busy machine."""
FALLBACK_A = 7.0


class TwoOnAFuse:
    """hil/station_two.toml with a meter at the mains that is missed sooner."""

    def __init__(self, home: Path) -> None:
        text = (ROOT / "hil" / "station_two.toml").read_text("utf-8")
        head, tail = text.split("[mains.meter]")
        head = head.replace("fallback_a = 12.0", f"fallback_a = {FALLBACK_A}")
        pace = "poll_ms = 200\nstale_ms = 1_000\nlost_ms = 1_500\n"
        config = home / "station.toml"
        config.write_text(f"{head}[mains.meter]{tail}{pace}", "utf-8")
        self._door = home / "run" / "door.sock"
        words = ("run", "--config", str(config), "--state-dir", str(home))
        self._log = (home / "log.txt").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "evse", *words],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def close(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(30) == 0
        self._log.close()

    def log(self) -> str:
        return Path(self._log.name).read_text("utf-8")

    def ask(self, method: str, **params: Any) -> Any:
        return ask(self._door, method, params)

    def mains(self) -> dict[str, Any]:
        return dict(self.ask("sys.state")["energy"]["mains"])

    def until(self, what: Callable[[], object]) -> None:
        """A station that is not there yet answers nothing."""
        give_up_s = time.monotonic() + WITHIN_S
        while time.monotonic() < give_up_s:
            try:
                if what():
                    return
            except (RpcError, OSError):
                pass
            time.sleep(0.1)  # real processes: their state is polled, and nothing tells of it
        raise AssertionError(f"not within {WITHIN_S} s: {self.log()}")


@pytest.fixture
def station() -> Iterator[TwoOnAFuse]:
    with tempfile.TemporaryDirectory(prefix="m-") as name:  # short: sockets are made below it
        found = TwoOnAFuse(Path(name))
        try:
            yield found
        finally:
            found.close()


def lines_a(station: TwoOnAFuse) -> list[int]:
    """What the core has read, in whole amperes."""
    return [round(amps) for amps in station.mains()["current_a"]]


def test_house_and_cars_are_seen_line_by_line_and_a_killed_meter_leaves_the_fall_back(
    station: TwoOnAFuse,
) -> None:
    station.until(lambda: lines_a(station) == [2, 1, 1])
    station.ask("sim.house", amps=[5, 3, -8])
    station.until(lambda: lines_a(station) == [5, 3, -8])
    station.ask("sim.plug_in", evse=2, draw={"amps": 10, "phases": 1})
    station.until(lambda: lines_a(station) == [5, 13, -8])  # wired STR
    assert station.ask("sim.house")["mains_a"] == pytest.approx([5, 13, -8], abs=0.2)
    station.ask("sim.power_cut", processes=["meter-mains"], off_s=60)
    station.until(lambda: station.mains()["lost"])
    assert station.ask("sys.state")["energy"]["budget_a"] == FALLBACK_A
    station.until(lambda: station.ask("sim.house")["mains_a"][1] <= 3 + FALLBACK_A + 0.2)
    lost = [line for line in station.log().splitlines() if "mains meter lost" in line]
    assert len(lost) == 1
    assert "meter-mains.tty" in lost[0]
