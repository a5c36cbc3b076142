"""Contacts around the station: emergency stop, door, tilt, water, mains, stop button.

Responsibility: one table says what each of them means, how it is filtered and what it reads as with
a broken wire. Those that protect have to be contacts that open ("nc"); the emergency stop opens the
contactor by its own second contact besides, and this one only says so.

A relay or optocoupler for `mains` must hold over the zero crossings of the voltage: without a
capacitor behind it, it reads as a wire that floats.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from drivers.gpio.button import PressCounter
from drivers.gpio.line import NO_TROUBLE, InputLine
from drivers.gpio.lines import Lines
from drivers.gpio.wires import InputPin
from evse.board_faults import BoardFault, Wiring

NO_FAULT = BoardFault(0)
MAINS_LOST_MS = 1_000
MAINS_BACK_MS = 5_000
"""Own decisions. A contactor without its supply needs nobody to open it, so there is time: what
flickers must not move the lock with each flicker, whose reserve recharges slowly. As it is the lock
moves once out and once in within the sum of both at most."""


class Input(enum.Enum):
    """What a contact is for; the keys of section [inputs] of a board profile."""

    EMERGENCY_STOP = "emergency_stop"
    DOOR = "door"
    """Opens with the door."""
    TILT = "tilt"
    """Opens when the station is knocked over."""
    WATER = "water"
    """Opens when it is wet; of a sensor with a relay, the contact that conducts while dry."""
    MAINS = "mains"
    """Conducts while the mains are there."""
    STOP_BUTTON = "stop_button"


class Meaning(msgspec.Struct, frozen=True):
    """A row of the table."""

    fault: BoardFault = NO_FAULT
    steady_ms: int = 0
    """How long it must say so."""
    clear_ms: int = 0
    """How long it must be at rest again."""
    protects: bool = True


MEANINGS: Mapping[Input, Meaning] = {
    Input.EMERGENCY_STOP: Meaning(),
    Input.DOOR: Meaning(BoardFault.ENCLOSURE_OPEN, 50, 50),
    Input.TILT: Meaning(BoardFault.TILT, 200, 200),
    Input.WATER: Meaning(BoardFault.WATER_INGRESS, 200, 200),
    Input.MAINS: Meaning(BoardFault.POWER_LOSS, MAINS_LOST_MS, MAINS_BACK_MS),
    Input.STOP_BUTTON: Meaning(protects=False),
}
"""The emergency stop is not filtered."""


class InputsReading(NamedTuple):
    """What all of them say."""

    emergency_stop: bool
    faults: BoardFault
    wiring: Wiring
    presses: int
    """Of the stop button, modulo 2**16."""


class _Flag:
    """One contact that reports a fault."""

    def __init__(self, line: InputLine, meaning: Meaning) -> None:
        self.line = line
        self.fault = meaning.fault
        self.active = False
        self._steady_ms = {False: meaning.steady_ms, True: meaning.clear_ms}
        self._since_ms: int | None = None

    def step(self, now_ms: int) -> bool:
        if self.line.read(now_ms) is self.active:
            self._since_ms = None
        elif self._since_ms is None:
            self._since_ms = now_ms
        elif now_ms - self._since_ms >= self._steady_ms[self.active]:
            self.active, self._since_ms = not self.active, None
        return self.active


class Contacts:
    """Those of them that are fitted."""

    def __init__(self, lines: Lines, pins: Mapping[Input, InputPin]) -> None:
        """Claims the lines. Raises ProfileError, GpioUnavailable."""
        self._lines = {kind: _claimed(lines, kind, pin) for kind, pin in pins.items()}
        self._stop = self._lines.get(Input.EMERGENCY_STOP)
        self._button = self._lines.get(Input.STOP_BUTTON)
        self._counter = PressCounter()
        self._flags = [
            _Flag(line, MEANINGS[kind])
            for kind, line in self._lines.items()
            if MEANINGS[kind].fault
        ]

    def read(self, now_ms: int) -> InputsReading:
        """Raises GpioUnavailable."""
        stop = self._stop is not None and self._stop.read(now_ms)
        faults = NO_FAULT
        for flag in self._flags:
            if flag.step(now_ms):
                faults |= flag.fault
        presses = 0
        if self._button is not None:
            presses = self._counter.step(self._button.read(now_ms), now_ms)
        return InputsReading(stop, faults, self._wiring(), presses)

    def _wiring(self) -> Wiring:
        for line in self._lines.values():
            if line.wiring is not NO_TROUBLE:
                return Wiring.INPUT_FLOATING
        return NO_TROUBLE


def _claimed(lines: Lines, kind: Input, pin: InputPin) -> InputLine:
    if MEANINGS[kind].protects:
        return lines.safety_input(pin, kind.value)
    return lines.input(pin, kind.value, when_floating=False)
