"""The real computer under drivers/machine.py: this one."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import importlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
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


WORKING_DIRECTORY = "LG_WD"
"""Where lgpio makes its pipe, and goes to stay; without it, where the process happens to be."""


def _lgpio_factory() -> Factory:
    lgpio = _lgpio()
    if not hasattr(lgpio, "gpiochip_open"):
        # A wheel of that name without any code is what pip finds where there is no build.
        raise GpioUnavailable(
            f"the lgpio that is installed ({lgpio.__file__}) is an empty placeholder: "
            f"uninstall it, then {HOW_TO_GET_LGPIO}"
        )
    try:
        from gpiozero.pins.lgpio import LGPIOFactory

        return LGPIOFactory()
    except Exception as error:  # lgpio has an error class of its own beside OSError
        raise GpioUnavailable(f"the GPIO chip can not be opened: {error}") from error


def _lgpio() -> ModuleType:
    """The library. Its import opens a pipe in a directory, which is made for that moment alone and
    gone before anybody sees it. Raises GpioUnavailable."""
    try:
        with _elsewhere():
            return importlib.import_module("lgpio")
    except ModuleNotFoundError as error:
        raise GpioUnavailable(f"lgpio is not installed: {HOW_TO_GET_LGPIO}") from error
    except Exception as error:  # whatever a library of C raises while it is loaded
        raise GpioUnavailable(
            f"lgpio can not be loaded: {error}: {HOW_TO_GET_LGPIO}; its pipe needs a directory "
            "for temporary files that can be written (TMPDIR)"
        ) from error


@contextlib.contextmanager
def _elsewhere() -> Iterator[None]:
    """A private directory for lgpio; working directory and environment are as before then."""
    named = os.environ.get(WORKING_DIRECTORY)
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with tempfile.TemporaryDirectory(prefix="pievse-lgpio-") as private:
            os.environ[WORKING_DIRECTORY] = private
            try:
                yield
            finally:
                os.fchdir(here)
    finally:
        os.close(here)
        if named is None:
            os.environ.pop(WORKING_DIRECTORY, None)
        else:
            os.environ[WORKING_DIRECTORY] = named
