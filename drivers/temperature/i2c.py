"""A temperature sensor on I²C (LM75, TMP102, MCP9808) by the kernel's I2C_RDWR ioctl.

A healthy answer takes half a millisecond at 100 kHz. A bus that something holds low takes the
adapter's timeout, a second by the kernel's default, and nothing short of another process keeps
that out of ring 1's loop: see drivers/temperature/slow.py.
"""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Callable, Mapping

import msgspec

from drivers.errors import SensorSilent
from drivers.machine import Device, Machine

I2C_RDWR = 0x0707
_READ = 0x0001
_HINTS = {
    errno.ENOENT: "enable I2C (dtparam=i2c_arm=on in /boot/firmware/config.txt) and reboot",
    errno.EACCES: "join the group i2c",
    errno.EREMOTEIO: "nothing answers at this address: compare the address pins with the profile",
    errno.ENXIO: "nothing answers at this address: compare the address pins with the profile",
    errno.ETIMEDOUT: "something holds the bus low",
}


class I2cMessage(ctypes.Structure):
    """struct i2c_msg of linux/i2c.h."""

    _fields_ = (
        ("addr", ctypes.c_uint16),
        ("flags", ctypes.c_uint16),
        ("len", ctypes.c_uint16),
        ("buf", ctypes.c_void_p),
    )


class I2cTransaction(ctypes.Structure):
    """struct i2c_rdwr_ioctl_data of linux/i2c-dev.h."""

    _fields_ = (("msgs", ctypes.c_void_p), ("nmsgs", ctypes.c_uint32))


class I2cChip(msgspec.Struct, frozen=True):
    """How one type tells its temperature: a 16-bit register, most significant byte first."""

    register: int
    decode: Callable[[int], int]
    """Register value to tenths of a degree."""


def _left_aligned(word: int) -> int:
    """Two's complement in 1/256 degree; the low bits that a type lacks are 0."""
    return round((word - ((word & 0x8000) << 1)) * 10 / 256)


def _thirteen_bits(word: int) -> int:
    """Two's complement of 13 bits in 1/16 degree; three alert flags above."""
    return round(((word & 0x0FFF) - (word & 0x1000)) * 10 / 16)


CHIPS: Mapping[str, I2cChip] = {
    "lm75": I2cChip(0x00, _left_aligned),
    "tmp102": I2cChip(0x00, _left_aligned),
    "mcp9808": I2cChip(0x05, _thirteen_bits),
}
"""Registers of the vendors' datasheets."""


class I2cSensor:
    """One chip on one bus; opened when first read and again after an error."""

    def __init__(self, machine: Machine, path: str, address: int, chip: I2cChip) -> None:
        """`path`: as /dev/i2c-1; `address`: 7 bits. Raises ValueError."""
        if not 0x03 <= address <= 0x77:
            raise ValueError(f"I2C address {address:#04x} is none: 0x03 to 0x77")
        self._machine, self._path, self._address, self._chip = machine, path, address, chip
        self._device: Device | None = None
        self._sent = (ctypes.c_uint8 * 1)(chip.register)
        self._received = (ctypes.c_uint8 * 2)()
        self._messages = (I2cMessage * 2)(
            I2cMessage(address, 0, 1, ctypes.addressof(self._sent)),
            I2cMessage(address, _READ, 2, ctypes.addressof(self._received)),
        )
        self._transaction = I2cTransaction(ctypes.addressof(self._messages), 2)

    def read(self) -> int:
        """Tenths of a degree Celsius. Raises SensorSilent, after at most the adapter's timeout."""
        device = self._device
        try:
            if device is None:
                device = self._device = self._machine.open_device(self._path)
            device.ioctl(I2C_RDWR, self._transaction)
        except OSError as error:
            self.close()
            hint = _HINTS.get(error.errno or 0, "is the bus still there?")
            where = f"{self._path} at {self._address:#04x}"
            raise SensorSilent(f"{where}: {error.strerror}: {hint}") from error
        return self._chip.decode(int.from_bytes(bytes(self._received), "big"))

    def close(self) -> None:
        """Idempotent."""
        if self._device is not None:
            self._device.close()
            self._device = None
