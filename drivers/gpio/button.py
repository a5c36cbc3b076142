"""Presses of a button, counted. Pure.

Responsibility: one press is one, however its contact bounces; a button that is held, or that hangs
half-pressed for minutes, is one press too.
"""

from __future__ import annotations

DEBOUNCE_MS = 30
STUCK_MS = 30_000
"""Nobody presses for so long: from then on it must be let go for `RELEASED_MS` to count again."""
RELEASED_MS = 1_000
PRESSES_MODULUS = 2**16
"""`BoardStatus.presses` counts modulo this."""


class PressCounter:
    """The presses of one button. At the start it counts as released."""

    def __init__(self) -> None:
        self.presses = 0
        self._pressed = False
        self._since_ms: int | None = None
        """When the contact began to say otherwise; None while it does not."""
        self._pressed_ms = 0

    def step(self, contact: bool, now_ms: int) -> int:
        """Presses so far, modulo PRESSES_MODULUS. `contact`: pressed, as it reads now."""
        if contact is self._pressed:
            self._since_ms = None
        elif self._since_ms is None:
            self._since_ms = now_ms
        elif now_ms - self._since_ms >= self._needed_ms():
            self._changed(contact, now_ms)
        return self.presses

    def _needed_ms(self) -> int:
        assert self._since_ms is not None
        stuck = self._pressed and self._since_ms - self._pressed_ms >= STUCK_MS
        return RELEASED_MS if stuck else DEBOUNCE_MS

    def _changed(self, pressed: bool, now_ms: int) -> None:
        self._pressed, self._since_ms = pressed, None
        if pressed:
            self._pressed_ms = now_ms
            self.presses = (self.presses + 1) % PRESSES_MODULUS
