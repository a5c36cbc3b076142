"""The edges of the computer that a driver may touch, as ports: files, device files, GPIO.

Everything below them is the kernel; everything above runs unchanged on a computer that is made of
memory (hil/pi/). All of it raises OSError, as the kernel does, and none of it waits.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from gpiozero import Factory

IoctlArgument = bytearray | ctypes.Array[Any] | ctypes.Structure
"""What the kernel reads and writes in place."""


class Device(Protocol):
    """An open device file."""

    def ioctl(self, request: int, argument: IoctlArgument) -> int:
        """ioctl(2): what the kernel returns. `argument` is changed in place."""

    def read(self, limit: int) -> bytes:
        """What is there, at most `limit` bytes; b"" when there is nothing now."""

    def write(self, data: bytes) -> int:
        """How many bytes were taken."""

    def close(self) -> None:
        """Idempotent."""


class Machine(Protocol):
    """One computer."""

    def read_text(self, path: str) -> str:
        """A whole small file, as sysfs has them."""

    def write_text(self, path: str, text: str) -> None:
        """Write `text` in one call, as sysfs wants it. It makes no file that is not there."""

    def names(self, directory: str) -> list[str]:
        """What is in a directory, sorted."""

    def real_path(self, path: str) -> str:
        """Where a chain of links ends. Raises OSError where nothing is."""

    def open_device(self, path: str) -> Device:
        """Open for reading and writing, without waiting."""

    @property
    def gpio(self) -> Factory:
        """The pins of the header, by BCM number. Raises GpioUnavailable."""
