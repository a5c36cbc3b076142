"""The parts of a front-end: dividers, peak detectors, and the capacitor behind a lock.

Figures are those of docs/hardware.md in round numbers, or guesses; none was measured.
"""

from __future__ import annotations

import math

from drivers.board.profile import NtcSection, ProximitySection

KELVIN_0C = 273.15
KELVIN_25C = 298.15
EMPTYING_MS = 0.3
"""Time constant while the reset line is set: 1.5 ms are five of them."""
CHARGING_MS = 0.4
"""While the pilot is beyond what is held: 2 ms are five of them."""
DROOP_MS = 1_000.0
"""While it is not."""


def pp_pin_mv(section: ProximitySection, ohm: int | None) -> float:
    """At the converter; `ohm` None: no plug."""
    share = 1.0 if ohm is None else ohm / (ohm + section.pull_up_ohm)
    return section.supply_mv * share / section.gain


def ntc_pin_mv(section: NtcSection, reference_mv: int, temperature_dc: int | None) -> float:
    """At the converter; None: an open sensor."""
    if temperature_dc is None:
        return reference_mv
    kelvin = temperature_dc / 10 + KELVIN_0C
    ohm = section.ohm_25c * math.exp(section.beta_k * (1 / kelvin - 1 / KELVIN_25C))
    return reference_mv * ohm / (ohm + section.pull_up_ohm)


class PeakCapacitor:
    """One detector: of the highest (`sign` 1) or of the lowest (-1) level."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._held_mv = 0.0
        """Above ground, or below it."""
        self._shown_mv = 0.0
        self._resetting = False
        self._at_ms = 0

    def turn(self, now_ms: int, level_mv: float, *, resetting: bool) -> None:
        """From now on it is shown this level, and its reset line is as it is."""
        self._live(now_ms, self._shown_mv)
        self._shown_mv, self._resetting = self._sign * level_mv, resetting

    def mv(self, now_ms: int, level_mv: float) -> float:
        """What it holds, after a time in which the level has become `level_mv` at some moment."""
        level_mv *= self._sign
        self._live(now_ms, max(self._shown_mv, level_mv))
        self._shown_mv = level_mv
        return self._sign * self._held_mv

    def _live(self, now_ms: int, level_mv: float) -> None:
        lasted_ms, self._at_ms = now_ms - self._at_ms, now_ms
        # A diode from ground keeps it from ever going to the other side.
        towards_mv = 0.0 if self._resetting else max(level_mv, 0.0)
        rises = towards_mv > self._held_mv
        constant_ms = EMPTYING_MS if self._resetting else CHARGING_MS if rises else DROOP_MS
        share = math.exp(-lasted_ms / constant_ms)
        self._held_mv = towards_mv + (self._held_mv - towards_mv) * share


FULL_MV = 12_000.0
COMPUTER_MV_S = 350.0
"""5 W out of 1.36 F, near 10 V."""
MOTOR_MV_S = 500.0
"""7.5 W likewise."""
CHARGING_S = 30.0
"""22 ohm, 1.36 F."""


class Reserve:
    """The capacitor that unlocks on a power loss; with the mains away it feeds the computer too."""

    def __init__(self) -> None:
        self._mv = FULL_MV
        self._at_ms: int | None = None
        self._driven = False
        self._mains = True

    def turn(self, now_ms: int, *, driven: bool, mains: bool) -> None:
        """From now on the motor is driven or not."""
        self.mv(now_ms, mains=mains)
        self._driven = driven

    def mv(self, now_ms: int, *, mains: bool) -> float:
        """`mains`: are they there, and until the next look?"""
        lasted_s = 0.0 if self._at_ms is None else (now_ms - self._at_ms) / 1_000
        self._at_ms = now_ms
        taken_mv_s = MOTOR_MV_S * self._driven
        if self._mains:
            self._mv = FULL_MV - (FULL_MV - self._mv) * math.exp(-lasted_s / CHARGING_S)
        else:
            taken_mv_s += COMPUTER_MV_S
        self._mv = max(self._mv - taken_mv_s * lasted_s, 0.0)
        self._mains = mains
        return self._mv
