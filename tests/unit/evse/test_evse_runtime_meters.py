"""Which line and which port a configured meter gets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.errors import MeterMapError
from drivers.metering.catalogue import load_map
from drivers.metering.map import Line
from drivers.metering.settings import line_settings
from evse.clock import MonotonicClock, VirtualClock
from evse.config.evse import MeterTable
from evse.config.load import parse
from evse.config.meters import MAINS
from evse.metering.plausibility import Finding
from evse.metering.trouble import Trouble
from evse.model import MeterReading
from evse.run.meters import Meters, configured_port, simulated_port, with_simulated_meters
from hil.plant.meter_process import MeterPort
from hil.plant.meter_sim import SimulatedMeter
from hil.plant.model import MeterTruth

SDM630 = load_map("sdm630")


def test_left_out_settings_are_the_models_own() -> None:
    expected = Line(baud=9_600, parity="N", stop_bits=1)
    assert line_settings(MeterTable(kind="modbus"), SDM630) == expected


def test_settings_that_nobody_knows_are_asked_for_by_their_keys() -> None:
    abb = load_map("abb_b23")
    with pytest.raises(MeterMapError, match=r"ABB B21.* is not known here: say baud, parity \("):
        line_settings(MeterTable(kind="modbus"), abb)
    table = MeterTable(kind="modbus", baud=19_200, parity="E")
    assert line_settings(table, abb) == Line(baud=19_200, parity="E", stop_bits=1)


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
    port = simulated_port(Path("/run/x"))
    table = MeterTable(port="/dev/ttyUSB0")
    assert port("3", table) == "/run/x/meter-3.tty"
    assert port(MAINS, table) == "/run/x/meter-mains.tty"
    assert configured_port(MAINS, table) == "/dev/ttyUSB0"


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
        ports=configured_port,
        on_reading=lambda evse, reading: None,
        on_lost=lost.append,
        on_findings=lambda _evse, _found: None,
        on_trouble=lambda _evse, _trouble: None,
        on_mains=lambda reading: None,
    )
    clock.advance_to(1_000 + 9_999)
    meters.tick()
    assert lost == []
    clock.advance_to(1_000 + 10_001)
    meters.tick()
    meters.tick()
    assert lost == [1, 2]
    meters.read_now(3)


MAINS_TABLE = """
[mains]
max_mains_a = 25
[mains.meter]
kind = "modbus"
port = "/dev/ttyUSB0"
unit = 9
poll_ms = 100
"""


class SharedLine:
    """Three meters on one RS-485 line."""

    def __init__(self) -> None:
        self.mains_w = -1_840.0
        self._slaves = [SimulatedMeter(self._truth(unit), unit=unit) for unit in (1, 2, 9)]

    def _truth(self, unit: int) -> Callable[[], MeterTruth]:
        watts = (0.0, 0.0, 0.0)
        return lambda: MeterTruth(
            (230.0,) * 3,
            (5.0, 3.0, 8.0) if unit == 9 else (0.0, 0.0, float(unit)),
            (1_150.0, 690.0, self.mains_w) if unit == 9 else watts,
            0.0,
            50.0,
        )

    def feed(self, data: bytes, now_ms: int) -> bytes:
        return b"".join(slave.feed(data, now_ms) for slave in self._slaves)


def test_a_meter_at_the_mains_may_share_the_line_of_those_that_bill(tmp_path: Path) -> None:
    """Nothing is taken for another one's answer, and its readings go to nobody else."""
    billed: list[tuple[int, MeterReading]] = []
    link = tmp_path / "line"

    async def body() -> list[MeterReading]:
        heard: asyncio.Queue[MeterReading] = asyncio.Queue()
        port = MeterPort(SharedLine(), link, MonotonicClock())
        meters = Meters(
            parse(BOTH + MAINS_TABLE),
            MonotonicClock(),
            ports=lambda _name, _table: str(link),
            on_reading=lambda evse, reading: billed.append((evse, reading)),
            on_lost=lambda evse: None,
            on_findings=lambda _evse, _found: None,
            on_trouble=lambda _evse, _trouble: None,
            on_mains=heard.put_nowait,
        )
        task = asyncio.create_task(meters.run())
        async with asyncio.timeout(20):
            found = [await heard.get() for _ in range(3)]
        task.cancel()
        await asyncio.wait([task])
        port.close()
        return found

    for reading in asyncio.run(body()):
        assert reading.current_a == (5.0, 3.0, 8.0)
        assert reading.power_phase_w == (1_150.0, 690.0, -1_840.0)
    assert {evse for evse, _ in billed} == {1, 2}
    assert all(reading.current_a == (0.0, 0.0, float(evse)) for evse, reading in billed)


def test_a_station_without_meters_has_nothing_to_poll_and_lives_on() -> None:
    """The core ends when its meters' task does."""
    config = parse(BOTH.replace('kind = "modbus"', 'kind = "none"'))

    async def body() -> None:
        meters = Meters(
            config,
            VirtualClock(),
            ports=configured_port,
            on_reading=lambda evse, reading: None,
            on_lost=lambda evse: None,
            on_findings=lambda _evse, _found: None,
            on_trouble=lambda _evse, _trouble: None,
            on_mains=lambda reading: None,
        )
        task = asyncio.create_task(meters.run())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(body())


