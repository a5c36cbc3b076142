"""Energy in whole numbers: exact however time is cut into pieces.

Power is piecewise constant, in microwatts (mV times mA); energy in nanojoules (uW times ms).
"""

from __future__ import annotations

from hil.plant.model import NEVER_MS

NJ_PER_WH = 3_600_000_000_000
"""1 Wh = 3600 J."""


class Integrator:
    """The sum of power over time."""

    def __init__(self, now_ms: int = 0, energy_nj: int = 0) -> None:
        self._energy_nj = energy_nj
        self._since_ms = now_ms
        self.power_uw = 0

    def change(self, now_ms: int, power_uw: int) -> None:
        """Power is `power_uw` from now on."""
        if power_uw != self.power_uw:
            self._energy_nj = self.energy_nj(now_ms)
            self._since_ms = now_ms
            self.power_uw = power_uw

    def energy_nj(self, now_ms: int) -> int:
        return self._energy_nj + self.power_uw * (now_ms - self._since_ms)

    def reaches_ms(self, energy_nj: int) -> int:
        """The first instant with at least that much energy, if the power stays; or never."""
        if self.power_uw <= 0:
            return NEVER_MS
        return self._since_ms - (self._energy_nj - energy_nj) // self.power_uw


class Battery:
    """A traction battery that slows its charging near the end and is full at the end."""

    TAPER = ((80, 80), (85, 65), (90, 50), (95, 30), (100, 0))
    """(from this state of charge in percent, at most this share of the car's current)."""

    def __init__(
        self, now_ms: int, capacity_wh: float, soc_percent: float, *, taper: bool = True
    ) -> None:
        self._capacity_nj = round(capacity_wh * NJ_PER_WH)
        self._charge = Integrator(now_ms, round(self._capacity_nj * soc_percent / 100))
        steps = self.TAPER if taper else self.TAPER[-1:]
        self._steps = [(self._capacity_nj * soc // 100, share) for soc, share in steps]
        self.share_percent = 100
        self.due_ms = NEVER_MS
        self.fire(now_ms)

    @property
    def full(self) -> bool:
        return self.share_percent == 0

    def change(self, now_ms: int, power_uw: int) -> None:
        """Charged with this power from now on."""
        self._charge.change(now_ms, power_uw)
        self._rearm()

    def fire(self, now_ms: int) -> None:
        """Pass the steps of the taper that are reached."""
        while self._steps and self._charge.energy_nj(now_ms) >= self._steps[0][0]:
            self.share_percent = self._steps.pop(0)[1]
        self._rearm()

    def soc_percent(self, now_ms: int) -> float:
        return 100.0 * self._charge.energy_nj(now_ms) / self._capacity_nj

    def _rearm(self) -> None:
        self.due_ms = self._charge.reaches_ms(self._steps[0][0]) if self._steps else NEVER_MS
