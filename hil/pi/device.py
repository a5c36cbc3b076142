"""A device file of the fakes: opened, closed and lost like one of the kernel's, and asked by ioctls
alone."""

from __future__ import annotations

from typing import Self

from hil.pi.pwm import refuse


class DeviceNode:
    """Base of whatever stands behind a path in /dev."""

    def __init__(self, path: str, unread: int) -> None:
        """`unread`: errno of read and write, which nobody here has any use for."""
        self.path = path
        self.errno: int | None = None
        """What opening and every ioctl answer instead, such as ENODEV."""
        self.opened = 0
        self._unread = unread

    def open(self) -> Self:
        """What `open_device` of this path gives."""
        self.expect_there()
        self.opened += 1
        return self

    def close(self) -> None:
        self.opened -= 1

    def read(self, limit: int) -> bytes:  # noqa: ARG002 the port's signature
        raise refuse(self._unread, self.path)

    def write(self, data: bytes) -> int:  # noqa: ARG002 the port's signature
        raise refuse(self._unread, self.path)

    def expect_there(self) -> None:
        """Raises OSError while it is lost."""
        if self.errno is not None:
            raise refuse(self.errno, self.path)
