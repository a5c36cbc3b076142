"""Each model of the catalogue, in one known situation, as a foreign slave tells it over a line."""

from __future__ import annotations

import asyncio

import pytest
from foreign_meters import (
    CURRENT_A,
    EXPORT_WH,
    FOREIGN,
    FREQUENCY_HZ,
    POWER_W,
    VOLTAGE_V,
    Foreign,
    line_of,
)

from drivers.metering.bus import ModbusBus
from drivers.metering.catalogue import catalogue
from drivers.metering.map import Line
from drivers.metering.meter import ModbusMeter
from evse.clock import VirtualClock
from evse.model import MeterReading

UNITS = {model: unit for unit, model in enumerate(FOREIGN, start=1)}


def test_every_model_of_the_catalogue_has_its_golden_situation() -> None:
    assert set(FOREIGN) == set(catalogue())
    assert len(FOREIGN) >= 20


@pytest.fixture(scope="module")
def readings() -> dict[str, MeterReading]:
    """All models on one line, each read once with the real driver."""

    async def run() -> dict[str, MeterReading]:
        async with line_of({UNITS[model]: foreign for model, foreign in FOREIGN.items()}) as port:
            bus = ModbusBus(port, Line(baud=115_200), timeout_ms=2_000)
            found = {
                model: await ModbusMeter(bus, meter_map, UNITS[model], VirtualClock(7)).read()
                for model, meter_map in catalogue().items()
            }
            await bus.aclose()
            return found

    return asyncio.run(run())


def phases(foreign: Foreign, what: str, truth: tuple[float, ...]) -> list[object]:
    """What is expected of L1, L2 and L3."""
    there = 0 if what in foreign.lacks else foreign.phases
    return [
        pytest.approx(value, rel=1e-6) if phase < there else None
        for phase, value in enumerate(truth)
    ]


@pytest.mark.parametrize("model", sorted(FOREIGN))
def test_the_situation_is_read_as_it_is(model: str, readings: dict[str, MeterReading]) -> None:
    reading, foreign = readings[model], FOREIGN[model]
    assert list(reading.voltage_v) == phases(foreign, "V", VOLTAGE_V)
    assert list(reading.current_a) == phases(foreign, "I", CURRENT_A)
    assert list(reading.power_phase_w) == phases(foreign, "P", POWER_W)
    assert reading.power_w == pytest.approx(foreign.power_w, rel=1e-6)
    assert reading.energy_import_wh == pytest.approx(foreign.import_wh, abs=0.5)
    exported = None if "X" in foreign.lacks else pytest.approx(EXPORT_WH, abs=0.5)
    assert reading.energy_export_wh == exported
    hertz = None if "F" in foreign.lacks else pytest.approx(FREQUENCY_HZ, rel=1e-6)
    assert reading.frequency_hz == hertz
    assert reading.taken_ms == 7
