"""Byte streams for the host's event loop: one file descriptor, never blocking, lost only once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Protocol

READ_BYTES = 4096


class Transport(Protocol):
    """An open port. What it calls back, it calls from the event loop, never from within
    `start` or `write`."""

    @property
    def name(self) -> str:
        """What a person calls this port: its path."""

    @property
    def ready(self) -> bool:
        """Has everything written before left?"""

    def start(
        self,
        on_data: Callable[[bytes], None],
        on_ready: Callable[[], None],
        on_lost: Callable[[str], None],
    ) -> None:
        """Begin to call back. `on_lost` comes at most once, with a sentence, and last."""

    def write(self, data: bytes) -> None:
        """Let `data` leave as the port takes it. Call it only while `ready`."""

    def close(self) -> None:
        """Let go of the port; nothing is called back any more. Idempotent."""


class FdTransport:
    """A terminal, pseudo-terminal or socket that is open and non-blocking."""

    def __init__(self, fd: int, name: str, close_fd: Callable[[], None]) -> None:
        """`close_fd` closes `fd`; it is called once."""
        self._fd = fd
        self._name = name
        self._close_fd = close_fd
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tail = b""
        self._open = True

    @property
    def name(self) -> str:
        return self._name

    @property
    def ready(self) -> bool:
        return self._open and not self._tail

    def start(
        self,
        on_data: Callable[[bytes], None],
        on_ready: Callable[[], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self._on_data = on_data
        self._on_ready = on_ready
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._read)

    def write(self, data: bytes) -> None:
        if not self._open:
            return
        self._tail += data
        self._push()
        if self._tail and self._loop is not None and self._open:
            self._loop.add_writer(self._fd, self._continue)

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._tail = b""
        if self._loop is not None:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
        self._close_fd()

    def _read(self) -> None:
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(f"{self._name}: {error.strerror}")
            return
        if data:
            self._on_data(data)
        else:
            self._lose(f"{self._name}: the other end hung up")

    def _push(self) -> None:
        try:
            taken = os.write(self._fd, self._tail)
        except BlockingIOError:
            return
        except OSError as error:
            self._tail = b""
            # Told later: the caller is in the middle of a write.
            why = f"{self._name}: {error.strerror}"
            asyncio.get_running_loop().call_soon(self._lose, why)
            return
        self._tail = self._tail[taken:]

    def _continue(self) -> None:
        self._push()
        if not self._tail and self._open and self._loop is not None:
            self._loop.remove_writer(self._fd)
            self._on_ready()

    def _lose(self, why: str) -> None:
        if self._open:
            self.close()
            self._on_lost(why)
