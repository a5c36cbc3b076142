"""One life of a guard process, whatever its pins are: signals, its end, and what stays behind."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from typing import Protocol

from evse.clock import Clock
from evse.guard.recorder import Cause
from evse.run.flight import FlightWriter
from evse.run.guard_loop import GuardLoop

_log = logging.getLogger(__name__)


class Closable(Protocol):
    def close(self) -> None: ...


def live(
    loop: GuardLoop, flights: FlightWriter, clock: Clock, closing: tuple[Closable, ...]
) -> int:
    """Run until a signal says so or the pins are lost; its exit code. `closing` is closed in order,
    whatever has happened."""

    def stop(_number: int, _frame: object) -> None:
        loop.running = False

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, stop)
    try:
        loop.run()
    except OSError as error:
        _log.error("pins lost: %s", error)
        flights.trigger(Cause.PINS_LOST, str(error), clock.now_ms())
        return 1
    finally:
        _each([*(part.close for part in closing), lambda: flights.close(clock.now_ms())])
    return 0


def _each(acts: list[Callable[[], None]]) -> None:
    """All of them, also where one raises; the first error is raised when all were tried."""
    if not acts:
        return
    try:
        acts[0]()
    finally:
        _each(acts[1:])
