"""A burst of conversions: many of the pilot at uneven distances, and a few of one other channel.

The pilot is sampled blindly, so the distance between two samples must never divide 1 ms or be a
multiple of it: they would all fall on the same place of the waveform, and with a narrow half-wave
on none of it. About 60 us, each a few microseconds off by a fixed table, reaches every place; the
tables change from burst to burst, because the loop's 10 ms are a multiple of the PWM's 1 ms and
both come from one crystal.

The kernel busy-waits for a pause of up to 10 us and sleeps for a longer one. At 60 us it sleeps, so
a burst takes its 4 ms and in addition what the wake-ups take, which nobody here has seen on metal;
the levels bear distances up to 120 us. At 39 us (MCP3208) or 33 us (MCP3008) it never sleeps: a
burst then takes 2.5 or 2.1 ms to the microsecond, all of it one processor's.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import NamedTuple

from drivers.adc.mcp3x08 import AdcChip
from drivers.adc.spi import CS_GAP_US, Frame, SpiDevice, SpiMessage
from evse.board_faults import Wiring

SAMPLES = 64
SPACING_US = 60
JITTER_US = 5
PATTERNS = 4
"""Jitter tables per other channel."""
EXTRA_SAMPLES = 3
"""Conversions of the other channel; the median counts."""


class Burst(NamedTuple):
    """What one burst has read."""

    counts: list[int]
    """Of the pilot, in the order of sampling."""
    dead: Wiring = Wiring(0)
    """Why this is no chip's answer."""
    extra: str | None = None
    """Which other channel came with it."""
    extra_counts: int = 0


class BurstReader:
    """Runs one message per call, in turn; all of them are made here, once."""

    def __init__(
        self,
        spi: SpiDevice,
        chip: AdcChip,
        *,
        pilot: int,
        extras: Mapping[str, int] | None = None,
        samples: int = SAMPLES,
        spacing_us: int = SPACING_US,
        seed: int = 0,
    ) -> None:
        """`pilot`: its channel; `extras`: names and channels of what else is to be read, one of
        them a burst, in turn. Raises ValueError for a channel that the chip does not have or a
        distance that its clock can not keep."""
        self._spi = spi
        self._chip = chip
        self._samples = samples
        self._spacing_us = spacing_us
        names: list[str | None] = [*(extras or {})] or [None]
        drawn = random.Random(seed)
        self._turns: list[tuple[str | None, SpiMessage]] = []
        for _ in range(PATTERNS):
            for name in names:
                frames = self._pilot_frames(pilot, drawn)
                if name is not None and extras is not None:
                    frames += [Frame(chip.frame(extras[name]))] * EXTRA_SAMPLES
                self._turns.append((name, spi.message(frames)))
        self._turn = 0

    @property
    def ioctls(self) -> int:
        """How many system calls a burst takes: 1, unless spidev's buffer is small."""
        return len(self._turns[0][1].parts)

    def read(self) -> Burst:
        """One burst: about samples times spacing long. Raises AdcSilent."""
        name, message = self._turns[self._turn]
        self._turn = (self._turn + 1) % len(self._turns)
        received = self._spi.run(message)
        counts = self._chip.counts(received)
        dead = self._chip.dead(received, counts)
        if name is None:
            return Burst(counts, dead)
        others = sorted(counts[self._samples :])
        return Burst(counts[: self._samples], dead, name, others[EXTRA_SAMPLES // 2])

    def _pilot_frames(self, pilot: int, drawn: random.Random) -> list[Frame]:
        pause_us = self._spacing_us - CS_GAP_US - round(self._chip.frame_us)
        if pause_us < JITTER_US:
            raise ValueError(f"{self._chip.name} can not convert every {self._spacing_us} us")
        sent = self._chip.frame(pilot)
        return [
            Frame(sent, pause_us + drawn.randint(-JITTER_US, JITTER_US))
            for _ in range(self._samples)
        ]
