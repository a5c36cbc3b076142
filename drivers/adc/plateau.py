"""Counts to the pilot's two levels, in millivolts. Pure.

A level is the median of the samples near the highest (or lowest) one, and three of them are the
least that make a level: fewer, and the burst has no verdict on that half-wave, which is not a
fault. A spike or a sample on an edge is therefore never taken for a level, and up to two samples
beyond a level, as an overshoot at an edge makes them, are left out. A half-wave too narrow for one
burst (the low one at 96 %, the high one at 5 %) is looked for in the last few together.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable

import msgspec

from evse.board_faults import Wiring
from evse.model import X1_BP
from evse.pilot import PilotSample, is_pwm

BAND_MV = 600
"""How far from the extreme a sample may lie and still belong to its level."""
LEAST_SAMPLES = 3
MOST_OUTLIERS = 2
"""At each end: fewer than make a level."""
_LEAST_BEYOND = 4
"""Samples that a level has where others were left out: noise must not have three tries."""
STEADY_SHARE = 0.75
"""Of the samples around the median, for a pilot that has but one level."""
_EXPECTED = 5
"""Samples on a half-wave that make three of them nearly certain."""
_LOST_US = 10
"""Of each half-wave, for the edge with a car and its cable on it (10 us rise, 13 us fall)."""
_MOST_BURSTS = 4

RAIL_SHARE = 0.01
"""Of the scale: a level this near to either end of it may lie anywhere beyond."""
RAIL_BURSTS = 5
NO_PLATEAU_MS = 500
_SHORTED_MV = 2_000


class FrontEnd(msgspec.Struct, frozen=True):
    """A channel's linear scale: mV = (counts - zero_counts) * gain_mv."""

    zero_counts: float
    """What it reads at 0 V."""
    gain_mv: float
    """Per count; negative behind an inverting amplifier."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.gain_mv) or not self.gain_mv:
            raise ValueError(f"front end: a gain of {self.gain_mv} mV per count tells nothing")

    def mv(self, counts: float) -> int:
        return round((counts - self.zero_counts) * self.gain_mv)


class Plateaus:
    """Levels of one pilot, burst by burst."""

    def __init__(self, front_end: FrontEnd, *, samples: int) -> None:
        """`samples`: how many a burst has."""
        self._front_end = front_end
        self._samples = samples
        self._band = BAND_MV / abs(front_end.gain_mv)
        self._bursts: deque[list[int]] = deque(maxlen=_MOST_BURSTS)
        self._duty_bp: int | None = None
        self._upright = front_end.gain_mv > 0
        self._upper_bursts = self._lower_bursts = 1

    def estimate(self, ordered: list[int], duty_bp: int) -> PilotSample | None:
        """What one burst says (`ordered`: its counts, ascending) while `duty_bp` is put out.

        None: no verdict on the high level, which includes a steady output with more than one.
        """
        if duty_bp != self._duty_bp:
            self._new_duty(duty_bp)
        if not is_pwm(duty_bp):
            return self._steady(ordered)
        self._bursts.append(ordered)
        upper, lower = self._levels()
        high, low = (upper, lower) if self._upright else (lower, upper)
        if high is None:
            return None
        mv = self._front_end.mv
        return PilotSample(mv(high), None if low is None else mv(low))

    def _levels(self) -> tuple[int | None, int | None]:
        """Upper and lower. What lies beyond the samples that were left out counts only apart from
        the other half-wave's level: two samples of a narrow half-wave are no outliers."""
        above, upper = _beyond_outliers(top_plateau, self._last(self._upper_bursts), self._band)
        below, lower = _beyond_outliers(
            bottom_plateau, self._last(self._lower_bursts), self._band, first=True
        )
        if upper is not None and lower is not None and upper - lower <= self._band:
            return (None if above else upper), (None if below else lower)
        return upper, lower

    def _new_duty(self, duty_bp: int) -> None:
        self._duty_bp = duty_bp
        self._bursts.clear()
        high = bursts_for(duty_bp, self._samples)
        low = bursts_for(X1_BP - duty_bp, self._samples)
        self._upper_bursts, self._lower_bursts = (high, low) if self._upright else (low, high)

    def _last(self, bursts: int) -> list[int]:
        if bursts == 1:
            return self._bursts[-1]
        together: list[int] = []
        for ordered in list(self._bursts)[-bursts:]:
            together += ordered
        together.sort()
        return together

    def _steady(self, ordered: list[int]) -> PilotSample | None:
        middle = ordered[len(ordered) // 2]
        first = bisect_left(ordered, middle - self._band)
        past = bisect_right(ordered, middle + self._band)
        if past - first < STEADY_SHARE * len(ordered):
            return None
        return PilotSample(self._front_end.mv(middle))


def top_plateau(ordered: list[int], band: float, least: int = LEAST_SAMPLES) -> int | None:
    """Median of the counts within `band` of the highest, or None where they are too few."""
    first = bisect_left(ordered, ordered[-1] - band)
    found = len(ordered) - first
    return ordered[first + found // 2] if found >= least else None


def bottom_plateau(ordered: list[int], band: float, least: int = LEAST_SAMPLES) -> int | None:
    """Median of the counts within `band` of the lowest, or None where they are too few."""
    found = bisect_right(ordered, ordered[0] + band)
    return ordered[(found - 1) // 2] if found >= least else None


def _beyond_outliers(
    plateau: Callable[[list[int], float, int], int | None],
    ordered: list[int],
    band: float,
    *,
    first: bool = False,
) -> tuple[int, int | None]:
    """How many samples had to be left out (of the lowest if `first`), and the level then."""
    for left_out in range(MOST_OUTLIERS + 1):
        rest = ordered[left_out:] if first else ordered[: len(ordered) - left_out]
        least = _LEAST_BEYOND if left_out else LEAST_SAMPLES
        if (found := plateau(rest, band, least)) is not None:
            return left_out, found
    return 0, None


def bursts_for(share_bp: int, samples: int) -> int:
    """How many bursts together show a half-wave that lasts `share_bp` of the period."""
    usable_us = max(share_bp / 10 - _LOST_US, 1)
    return min(math.ceil(_EXPECTED * 1_000 / (samples * usable_us)), _MOST_BURSTS)


class PilotWatch:
    """What lasting nonsense in the pilot's readings says about its wires."""

    def __init__(self, full_counts: int) -> None:
        """`full_counts`: the converter's highest result."""
        self._bottom = RAIL_SHARE * full_counts
        self._top = full_counts - self._bottom
        self._rails = 0
        self._seen_ms: int | None = None

    def look(
        self, ordered: list[int], sample: PilotSample | None, duty_bp: int, now_ms: int
    ) -> Wiring:
        """ADC_RAIL after RAIL_BURSTS in a row with a level at an end of the scale;
        PILOT_NO_PLATEAU after NO_PLATEAU_MS of PWM without two levels apart."""
        found = Wiring(0)
        at_rail = ordered[LEAST_SAMPLES - 1] <= self._bottom or ordered[-LEAST_SAMPLES] >= self._top
        self._rails = min(self._rails + 1, RAIL_BURSTS) if at_rail else 0
        if self._rails == RAIL_BURSTS:
            found |= Wiring.ADC_RAIL
        if self._seen_ms is None or not is_pwm(duty_bp) or _apart(sample):
            self._seen_ms = now_ms
        elif now_ms - self._seen_ms > NO_PLATEAU_MS:
            found |= Wiring.PILOT_NO_PLATEAU
        return found


def _apart(sample: PilotSample | None) -> bool:
    """Two levels, or the one at ground of a pilot that is shorted, which is state E's to tell."""
    if sample is None or sample.lo_mv is None:
        return False
    return sample.hi_mv - sample.lo_mv > BAND_MV or abs(sample.hi_mv) <= _SHORTED_MV
