"""The wires of readers: a serial port, a keyboard taken for us alone.

Nothing here waits. What raises raises OSError, as the kernel does; `obstacle` has words for it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import termios
from collections.abc import Callable
from typing import Protocol

from drivers.rfid.events import Lost

EVIOCGRAB = 0x40044590
"""_IOW('E', 0x90, int) of Linux' input.h: whoever has grabbed a device gets its events alone."""

Grab = Callable[[int, int, int], object]
"""fcntl.ioctl, as far as it is used here."""


class Port(Protocol):
    """An open wire. Its descriptor never waits."""

    @property
    def fd(self) -> int: ...
    def write(self, data: bytes) -> None:
        """Raises OSError where not all of it is taken at once."""

    def close(self) -> None:
        """Idempotent; never raises and never waits."""


Opener = Callable[[], Port]
"""Raises OSError."""


class SerialPort:
    """A serial port for us alone: 8 data bits, no parity, no flow control."""

    def __init__(self, path: str, baud: int) -> None:
        import serial  # 15 ms, for stations that have such a reader

        try:
            self._device = serial.Serial(path, baud, timeout=0, exclusive=True)
        except (serial.SerialException, termios.error, ValueError) as error:
            raise OSError(_number_of(error), str(error)) from error
        self.fd = int(self._device.fileno())

    def write(self, data: bytes) -> None:
        if os.write(self.fd, data) != len(data):
            raise OSError(errno.EAGAIN, "takes no more")

    def close(self) -> None:
        with contextlib.suppress(OSError, termios.error):
            termios.tcflush(self.fd, termios.TCOFLUSH)  # or the kernel waits for it to be sent
        with contextlib.suppress(OSError):
            self._device.close()


def _number_of(error: Exception) -> int:
    """The kernel's number behind an error of pyserial, which hides that of a line setting."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    inner = error if isinstance(error, termios.error) else error.__context__
    return int(inner.args[0]) if isinstance(inner, termios.error) else errno.EINVAL


class KeyboardPort:
    """An input device for us alone: what it types reaches nobody else."""

    def __init__(self, path: str, *, grab: Grab = fcntl.ioctl) -> None:
        self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            grab(self.fd, EVIOCGRAB, 1)
        except OSError:
            self.close()
            raise

    def write(self, data: bytes) -> None:
        raise OSError(errno.EBADF, f"{len(data)} bytes can not be told to a keyboard")

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)  # and with it the grab
            self.fd = -1


_OBSTACLES: dict[int | None, tuple[str, str]] = {
    errno.ENOENT: (
        "is not there",
        "Plug it in, and see its name in /dev/serial/by-id or /dev/input/by-id.",
    ),
    errno.ENXIO: ("is not there", "Plug it in, or enable the port (docs/rfid.md)."),
    errno.EACCES: (
        "may not be opened",
        "Its user needs the group dialout for a serial port, input for a keyboard.",
    ),
    errno.EAGAIN: (
        "is in use by another program",
        "Stop what has it: a login console, a running station, another watch.",
    ),
    errno.ENOTTY: (
        "is no device of that kind",
        "A pn532 or serial_line needs a serial port; a keyboard needs /dev/input/...-event-kbd.",
    ),
    errno.EIO: ("went away", "Check the plug and the cable."),
    errno.ENODEV: ("went away", "Check the plug and the cable."),
}
_OBSTACLES[errno.EBUSY] = _OBSTACLES[errno.EAGAIN]
_OBSTACLES[errno.EPERM] = _OBSTACLES[errno.EACCES]
_OBSTACLES[errno.EINVAL] = ("refuses the line settings", "Check baud.")


def obstacle(error: OSError) -> Lost:
    """What an error of a port means for whoever stands before it."""
    known = _OBSTACLES.get(error.errno)
    return Lost(*known) if known else Lost(f"can not be used ({error})", "See the kernel's log.")
