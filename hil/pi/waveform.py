"""Voltages as functions of time, as a converter meets them."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import msgspec

Voltage = Callable[[float], float]
"""Microseconds to millivolts."""

PERIOD_US = 1_000
GOLDEN = 0.618034
"""Its multiples lie as far apart as any do."""


class PilotWaveform(msgspec.Struct, frozen=True):
    """The pilot at the station's terminal: a 1 kHz rectangle with sloping edges."""

    duty_bp: int
    hi_mv: float
    lo_mv: float
    phase_us: float = 0.0
    """How far into its period it is at time 0."""
    rise_us: float = 3.0
    fall_us: float = 3.0

    def __call__(self, at_us: float) -> float:
        if self.duty_bp >= 10_000:
            return self.hi_mv
        if self.duty_bp <= 0:
            return self.lo_mv
        place_us = (at_us + self.phase_us) % PERIOD_US
        high_us = self.duty_bp / 10
        swing_mv = self.hi_mv - self.lo_mv
        if place_us < high_us:
            return self.lo_mv + swing_mv * min(place_us / self.rise_us, 1.0)
        return self.hi_mv - swing_mv * min((place_us - high_us) / self.fall_us, 1.0)


def steady(level_mv: float) -> Voltage:
    return lambda _at_us: level_mv


def scattered() -> Voltage:
    """A pin that shows another voltage at each look, evenly over the whole scale: no two levels."""
    looks = itertools.count(1)
    return lambda _at_us: -12_000 + 24_000 * (next(looks) * GOLDEN % 1)


def behind_front_end(
    pilot: Voltage, *, zero_counts: float, gain_mv: float, full_counts: int, reference_mv: float
) -> Voltage:
    """What divider and buffer make of `pilot` at the converter's pin: the inverse of the scale by
    which a board profile turns counts into millivolts."""
    mv_per_count = reference_mv / full_counts
    return lambda at_us: (pilot(at_us) / gain_mv + zero_counts) * mv_per_count
