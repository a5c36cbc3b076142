"""Ring 1's loop keeps a grid: what takes too long makes the next turn late, and is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from evse.board_faults import Wiring
from evse.guard.host import PERIOD_MS
from evse.run import guard_loop
from evse.run.guard_loop import GuardLoop
from firmware_bridge.board_ports import SocketPort
from hil.bench.station import StationSetup
from hil.plant.plant import Plant
from hil.plant.virtual_board import PlantPins, guard_host, identity, plant_config


class Time:
    """The module `time` of a loop whose turns take a time of their own."""

    def __init__(self, turn_ms: float) -> None:
        self.now_ns = 10**12
        self.turn_ms = turn_ms

    def monotonic_ns(self) -> int:
        return self.now_ns

    def sleep(self, span_s: float) -> None:
        self.now_ns += round(span_s * 1e9)

    def turn(self) -> None:
        self.now_ns += round(self.turn_ms * 1e6)


class SlowPins(PlantPins):
    """Pins that take their time, and can be flushed."""

    def __init__(self, plants: dict[int, Plant], time: Time) -> None:
        super().__init__(plants)
        self._time = time

    def flush(self) -> None:
        self._time.turn()


def lived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turn_ms: float, turns: int
) -> tuple[GuardLoop, list[Wiring]]:
    """A loop after so many turns, and what it has said of its computer."""
    time = Time(turn_ms)
    monkeypatch.setattr(guard_loop, "time", time)
    config = StationSetup().config()
    start_ms = time.now_ns // 1_000_000
    plants = {1: Plant(plant_config(config.evses[0]), seed=1, evse=1, start_ms=start_ms)}
    pins = SlowPins(plants, time)
    port = SocketPort(tmp_path / "board.sock")
    told: list[Wiring] = []
    done = 0

    def on_turn(_now_ms: int) -> None:
        nonlocal done
        done += 1
        loop.running = done < turns

    loop = GuardLoop(
        lambda: guard_host(config, pins),
        lambda boot_id: identity(config, boot_id),
        pins,
        port,
        on_turn=on_turn,
        on_trouble=told.append,
    )
    loop.run()
    port.close()
    return loop, told


def test_turns_within_their_period_are_never_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, told = lived(tmp_path, monkeypatch, PERIOD_MS - 1, 200)
    assert (loop.pace.stats.late, loop.pace.stats.worst_us) == (0, 0)
    assert told == []


@pytest.mark.parametrize("turn_ms", [21, 45])
def test_turns_that_take_too_long_are_late_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turn_ms: float
) -> None:
    loop, told = lived(tmp_path, monkeypatch, turn_ms, 60)
    assert loop.pace.stats.late >= 55
    assert loop.pace.stats.worst_us == (turn_ms - PERIOD_MS) * 1_000
    assert told == [Wiring.OVERSLEPT]
