"""The inside of the enclosure: warms with the square of the current, in whole numbers."""

from __future__ import annotations

from hil.plant.model import NEVER_MS

STEP_MS = 10_000
"""The model moves in steps of 10 s and rests once nothing moves any more."""
REFERENCE_MA = 32_000


class Thermal:
    """First-order warming towards ambient + rise * (I / 32 A)^2, milli-degrees inside."""

    def __init__(self, ambient_dc: int, rise_dc: int, tau_s: int) -> None:
        self._ambient_mc = ambient_dc * 100
        self._rise_mc = rise_dc * 100
        self._tau_ms = tau_s * 1000
        self._target_mc = self._temperature_mc = self._ambient_mc
        self.due_ms = NEVER_MS

    @property
    def temperature_dc(self) -> int:
        return self._temperature_mc // 100

    def set_ambient(self, ambient_dc: int) -> None:
        """The surroundings, and with them the inside, have this temperature now."""
        shift_mc = ambient_dc * 100 - self._ambient_mc
        self._ambient_mc += shift_mc
        self._target_mc += shift_mc
        self._temperature_mc += shift_mc

    def refresh(self, now_ms: int, current_ma: int) -> None:
        """Heated by this current from now on."""
        rise_mc = self._rise_mc * current_ma * current_ma // (REFERENCE_MA * REFERENCE_MA)
        self._target_mc = self._ambient_mc + rise_mc
        if self.due_ms == NEVER_MS and self._step_mc():
            self.due_ms = now_ms + STEP_MS

    def _step_mc(self) -> int:
        gap_mc = self._target_mc - self._temperature_mc
        step_mc = abs(gap_mc) * STEP_MS // self._tau_ms
        return step_mc if gap_mc > 0 else -step_mc

    def fire(self, now_ms: int) -> None:
        """Move one step, and rest when the next would not move."""
        if now_ms >= self.due_ms:
            self._temperature_mc += self._step_mc()
            self.due_ms = now_ms + STEP_MS if self._step_mc() else NEVER_MS
