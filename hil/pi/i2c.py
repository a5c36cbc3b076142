"""Chips on an I²C bus, at the level of the kernel's I2C_RDWR ioctl."""

from __future__ import annotations

import ctypes
import errno
import struct

from drivers.machine import IoctlArgument
from hil.pi.pwm import refuse

I2C_RDWR = 0x0707
_MESSAGE = struct.Struct("@HHHP")
_TRANSACTION = struct.Struct("@PI")
_READ = 0x0001


class I2cBus:
    """Registers by chip address and number. Writing one byte chooses the register to be read."""

    def __init__(self, path: str = "/dev/i2c-1") -> None:
        self.path = path
        self.registers: dict[int, dict[int, bytes]] = {}
        self.errno: int | None = None
        """What opening and every ioctl answer instead, such as ETIMEDOUT for a bus held low."""
        self.opened = 0
        self._chosen: dict[int, int] = {}

    def open(self) -> I2cBus:
        """What `open_device` of this path gives."""
        if self.errno is not None:
            raise refuse(self.errno, self.path)
        self.opened += 1
        return self

    def close(self) -> None:
        self.opened -= 1

    def read(self, limit: int) -> bytes:  # noqa: ARG002 the port's signature
        raise refuse(errno.EREMOTEIO, self.path)

    def write(self, data: bytes) -> int:  # noqa: ARG002 the port's signature
        raise refuse(errno.EREMOTEIO, self.path)

    def ioctl(self, request: int, argument: IoctlArgument) -> int:
        if self.errno is not None:
            raise refuse(self.errno, self.path)
        if request != I2C_RDWR:
            raise refuse(errno.ENOTTY, self.path)
        messages, count = _TRANSACTION.unpack(bytes(argument)[: _TRANSACTION.size])
        content = ctypes.string_at(messages, count * _MESSAGE.size)
        for message in _MESSAGE.iter_unpack(content):
            self._one(*message)
        return int(count)

    def _one(self, address: int, flags: int, length: int, buffer: int) -> None:
        chip = self.registers.get(address)
        if chip is None:
            raise refuse(errno.EREMOTEIO, self.path)
        if flags & _READ:
            content = chip.get(self._chosen.get(address, 0), b"")
            ctypes.memmove(buffer, content.ljust(length, b"\xff"), length)
        elif length:
            self._chosen[address] = ctypes.string_at(buffer, length)[0]
