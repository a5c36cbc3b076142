"""Reads the slow temperature sensors: python -m drivers.temperature FILE SENSOR ..."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from drivers.errors import ProfileError
from drivers.machine import Machine
from drivers.raspberry_pi import RaspberryPi
from drivers.temperature.slow import FORM, MOST_SENSORS, PAUSE_MS, Publisher, sensor_of
from evse.clock import Clock, MonotonicClock

USAGE = f"usage: python -m drivers.temperature FILE SENSOR ...\nSENSOR is {FORM}"


def main(
    arguments: Sequence[str],
    *,
    machine: Machine | None = None,
    clock: Clock | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Runs until it is ended; 2 for arguments that name no sensor, 1 for a file that can not be
    written."""
    try:
        publisher, names = _publisher(arguments, machine or RaspberryPi())
    except ProfileError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        _read_in_turn(publisher, names, clock or MonotonicClock(), pause)
    except OSError as error:
        print(f"{error}: FILE belongs in a folder in RAM that is there", file=sys.stderr)
    return 1


def _read_in_turn(
    publisher: Publisher, names: list[str], clock: Clock, pause: Callable[[float], None]
) -> None:
    told: dict[str, str] = {}
    for name in itertools.cycle(names):
        publisher.turn(name, clock.now_ms())
        if publisher.silent.get(name) != told.get(name):
            print(publisher.silent.get(name, f"{name}: answers again"), file=sys.stderr, flush=True)
        told = dict(publisher.silent)
        if name == names[-1]:
            pause(PAUSE_MS / 1_000)


def _publisher(arguments: Sequence[str], machine: Machine) -> tuple[Publisher, list[str]]:
    if len(arguments) < 2:
        raise ProfileError(USAGE)
    sensors = {text: sensor_of(machine, text) for text in arguments[1:]}
    if len(sensors) > MOST_SENSORS:
        raise ProfileError(f"{len(sensors)} sensors: one reader can keep {MOST_SENSORS} fresh")
    return Publisher(sensors, Path(arguments[0])), list(sensors)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
