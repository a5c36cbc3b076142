"""The board's side of a port, for the guard process: never blocks, never raises once open."""

from __future__ import annotations

import os
import socket
import stat
import termios
import tty
from pathlib import Path
from typing import Protocol

from firmware_bridge.errors import PortError


class BoardPort(Protocol):
    def read(self, limit: int) -> bytes | None:
        """What is there, at most `limit` bytes; None = another host came, the stream is new."""

    def write(self, data: bytes) -> int:
        """How many bytes were taken; 0 when the port is full or nobody is there."""

    def close(self) -> None:
        """Let go of the port and remove its path. Idempotent."""


class PtyPort:
    """A pseudo-terminal, reachable under a stable path.

    It keeps the host's end open itself, so that the settings survive a host that goes, and
    a host that is not there costs no error.
    """

    def __init__(self, link: Path) -> None:
        """Make the pseudo-terminal and point `link` at it. Raises PortError."""
        self._link = link
        self._master, self._slave = os.openpty()
        self.path = os.ttyname(self._slave)
        try:
            for fd in (self._master, self._slave):
                tty.setraw(fd, termios.TCSANOW)
            os.set_blocking(self._master, False)
            _point(link, self.path)
        except OSError as error:
            self._close_fds()
            raise PortError(f"cannot offer {link}: {error.strerror or error}") from error
        self._open = True

    def read(self, limit: int) -> bytes | None:
        try:
            return os.read(self._master, limit) if self._open else b""
        except OSError:
            return b""

    def write(self, data: bytes) -> int:
        try:
            return os.write(self._master, data) if self._open else 0
        except OSError:
            return 0

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._close_fds()
        if self._link.is_symlink() and str(self._link.readlink()) == self.path:
            self._link.unlink()

    def _close_fds(self) -> None:
        os.close(self._slave)
        os.close(self._master)


def _point(link: Path, target: str) -> None:
    if link.exists() and not link.is_symlink():
        raise FileExistsError(f"{link} exists and is no link")
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    # Over an old link at once, so that a host never finds none.
    fresh.replace(link)


class SocketPort:
    """A Unix socket that serves one host at a time; the next one waits until it has gone."""

    def __init__(self, path: Path, *, mode: int = 0o660) -> None:
        """Listen at `path`. Raises PortError, also when another process serves there."""
        self._path = path
        self._host: socket.socket | None = None
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            _remove_dead_socket(path)
            self._listener.bind(str(path))
            path.chmod(mode)
            self._listener.listen(1)
            self._listener.setblocking(False)
        except OSError as error:
            self._listener.close()
            raise PortError(f"cannot offer {path}: {error.strerror or error}") from error
        self._open = True

    def read(self, limit: int) -> bytes | None:
        if self._host is None:
            return None if self._accept() else b""
        try:
            data = self._host.recv(limit)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._drop()
        return data

    def write(self, data: bytes) -> int:
        if self._host is None:
            return 0
        try:
            return self._host.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self._drop()
            return 0

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._drop()
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> bool:
        try:
            host, _ = self._listener.accept()
        except OSError:
            return False
        host.setblocking(False)
        self._host = host
        return True

    def _drop(self) -> None:
        if self._host is not None:
            self._host.close()
            self._host = None


def _remove_dead_socket(path: Path) -> None:
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise FileExistsError(f"{path} exists and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:
            pass  # Its line is full: somebody serves.
    raise FileExistsError(f"another process serves {path}")
