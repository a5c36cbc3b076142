"""After a guard that has ended in any way: every output at rest, whatever else is broken.

Responsibility: the coils first, each by itself, before anything that can fail for a reason of its
own; then the pilots, then the rest. Nothing that can not be claimed or written keeps another part
from being tried. A solenoid that holds a plug, and a phase contact, wait for the contactor.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

from drivers.board.profile import BoardProfile, EvseSection, PeaksSection
from drivers.errors import BoardError
from drivers.gpio.contactor import RELEASES_MS
from drivers.gpio.line import OutputLine
from drivers.gpio.lines import Lines
from drivers.gpio.lock import HeldPins, TwoWayPins
from drivers.gpio.wires import InputPin, OutputPin
from drivers.machine import Machine
from drivers.pilot import hardware_pwm


class LastBoard(msgspec.Struct, frozen=True):
    """What a guard drives, left where the one that cleans up after it finds it: the station's
    configuration may be another one by then, or broken."""

    profile: BoardProfile
    evses: int


class _Closable(Protocol):
    def close(self) -> None: ...


class Rescue:
    """One try at a whole board."""

    def __init__(self, machine: Machine, board: LastBoard, pause: Callable[[int], None]) -> None:
        """`pause`: lets so many milliseconds pass."""
        self._machine = machine
        self._sections = board.profile.evse[: board.evses]
        self._heartbeat = board.profile.heartbeat
        self._pause = pause
        self._lines: Lines | None = None
        self._claimed: list[_Closable] = []
        self.problems: list[str] = []

    def run(self) -> list[str]:
        """What could not be done, as sentences; empty if the board is at rest."""
        self._try(self._open_chip)
        for section in self._sections:
            for pin in _coils(section):
                self._off(pin, "coil")
        for section in self._sections:
            self._try(functools.partial(self._pilot, section))
        for section in self._sections:
            for pin in _resting(section):
                self._off(pin, "output")
        if self._heartbeat is not None:
            self._off(self._heartbeat, "coil supply watchdog")
        self._pause(RELEASES_MS)
        for section in self._sections:
            self._after_opening(section)
        for line in self._claimed:
            self._try(line.close)
        return self.problems

    def _open_chip(self) -> None:
        self._lines = Lines(self._machine.gpio)

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except (BoardError, OSError, ValueError) as error:
            self.problems.append(str(error))

    def _off(self, pin: OutputPin, function: str) -> None:
        """Claiming an output switches it off."""
        self._try(lambda: self._claim(pin, function))

    def _claim(self, pin: OutputPin, function: str) -> OutputLine | None:
        if self._lines is None:
            return None
        line = self._lines.output(pin, function)
        self._claimed.append(line)
        return line

    def _pilot(self, section: EvseSection) -> None:
        pilot = section.pilot
        hardware_pwm.make_safe(
            self._machine, pilot.pwm_gpio, inverted=pilot.inverted, pause=self._pause
        )

    def _after_opening(self, section: EvseSection) -> None:
        if section.phase_contact is not None:
            self._off(section.phase_contact.coil, "phase contact")
        if section.lock is None or not isinstance(section.lock.actuator, HeldPins):
            return
        if self._is_open(section):
            self._off(section.lock.actuator.solenoid, "lock solenoid")
        else:
            self.problems.append(
                "the contactor has not let go; the plug's solenoid is left as it is"
            )

    def _is_open(self, section: EvseSection) -> bool:
        """Whoever can not be asked may be closed."""
        found: list[bool] = []
        for pin in section.contactor.mirrors:
            self._try(functools.partial(self._look, pin, found))
        return len(found) == len(section.contactor.mirrors) and not any(found)

    def _look(self, pin: InputPin, found: list[bool]) -> None:
        if self._lines is not None:
            line = self._lines.input(pin, "mirror contact")
            self._claimed.append(line)
            found.append(line.active)


def _coils(section: EvseSection) -> Iterator[OutputPin]:
    for coil in section.contactor.coils:
        yield coil.pull_in
        if coil.hold is not None:
            yield coil.hold


def _resting(section: EvseSection) -> Iterator[OutputPin]:
    """What may be let go at once."""
    if section.lock is not None and isinstance(section.lock.actuator, TwoWayPins):
        yield section.lock.actuator.lock
        yield section.lock.actuator.unlock
    if section.rcd is not None and section.rcd.test is not None:
        yield section.rcd.test
    if isinstance(section.pilot, PeaksSection):
        yield section.pilot.reset
    if section.buzzer is not None:
        yield section.buzzer
    if section.light is not None:
        yield from section.light.leds
