"""MCP3208 and MCP3008: eight channels of 12 or 10 bits, single-ended.

A conversion is a frame of three bytes: start bit, single-ended, channel out; a null bit and the
result in. The chip drives its data line from the null bit on, always low there, so that a line
which nobody drives low is told from a reading at the top of the scale.

The clock is that of the datasheets' 2.7 V column, because a Pi supplies 3.3 V and the next column
is 5 V (unverified figures: 1.0 MHz and 1.35 MHz).
"""

from __future__ import annotations

import msgspec

from evse.board_faults import Wiring

FRAME_BYTES = 3
CHANNELS = 8


class AdcChip(msgspec.Struct, frozen=True):
    """How one type is talked to."""

    name: str
    bits: int
    speed_hz: int
    start_bit: int
    """Leading zeros in the frame, so that the result ends with the last bit."""

    @property
    def full_counts(self) -> int:
        """The highest result."""
        return (1 << self.bits) - 1

    @property
    def frame_us(self) -> float:
        """How long one frame takes on the wire."""
        return FRAME_BYTES * 8 * 1e6 / self.speed_hz

    def frame(self, channel: int) -> bytes:
        """What asks for `channel`. Raises ValueError."""
        if not 0 <= channel < CHANNELS:
            raise ValueError(f"{self.name} has channels 0 to {CHANNELS - 1}, not {channel}")
        word = (0b11000 | channel) << (FRAME_BYTES * 8 - 5 - self.start_bit)
        return word.to_bytes(FRAME_BYTES, "big")

    def counts(self, received: bytearray) -> list[int]:
        """Results of a message of frames, in order."""
        mask = self.full_counts >> 8
        return [
            (high & mask) << 8 | low
            for high, low in zip(received[1::3], received[2::3], strict=True)
        ]

    def dead(self, received: bytearray, counts: list[int]) -> Wiring:
        """Is this no chip's answer? ADC_ALL_ONES, ADC_ALL_ZEROS or nothing.

        All zeros is also what a living chip says of inputs that all lie at ground, which the
        reference front-end's pilot never does.
        """
        if not any(counts):
            return Wiring.ADC_ALL_ZEROS
        if min(counts) < self.full_counts:
            return Wiring(0)
        null_bit = (self.full_counts >> 8) + 1
        undriven = all(high & null_bit for high in received[1::3])
        return Wiring.ADC_ALL_ONES if undriven else Wiring(0)


MCP3208 = AdcChip("mcp3208", bits=12, speed_hz=1_000_000, start_bit=5)
MCP3008 = AdcChip("mcp3008", bits=10, speed_hz=1_350_000, start_bit=7)
CHIPS = {chip.name: chip for chip in (MCP3208, MCP3008)}
"""As a board profile names them."""
