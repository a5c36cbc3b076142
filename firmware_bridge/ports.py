"""Opening the host's side of a port: serial device, pseudo-terminal or Unix socket.

Opening never blocks and never shares: a second process that opens the same device gets a
PortError that says so.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import termios
import tty

from firmware_bridge.errors import PortError
from firmware_bridge.transports import FdTransport

BAUD = 115_200
UNIX_PREFIX = "unix:"
_PTY_DIRECTORY = "/dev/pts/"


def open_port(address: str, *, baud: int = BAUD) -> FdTransport:
    """The port at `address`: `unix:PATH`, the path of a pseudo-terminal, or of a serial device.

    Links are followed. `baud` counts for serial devices. Raises PortError naming port and cause.
    """
    try:
        if address.startswith(UNIX_PREFIX):
            return _open_unix(address)
        if os.path.realpath(address).startswith(_PTY_DIRECTORY):
            return _open_pty(address)
        return _open_serial(address, baud)
    except (OSError, ValueError, termios.error) as error:
        raise PortError(f"cannot open {address}: {_cause(error)}") from error


def _open_pty(path: str) -> FdTransport:
    # A pseudo-terminal has no modem lines and no parity, and answers ENOTTY or EINVAL for them.
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # TCSANOW: the default of setraw waits until the other end has read everything.
        tty.setraw(fd, termios.TCSANOW)
        termios.tcflush(fd, termios.TCIFLUSH)
    except (OSError, termios.error):
        os.close(fd)
        raise
    return FdTransport(fd, path, lambda: os.close(fd))


def _open_serial(path: str, baud: int) -> FdTransport:
    import serial  # A simulated or native board needs no pyserial.

    port = serial.Serial(path, baud, timeout=0, write_timeout=0, exclusive=True)
    fd = port.fileno()
    try:
        _end_of_file_only_on_hangup(fd)
    except termios.error:
        port.close()
        raise

    def close() -> None:
        _drop_output(fd)
        port.close()

    return FdTransport(fd, path, close)


def _open_unix(address: str) -> FdTransport:
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stream.setblocking(False)
    try:
        stream.connect(address.removeprefix(UNIX_PREFIX))
    except OSError:
        stream.close()
        raise
    return FdTransport(stream.fileno(), address, stream.close)


def _end_of_file_only_on_hangup(fd: int) -> None:
    # With VMIN 0 a wake-up without data reads as an end of file.
    attributes = termios.tcgetattr(fd)
    control = attributes[6]
    control[termios.VMIN] = 1
    control[termios.VTIME] = 0
    termios.tcsetattr(fd, termios.TCSANOW, attributes)


def _drop_output(fd: int) -> None:
    # Closing would wait for bytes that a stalled UART never sends.
    try:
        termios.tcflush(fd, termios.TCOFLUSH)
    except termios.error:
        return


def _cause(error: Exception) -> str:
    number = error.args[0] if error.args else None
    if number in (errno.EAGAIN, errno.EBUSY):
        return "another process has it open"
    return os.strerror(number) if isinstance(number, int) else str(error)
