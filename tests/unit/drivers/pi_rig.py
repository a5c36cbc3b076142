"""A computer put together from the parts of hil/pi that one test needs."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from typing import NoReturn, Protocol

from drivers.machine import Device
from hil.pi.pwm import refuse


class Files(Protocol):
    """A part of the computer that shows itself as files."""

    def owns(self, path: str) -> bool: ...
    def names(self, directory: str) -> list[str]: ...
    def real_path(self, path: str) -> str: ...
    def read_text(self, path: str) -> str: ...
    def write_text(self, path: str, text: str) -> None: ...


class Computer:
    """drivers.machine.Machine over a few parts; no pins."""

    def __init__(
        self, *parts: Files, devices: Mapping[str, Callable[[], Device]] | None = None
    ) -> None:
        self.parts = list(parts)
        self.devices = dict(devices or {})

    def _part(self, path: str) -> Files:
        for part in self.parts:
            if part.owns(path):
                return part
        raise refuse(errno.ENOENT, path)

    def names(self, directory: str) -> list[str]:
        return self._part(directory).names(directory)

    def real_path(self, path: str) -> str:
        return self._part(path).real_path(path)

    def read_text(self, path: str) -> str:
        return self._part(path).read_text(path)

    def write_text(self, path: str, text: str) -> None:
        self._part(path).write_text(path, text)

    def open_device(self, path: str) -> Device:
        if path not in self.devices:
            raise refuse(errno.ENOENT, path)
        return self.devices[path]()

    @property
    def gpio(self) -> NoReturn:
        raise NotImplementedError("this computer has no header")
