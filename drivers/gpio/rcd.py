"""The residual-current device: what it says, and its test.

It opens the contactor by hardware; this is told afterwards. Its output has to conduct while all is
well ("nc", an open collector with a pull-up included), so that a broken wire reads as tripped.

Wiring trap: on sensors of the RCM14 class, a test input that is given the fault output's level, the
two wires swapped, destroys the sensor. Check both against the sensor's drawing before power is on.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from drivers.gpio.lines import Lines
from drivers.gpio.pulse import PulseLimit
from drivers.gpio.wires import InputPin, OutputPin
from evse.board_faults import BoardFault, Wiring

LONGEST_TEST_MS = 1_000
"""Above the 500 ms within which the guard wants the device to trip."""
NO_FAULT = BoardFault(0)


class RcdPins(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Section [rcd] of a board profile."""

    trip: InputPin
    dc: InputPin | None = None
    """A second output, of the part that watches for 6 mA of direct current."""
    test: OutputPin | None = None
    longest_test_ms: int = LONGEST_TEST_MS


class RcdReading(NamedTuple):
    """What the device says."""

    tripped: bool
    faults: BoardFault
    """Which kind of current it was, where two outputs tell them apart."""
    wiring: Wiring


class Rcd:
    """One device with up to two outputs and a test input."""

    def __init__(self, lines: Lines, pins: RcdPins) -> None:
        """Claims the lines; no test runs. Raises ProfileError, GpioUnavailable."""
        self._trip = lines.safety_input(pins.trip, "RCD", floating=Wiring.RCD_FLOATING)
        self._dc = (
            lines.safety_input(pins.dc, "RDC-DD", floating=Wiring.RCD_FLOATING) if pins.dc else None
        )
        self._test = lines.power(pins.test, "RCD test") if pins.test else None
        self._limit = PulseLimit(pins.longest_test_ms)
        self._safe = False

    def read(self, now_ms: int) -> RcdReading:
        """Raises GpioUnavailable."""
        if self._test and self._limit.lapsed(now_ms):
            self._test.write(False)
        tripped = self._trip.read(now_ms)
        if self._dc is None:
            return RcdReading(tripped, NO_FAULT, self._trip.wiring)
        direct = self._dc.read(now_ms)
        wiring = self._trip.wiring or self._dc.wiring
        if not (tripped or direct):
            return RcdReading(False, NO_FAULT, wiring)
        return RcdReading(True, BoardFault.RCD_DC if direct else BoardFault.RCD_AC, wiring)

    def write(self, test: bool, now_ms: int) -> None:
        """Drive the test input, or go on: an order lapses after 100 ms without another, and a test
        ends after its longest time. Nothing happens where there is no test input.

        Raises GpioUnavailable."""
        if not test:
            self._limit.rest()
        running = test and not self._safe and self._limit.order(now_ms)
        if self._test:
            self._test.write(running)

    def make_safe(self) -> None:
        """No test, for good. Raises GpioUnavailable."""
        self._safe = True
        if self._test:
            self._test.write(False)
