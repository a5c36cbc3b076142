"""One wire of the header, in or out, over gpiozero.

Responsibility: the only place that touches the library. Its errors, and those of the kernel below
it, leave here as GpioUnavailable with the pin and what it is for. The kernel keeps a claimed line
for its owner alone, so what was written last is what is there, and is not written again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from gpiozero import GPIOZeroError, InputDevice, OutputDevice, PWMOutputDevice

from drivers.errors import GpioUnavailable
from drivers.gpio.chatter import Chatter
from drivers.gpio.wires import InputPin, OutputPin
from evse.board_faults import Wiring

if TYPE_CHECKING:
    from gpiozero import Factory

DIMMING_HZ = 200
"""Above what an eye sees flicker. Timed by a thread of the library, which lights can bear."""
NO_TROUBLE = Wiring(0)


def library_errors() -> tuple[type[Exception], ...]:
    """What a pin may raise; asked when something was raised.

    lgpio has a class of its own beside those of gpiozero and the OS. It is not imported for that:
    its import starts a thread, and makes a file in the working directory."""
    error = getattr(sys.modules.get("lgpio"), "error", None)
    return (GPIOZeroError, OSError) if error is None else (GPIOZeroError, OSError, error)


class Switch(Protocol):
    """An output."""

    def write(self, on: bool) -> None:
        """Raises GpioUnavailable."""

    def close(self) -> None:
        """Off, then released."""


class OutputLine:
    """An output: on or off."""

    def __init__(self, factory: Factory, pin: OutputPin, function: str) -> None:
        """Claims the line; it is off. Raises GpioUnavailable."""
        self.pin = pin
        self.name = f"GPIO{pin.gpio} ({function})"
        try:
            self._device = OutputDevice(
                pin.gpio, active_high=pin.active_high, initial_value=False, pin_factory=factory
            )
        except library_errors() as error:
            raise GpioUnavailable(f"{self.name} can not be claimed: {error}") from error
        self._on: bool | None = False

    @property
    def is_on(self) -> bool:
        """Also True where an order failed, so that nobody knows."""
        return self._on is not False

    def write(self, on: bool) -> None:
        """Unchanged costs nothing. Raises GpioUnavailable."""
        if on is self._on:
            return
        self._on = None
        try:
            self._device.value = on
        except library_errors() as error:
            raise GpioUnavailable(f"{self.name} takes no orders: {error}") from error
        self._on = on

    def close(self) -> None:
        """Off, then an input without a pull inside: a resistor outside has to hold it. Idempotent.

        Raises GpioUnavailable where that can not be done."""
        try:
            self.write(False)
        finally:
            _release(self._device, self.name)


class DimmedLine:
    """A light whose brightness is set by software-timed PWM. Never for anything but a light."""

    def __init__(self, factory: Factory, pin: OutputPin, function: str, percent: int) -> None:
        """Claims the line; it is off. Raises GpioUnavailable."""
        self.name = f"GPIO{pin.gpio} ({function})"
        self._on = False
        self._percent = percent
        try:
            self._device = PWMOutputDevice(
                pin.gpio, active_high=pin.active_high, frequency=DIMMING_HZ, pin_factory=factory
            )
        except library_errors() as error:
            raise GpioUnavailable(f"{self.name} can not be claimed: {error}") from error
        self._shown = 0

    def write(self, on: bool) -> None:
        """Unchanged costs nothing. Raises GpioUnavailable."""
        wanted = self._percent if on else 0
        if wanted == self._shown:
            return
        try:
            self._device.value = wanted / 100
        except library_errors() as error:
            raise GpioUnavailable(f"{self.name} takes no orders: {error}") from error
        self._shown = wanted

    def close(self) -> None:
        """Dark, then released. Idempotent. Raises GpioUnavailable."""
        try:
            self.write(False)
        finally:
            _release(self._device, self.name)


class InputLine:
    """An input, with a watch for wires that float."""

    def __init__(
        self,
        factory: Factory,
        pin: InputPin,
        function: str,
        *,
        floating: Wiring,
        when_floating: bool | None = None,
    ) -> None:
        """Claims the line. `floating`: the flag that names this wire when it floats;
        `when_floating`: what it then reads as, None for whatever it happens to be.

        Raises GpioUnavailable."""
        self.pin = pin
        self.name = f"GPIO{pin.gpio} ({function})"
        self._flag = floating
        self._when_floating = when_floating
        self._active_high = pin.active_high
        self._chatter = Chatter()
        try:
            self._device = InputDevice(
                pin.gpio,
                pull_up=pin.pull_up,
                active_state=pin.active_high if pin.external_pull else None,
                pin_factory=factory,
            )
            # Its own `value` asks the same pin, through three more calls each time.
            self._pin = self._device.pin
            self._high = bool(self._pin.state)
        except library_errors() as error:
            raise GpioUnavailable(f"{self.name} can not be claimed: {error}") from error

    def read(self, now_ms: int) -> bool:
        """Is it active? Raises GpioUnavailable."""
        high = self._level()
        if high is not self._high:
            self._high = high
            self._chatter.changed(now_ms)
        elif self._chatter.floating:
            self._chatter.unchanged(now_ms)
        if self._chatter.floating and self._when_floating is not None:
            return self._when_floating
        return high is self._active_high

    @property
    def active(self) -> bool:
        """Now, whether it floats or not; not part of the watch. Raises GpioUnavailable."""
        return self._level() is self._active_high

    def _level(self) -> bool:
        if self._pin is None:
            raise GpioUnavailable(f"{self.name} is closed")
        try:
            return bool(self._pin.state)
        except library_errors() as error:
            raise GpioUnavailable(f"{self.name} can not be read: {error}") from error

    @property
    def wiring(self) -> Wiring:
        """The flag of this wire while it floats."""
        return self._flag if self._chatter.floating else NO_TROUBLE

    def close(self) -> None:
        """Idempotent. Raises GpioUnavailable."""
        self._pin = None
        _release(self._device, self.name)


def switch_off(lines: Iterable[Switch]) -> None:
    """Each of them, also when one can not be; the first error is raised when all were tried."""
    failure = None
    for line in lines:
        try:
            line.write(False)
        except GpioUnavailable as error:
            failure = failure or error
    if failure is not None:
        try:
            raise failure
        finally:
            del failure  # it holds this frame, and nothing here collects garbage


def _release(device: InputDevice | OutputDevice, name: str) -> None:
    try:
        device.close()
    except library_errors() as error:
        raise GpioUnavailable(f"{name} can not be released: {error}") from error
