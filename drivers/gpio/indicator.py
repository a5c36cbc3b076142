"""The status light: one, two or three sources over the table of drivers/gpio/patterns.py.

Brightness is the library's software-timed PWM, in a thread of its own and only where the profile
says `dimmable`: ring 1 needs no such thread for anything else. Without it a light is on or off.
"""

from __future__ import annotations

import msgspec

from drivers.gpio.line import DimmedLine, OutputLine
from drivers.gpio.lines import Lines
from drivers.gpio.patterns import BLINK_REPEAT, DARK, Colour, colour, on_two, signal_colour
from drivers.gpio.wires import OutputPin
from evse.panel import Indicator, Sound


class LightPins(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Section [light] of a board profile."""

    leds: tuple[OutputPin, ...]
    """One of any colour; red and green; or red, green and blue."""
    dimmable: bool = False
    intensity_percent: int = 100
    """OCPP `LightIntensity`. Other than 100 needs `dimmable`."""
    blink_repeat: int = BLINK_REPEAT
    """OCPP `BlinkRepeat`: flashes that answer a card."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.leds) <= 3:
            raise ValueError("light: has one to three LEDs")
        if not 0 <= self.intensity_percent <= 100:
            raise ValueError("light: intensity_percent is 0 to 100")
        if self.intensity_percent != 100 and not self.dimmable:
            raise ValueError("light: intensity_percent needs dimmable = true")
        if self.blink_repeat < 0:
            raise ValueError("light: blink_repeat counts flashes")


class StatusLight:
    """Shows what it is told until it is told otherwise."""

    def __init__(self, lines: Lines, pins: LightPins) -> None:
        """Claims the lines; dark. Raises ProfileError, GpioUnavailable."""
        self.blink_repeat = pins.blink_repeat
        self._leds: list[OutputLine | DimmedLine] = [
            lines.light(pin, "status light", pins.intensity_percent)
            if pins.dimmable
            else lines.output(pin, "status light")
            for pin in pins.leds
        ]
        self._shown: Colour | None = DARK
        self._sound: Sound | None = None
        self._sound_ms = 0

    def write(self, indicator: Indicator, now_ms: int) -> None:
        """What shows until the next call. Raises GpioUnavailable."""
        answer = None
        if self._sound is not None:
            answer = signal_colour(self._sound, now_ms - self._sound_ms, self.blink_repeat)
        if answer is None:
            self._sound = None
            answer = colour(indicator, now_ms)
        self._show(answer)

    def signal(self, sound: Sound, now_ms: int) -> None:
        """A card was answered: flashes, from the next `write` on."""
        self._sound, self._sound_ms = sound, now_ms

    def make_safe(self) -> None:
        """Dark: a station without a guard says nothing. Raises GpioUnavailable."""
        self._show(DARK)

    def _show(self, wanted: Colour) -> None:
        if wanted == self._shown:
            return
        for led, on in zip(self._leds, _levels(wanted, len(self._leds)), strict=True):
            led.write(on)
        self._shown = wanted


def _levels(wanted: Colour, leds: int) -> tuple[bool, ...]:
    if leds == 3:
        return wanted
    return on_two(wanted) if leds == 2 else (any(wanted),)
