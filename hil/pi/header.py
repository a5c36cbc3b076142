"""The pins of a Raspberry Pi's header without the Pi, under the real gpiozero.

A pad has one level: what the computer drives, or what is wired to it from outside, or where its
pull takes it. Outside is whoever calls `drive`; whoever wants to see an output calls `watch`.

    header = MockHeader({"coil": 17, "mirror": 22})
    lines = Lines(header.factory)            # the drivers under test
    header.watch("coil", lambda high: ...)   # each change of the pad, at once
    header.drive("mirror", True)             # a wire from outside, until driven otherwise
    header.drive("mirror", hum)              # a function, asked at each reading
    header.drive("mirror", None)             # cut
    header.wire("coil", "mirror")            # an output drives an input
    header.lose(), header.find()             # the GPIO chip is gone: ENODEV; it is back
    header.lose("coil")                      # one line of it is
    header.die(keeps_outputs=True)           # the process is gone
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping

from gpiozero import PinFixedPull, PinSetInput
from gpiozero.pins.mock import MockFactory, MockPin

ZERO_2_W = "902120"
PI_4 = "c03111"
PI_5 = "c04170"
"""Revision codes, for what the library knows of each board."""
PULLED_UP = range(9)
"""These have their pull-up on from power-on, the others their pull-down (BCM2835 ARM Peripherals,
page 102; later boards keep to it)."""

Source = bool | Callable[[], bool] | None
"""What drives a pad from outside; None: nothing does."""
Where = int | str
"""A BCM number, or a name that was given to it."""


class Pad:
    """One pin's metal."""

    def __init__(self, gpio: int) -> None:
        self.gpio = gpio
        self.pull = "up" if gpio in PULLED_UP else "down"
        self.driven: float | None = None
        """By the computer: 0.0 to 1.0, or None for an input."""
        self.outside: Source = None
        self.frequency: float | None = None
        self.watchers: list[Callable[[bool], None]] = []
        self._told = self.level

    @property
    def level(self) -> bool:
        if self.driven is not None:
            return self.driven > 0
        if self.outside is None:
            return self.pull == "up"
        return self.outside() if callable(self.outside) else self.outside

    def tell(self) -> None:
        """Whoever watches, if the level has changed."""
        if (level := self.level) is not self._told:
            self._told = level
            for watcher in self.watchers:
                watcher(level)


class HeaderPin(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """One pin as the library's factory for lgpio drives it."""

    def __init__(self, factory: HeaderFactory, info: object) -> None:
        super().__init__(factory, info)
        self._header = factory.header
        self.pad = self._header.pad(self._number)
        self._set_function("input")

    def close(self) -> None:
        self._set_function("input")

    def _get_function(self) -> str:
        return "input" if self.pad.driven is None else "output"

    def _set_function(self, value: str) -> None:
        self._header.touch(self.pad)
        # Claimed as an output it is low at first; as an input it has no pull.
        self.pad.driven = 0.0 if value == "output" else None
        self.pad.frequency = None
        self.pad.pull = self.info.pull or "floating"
        self.pad.tell()

    def _get_state(self) -> bool | float:
        self._header.touch(self.pad)
        pad = self.pad
        return pad.level if pad.frequency is None else pad.driven or 0.0

    def _set_state(self, value: float) -> None:
        self._header.touch(self.pad)
        if self.pad.driven is None:
            raise PinSetInput(f"cannot set state of pin {self!r}")
        self.pad.driven = float(value)
        self.pad.tell()

    def _get_pull(self) -> str:
        return self.pad.pull

    def _set_pull(self, value: str) -> None:
        self._header.touch(self.pad)
        if self.info.pull and value != self.info.pull:
            raise PinFixedPull(f"{self!r} has a physical pull-{self.info.pull} resistor")
        self.pad.pull = value
        self.pad.tell()

    def _get_frequency(self) -> float | None:
        return self.pad.frequency

    def _set_frequency(self, value: float | None) -> None:
        self._header.touch(self.pad)
        self.pad.frequency = value


class HeaderFactory(MockFactory):  # type: ignore[misc]  # gpiozero has no types
    """The library's pins over `header`."""

    def __init__(self, header: MockHeader, revision: str) -> None:
        super().__init__(revision=revision, pin_class=HeaderPin)
        self.header = header


class MockHeader:
    """Forty pins, of which BCM 0 to 27 are GPIO. From power-on they are inputs."""

    def __init__(self, names: Mapping[str, int] | None = None, *, revision: str = PI_4) -> None:
        self._names = dict(names or {})
        self._pads = {gpio: Pad(gpio) for gpio in range(28)}
        self._revision = revision
        self._lost: set[int] = set()
        self.factory = HeaderFactory(self, revision)
        """The pin factory of the process that lives now."""

    def name(self, name: str, gpio: int) -> None:
        self._names[name] = gpio

    def pad(self, where: Where) -> Pad:
        return self._pads[self._names[where] if isinstance(where, str) else where]

    def level(self, where: Where) -> bool:
        """High?"""
        return self.pad(where).level

    def drive(self, where: Where, source: Source) -> None:
        """Connect the outer end of a wire; an output of the computer wins over it."""
        pad = self.pad(where)
        pad.outside = source
        pad.tell()

    def watch(self, where: Where, watcher: Callable[[bool], None]) -> None:
        """Told of each change of the level that the computer or `drive` makes."""
        self.pad(where).watchers.append(watcher)

    def wire(self, output: Where, input_: Where, *, inverted: bool = False) -> None:
        """The level of `output` drives `input_`, at once, from now on."""
        source = self.pad(output)
        self.drive(input_, lambda: source.level is not inverted)

    def lose(self, *where: Where) -> None:
        """The GPIO chip goes, or lines of it: every access fails. Outputs stay as they are."""
        gone = [self.pad(one).gpio for one in where] if where else self._pads
        self._lost.update(gone)

    def find(self) -> None:
        """All of it is back."""
        self._lost.clear()

    def touch(self, pad: Pad) -> None:
        """Raises OSError while it is gone."""
        if pad.gpio in self._lost:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    def die(self, *, keeps_outputs: bool) -> None:
        """The process is killed: no driver is asked. `keeps_outputs`: as the kernels of Raspberry
        Pi OS do without `strict_gpiod`; the others make each line an input with no pull."""
        for pin in self.factory.pins.values():
            # What Python still holds of the dead process must not reach the metal any more.
            pin.pad = Pad(pin.pad.gpio)
        self.factory = HeaderFactory(self, self._revision)
        if keeps_outputs:
            return
        for pad in self._pads.values():
            if pad.driven is not None:
                pad.driven, pad.frequency, pad.pull = None, None, "floating"
                pad.tell()
