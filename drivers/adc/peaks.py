"""The pilot by two peak detectors: one holds its highest, one its lowest level.

A reset line empties both; after it they need a settle time with the waveform on, and are then read
at leisure, as they hold. With a guard period of 10 ms that makes a cycle of two calls: one that
lets the reset line go, one that reads and sets it again, so a reading every 20 ms. Between two
readings there is no verdict. With a period of 20 ms the cycle is as long as the guard waits for a
verdict at all: do not.

A detector remembers, so a reading counts only if it can not be of a former output: after any
change of duty a settle time has to pass, and after one to or from state F, whose -12 V is nobody's
diode, a reset too. Other changes leave the levels that count as they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from drivers.adc.mcp3x08 import AdcChip
from drivers.adc.pilot_sampler import Failures, PilotReading
from drivers.adc.plateau import BAND_MV, FrontEnd, PilotWatch
from drivers.adc.spi import Frame, SpiDevice, SpiMessage
from drivers.errors import AdcSilent, GpioUnavailable
from evse.board_faults import Wiring
from evse.model import F_BP, X1_BP
from evse.pilot import PilotSample, is_pwm

RESET_MS = 3
"""1.5 ms, in whole milliseconds of a clock that cuts off: two of its readings that differ by 3
are more than 2 ms apart."""
SETTLE_MS = 3
"""2 ms, likewise."""
HOLD_MS = 50
"""What was held for longer tells of then and not of now, and the capacitors have lost some."""
SAMPLES = 3
"""Conversions of each channel; the median counts."""


class ResetPin(Protocol):
    """The line that empties both detectors; drivers/gpio's OutputLine is one."""

    def write(self, on: bool) -> None:
        """Raises GpioUnavailable."""


class Detector(NamedTuple):
    """One of the two."""

    channel: int
    front_end: FrontEnd


class PeakDetectors:
    """PilotSource by peak detectors."""

    def __init__(
        self,
        spi: SpiDevice,
        chip: AdcChip,
        *,
        highest: Detector,
        lowest: Detector,
        reset: ResetPin,
        extras: Mapping[str, int] | None = None,
    ) -> None:
        """`extras`: names and channels of what else is read, one with each reading, in turn.
        Raises ValueError for a channel that the chip does not have."""
        self.extras: dict[str, int] = {}
        self._spi, self._chip, self._reset = spi, chip, reset
        self._highest, self._lowest = highest.front_end, lowest.front_end
        self._turns = _turns(spi, chip, (highest.channel, lowest.channel), extras or {})
        self._turn = 0
        self._watch = PilotWatch(chip.full_counts)
        self._failures = Failures()
        self._wiring = Wiring(0)
        self._resetting: bool | None = None
        """Is the reset line set? None: not known, nothing written yet."""
        self._since_ms = 0
        self._duty_bp = X1_BP
        self._duty_since_ms = 0
        self._fresh = False
        """Has everything that the detectors hold been shown by an output like the present one?"""

    def read(self, duty_bp: int, now_ms: int) -> PilotReading:
        """See PilotSource. GPIO_GONE: the reset line can not be driven."""
        self._note(duty_bp, now_ms)
        try:
            return PilotReading(self._turn_of_cycle(now_ms), self._wiring)
        except AdcSilent:
            self._failed(Wiring.ADC_SILENT)
        except GpioUnavailable:
            self._wiring = Wiring.GPIO_GONE
            self.extras.clear()
        return PilotReading(None, self._wiring)

    def make_safe(self) -> None:
        """Let the detectors run free. Raises GpioUnavailable."""
        self._resetting = None
        self._reset.write(False)

    def _note(self, duty_bp: int, now_ms: int) -> None:
        """A new duty began after the last call: as late as now, for all that is known."""
        if duty_bp == self._duty_bp:
            return
        if F_BP in (duty_bp, self._duty_bp):
            self._fresh = False
        self._duty_bp, self._duty_since_ms = duty_bp, now_ms

    def _turn_of_cycle(self, now_ms: int) -> PilotSample | None:
        held_ms = now_ms - self._since_ms
        stale = not self._fresh or held_ms > HOLD_MS
        if self._resetting is None or (not self._resetting and stale):
            self._set_reset(True, now_ms)
        elif self._resetting:
            if held_ms >= RESET_MS:
                self._set_reset(False, now_ms)
                self._fresh = True
        elif min(held_ms, now_ms - self._duty_since_ms) >= SETTLE_MS:
            return self._sample(now_ms)
        return None

    def _set_reset(self, on: bool, now_ms: int) -> None:
        self._reset.write(on)
        self._resetting, self._since_ms = on, now_ms

    def _sample(self, now_ms: int) -> PilotSample | None:
        """Raises AdcSilent, GpioUnavailable."""
        extra, message = self._turns[self._turn]
        self._turn = (self._turn + 1) % len(self._turns)
        received = self._spi.run(message)
        counts = self._chip.counts(received)
        if dead := self._chip.dead(received, counts):
            self._failed(dead)
            return None
        self._failures.none()
        high, low = _median(counts, 0), _median(counts, 1)
        if extra is not None:
            self.extras[extra] = _median(counts, 2)
        sample = self._levels(self._highest.mv(high), self._lowest.mv(low))
        ends = sorted((high, low) * SAMPLES)
        self._wiring = self._watch.look(ends, sample, self._duty_bp, now_ms)
        self._set_reset(True, now_ms)
        return sample

    def _failed(self, why: Wiring) -> None:
        """The detectors still hold: the next period asks again."""
        if self._failures.another():
            self._wiring = why
            self.extras.clear()

    def _levels(self, high_mv: int, low_mv: int) -> PilotSample:
        if is_pwm(self._duty_bp):
            return PilotSample(high_mv, low_mv)
        # An emptied detector of the highest level stays at 0 V while the pilot is below.
        return PilotSample(low_mv if high_mv <= BAND_MV else high_mv)


def _turns(
    spi: SpiDevice, chip: AdcChip, pilot: tuple[int, int], extras: Mapping[str, int]
) -> list[tuple[str | None, SpiMessage]]:
    names: list[str | None] = [*extras] or [None]
    turns = []
    for name in names:
        channels = pilot if name is None else (*pilot, extras[name])
        frames = [Frame(chip.frame(channel)) for channel in channels for _ in range(SAMPLES)]
        turns.append((name, spi.message(frames)))
    return turns


def _median(counts: list[int], place: int) -> int:
    """Of the `place`-th channel of a message."""
    return sorted(counts[place * SAMPLES : (place + 1) * SAMPLES])[SAMPLES // 2]
