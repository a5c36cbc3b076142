"""An MCP3208 or MCP3008 behind the kernel's spidev, at the level of its ioctls.

It reads the caller's transfers and buffers at their addresses, and converts what each pin shows at
the very microsecond at which clock, pauses and chip select bring that frame's sampling clock.
What a chip would not understand it does not understand either: without chip select let go between
two frames there is no second start bit, in the wrong mode or above its clock the bits are sheared.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import struct
from collections.abc import Callable
from typing import Literal, NamedTuple

from drivers.machine import IoctlArgument
from hil.pi.device import DeviceNode
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


class Mcp3x08(DeviceNode):
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
        super().__init__(path, unread=errno.EINVAL)
        self.bits = bits
        self.reference_mv = reference_mv
        self.pins: dict[int, Voltage] = {}
        """Channel to its voltage; 0 mV where none is given."""
        self.silence: Silence | None = None
        self.ioctls = 0
        """Messages taken."""
        self.sampled_us: list[float] = []
        """When the last message sampled, one entry a frame."""
        self.settings: dict[int, int] = {}
        self._now_us = now_us
        self._bufsiz = bufsiz
        self._align = align
        self._last = 0
        self._plans: dict[bytes, _Plan] = {}

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

    def ioctl(self, request: int, argument: IoctlArgument) -> int:
        self.expect_there()
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
        if len(transfers) // _TRANSFER.size * self._align > self._bufsiz:
            raise refuse(errno.EMSGSIZE, self.path)
        plan = self._plans.get(transfers)
        if plan is None or _fetch(plan.tx) != plan.sent:
            plan = self._plans[transfers] = self._read_in(transfers)
        begin_us = self._now_us()
        self.sampled_us = []
        answers = bytearray().join(
            self._answer(frame, begin_us + frame.sampled_us) for frame in plan.frames
        )
        offset = 0
        for address, length in plan.rx:
            ctypes.memmove(address, bytes(answers[offset : offset + length]), length)
            offset += length
        return offset

    def _read_in(self, transfers: bytes) -> _Plan:
        """When each frame samples, from the caller's own structures."""
        at_us = 0.0
        selected = False
        frames = []
        tx: list[tuple[int, int]] = []
        rx: list[tuple[int, int]] = []
        for transfer in _TRANSFER.iter_unpack(transfers):
            sent_at, received_at, length, speed_hz, delay_us, bits, cs_change = transfer[:7]
            if bits != 8 or not speed_hz:
                raise refuse(errno.EINVAL, self.path)
            request = None if selected else _request(ctypes.string_at(sent_at, length), self.bits)
            clock = 0 if request is None else request.sampling_clock
            too_fast = speed_hz > _HIGHEST_HZ[self.bits]
            frames.append(_Frame(at_us + clock * 1e6 / speed_hz, length, request, too_fast))
            at_us += length * 8e6 / speed_hz + delay_us + (CS_GAP_US if cs_change else 0.0)
            selected = not cs_change
            _extend(tx, sent_at, length)
            _extend(rx, received_at, length)
        return _Plan(tx, rx, _fetch(tx), frames)

    def _answer(self, frame: _Frame, at_us: float) -> bytes:
        if self.silence == "all_ones":
            return b"\xff" * frame.length
        request = frame.request
        if request is None or self.silence == "all_zeros":
            return bytes(frame.length)
        self.sampled_us.append(at_us)
        if self.silence is None:
            pin = self.pins.get(request.channel)
            full = (1 << self.bits) - 1
            counts = 0 if pin is None else round(pin(at_us) * full / self.reference_mv)
            self._last = 0 if counts < 0 else full if counts > full else counts
        sheared = frame.too_fast or self.settings.get(_MODE) not in (0, 3)
        counts = self._last >> sheared
        return (request.undriven | counts << request.shift).to_bytes(_BYTES, "big")


class _Request(NamedTuple):
    """What three bytes ask of the chip."""

    channel: int
    sampling_clock: int
    """At which clock of the frame the input is held."""
    undriven: int
    """The bits before the null bit: the line floats high."""
    shift: int


@functools.cache
def _request(sent: bytes, bits: int) -> _Request | None:
    """None: no start bit, differential, or not clocked to the end of the result."""
    start = len(sent) * 8 - int.from_bytes(sent, "big").bit_length()
    shift = _WORD_BITS - start - 7 - bits
    if len(sent) != _BYTES or shift < 0:
        return None
    asked = int.from_bytes(sent, "big") >> (_WORD_BITS - 5 - start)
    if not asked & 0b01000:
        return None
    return _Request(asked & 7, start + 5, (1 << 24) - (1 << (18 - start)), shift)


class _Frame(NamedTuple):
    """One stay of chip select at low."""

    sampled_us: float
    """After the begin of the message."""
    length: int
    request: _Request | None
    too_fast: bool


class _Plan(NamedTuple):
    """A message as last read from the caller's memory; runs of adjoining buffers are one."""

    tx: list[tuple[int, int]]
    """(address, length)"""
    rx: list[tuple[int, int]]
    sent: bytes
    frames: list[_Frame]


def _extend(runs: list[tuple[int, int]], address: int, length: int) -> None:
    if runs and runs[-1][0] + runs[-1][1] == address:
        runs[-1] = (runs[-1][0], runs[-1][1] + length)
    else:
        runs.append((address, length))


def _fetch(runs: list[tuple[int, int]]) -> bytes:
    return b"".join(ctypes.string_at(address, length) for address, length in runs)
