"""The pilot by bursts: one call a guard period, levels and wiring faults out."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from drivers.adc.burst import Burst, BurstReader
from drivers.adc.mcp3x08 import AdcChip
from drivers.adc.plateau import FrontEnd, PilotWatch, Plateaus
from drivers.errors import AdcSilent
from evse.board_faults import Wiring
from evse.pilot import PilotSample

FAILURES_TOLD = 2
"""So many readings in a row have to fail before the converter counts as gone. Between them there is
no verdict, which the guard bears for `Timing.stall_ms` and no longer."""


class PilotReading(NamedTuple):
    """What a guard period knows of the pilot."""

    sample: PilotSample | None
    """None: no verdict."""
    wiring: Wiring = Wiring(0)


class PilotSource(Protocol):
    """Bursts, or peak detectors (drivers/adc/peaks.py)."""

    extras: dict[str, int]
    """Counts of the other channels by name, as last read. Empty from the second reading in a row
    on that failed, so that no stale value survives a converter that is gone."""

    def read(self, duty_bp: int, now_ms: int) -> PilotReading:
        """Called once a period, before the new outputs. `duty_bp`: what is put out now. Never
        raises."""

    def make_safe(self) -> None:
        """Let go of any output of its own. Raises GpioUnavailable."""


class Failures:
    """Readings that failed in a row."""

    def __init__(self) -> None:
        self._in_a_row = 0

    def none(self) -> None:
        """One that did not."""
        self._in_a_row = 0

    def another(self) -> bool:
        """One more. Is it to be told?"""
        self._in_a_row = min(self._in_a_row + 1, FAILURES_TOLD)
        return self._in_a_row == FAILURES_TOLD


class PilotSampler:
    """PilotSource by bursts."""

    def __init__(
        self, bursts: BurstReader, chip: AdcChip, front_end: FrontEnd, *, samples: int
    ) -> None:
        """`samples`: as the bursts have them."""
        self.extras: dict[str, int] = {}
        self._bursts = bursts
        self._plateaus = Plateaus(front_end, samples=samples)
        self._watch = PilotWatch(chip.full_counts)
        self._failures = Failures()

    def read(self, duty_bp: int, now_ms: int) -> PilotReading:
        """See PilotSource."""
        try:
            burst = self._bursts.read()
        except AdcSilent:
            return self._failed(Wiring.ADC_SILENT)
        if burst.dead:
            return self._failed(burst.dead)
        self._failures.none()
        return self._judge(burst, duty_bp, now_ms)

    def make_safe(self) -> None:
        """Nothing: it has no output."""

    def _failed(self, why: Wiring) -> PilotReading:
        if not self._failures.another():
            return PilotReading(None)
        self.extras.clear()
        return PilotReading(None, why)

    def _judge(self, burst: Burst, duty_bp: int, now_ms: int) -> PilotReading:
        if burst.extra is not None:
            self.extras[burst.extra] = burst.extra_counts
        ordered = sorted(burst.counts)
        sample = self._plateaus.estimate(ordered, duty_bp)
        return PilotReading(sample, self._watch.look(ordered, sample, duty_bp, now_ms))
