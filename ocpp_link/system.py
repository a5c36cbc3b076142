"""The computer as the link may use it; see ports.SystemPort."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from ocpp_link.ports import RestartKind


class BareSystem:
    """A computer that nobody let us touch: its clock stays, and nothing restarts."""

    boot_id = "unknown"

    def set_time(self, _utc: datetime, on_done: Callable[[str], None]) -> None:
        """Never."""
        on_done("nobody may set the clock here")

    def restart(self, kind: RestartKind, on_failed: Callable[[str], None]) -> None:
        """Never."""
        on_failed(f"nobody restarts the {kind.value} here")


class ProcessSystem:
    """The computer under a process whose owner restarts it: `on_restart` gets what is to begin
    anew, and ends the process. `may_set_clock`: whether the wall clock is ours."""

    def __init__(
        self,
        boot_id: str,
        on_restart: Callable[[RestartKind], None],
        *,
        may_set_clock: bool = False,
    ) -> None:
        self.boot_id = boot_id
        self._may_set_clock = may_set_clock
        self._on_restart = on_restart

    def set_time(self, utc: datetime, on_done: Callable[[str], None]) -> None:
        """Only where the owner gave leave: a computer has other users of its clock, and usually
        another source of time. Needs CAP_SYS_TIME."""
        if not self._may_set_clock:
            on_done("the clock is not ours to set")
            return
        try:
            time.clock_settime(time.CLOCK_REALTIME, utc.timestamp())
        except OSError as error:
            on_done(f"the clock can not be set: {error.strerror}")
        else:
            on_done("")

    def restart(self, kind: RestartKind, _on_failed: Callable[[str], None]) -> None:
        """At once; the owner finishes what the disk still has to do."""
        self._on_restart(kind)


class UnitSystem(ProcessSystem):
    """The computer under a process that may do nothing privileged itself, but start the systemd
    unit that does it, by name (docs/units.md). `start` starts one and calls back on the engine's
    thread, empty or with what went wrong."""

    def __init__(
        self,
        boot_id: str,
        on_restart: Callable[[RestartKind], None],
        start: Callable[[str, Callable[[str], None]], None],
        *,
        may_set_clock: bool = False,
    ) -> None:
        super().__init__(boot_id, on_restart, may_set_clock=may_set_clock)
        self._start = start

    def set_time(self, utc: datetime, on_done: Callable[[str], None]) -> None:
        """As above; what the start of the unit takes, the clock is behind."""
        if not self._may_set_clock:
            on_done("the clock is not ours to set")
            return
        self._start(f"pievse-set-clock@{utc.timestamp():.3f}.service", on_done)