ONE = BOTH.partition("[[evse]]\nid = 2")[0] + '[authorization]\nmode = "free"\n'


def test_a_meter_on_the_bus_that_counts_less_than_was_known_counts_when_accepted(
    tmp_path: Path,
) -> None:
    findings: list[frozenset[Finding]] = []

    async def body() -> list[float]:
        readings: asyncio.Queue[float] = asyncio.Queue()
        clock, link = MonotonicClock(), tmp_path / "meter.tty"
        truth = MeterTruth((230.0, 230.0, 230.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 7.0, 50.0)
        port = MeterPort(SimulatedMeter(lambda: truth), link, clock)
        meters = Meters(
            parse(ONE),
            clock,
            ports=lambda _name, _table: str(link),
            on_reading=lambda _evse, reading: readings.put_nowait(reading.energy_import_wh),
            on_lost=lambda _evse: None,
            on_findings=lambda _evse, found: findings.append(found),
            on_trouble=lambda _evse, _trouble: None,
            on_mains=lambda _reading: None,
        )
        meters.expect(1, 5_000.0)
        task = asyncio.create_task(meters.run())
        doubted_wh = await asyncio.wait_for(readings.get(), 10)
        assert meters.accept(1)
        meters.read_now(1)
        accepted_wh = await asyncio.wait_for(readings.get(), 10)
        task.cancel()
        await asyncio.wait([task])
        port.close()
        return [doubted_wh, accepted_wh]

    assert asyncio.run(body()) == [5_000.0, pytest.approx(7.0)]
    assert findings == [{Finding.ENERGY_BACKWARDS}, set()]


def test_a_simulated_station_has_the_simulated_meters_whatever_it_names() -> None:
    named = 'kind = "modbus"\nmodel = "iem3155"\nparity = "E"\nstop_bits = 2'
    text = (BOTH + MAINS_TABLE).replace('kind = "modbus"', named)
    config = with_simulated_meters(parse(text))
    for table in (*(evse.meter for evse in config.evses[:2]), config.mains and config.mains.meter):
        assert table is not None
        assert table.kind == "modbus"
        assert line_settings(table, load_map(table.model)) == Line(baud=9_600)
    assert config.evses[1].meter.unit == 2


HASTY = "poll_ms = 100\nstale_ms = 200\nlost_ms = 300"


def test_why_a_meter_does_not_answer_is_told_in_the_doctors_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    troubles: list[tuple[int, Trouble]] = []

    async def body() -> None:
        clock = MonotonicClock()
        meters = Meters(
            parse(
                ONE.replace(
                    "[evse.meter]", "[evse.meter]\npoll_ms = 100\nlost_ms = 300\nstale_ms = 200"
                )
            ),
            clock,
            ports=lambda _name, _table: str(tmp_path / "nowhere"),
            on_reading=lambda _evse, _reading: None,
            on_lost=lambda _evse: None,
            on_findings=lambda _evse, _found: None,
            on_trouble=lambda evse, trouble: troubles.append((evse, trouble)),
            on_mains=lambda _reading: None,
        )
        task = asyncio.create_task(meters.run())
        async with asyncio.timeout(10):
            while "no reading" not in caplog.text:
                meters.tick()
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])

    with caplog.at_level(logging.INFO):
        asyncio.run(body())
    evse, trouble = troubles[0]
    assert evse == 1
    assert trouble.says.endswith(
        "nowhere is not there: its adapter is unplugged or has another name now"
    )
    assert trouble.do.startswith("Plug it in")
    assert trouble.says in caplog.text
    assert "poll_ms = 100 can not be met" in caplog.text


def test_each_meter_of_a_line_is_waited_for_as_its_table_says(tmp_path: Path) -> None:
    """Not as the first one on the line is."""
    first, second, rest = BOTH.split('port = "/dev/ttyUSB0"\n')
    first, second = f"{first}timeout_ms = 50\n", f"{second}timeout_ms = 1000\n"
    config = parse("baud = 115200\nport = '/dev/ttyUSB0'\n".join((first, second, rest)))

    async def body() -> int:
        answered: asyncio.Queue[int] = asyncio.Queue()
        clock, link = MonotonicClock(), tmp_path / "meter.tty"
        truth = MeterTruth((230.0, 230.0, 230.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 7.0, 50.0)
        slow = MeterPort(SimulatedMeter(lambda: truth, unit=2), link, clock, answer_delay_ms=150)
        meters = Meters(
            config,
            clock,
            ports=lambda _name, _table: str(link),
            on_reading=lambda evse, _reading: answered.put_nowait(evse),
            on_lost=lambda _evse: None,
            on_findings=lambda _evse, _found: None,
            on_trouble=lambda _evse, _trouble: None,
            on_mains=lambda _reading: None,
        )
        task = asyncio.create_task(meters.run())
        try:
            return await asyncio.wait_for(answered.get(), 5)
        finally:
            task.cancel()
            await asyncio.wait([task])
            slow.close()

    assert asyncio.run(body()) == 2
