"""A chip at the far end of a descriptor, and what can be plugged in and out: a pseudo-terminal for
the product's own way to open it, a socket pair where time is virtual."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tty
from pathlib import Path

from evse.clock import Clock
from hil.rfid.pn532_chip import Pn532Chip

READ_BYTES = 4_096


class _Served:
    """`chip`, which hears and speaks at `fd` until it is closed."""

    def __init__(self, chip: Pn532Chip, fd: int, clock: Clock) -> None:
        self._chip = chip
        self._fd = fd
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._heard)

    def close(self) -> None:
        self._loop.remove_reader(self._fd)
        if self._timer is not None:
            self._timer.cancel()

    def _heard(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionResetError):
            data = os.read(self._fd, READ_BYTES)
            if not data:
                self.close()  # whoever had it open has closed it
                return
            self._chip.receive(data, self._clock.now_ms())
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due_ms = self._chip.next_ms
        if due_ms is not None:
            wait_s = max(0, due_ms - self._clock.now_ms()) / 1000
            self._timer = self._loop.call_later(wait_s, self._send)

    def _send(self) -> None:
        out = self._chip.output(self._clock.now_ms())
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(self._fd, out)  # where nobody reads, a line would lose it too
        self._arm()


class PtyReader:
    """A chip on a pseudo-terminal that `link` points to; needs the running event loop."""

    def __init__(self, chip: Pn532Chip, link: Path, clock: Clock) -> None:
        self.chip = chip
        self._link = link
        self._clock = clock
        self._fds: tuple[int, int] | None = None
        self._served: _Served | None = None

    def plug(self) -> None:
        """The device file appears, and the chip has its supply."""
        if self._fds is not None:
            return
        self.chip.power_on()
        # The slave stays open here too: else the master reads EIO whenever no client is there.
        master, slave = self._fds = os.openpty()
        tty.setraw(slave)
        self._served = _Served(self.chip, master, self._clock)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(os.ttyname(slave))

    def unplug(self) -> None:
        """Whoever has it open is hung up on."""
        if self._fds is None or self._served is None:
            return
        self._link.unlink(missing_ok=True)
        self._served.close()
        for fd in self._fds:
            os.close(fd)
        self._fds = None


class SocketPort:
    """drivers.rfid.ports.Port, of which the other end is a chip."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self.fd = end.fileno()

    def write(self, data: bytes) -> None:
        if os.write(self.fd, data) != len(data):
            raise OSError("takes no more")

    def close(self) -> None:
        self._end.close()


class SocketReader:
    """A chip behind an opener of ports, both in one process."""

    def __init__(self, chip: Pn532Chip, clock: Clock) -> None:
        self.chip = chip
        self.opened = 0
        """How often somebody tried."""
        self.obstacle: OSError | None = None
        """Why it can not be opened now."""
        self._clock = clock
        self._end: socket.socket | None = None
        self._served: _Served | None = None

    def open(self) -> SocketPort:
        """As drivers.rfid.ports.Opener. Raises `obstacle`."""
        self.opened += 1
        if self.obstacle is not None:
            raise self.obstacle
        self.hang_up()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._end = theirs
        self._served = _Served(self.chip, theirs.fileno(), self._clock)
        return SocketPort(ours)

    def hang_up(self) -> None:
        """The cable is pulled."""
        if self._end is not None and self._served is not None:
            self._served.close()
            self._end.close()
        self._end = None
        self.chip.power_on()
