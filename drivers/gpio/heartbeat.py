"""The coil supply's watchdog: an edge for each healthy period of the guard, and otherwise silence.

Outside, a retriggerable monostable of about 200 ms feeds the coil's supply: twenty periods, so that
one late period opens nothing, and a dead, hung or killed guard opens the contactor within 0.2 s,
whatever its outputs are left at. Couple it through a capacitor, so that a level that stands still
is as good as none.

At a period of 10 ms this is 50 Hz at most. A watchdog that wants 1 to 10 kHz (nsayer's Pi EVSE HAT)
can not be fed from here, and must not be fed by anything that runs without the guard.
"""

from __future__ import annotations

from drivers.gpio.lines import Lines
from drivers.gpio.wires import OutputPin

MONOSTABLE_MS = 200
"""What the circuit should be built for."""
CLOSEST_EDGES_MS = 5
"""Several EVSEs are written in one period, and make one edge."""


class Heartbeat:
    """One watchdog pin for the whole board."""

    def __init__(self, lines: Lines, pin: OutputPin) -> None:
        """Claims the line; low. Raises ProfileError, GpioUnavailable."""
        self._line = lines.power(pin, "coil supply watchdog")
        self._edge_ms: int | None = None
        self._safe = False

    def write(self, healthy: bool, now_ms: int) -> None:
        """One edge, if this period was a healthy one. Raises GpioUnavailable."""
        if not healthy or self._safe:
            return
        if self._edge_ms is not None and now_ms - self._edge_ms < CLOSEST_EDGES_MS:
            return
        self._edge_ms = now_ms
        self._line.write(not self._line.is_on)

    def make_safe(self) -> None:
        """Silence, for good. Raises GpioUnavailable."""
        self._safe = True
        self._line.write(False)
