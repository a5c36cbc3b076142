"""State F for a moment: to wake a car that sleeps, and to tell one that something failed.

Pure. IEC 61851-1 A.5.3 and Table A.5; times are those of spec evse-core C2 and C3. One wake-up for
each attempt to charge; a fault is told once, and only to a car that was being charged.
"""

from __future__ import annotations

from evse.config.evse import EvseTable

WAKE_AFTER_MS = 30_000
"""PWM without C for so long: the car may be asleep ..."""
GIVE_UP_AFTER_MS = 10_000
"""... and, once woken, for so long: it is not interested."""
WAKE_F_MS = 4_000
WAKE_X1_MS = 750
"""After the pulse, steady +12 V for so long, then PWM again."""


class WakeUp:
    """The wake-up of one EVSE."""

    def __init__(self, config: EvseTable) -> None:
        self.enabled = config.wake_up
        self.done = False
        """This attempt to charge has had its pulse."""

    @property
    def patience_ms(self) -> int:
        """How long PWM is on before a car counts as late."""
        if not self.enabled:
            return WAKE_AFTER_MS + GIVE_UP_AFTER_MS
        return GIVE_UP_AFTER_MS if self.done else WAKE_AFTER_MS


class FaultPulse:
    """The pulse after a fault: owed from its beginning, given when the contactor has opened."""

    def __init__(self, config: EvseTable) -> None:
        self._length_ms = config.fault_pulse_ms
        self._owed = False
        self._began_ms: int | None = None

    def owe(self) -> None:
        """A fault stopped a car that was being charged."""
        self._owed = self._length_ms > 0

    def begin(self, now_ms: int) -> None:
        """Give what is owed."""
        if self._owed:
            self._owed, self._began_ms = False, now_ms

    def cancel(self) -> None:
        self._owed, self._began_ms = False, None

    def shows(self, now_ms: int) -> bool:
        return self.ends_ms is not None and now_ms < self.ends_ms

    @property
    def ends_ms(self) -> int | None:
        return None if self._began_ms is None else self._began_ms + self._length_ms
