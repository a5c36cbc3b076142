"""Which line and which port a configured meter gets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from drivers.meter_map import Line, load_map
from evse.clock import VirtualClock
from evse.config.load import parse
from evse.config.model import EvseTable, MeterTable
from evse.run.meters import Meters, line_settings, simulated_port

SDM630 = load_map("sdm630")


def test_left_out_settings_are_the_models_own() -> None:
    assert line_settings(MeterTable(kind="modbus"), SDM630) == SDM630.line


@pytest.mark.parametrize(
    ("table", "line"),
    [
        (MeterTable(baud=38_400), Line(baud=38_400, parity="N", stop_bits=1)),
        (MeterTable(parity="E"), Line(baud=9_600, parity="E", stop_bits=1)),
        (MeterTable(stop_bits=2), Line(baud=9_600, parity="N", stop_bits=2)),
    ],
)
def test_each_named_setting_replaces_the_models(table: MeterTable, line: Line) -> None:
    assert line_settings(table, SDM630) == line


def test_simulated_meters_are_in_the_run_directory() -> None:
    table = EvseTable(id=3, evse_id="DE*PNX*E3*1", connector="cable", max_current_a=32.0)
    assert simulated_port(Path("/run/x"))(table) == "/run/x/meter-3.tty"


BOTH = """
[station]
identity = "M-1"
[board]
kind = "serial"
port = "/dev/ttyS0"
[[evse]]
id = 1
evse_id = "DE*PNX*E1*1"
connector = "cable"
max_current_a = 32.0
[evse.meter]
kind = "modbus"
port = "/dev/ttyUSB0"
unit = 1
[[evse]]
id = 2
evse_id = "DE*PNX*E2*1"
connector = "cable"
max_current_a = 32.0
[evse.meter]
kind = "modbus"
port = "/dev/ttyUSB0"
unit = 2
[[evse]]
id = 3
evse_id = "DE*PNX*E3*1"
connector = "cable"
max_current_a = 32.0
[authorization]
mode = "free"
"""


def test_a_meter_that_never_answered_is_lost_in_time_and_an_evse_without_one_never() -> None:
    clock = VirtualClock(1_000)
    lost: list[int] = []
    meters = Meters(
        parse(BOTH),
        clock,
        ports=lambda table: table.meter.port,
        on_reading=lambda evse, reading: None,
        on_lost=lost.append,
        on_findings=lambda _evse, _found: None,
    )
    clock.advance_to(1_000 + 9_999)
    meters.tick()
    assert lost == []
    clock.advance_to(1_000 + 10_001)
    meters.tick()
    meters.tick()
    assert lost == [1, 2]
    meters.read_now(3)


def test_a_station_without_meters_has_nothing_to_poll_and_lives_on() -> None:
    """The core ends when its meters' task does."""
    config = parse(BOTH.replace('kind = "modbus"', 'kind = "none"'))

    async def body() -> None:
        meters = Meters(
            config,
            VirtualClock(),
            ports=lambda table: table.meter.port,
            on_reading=lambda evse, reading: None,
            on_lost=lambda evse: None,
            on_findings=lambda _evse, _found: None,
        )
        task = asyncio.create_task(meters.run())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(body())
