"""An MCP3208 or MCP3008 behind the kernel's spidev, at the level of its ioctls.

It reads the caller's transfers and buffers at their addresses, and converts what each pin shows at
the very microsecond at which clock, pauses and chip select bring that frame's sampling clock.
What a chip would not understand it does not understand either: without chip select let go between
two frames there is no second start bit, in the wrong mode or above its clock the bits are sheared.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Callable
from typing import Literal

from drivers.machine import IoctlArgument
from hil.pi.pwm import refuse
from hil.pi.waveform import Voltage

BUFSIZ = "/sys/module/spidev/parameters/bufsiz"
CS_GAP_US = 10.0
_TRANSFER = struct.Struct("=QQIIHBBBBBB")
_MESSAGE, _MODE, _BITS, _SPEED = 0, 1, 3, 4
_BYTES = 3
_WORD_BITS = 24
_HIGHEST_HZ = {12: 1_000_000, 10: 1_350_000}

Silence = Literal["all_ones", "all_zeros", "stuck"]


class Mcp3x08:
    """The chip, its bus and the module's parameter file."""

    def __init__(
        self,
        *,
        bits: int = 12,
        reference_mv: float = 3_300,
        now_us: Callable[[], float] = lambda: 0.0,
        bufsiz: int = 4_096,
        align: int = 128,
        path: str = "/dev/spidev0.0",
    ) -> None:
        """`now_us`: when an ioctl begins. `align`: bytes of bounce buffer that a transfer takes."""
        self.bits = bits
        self.reference_mv = reference_mv
        self.path = path
        self.pins: dict[int, Voltage] = {}
        """Channel to its voltage; 0 mV where none is given."""
        self.silence: Silence | None = None
        self.errno: int | None = None
        """What every ioctl answers instead, such as ENODEV."""
        self.ioctls = 0
        """Messages taken."""
        self.sampled_us: list[float] = []
        """When the last message sampled, one entry a frame."""
        self.settings: dict[int, int] = {}
        self.opened = 0
        self._now_us = now_us
        self._bufsiz = bufsiz
        self._align = align
        self._last = 0

    # the module's file

    def owns(self, path: str) -> bool:
        return path == BUFSIZ

    def names(self, directory: str) -> list[str]:
        raise refuse(errno.ENOENT, directory)

    def real_path(self, path: str) -> str:
        return path

    def read_text(self, path: str) -> str:  # noqa: ARG002 the port's signature
        return f"{self._bufsiz}\n"

    def write_text(self, path: str, text: str) -> None:  # noqa: ARG002 the port's signature
        raise refuse(errno.EACCES, path)

    # the device file

    def open(self) -> Mcp3x08:
        """What `open_device` of this path gives."""
        if self.errno is not None:
            raise refuse(self.errno, self.path)
        self.opened += 1
        return self

    def close(self) -> None:
        self.opened -= 1

    def read(self, limit: int) -> bytes:  # noqa: ARG002 the port's signature
        raise refuse(errno.EINVAL, self.path)

    def write(self, data: bytes) -> int:  # noqa: ARG002 the port's signature
        raise refuse(errno.EINVAL, self.path)

    def ioctl(self, request: int, argument: IoctlArgument) -> int:
        if self.errno is not None:
            raise refuse(self.errno, self.path)
        number, size = request & 0xFF, request >> 16 & 0x3FFF
        if request >> 8 & 0xFF != ord("k") or request >> 30 != 1:
            raise refuse(errno.ENOTTY, self.path)
        if number == _MESSAGE:
            return self._message(bytes(argument)[:size])
        if number not in (_MODE, _BITS, _SPEED):
            raise refuse(errno.ENOTTY, self.path)
        self.settings[number] = int.from_bytes(bytes(argument)[:size], "little")
        return 0

    # the bus

    def _message(self, transfers: bytes) -> int:
        if len(transfers) % _TRANSFER.size:
            raise refuse(errno.EINVAL, self.path)
        self.ioctls += 1
        self._check_size(len(transfers) // _TRANSFER.size)
        self.sampled_us = []
        at_us = self._now_us()
        selected = False
        total = 0
        for transfer in _TRANSFER.iter_unpack(transfers):
            tx, rx, length, speed_hz, delay_us, word_bits, cs_change = transfer[:7]
            if word_bits != 8 or not speed_hz:
                raise refuse(errno.EINVAL, self.path)
            sent = ctypes.string_at(tx, length)
            ctypes.memmove(rx, self._frame(sent, at_us, speed_hz, fresh=not selected), length)
            at_us += length * 8e6 / speed_hz + delay_us + (CS_GAP_US if cs_change else 0.0)
            selected = not cs_change
            total += length
        return total

    def _check_size(self, transfers: int) -> None:
        if transfers * self._align > self._bufsiz:
            raise refuse(errno.EMSGSIZE, self.path)

    def _frame(self, sent: bytes, at_us: float, speed_hz: int, *, fresh: bool) -> bytes:
        if self.silence == "all_ones":
            return b"\xff" * len(sent)
        word = int.from_bytes(sent, "big")
        start = len(sent) * 8 - word.bit_length()
        single_ended = start + 1 < len(sent) * 8 and word >> (len(sent) * 8 - 2 - start) & 1
        if self.silence == "all_zeros" or not fresh or len(sent) != _BYTES or not single_ended:
            return bytes(len(sent))
        channel = word >> (_WORD_BITS - 5 - start) & 7
        counts = self._convert(channel, at_us + (start + 5) * 1e6 / speed_hz)
        if speed_hz > _HIGHEST_HZ[self.bits] or self.settings.get(_MODE) not in (0, 3):
            counts >>= 1
        null_at = start + 6
        undriven = (1 << _WORD_BITS) - (1 << (_WORD_BITS - null_at))
        shift = _WORD_BITS - null_at - 1 - self.bits
        return (undriven | (counts << shift if shift >= 0 else counts >> -shift)).to_bytes(3, "big")

    def _convert(self, channel: int, at_us: float) -> int:
        self.sampled_us.append(at_us)
        if self.silence == "stuck":
            return self._last
        pin = self.pins.get(channel)
        full = (1 << self.bits) - 1
        share = 0.0 if pin is None else pin(at_us) / self.reference_mv
        self._last = min(max(round(share * full), 0), full)
        return self._last
