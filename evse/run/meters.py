"""The billing meters of a running core: buses, polls, and the supervisor's verdicts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from drivers.errors import MeterError
from drivers.meter import MeterPoller, ModbusMeter
from drivers.meter_map import Line, MeterMap, load_map
from drivers.modbus_bus import ModbusBus
from evse.clock import Clock
from evse.config.model import EvseTable, MeterTable, StationConfig
from evse.metering.desk import MeterDesk
from evse.metering.plausibility import Finding
from evse.metering.supervisor import FindingRaised, MeterChange
from evse.model import MeterReading

_log = logging.getLogger(__name__)


class Meters:
    """One poller for each meter; meters on one port share its bus."""

    def __init__(
        self,
        config: StationConfig,
        clock: Clock,
        *,
        ports: Callable[[EvseTable], str],
        on_reading: Callable[[int, MeterReading], None],
        on_lost: Callable[[int], None],
        on_findings: Callable[[int, frozenset[Finding]], None],
    ) -> None:
        """`ports` names the device of an EVSE's meter."""
        self._clock = clock
        self._buses: dict[str, ModbusBus] = {}
        self._pollers: dict[int, MeterPoller] = {}
        fitted = [table for table in config.evses if table.meter.kind == "modbus"]
        self._desk = MeterDesk(
            fitted,
            start_ms=clock.now_ms(),
            on_reading=on_reading,
            on_lost=on_lost,
            on_findings=on_findings,
            say=_say,
        )
        for table in fitted:
            self._add(table.id, table.meter, ports(table))

    def _add(self, evse: int, table: MeterTable, port: str) -> None:
        meter_map = load_map(table.model)
        bus = self._buses.get(port)
        if bus is None:
            line = line_settings(table, meter_map)
            bus = self._buses[port] = ModbusBus(port, line, timeout_ms=table.timeout_ms)
        self._pollers[evse] = MeterPoller(
            ModbusMeter(bus, meter_map, table.unit, self._clock),
            self._clock,
            poll_ms=table.poll_ms,
            on_reading=lambda reading: self._desk.took(evse, reading, self._clock.now_ms()),
            on_failure=lambda error: self._failed(evse, error),
        )

    def read_now(self, evse: int) -> None:
        """The core's MeterPort: what comes of it arrives as any reading."""
        if evse in self._pollers:
            self._pollers[evse].read_now().add_done_callback(_forget)

    def expect(self, evse: int, known_wh: float) -> None:
        """What the counter was last known to say, before the first poll (MeterDesk.expect)."""
        self._desk.expect(evse, known_wh)

    def accept(self, evse: int) -> bool:
        """The core's MeterPort."""
        return self._desk.accept(evse)

    async def run(self) -> None:
        """Poll until cancelled, also where there is nothing to poll."""
        try:
            async with asyncio.TaskGroup() as group:
                for evse, poller in self._pollers.items():
                    group.create_task(poller.run(), name=f"meter {evse}")
                await asyncio.get_running_loop().create_future()
        finally:
            for bus in self._buses.values():
                await bus.aclose()

    def tick(self) -> None:
        """Let age act: a meter whose bus hangs is called stale and lost all the same."""
        self._desk.tick(self._clock.now_ms())

    def _failed(self, evse: int, error: MeterError) -> None:
        self._desk.failed(evse, str(error), self._clock.now_ms())


def _say(evse: int, change: MeterChange) -> None:
    _log.log(
        logging.WARNING if isinstance(change, FindingRaised) else logging.INFO,
        "evse=%d meter %s",
        evse,
        change,
    )


def line_settings(table: MeterTable, meter_map: MeterMap) -> Line:
    """The model's own line settings, but for those that the configuration names."""
    own = meter_map.line
    return Line(
        baud=table.baud or own.baud,
        parity=table.parity or own.parity,
        stop_bits=table.stop_bits or own.stop_bits,
    )


def simulated_port(run_dir: Path) -> Callable[[EvseTable], str]:
    """Where the simulated meters are."""
    return lambda table: str(run_dir / f"meter-{table.id}.tty")


def _forget(future: asyncio.Future[MeterReading]) -> None:
    """A failed reading has been noted by the poller; nobody waits for this one."""
    if not future.cancelled():
        future.exception()
