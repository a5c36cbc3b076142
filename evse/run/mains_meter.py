"""The meter at the mains of a running core: polled, handed on, and missed in words.

What is made of a reading, and of none, is the core's (evse/energy/station.py), which goes by the
age of the last one. Here its health is only told: on change, with the meter named.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from drivers.errors import MeterError
from drivers.metering.meter import Meter, MeterPoller
from evse.clock import Clock
from evse.config.energy import MainsTable
from evse.metering.supervisor import HealthChanged, MeterChange, MeterHealth, MeterSupervisor
from evse.model import MeterReading

_log = logging.getLogger(__name__)


class MainsMeter:
    """Hands every reading of `meter` to `on_reading`."""

    def __init__(
        self,
        table: MainsTable,
        meter: Meter,
        clock: Clock,
        *,
        on_reading: Callable[[MeterReading], None],
        explain: Callable[[MeterError], str] = str,
    ) -> None:
        """`explain`: a failure in words."""
        self._explain = explain
        self._fallback_a = table.fallback_a
        self._clock = clock
        self._on_reading = on_reading
        self._health = MeterSupervisor(
            start_ms=clock.now_ms(), stale_ms=table.meter.stale_ms, lost_ms=table.meter.lost_ms
        )
        self._poller = MeterPoller(
            meter,
            clock,
            poll_ms=table.meter.poll_ms,
            on_reading=self.took,
            on_failure=self.failed,
        )

    async def run(self) -> None:
        """Poll until cancelled."""
        await self._poller.run()

    def took(self, reading: MeterReading) -> None:
        """It answered."""
        self._tell(self._health.took(reading, self._clock.now_ms()))
        self._on_reading(reading)

    def failed(self, error: MeterError) -> None:
        """It did not; one lost answer is nothing to speak of."""
        self._tell(self._health.failed(self._explain(error), self._clock.now_ms()))

    def tick(self) -> None:
        """Let age act: a bus that hangs is told all the same."""
        self._tell(self._health.tick(self._clock.now_ms()))

    def _tell(self, changes: list[MeterChange]) -> None:
        for change in changes:
            if not isinstance(change, HealthChanged):
                continue  # its counter bills nobody
            if change.health is MeterHealth.FRESH:
                _log.info("mains meter: %s", change.why)
            elif change.health is MeterHealth.LOST:
                _log.warning(
                    "mains meter lost: %s; the EVSEs share %g A", change.why, self._fallback_a
                )
            else:
                _log.warning("mains meter: %s", change.why)
