"""The real computer under drivers/machine.py: this one."""

from __future__ import annotations

import fcntl
import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.errors import GpioUnavailable
from drivers.machine import Device, IoctlArgument

if TYPE_CHECKING:
    from gpiozero import Factory

HOW_TO_GET_LGPIO = (
    "install the system's package python3-lgpio and make the virtual environment with "
    "--system-site-packages (Python 3.13), or install pievse[gpio] (Python 3.11)"
)


class DeviceFile:
    """An open device file of the kernel."""

    def __init__(self, path: str) -> None:
        """Raises OSError."""
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def ioctl(self, request: int, argument: IoctlArgument) -> int:
        return int(fcntl.ioctl(self._fd, request, argument, True))

    def read(self, limit: int) -> bytes:
        try:
            return os.read(self._fd, limit)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> int:
        return os.write(self._fd, data)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class RaspberryPi:
    """drivers.machine.Machine on the computer that this runs on."""

    def read_text(self, path: str) -> str:
        return Path(path).read_text("ascii")

    def write_text(self, path: str, text: str) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, text.encode("ascii"))
        finally:
            os.close(fd)

    def names(self, directory: str) -> list[str]:
        return sorted(os.listdir(directory))

    def real_path(self, path: str) -> str:
        return str(Path(path).resolve(strict=True))

    def open_device(self, path: str) -> Device:
        return DeviceFile(path)

    @functools.cached_property
    def gpio(self) -> Factory:
        """Raises GpioUnavailable: no library, its placeholder, or no chip that may be opened."""
        return _lgpio_factory()


def _lgpio_factory() -> Factory:
    try:
        import lgpio
    except ImportError as error:
        raise GpioUnavailable(f"lgpio is not installed: {HOW_TO_GET_LGPIO}") from error
    if not hasattr(lgpio, "gpiochip_open"):
        # A wheel of that name without any code is what pip finds where there is no build.
        raise GpioUnavailable(
            f"the lgpio that is installed ({lgpio.__file__}) is an empty placeholder: "
            f"uninstall it, then {HOW_TO_GET_LGPIO}"
        )
    from gpiozero.pins.lgpio import LGPIOFactory

    try:
        return LGPIOFactory()
    except Exception as error:  # lgpio has an error class of its own beside OSError
        raise GpioUnavailable(f"the GPIO chip can not be opened: {error}") from error
