"""Sensors that make their reader wait, read by a process of their own.

That process (`python -m drivers.temperature`) reads each sensor in turn and leaves what it found in
one small file in RAM; ring 1 looks into the file, which takes no time. A sensor that is silent, a
reader that hangs in the kernel and a reader that is gone all end in the same: the line grows old,
and an old temperature is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from drivers.errors import ProfileError, SensorSilent
from drivers.machine import Machine
from drivers.temperature.i2c import CHIPS, I2cSensor
from drivers.temperature.one_wire import OneWireSensor
from drivers.temperature.reading import Temperature, hottest
from evse.board_faults import Wiring

LOOK_MS = 250
"""How often ring 1 opens the file."""
READ_MS = 800
"""A DS18B20 of 12 bits: 750 ms of conversion (datasheet), and its scratchpad bit by bit. A chip on
I2C answers sooner."""
PAUSE_MS = 500
"""After each round of all sensors, so that a bus is idle some of the time."""
MARGIN_MS = 400
OLDEST_MS = 12_000
"""No temperature is believed for longer: the guard waits for `Timing.temperature_lost_ms` (5 s) on
top of it, and what heats up in a charging station takes minutes (own decision)."""
MOST_SENSORS = ((OLDEST_MS - MARGIN_MS) // 2 - PAUSE_MS) // READ_MS
"""Of one reader, the whole board's: with more, a reading would have to stand for longer."""
EARLY_MS = 1_000
"""So far ahead of ring 1's look a reading may lie: the look's own time was taken when its period
began, and the reader writes meanwhile."""
FORM = "w1:28-0316a2795bff, lm75:/dev/i2c-1:0x48, tmp102:... or mcp9808:..."

_NAME = re.compile(
    rf"w1:[0-9a-f]{{2}}-[0-9a-f]{{12}}|({'|'.join(CHIPS)}):/dev/i2c-[0-9]{{1,3}}:0x[0-7][0-9a-f]"
)
_SILENT = Temperature(None, Wiring.TEMPERATURE_SILENT)


def fresh_ms(sensors: int) -> int:
    """How long a reading stands where one reader reads so many sensors in turn: two rounds, in each
    of which all of them answer as slowly as they may."""
    return 2 * (sensors * READ_MS + PAUSE_MS) + MARGIN_MS


class Sensor(Protocol):
    """Anything that may take its time."""

    def read(self) -> int:
        """Tenths of a degree Celsius. Raises SensorSilent."""


def sensor_of(machine: Machine, text: str) -> Sensor:
    """The sensor that a profile names; the text is its name. Raises ProfileError."""
    kind, _, rest = text.partition(":")
    if kind == "w1" and rest and "/" not in rest and not _spaced(text):
        return OneWireSensor(machine, rest)
    path, _, address = rest.rpartition(":")
    chip = CHIPS.get(kind)
    if chip is None or not path or _spaced(text):
        raise ProfileError(f"temperature sensor {text!r} is none: as {FORM}")
    try:
        return I2cSensor(machine, path, int(address, 0), chip)
    except ValueError as error:
        raise ProfileError(f"temperature sensor {text!r}: {error}") from error


def is_sensor(text: str) -> bool:
    """Is it the name of one, as `sensor_of` takes it and the file carries it?"""
    return _NAME.fullmatch(text) is not None


def _spaced(text: str) -> bool:
    """A name with a space in it would not come through the file."""
    return len(text.split()) != 1


class Publisher:
    """The reader's side: keeps the file as fresh as its sensors are."""

    def __init__(self, sensors: Mapping[str, Sensor], path: Path) -> None:
        """`sensors` by name; `path`: in a folder in RAM that exists, as /run/pievse."""
        self._sensors = dict(sensors)
        self._path = path
        self._lines: dict[str, str] = {}
        self.silent: dict[str, str] = {}
        """What is wrong, by the sensor's name."""

    def turn(self, name: str, now_ms: int) -> None:
        """Read one sensor and write the file. `now_ms`: before the read, so that a temperature is
        never told younger than it is. Raises OSError when the file can not be written."""
        try:
            self._lines[name] = f"{name} {now_ms} {self._sensors[name].read()}\n"
            self.silent.pop(name, None)
        except SensorSilent as error:
            self.silent[name] = str(error)
        # Written aside and renamed, so that no look ever finds half a file.
        aside = self._path.with_suffix(".new")
        aside.write_text("".join(self._lines.values()), "ascii")
        aside.replace(self._path)


class SlowTemperatures:
    """Ring 1's side: the hottest of the named sensors."""

    def __init__(
        self, machine: Machine, path: str, names: frozenset[str], *, sensors: int | None = None
    ) -> None:
        """`sensors`: how many their reader reads in all; None: these alone."""
        self._machine, self._path, self._names = machine, path, names
        self._fresh_ms = fresh_ms(len(names) if sensors is None else sensors)
        self._found: dict[str, tuple[int, int]] = {}
        """When taken, and what, by name."""
        self._look_ms: int | None = None

    def temperature(self, now_ms: int) -> Temperature:
        """TEMPERATURE_SILENT, and not known, as soon as one of them is older than
        `fresh_ms`. Never raises, never waits."""
        if self._look_ms is None or now_ms >= self._look_ms:
            self._look_ms = now_ms + LOOK_MS
            self._look()
        return hottest(self._one(name, now_ms) for name in self._names)

    def _one(self, name: str, now_ms: int) -> Temperature:
        taken_ms, dc = self._found.get(name, (None, 0))
        if taken_ms is None or not -EARLY_MS <= now_ms - taken_ms <= self._fresh_ms:
            return _SILENT
        return Temperature(dc)

    def _look(self) -> None:
        try:
            text = self._machine.read_text(self._path)
            for line in text.splitlines():
                name, taken_ms, dc = line.split()
                self._found[name] = (int(taken_ms), int(dc))
        except (OSError, ValueError):
            # Not there yet, or not the reader's: what was found before grows old.
            return
