"""The buzzer: an active one, which sounds as long as it has power.

A passive one needs a tone, which nothing here can make at a period of 10 ms.
"""

from __future__ import annotations

from drivers.gpio.lines import Lines
from drivers.gpio.patterns import beeps
from drivers.gpio.wires import OutputPin
from evse.panel import Sound


class Buzzer:
    """Plays one signal at a time; a new one begins at once."""

    def __init__(self, lines: Lines, pin: OutputPin) -> None:
        """Claims the line; silent. Raises ProfileError, GpioUnavailable."""
        self._line = lines.output(pin, "buzzer")
        self._sound: Sound | None = None
        self._sound_ms = 0

    def signal(self, sound: Sound, now_ms: int) -> None:
        """A card was answered: sounds from the next `write` on."""
        self._sound, self._sound_ms = sound, now_ms

    def write(self, now_ms: int) -> None:
        """Every guard period. Raises GpioUnavailable."""
        self._line.write(self._sound is not None and beeps(self._sound, now_ms - self._sound_ms))

    def make_safe(self) -> None:
        """Silent. Raises GpioUnavailable."""
        self._sound = None
        self._line.write(False)
