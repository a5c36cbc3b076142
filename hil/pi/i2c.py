"""Chips on an I²C bus, at the level of the kernel's I2C_RDWR ioctl."""

from __future__ import annotations

import ctypes
import errno
import struct

from drivers.machine import IoctlArgument
from hil.pi.device import DeviceNode
from hil.pi.pwm import refuse

I2C_RDWR = 0x0707
_MESSAGE = struct.Struct("@HHHP")
_TRANSACTION = struct.Struct("@PI")
_READ = 0x0001


class I2cBus(DeviceNode):
    """Registers by chip address and number. Writing one byte chooses the register to be read."""

    def __init__(self, path: str = "/dev/i2c-1") -> None:
        super().__init__(path, unread=errno.EREMOTEIO)
        self.registers: dict[int, dict[int, bytes]] = {}
        self._chosen: dict[int, int] = {}

    def ioctl(self, request: int, argument: IoctlArgument) -> int:
        self.expect_there()
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
