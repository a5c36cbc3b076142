"""The same drivers over gpiozero's real factory for lgpio, with the library below it replaced.

It shows that the mock header does what that factory does: claims low first, closes to an input.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from drivers.errors import GpioUnavailable
from drivers.gpio.line import library_errors
from drivers.gpio.lines import Lines
from drivers.gpio.wires import InputPin, OutputPin
from hil.pi.header import MockHeader

IS_OUTPUT, PULL_UP, PULL_DOWN, PULL_NONE = 1 << 1, 32, 64, 128
PULLS = {PULL_UP: "up", PULL_DOWN: "down", PULL_NONE: "floating", 0: "floating"}


class LgpioError(Exception):
    """lgpio.error is neither an OSError nor one of gpiozero's."""


class Lgpio(ModuleType):
    """The functions of lgpio 0.2.2 that gpiozero calls, on the pads of a mock header."""

    SET_PULL_UP, SET_PULL_DOWN, SET_PULL_NONE = PULL_UP, PULL_DOWN, PULL_NONE
    RISING_EDGE, FALLING_EDGE, BOTH_EDGES = 1, 2, 3
    error = LgpioError

    def __init__(self, header: MockHeader) -> None:
        super().__init__("lgpio")
        self.header = header
        self.calls: list[tuple[Any, ...]] = []

    def _pad(self, *call: Any) -> Any:
        self.calls.append(call)
        pad = self.header.pad(call[1])
        try:
            self.header.touch(pad)
        except OSError as error:
            raise LgpioError("GPIO not available") from error
        return pad

    def gpiochip_open(self, chip: int) -> int:
        return chip

    def gpiochip_close(self, handle: int) -> int:
        return handle

    def gpio_claim_input(self, handle: int, gpio: int, flags: int = 0) -> None:
        pad = self._pad("input", gpio, PULLS[flags])
        pad.driven, pad.frequency, pad.pull = None, None, PULLS[flags]
        pad.tell()

    def gpio_claim_output(self, handle: int, gpio: int, level: int = 0) -> None:
        pad = self._pad("output", gpio, level)
        pad.driven = float(level)
        pad.tell()

    def gpio_free(self, handle: int, gpio: int) -> None:
        self._pad("free", gpio)

    def gpio_get_mode(self, handle: int, gpio: int) -> int:
        pad = self.header.pad(gpio)
        pull = {"up": 1 << 5, "down": 1 << 6}.get(pad.pull, 1 << 7)
        return pull | (IS_OUTPUT if pad.driven is not None else 0)

    def gpio_read(self, handle: int, gpio: int) -> int:
        return int(self._pad("read", gpio).level)

    def gpio_write(self, handle: int, gpio: int, level: bool) -> None:
        pad = self._pad("write", gpio, int(level))
        pad.driven = float(level)
        pad.tell()

    def tx_pwm(self, handle: int, gpio: int, frequency: float, percent: float) -> None:
        pad = self._pad("pwm", gpio, frequency, percent)
        pad.frequency = frequency or None
        pad.driven = percent / 100
        pad.tell()


@pytest.fixture
def lgpio(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lgpio]:
    fake = Lgpio(MockHeader({"coil": 17, "light": 27, "door": 22}))
    monkeypatch.setitem(sys.modules, "lgpio", fake)
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
    yield fake
    sys.modules.pop("gpiozero.pins.lgpio", None)


@pytest.fixture
def lines(lgpio: Lgpio, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    library = importlib.import_module("gpiozero.pins.lgpio")
    local = importlib.import_module("gpiozero.pins.local")
    monkeypatch.setattr(local, "get_pi_revision", lambda: 0xC03111)
    factory = library.LGPIOFactory(chip=0)
    lines = Lines(factory)
    yield lines
    lgpio.header.find()
    lines.close()
    factory.close()


def test_an_output_is_claimed_low_and_closed_to_an_input(lgpio: Lgpio, lines: Lines) -> None:
    coil = lines.output(OutputPin(17), "coil")
    coil.write(True)
    coil.write(True)
    coil.close()
    assert lgpio.calls == [
        ("input", 17, "floating"),
        ("output", 17, 0),
        ("write", 17, 0),
        ("write", 17, 1),
        ("write", 17, 0),
        ("input", 17, "floating"),
    ]


def test_an_active_low_output_is_on_for_a_moment_when_it_is_claimed(
    lgpio: Lgpio, lines: Lines
) -> None:
    lines.output(OutputPin(27, active_high=False), "light")
    assert lgpio.calls[1:] == [("output", 27, 0), ("write", 27, 1)]


def test_an_input_gets_the_pull_against_its_contact(lgpio: Lgpio, lines: Lines) -> None:
    line = lines.input(InputPin(22), "door")
    assert lgpio.calls[-2:] == [("input", 22, "up"), ("read", 22)]
    assert line.read(0) is True
    lgpio.header.drive("door", False)
    assert line.read(10) is False


def test_brightness_is_the_librarys_pwm(lgpio: Lgpio, lines: Lines) -> None:
    lamp = lines.light(OutputPin(27), "light", 40)
    lamp.write(True)
    assert lgpio.calls[-1] == ("pwm", 27, 200, 40)
    lamp.close()
    assert lgpio.header.pad("light").driven is None


def test_the_librarys_own_errors_are_known(lgpio: Lgpio, lines: Lines) -> None:
    coil = lines.output(OutputPin(17), "coil")
    door = lines.input(InputPin(22), "door")
    lgpio.header.lose()
    with pytest.raises(GpioUnavailable, match=r"GPIO17 \(coil\) takes no orders"):
        coil.write(True)
    with pytest.raises(GpioUnavailable, match=r"GPIO22 \(door\) can not be read"):
        door.read(0)


def test_what_is_not_loaded_is_not_loaded_for_its_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "lgpio", raising=False)
    assert len(library_errors()) == 2
    assert "lgpio" not in sys.modules
    monkeypatch.setitem(sys.modules, "lgpio", ModuleType("lgpio"))
    assert len(library_errors()) == 2, "the placeholder without code"
