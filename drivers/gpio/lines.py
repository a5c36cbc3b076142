"""The lines of one header: each claimed once, by name.

Responsibility: two functions on one pin are refused with both names before any pin moves, and
whatever was claimed is released together, outputs off first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.errors import GpioUnavailable, ProfileError
from drivers.gpio.line import DimmedLine, InputLine, OutputLine, switch_off
from drivers.gpio.wires import Contact, InputPin, OutputPin
from evse.board_faults import Wiring

if TYPE_CHECKING:
    from gpiozero import Factory

MOVED_BY_OTHERS = {
    0: "is driven while the computer starts, to look for a HAT's memory",
    1: "is driven while the computer starts, to look for a HAT's memory",
    2: "has a pull-up of 1.8 kohm on the board",
    3: "has a pull-up of 1.8 kohm on the board",
    14: "is the serial console's output while the computer starts",
}
"""Pins that are high before anybody has claimed them, whatever pulls them down (Raspberry Pi
documentation on GPIO and HATs; raspberrypi.stackexchange.com question 120107)."""


class Lines:
    """Hands out the lines of one header."""

    def __init__(self, factory: Factory) -> None:
        """`factory`: of drivers/machine.py."""
        self._factory = factory
        self._owners: dict[int, str] = {}
        self._lines: list[OutputLine | DimmedLine | InputLine] = []
        self._prefix = ""

    def of(self, owner: str) -> Lines:
        """The same lines; what is claimed here is named "<owner> <function>"."""
        view = Lines(self._factory)
        view._owners, view._lines = self._owners, self._lines
        view._prefix = f"{self._prefix}{owner} "
        return view

    def reserve(self, gpio: int, function: str) -> None:
        """Somebody else's pin (PWM, SPI, serial): claiming it here is refused from now on.

        Raises ProfileError when it is taken already."""
        name = self._prefix + function
        if owner := self._owners.get(gpio):
            raise ProfileError(f"GPIO{gpio} is given to two functions: {owner} and {name}")
        self._owners[gpio] = name

    def output(self, pin: OutputPin, function: str) -> OutputLine:
        """An output, off. Raises ProfileError, GpioUnavailable."""
        self.reserve(pin.gpio, function)
        line = OutputLine(self._factory, pin, self._owners[pin.gpio])
        self._lines.append(line)
        return line

    def power(self, pin: OutputPin, function: str) -> OutputLine:
        """An output that moves something: never on by accident, so active high, and on no pin that
        others move.

        Raises ProfileError, GpioUnavailable."""
        if why := MOVED_BY_OTHERS.get(pin.gpio):
            raise ProfileError(f"GPIO{pin.gpio} ({self._prefix}{function}) {why}: take another pin")
        if not pin.active_high:
            raise ProfileError(
                f"GPIO{pin.gpio} ({self._prefix}{function}): active_high = false would switch it "
                "on for a moment at each start: put an inverting stage behind it"
            )
        return self.output(pin, function)

    def light(self, pin: OutputPin, function: str, percent: int) -> DimmedLine:
        """A light with brightness, dark. Raises ProfileError, GpioUnavailable."""
        self.reserve(pin.gpio, function)
        line = DimmedLine(self._factory, pin, self._owners[pin.gpio], percent)
        self._lines.append(line)
        return line

    def input(
        self,
        pin: InputPin,
        function: str,
        *,
        floating: Wiring = Wiring.INPUT_FLOATING,
        when_floating: bool | None = None,
    ) -> InputLine:
        """An input; see InputLine. Raises ProfileError, GpioUnavailable."""
        self.reserve(pin.gpio, function)
        line = InputLine(
            self._factory,
            pin,
            self._owners[pin.gpio],
            floating=floating,
            when_floating=when_floating,
        )
        self._lines.append(line)
        return line

    def safety_input(
        self, pin: InputPin, function: str, *, floating: Wiring = Wiring.INPUT_FLOATING
    ) -> InputLine:
        """An input that protects: active with a broken wire, and while it floats.

        Raises ProfileError, GpioUnavailable."""
        if pin.contact is not Contact.NC:
            raise ProfileError(
                f'GPIO{pin.gpio} ({self._prefix}{function}): contact = "no" can not tell a broken '
                'wire from rest: use a contact that opens, contact = "nc"'
            )
        return self.input(pin, function, floating=floating, when_floating=True)

    def close(self) -> None:
        """Every output off, then every line released, in whatever state the others are.

        Idempotent. Raises the first GpioUnavailable when all were tried; those that could not be
        released are tried again by the next call."""
        failure = None
        try:
            switch_off(line for line in self._lines if not isinstance(line, InputLine))
        except GpioUnavailable as error:
            failure = error
        for line in self._lines:
            try:
                line.close()
            except GpioUnavailable as error:
                failure = failure or error
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # it holds this frame, and nothing here collects garbage
