"""The meters of a running core: buses, polls, and the supervisor's verdicts on those that bill."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from drivers.errors import MeterError
from drivers.metering.bus import ModbusBus
from drivers.metering.catalogue import load_map
from drivers.metering.meter import MeterPoller, ModbusMeter
from drivers.metering.settings import line_settings, meter_warnings
from evse.clock import Clock
from evse.config.evse import MeterTable
from evse.config.meters import MAINS
from evse.config.station import StationConfig
from evse.metering.desk import MeterDesk
from evse.metering.plausibility import Finding
from evse.metering.supervisor import FindingRaised, HealthChanged, MeterChange
from evse.metering.trouble import Trouble
from evse.model import MeterReading
from evse.run.mains_meter import MainsMeter

_log = logging.getLogger(__name__)


Ports = Callable[[str, MeterTable], str]
"""The device of a meter, by its name (evse/config/meters.py) and its table."""


class Meters:
    """One poller for each meter; meters on one port share its bus."""

    def __init__(
        self,
        config: StationConfig,
        clock: Clock,
        *,
        ports: Ports,
        on_reading: Callable[[int, MeterReading], None],
        on_lost: Callable[[int], None],
        on_findings: Callable[[int, frozenset[Finding]], None],
        on_trouble: Callable[[int, Trouble], None],
        on_mains: Callable[[MeterReading], None],
    ) -> None:
        """`on_trouble` hears why one does not answer; `on_mains` gets the readings of the meter at
        the mains, where there is one."""
        self._on_trouble = on_trouble
        for warning in meter_warnings(config):
            _log.warning("%s", warning)
        self._clock = clock
        self._ports = ports
        self._buses: dict[str, ModbusBus] = {}
        self._bus_of: dict[int, ModbusBus] = {}
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
            self._add(table.id, table.meter)
        self._mains: MainsMeter | None = None
        if config.mains is not None and config.mains.meter.kind == "modbus":
            meter = self._meter(MAINS, config.mains.meter)
            self._mains = MainsMeter(
                config.mains,
                meter,
                clock,
                on_reading=on_mains,
                explain=lambda error: explained(error, trouble_of(meter)),
            )

    def _add(self, evse: int, table: MeterTable) -> None:
        meter = self._meter(str(evse), table)
        self._bus_of[evse] = self._buses[self._ports(str(evse), table)]
        self._pollers[evse] = MeterPoller(
            meter,
            self._clock,
            poll_ms=table.poll_ms,
            on_reading=lambda reading: self._desk.took(evse, reading, self._clock.now_ms()),
            on_failure=lambda error: self._failed(evse, error, trouble_of(meter)),
        )

    def _meter(self, name: str, table: MeterTable) -> ModbusMeter:
        meter_map, port = load_map(table.model), self._ports(name, table)
        bus = self._buses.get(port)
        if bus is None:
            line = line_settings(table, meter_map)
            bus = self._buses[port] = ModbusBus(port, line)
        bus.set_timeout(table.unit, table.timeout_ms)
        return ModbusMeter(bus, meter_map, table.unit, self._clock)

    def bus_of(self, evse: int) -> ModbusBus:
        """The line of an EVSE's meter. Raises KeyError where it has none."""
        return self._bus_of[evse]

    def read_now(self, evse: int) -> None:
        """The core's MeterPort: what comes of it arrives as any reading."""
        if evse in self._pollers:
            self._pollers[evse].read_now().add_done_callback(_forget)

    def expect(self, evse: int, known_wh: float, unseen_ms: int = 0) -> None:
        """What the counter was last known to say, before the first poll (MeterDesk.expect)."""
        self._desk.expect(evse, known_wh, unseen_ms)

    def accept(self, evse: int) -> bool:
        """The core's MeterPort."""
        return self._desk.accept(evse)

    async def run(self) -> None:
        """Poll until cancelled, also where there is nothing to poll."""
        try:
            async with asyncio.TaskGroup() as group:
                for evse, poller in self._pollers.items():
                    group.create_task(poller.run(), name=f"meter {evse}")
                if self._mains is not None:
                    group.create_task(self._mains.run(), name="mains meter")
                await asyncio.get_running_loop().create_future()
        finally:
            for bus in self._buses.values():
                await bus.aclose()

    def tick(self) -> None:
        """Let age act: a meter whose bus hangs is called stale and lost all the same."""
        self._desk.tick(self._clock.now_ms())
        if self._mains is not None:
            self._mains.tick()

    def _failed(self, evse: int, error: MeterError, trouble: Trouble | None) -> None:
        if trouble is not None:
            self._on_trouble(evse, trouble)
        self._desk.failed(evse, explained(error, trouble), self._clock.now_ms())


def trouble_of(meter: ModbusMeter) -> Trouble | None:
    """What the bus doctor says of it."""
    found = meter.diagnosis()
    return None if found is None else Trouble(found.says, found.do)


def explained(error: MeterError, trouble: Trouble | None) -> str:
    """The failure with what is likely behind it."""
    return str(error) if trouble is None else f"{error}: {trouble.says}. {trouble.do}"


def _say(evse: int, change: MeterChange) -> None:
    _log.log(
        logging.WARNING if isinstance(change, FindingRaised) else logging.INFO,
        "evse=%d meter: %s",
        evse,
        words(change),
    )


def words(change: MeterChange) -> str:
    """What the log says of it."""
    if isinstance(change, HealthChanged):
        return change.why
    if isinstance(change, FindingRaised):
        return change.says
    return f"{change.finding.name.lower().replace('_', ' ')} is over"


def with_simulated_meters(config: StationConfig) -> StationConfig:
    """The same station with the meters that the simulation has, whatever it names: one model for
    those that sign and one for the others, on a pty, which has no parity."""
    evses = tuple(replace(evse, meter=_simulated(evse.meter)) for evse in config.evses)
    mains = config.mains and replace(config.mains, meter=_simulated(config.mains.meter))
    return replace(config, evses=evses, mains=mains)


def _simulated(table: MeterTable) -> MeterTable:
    model = "iskra_wm3m4" if table.signed else "sdm630"
    return replace(table, model=model, baud=None, parity=None, stop_bits=None)


def configured_port(_name: str, table: MeterTable) -> str:
    """Where the meters are on metal."""
    return table.port


def simulated_port(run_dir: Path) -> Ports:
    """Where the simulated meters are."""
    return lambda name, _table: str(run_dir / f"meter-{name}.tty")


def _forget(future: asyncio.Future[MeterReading]) -> None:
    """A failed reading has been noted by the poller; nobody waits for this one."""
    if not future.cancelled():
        future.exception()
