"""The simulated meter as a process of its own: killed, restarted, and read again."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from drivers.errors import MeterError
from drivers.metering.bus import ModbusBus
from drivers.metering.catalogue import load_map
from drivers.metering.map import Line
from drivers.metering.meter import MeterPoller, ModbusMeter
from evse.clock import MonotonicClock
from evse.model import MeterReading
from hil.plant.meter_process import TruthLine

LINE = TruthLine((230.0, 231.0, 229.0), (6.0, 0.0, 0.0), (1380.0, 0.0, 0.0), 777.0)
LIMIT_S = 20


async def plant(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Tells its truth once and stays until the meter is gone."""
    writer.write(msgspec.json.encode(LINE) + b"\n")
    await reader.read()
    writer.close()
    await writer.wait_closed()


async def started(link: Path, socket: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "hil.plant.meter_process",
            "--link",
            str(link),
            "--plant",
            str(socket),
        )
    )


@pytest.mark.proc
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_restarted_process_is_read_again_through_the_same_link(
    tmp_path: Path, end: signal.Signals
) -> None:
    async def scenario() -> None:
        link, socket = tmp_path / "meter", tmp_path / "plant"
        clock, good = MonotonicClock(), asyncio.Queue[MeterReading]()
        failed: asyncio.Queue[MeterError] = asyncio.Queue()
        bus = ModbusBus(str(link), Line(baud=115_200), timeout_ms=30)
        poller = MeterPoller(
            ModbusMeter(bus, load_map("sdm630"), 1, clock),
            clock,
            poll_ms=20,
            on_reading=good.put_nowait,
            on_failure=failed.put_nowait,
        )
        server = await asyncio.start_unix_server(plant, str(socket))
        polling = asyncio.create_task(poller.run())
        async with asyncio.timeout(LIMIT_S), server:
            for _ in range(2):
                process = await started(link, socket)
                reading = await good.get()
                assert reading.voltage_v == LINE.v
                assert reading.energy_import_wh == pytest.approx(LINE.wh)
                process.send_signal(end)
                assert await process.wait() == (0 if end is signal.SIGTERM else -end)
                while not failed.empty():
                    failed.get_nowait()
                assert "meter" in str(await failed.get())
                while not good.empty():
                    good.get_nowait()
            polling.cancel()
            await asyncio.wait([polling])
            await bus.aclose()

    asyncio.run(scenario())
