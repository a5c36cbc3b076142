"""An SPI device by the kernel's spidev: one ioctl for a whole burst of conversions.

All of a burst's frames are one message of the kernel, with chip select let go between them
(`cs_change`) and a pause of whole microseconds after each (`delay_usecs`). Buffers are made once.

Two limits of spidev shape this. The request's size field has 14 bits: at most 511 transfers. And
every transfer takes its own 128 bytes of spidev's bounce buffer on a 64-bit Pi, however short it
is (the kernel aligns them for DMA since 5.9), so that the default `spidev.bufsiz=4096` carries 32
transfers only: a longer burst then goes in several ioctls of 32. Write
`options spidev bufsiz=65536` into /etc/modprobe.d/spidev.conf, and it is one.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Sequence
from typing import NamedTuple

from drivers.errors import AdcSilent
from drivers.machine import Device, Machine

MAX_TRANSFERS = 511
BOUNCE_ALIGN = 128
"""ARCH_DMA_MINALIGN of arm64, bytes; 32-bit kernels need less, which costs us an ioctl there."""
DEFAULT_BUFSIZ = 4_096
BUFSIZ = "/sys/module/spidev/parameters/bufsiz"
CS_GAP_US = 10
"""What the kernel waits between two frames with chip select high, where nobody says otherwise."""

_WRITE = 1 << 30
_MAGIC = ord("k") << 8
_WR_MODE = _WRITE | 1 << 16 | _MAGIC | 1
_WR_BITS_PER_WORD = _WRITE | 1 << 16 | _MAGIC | 3
_WR_MAX_SPEED_HZ = _WRITE | 4 << 16 | _MAGIC | 4
_MODE_0 = 0
_BITS = 8

_HINTS = {
    errno.ENOENT: "enable SPI (dtparam=spi=on in /boot/firmware/config.txt) and reboot",
    errno.EACCES: "join the group spi",
    errno.EMSGSIZE: "raise spidev's bufsiz (options spidev bufsiz=65536)",
}


class SpiTransfer(ctypes.Structure):
    """struct spi_ioc_transfer of linux/spi/spidev.h."""

    _fields_ = (
        ("tx_buf", ctypes.c_uint64),
        ("rx_buf", ctypes.c_uint64),
        ("len", ctypes.c_uint32),
        ("speed_hz", ctypes.c_uint32),
        ("delay_usecs", ctypes.c_uint16),
        ("bits_per_word", ctypes.c_uint8),
        ("cs_change", ctypes.c_uint8),
        ("tx_nbits", ctypes.c_uint8),
        ("rx_nbits", ctypes.c_uint8),
        ("word_delay_usecs", ctypes.c_uint8),
        ("pad", ctypes.c_uint8),
    )


class Frame(NamedTuple):
    """One stay of chip select at low."""

    sent: bytes
    delay_us: int = 0
    """After it, beside CS_GAP_US."""


class SpiMessage:
    """Frames and the place for their answers, made once and run often."""

    def __init__(self, frames: Sequence[Frame], *, speed_hz: int, at_most: int) -> None:
        """`at_most`: transfers per ioctl. Raises ValueError for a message of nothing."""
        if not frames or not 0 < at_most <= MAX_TRANSFERS:
            raise ValueError(f"an SPI message of {len(frames)} frames, {at_most} an ioctl")
        sent = b"".join(frame.sent for frame in frames)
        self.received = bytearray(len(sent))
        """What came back with the last run."""
        # The kernel reads and writes at these addresses: both must live as long as the transfers.
        self._tx = (ctypes.c_char * len(sent)).from_buffer_copy(sent)
        self._rx = (ctypes.c_char * len(sent)).from_buffer(self.received)
        transfers = self._transfers(frames, speed_hz)
        self.parts = [
            _part(transfers[first : first + at_most]) for first in range(0, len(frames), at_most)
        ]
        """(request, argument) of each ioctl."""

    def _transfers(self, frames: Sequence[Frame], speed_hz: int) -> list[SpiTransfer]:
        transfers = []
        offset = 0
        for frame in frames:
            transfers.append(
                SpiTransfer(
                    tx_buf=ctypes.addressof(self._tx) + offset,
                    rx_buf=ctypes.addressof(self._rx) + offset,
                    len=len(frame.sent),
                    speed_hz=speed_hz,
                    delay_usecs=frame.delay_us,
                    bits_per_word=_BITS,
                    cs_change=1,
                )
            )
            offset += len(frame.sent)
        return transfers


def _part(transfers: list[SpiTransfer]) -> tuple[int, ctypes.Array[SpiTransfer]]:
    # After the last frame cs_change would mean the opposite: leave chip select low.
    transfers[-1].cs_change = 0
    argument = (SpiTransfer * len(transfers))(*transfers)
    return _WRITE | ctypes.sizeof(argument) << 16 | _MAGIC, argument


class SpiDevice:
    """One chip on one bus. Opened when first used, and again after it was lost."""

    def __init__(self, machine: Machine, path: str, *, speed_hz: int) -> None:
        """`path`: as /dev/spidev0.0. Touches no device yet."""
        self._machine = machine
        self.path = path
        self.speed_hz = speed_hz
        self._device: Device | None = None

    def message(self, frames: Sequence[Frame]) -> SpiMessage:
        """Frames made ready for `run`, in as few ioctls as spidev's buffer allows."""
        at_most = min(MAX_TRANSFERS, self._bufsiz() // BOUNCE_ALIGN)
        return SpiMessage(frames, speed_hz=self.speed_hz, at_most=at_most)

    def run(self, message: SpiMessage) -> bytearray:
        """Send and receive; the message's own buffer, valid until its next run.

        Takes as long as the frames do. Raises AdcSilent; the next call opens the device anew.
        """
        device = self._device
        try:
            if device is None:
                device = self._device = self._open()
            for request, argument in message.parts:
                device.ioctl(request, argument)
        except OSError as error:
            self.close()
            hint = _HINTS.get(error.errno or 0, "is the chip's bus still there?")
            raise AdcSilent(f"{self.path}: {error.strerror}: {hint}") from error
        return message.received

    def close(self) -> None:
        """Idempotent."""
        if self._device is not None:
            self._device.close()
            self._device = None

    def _open(self) -> Device:
        device = self._machine.open_device(self.path)
        try:
            device.ioctl(_WR_MODE, bytearray((_MODE_0,)))
            device.ioctl(_WR_BITS_PER_WORD, bytearray((_BITS,)))
            device.ioctl(_WR_MAX_SPEED_HZ, bytearray(struct.pack("=I", self.speed_hz)))
        except OSError:
            device.close()
            raise
        return device

    def _bufsiz(self) -> int:
        try:
            return max(int(self._machine.read_text(BUFSIZ)), BOUNCE_ALIGN)
        except OSError:
            return DEFAULT_BUFSIZ
