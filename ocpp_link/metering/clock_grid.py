"""Points of the wall clock at which something is due: every so often, counted from midnight UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from evse.clock import rfc3339
from ocpp_link.station import Station

CLOCK_CHECK_MS = 60_000
"""So often the wall clock is looked at for a point that a jump of it may have brought."""


class ClockGrid:
    """`interval_s()` is the present distance of its points (0 = there are none); `on_point` hears
    of each, with its exact time. `timer` is the name of its timer."""

    def __init__(
        self,
        station: Station,
        timer: str,
        interval_s: Callable[[], int],
        on_point: Callable[[str], None],
    ) -> None:
        self._station = station
        self._timer = timer
        self._interval_s = interval_s
        self._on_point = on_point
        self._last = self._point()
        station.on_timer[timer] = self._look_at_clock
        station.occasions.clock_set.append(lambda _ms: self.restart())
        self.restart()

    def restart(self) -> None:
        """From now on: what has been is not made up for."""
        self._last = self._point()
        self._start_clock()

    def _point(self) -> datetime:
        """The last point before now, or at it."""
        now = self._station.clock.utc()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        step = timedelta(seconds=self._interval_s() or 86_400)
        return midnight + (now - midnight) // step * step

    def _start_clock(self) -> None:
        interval_s = self._interval_s()
        if not interval_s:
            self._station.timers.cancel((self._timer,))
            return
        now = self._station.clock.utc()
        tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        point = min(self._point() + timedelta(seconds=interval_s), tomorrow)
        wait_ms = -((now - point) // timedelta(milliseconds=1))
        self._station.start_timer(min(wait_ms, CLOCK_CHECK_MS), self._timer)

    def _look_at_clock(self) -> None:
        """Its timer."""
        point = self._point()
        if point != self._last:
            forward = point > self._last
            self._last = point
            if forward:
                self._on_point(rfc3339(point))
        self._start_clock()
