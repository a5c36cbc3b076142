"""The main contactor: its coils, with or without an economiser, and its mirror contacts.

A mirror contact (IEC 60947-4-1 Annex F) is normally closed and can not be closed while a main
contact is: wire it to ground as "nc", and a broken wire reads as a closed contactor, which forbids
closing; so does one that floats. A normally open auxiliary contact ("no") works, but a broken wire
then hides a weld.

The coil's line needs a pull-down outside, of 10 kohm at most where it is GPIO4 to GPIO8, which have
a pull-up of about 50 kohm from power-on. Before this driver has claimed the line, after it has
closed it, and while the computer starts, nothing else holds the coil off. After a process that died
see drivers/gpio/release.py.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from drivers.errors import GpioUnavailable, ProfileError
from drivers.gpio.line import NO_TROUBLE, OutputLine, switch_off
from drivers.gpio.lines import Lines
from drivers.gpio.wires import InputPin, OutputPin
from evse.board_faults import Wiring

RELEASES_MS = 250
"""Longest wait for a contactor that lets go: as long as the guard waits for its mirror contact."""
LOOK_MS = 10
PULL_IN_MS = 200
"""Contactors of this size close in 10 to 50 ms; the rest is for a supply that sags."""


class CoilPins(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One coil."""

    pull_in: OutputPin
    """Full voltage; the only line of a coil without economiser, on as long as the coil is."""
    hold: OutputPin | None = None
    """Reduced voltage: on as long as the coil is, and alone after the pull-in."""


class ContactorPins(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Section [contactor] of a board profile. Several coils, of contactors in series, move
    together."""

    coils: tuple[CoilPins, ...]
    mirrors: tuple[InputPin, ...]
    """At least one: without, a weld is not seen."""
    pull_in_ms: int = PULL_IN_MS


class Contactor:
    """Closes on `write(True, …)`, opens on anything else."""

    def __init__(self, lines: Lines, pins: ContactorPins) -> None:
        """Claims the lines; every coil is off. Raises ProfileError, GpioUnavailable."""
        if not pins.coils or not pins.mirrors:
            raise ProfileError("contactor: needs at least one coil and one mirror contact")
        self._pull_in = [lines.power(coil.pull_in, "coil") for coil in pins.coils]
        holds = [coil.hold for coil in pins.coils]
        self._hold = [lines.power(pin, "coil hold") for pin in holds if pin]
        self._dropped = [
            line for line, pin in zip(self._pull_in, holds, strict=True) if pin is not None
        ]
        """Those that are let go after the pull-in."""
        self._all: list[OutputLine] = [*self._pull_in, *self._hold]
        self._mirrors = [
            lines.input(pin, "mirror contact", floating=Wiring.MIRROR_FLOATING, when_floating=True)
            for pin in pins.mirrors
        ]
        self._pull_in_ms = pins.pull_in_ms
        self._since_ms: int | None = None
        self._safe = False

    def write(self, on: bool, now_ms: int) -> None:
        """Repeating `on` does not pull in again. Raises GpioUnavailable, with every coil off that
        can be."""
        if not on or self._safe:
            self._open()
            return
        try:
            self._energise(now_ms)
        except GpioUnavailable:
            self._open()
            raise

    def mirror_closed(self, now_ms: int) -> bool:
        """Are the main contacts closed? Of several in series: all of them while the coils are on,
        any of them while not. Raises GpioUnavailable."""
        closed = [mirror.read(now_ms) for mirror in self._mirrors]
        return any(closed) if self._since_ms is None else all(closed)

    @property
    def wiring(self) -> Wiring:
        for mirror in self._mirrors:
            if found := mirror.wiring:
                return found
        return NO_TROUBLE

    def make_safe(self) -> None:
        """Open, for good: nothing that is written later closes it. Raises GpioUnavailable."""
        self._safe = True
        self._open()

    def wait_open(self, pause: Callable[[int], None]) -> bool:
        """Returns when its mirror contacts read open, or after RELEASES_MS, and then False: for
        what must not move under load. `pause`: lets so many milliseconds pass."""
        for _look in range(RELEASES_MS // LOOK_MS):
            if self._looks_open():
                return True
            pause(LOOK_MS)
        return self._looks_open()

    def _looks_open(self) -> bool:
        try:
            return not any(mirror.active for mirror in self._mirrors)
        except GpioUnavailable:  # who can not be asked may be closed
            return False

    def _energise(self, now_ms: int) -> None:
        if self._since_ms is None:
            self._since_ms = now_ms
            for line in self._all:
                line.write(True)
        if now_ms - self._since_ms >= self._pull_in_ms:
            for line in self._dropped:
                line.write(False)

    def _open(self) -> None:
        self._since_ms = None
        switch_off(self._all)
