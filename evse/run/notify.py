"""What a process tells the service manager that started it: sd_notify(3), without a library.

Silent where nobody listens: a process that was started by hand, or by `evse run`, has no
NOTIFY_SOCKET. Nothing here blocks or raises.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping

SOCKET_VARIABLE = "NOTIFY_SOCKET"
WATCHDOG_VARIABLE = "WATCHDOG_USEC"
WATCHDOG_PID_VARIABLE = "WATCHDOG_PID"
SHARE = 3
"""The watchdog is fed so many times within its time: one datagram that is lost costs nothing."""

Tell = Callable[[str], bool]
"""Sends one message; False where it could not be handed over now."""


class Notifier:
    """Sends to one Unix socket: a path, or with a leading `@` an abstract name. Empty: whatever is
    told is taken and goes nowhere."""

    def __init__(self, address: str) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def tell(self, message: str) -> bool:
        """One or more `KEY=value` lines. False where the manager did not take it."""
        if not self._address:
            return True
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                manager.setblocking(False)
                manager.sendto(message.encode(), self._address)
        except OSError:
            return False
        return True

    def ready(self, status: str) -> bool:
        """The process does its work; `status` says which, for people."""
        return self.tell(f"READY=1\nSTATUS={_line(status)}")

    def stopping(self) -> bool:
        """It ends in good order."""
        return self.tell("STOPPING=1\nSTATUS=stopping")

    def status(self, status: str) -> bool:
        return self.tell(f"STATUS={_line(status)}")


class Watchdog:
    """Feeds the manager's watchdog. `fed` belongs at the end of a turn of the loop whose hanging is
    to be noticed, and nowhere else: a timer or thread of its own would feed for a dead loop."""

    def __init__(self, tell: Tell, period_ms: int) -> None:
        """`period_ms`: the manager's time; 0: there is no watchdog."""
        self._tell = tell
        self.pace_ms = period_ms // SHARE
        self._fed_ms: int | None = None

    def fed(self, now_ms: int) -> None:
        """A turn went well. Tells so when it is due; one that was not taken is told again with the
        next turn."""
        if not self.pace_ms or (self._fed_ms is not None and now_ms - self._fed_ms < self.pace_ms):
            return
        if self._tell("WATCHDOG=1"):
            self._fed_ms = now_ms


def notifier(environment: Mapping[str, str] = os.environ) -> Notifier:
    """For the manager of this process."""
    return Notifier(environment.get(SOCKET_VARIABLE, ""))


def watchdog(tell: Tell, environment: Mapping[str, str] = os.environ) -> Watchdog:
    """As the manager wants it; none where it wants none of this very process."""
    mine = environment.get(WATCHDOG_PID_VARIABLE, "") in ("", str(os.getpid()))
    period_us = environment.get(WATCHDOG_VARIABLE, "")
    return Watchdog(tell, int(period_us) // 1_000 if mine and period_us.isdecimal() else 0)


def _line(text: str) -> str:
    """A line break would begin another assignment."""
    return " ".join(text.split())
