"""The virtual board: the product's own guard over simulated metal."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from evse.config.evse import EvseTable
from evse.config.station import StationConfig
from evse.guard.facts import Hardware, Inputs, Outputs
from evse.guard.host import GuardHost, Pins
from evse.model import BoardIdentity
from evse.run.ring_1 import make_host, make_identity
from hil.plant import adapter
from hil.plant.model import PlantConfig
from hil.plant.plant import Plant

TEMPERATURE_TRIP_DC = 800
"""The virtual board opens at 80 degrees Celsius."""


def hardware(table: EvseTable) -> Hardware:
    """What the virtual board has fitted for one EVSE of the configuration."""
    return Hardware(
        lock=table.lock is not None,
        socket=table.connector == "socket",
        rcd=True,
        rcd_self_test=True,
        ventilation=table.ventilation,
        fast_current=True,
        emergency_stop=True,
        temperature_trip_dc=TEMPERATURE_TRIP_DC,
        phase_switch=_switches_phases(table),
        phase_feedback=_switches_phases(table),
    )


def _switches_phases(table: EvseTable) -> bool:
    """A phase contact, read back, is fitted where the configuration has a use for it."""
    return table.phase_switch.mode != "never"


def plant_config(table: EvseTable, *, coil_watchdog_ms: int | None = 200) -> PlantConfig:
    """The metal that goes with it."""
    return PlantConfig(
        phases=table.phases,
        voltage_mv=round(table.nominal_voltage_v * 1000),
        socket=table.connector == "socket",
        lock=table.lock is not None,
        phase_switch=_switches_phases(table),
        coil_watchdog_ms=coil_watchdog_ms,
    )


def guard_host(config: StationConfig, pins: Pins) -> GuardHost:
    """Ring 1 as `config` has it."""
    return make_host(config, _fitted(config), pins)


def identity(config: StationConfig, boot_id: int) -> BoardIdentity:
    """Its hello."""
    return make_identity(config, _fitted(config), "virtual", boot_id)


def _fitted(config: StationConfig) -> dict[int, Hardware]:
    return {table.id: hardware(table) for table in config.evses}


def seed_of(config: StationConfig) -> int:
    """A seed that is the same for the same station."""
    return zlib.crc32(config.station.identity.encode())


class PlantPins:
    """Pins that end in plants of the same process."""

    def __init__(self, plants: Mapping[int, Plant]) -> None:
        self._plants = plants

    def read(self, evse: int, now_ms: int) -> Inputs:
        return adapter.inputs(self._plants[evse].sense(now_ms))

    @property
    def next_deadline_ms(self) -> int | None:
        """None: it filters nothing."""
        return None

    def write(self, evse: int, outputs: Outputs, now_ms: int, feeds: bool = True) -> None:
        self._plants[evse].drive(adapter.driven(outputs), now_ms, feeds=feeds)
