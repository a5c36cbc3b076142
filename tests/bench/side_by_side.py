"""The product's link process beside a charge point made with the `ocpp` package's own class: one
back office, one machine, one run. Each is a process of its own, over loopback.

What they do is not the same: the product validates both ways by compiled schemas, keeps a log of
all frames, and has its database, timers and queue; the other one has nothing but the library.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.bench.measure import Line, line, process_cpu_s, rss_mb

ROOT = Path(__file__).parents[2]
POINTS = {"product": "tests.bench.product_point", "library": "tests.bench.library_point"}
ROUNDS = 5
CALLS = 300
"""A round."""
SAMPLES = 1_500
"""MeterValues that each sends, one after the other."""
STARTS = 3
READY_S = 30.0
AT = "2026-01-01T00:00:00.000Z"
METER_VALUE: dict[str, Any] = {
    "timestamp": AT,
    "sampledValue": [
        {"value": "230.1", "measurand": "Voltage", "phase": f"L{n}-N", "unit": "V"}
        for n in range(1, 4)
    ]
    + [
        {"value": "16.0", "measurand": "Current.Import", "phase": f"L{n}", "unit": "A"}
        for n in range(1, 4)
    ]
    + [
        {"value": "3680.0", "measurand": "Power.Active.Import", "phase": f"L{n}", "unit": "W"}
        for n in range(1, 4)
    ],
}
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "GetConfiguration of two keys": (
        "GetConfiguration",
        {"key": ["HeartbeatInterval", "NoSuchKey"]},
    ),
    "SetChargingProfile of 24 periods": (
        "SetChargingProfile",
        {
            "connectorId": 1,
            "csChargingProfiles": {
                "chargingProfileId": 1,
                "stackLevel": 0,
                "chargingProfilePurpose": "TxDefaultProfile",
                "chargingProfileKind": "Absolute",
                "chargingSchedule": {
                    "startSchedule": AT,
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [
                        {"startPeriod": 3_600 * hour, "limit": 6.0 + hour / 2} for hour in range(24)
                    ],
                },
            },
        },
    ),
}


class Office:
    """Answers in a line of JSON, and asks."""

    def __init__(self) -> None:
        self.websocket: ServerConnection | None = None
        self.booted = asyncio.Event()
        self.sampled = asyncio.Event()
        self.samples: list[float] = []
        """When they came, in s."""
        self.cpu_s: list[float] = []
        """What the station's process had used at the first and the last of them."""
        self.pid = 0
        self._answer: asyncio.Future[list[Any]] | None = None

    async def meet(self, websocket: ServerConnection) -> None:
        self.websocket = websocket
        with suppress(ConnectionClosed):
            async for text in websocket:
                await self._hear(websocket, json.loads(text))

    async def _hear(self, websocket: ServerConnection, frame: list[Any]) -> None:
        if frame[0] != 2:
            if self._answer is not None:
                self._answer.set_result(frame)
            return
        body: dict[str, Any] = {}
        if frame[2] == "BootNotification":
            now = datetime.now(UTC).isoformat()
            body = {"status": "Accepted", "currentTime": now, "interval": 86_400}
            self.booted.set()
        elif frame[2] == "MeterValues":
            self._sampled()
        await websocket.send(json.dumps([3, frame[1], body]))

    def _sampled(self) -> None:
        self.samples.append(time.perf_counter())
        if len(self.samples) in (1, SAMPLES):
            self.cpu_s.append(process_cpu_s(self.pid))
        if len(self.samples) == SAMPLES:
            self.sampled.set()

    async def ask(self, number: int, action: str, payload: dict[str, Any]) -> None:
        assert self.websocket is not None
        self._answer = asyncio.get_running_loop().create_future()
        await self.websocket.send(json.dumps([2, str(number), action, payload]))
        answer = await self._answer
        if answer[0] != 3:
            raise ConnectionError(f"{action} was answered {answer}")


def lines() -> Iterator[Line]:
    for name in POINTS:
        yield from asyncio.run(_measure(name))


async def _measure(name: str) -> list[Line]:
    found = await _starts(name)
    async with _point(name, 0) as office:
        for what, (action, payload) in REQUESTS.items():
            found += await _answers(office, f"{what}, {name}", action, payload)
    async with _point(name, SAMPLES) as office:
        async with asyncio.timeout(READY_S * 4):
            await office.sampled.wait()
        wall_s = office.samples[-1] - office.samples[0]
        cpu_ms = (office.cpu_s[-1] - office.cpu_s[0]) / SAMPLES * 1e3
        found.append(line(f"MeterValues of 9 samples sent, {name}", "1/s", [SAMPLES / wall_s]))
        found.append(line(f"MeterValues of 9 samples sent, {name}", "ms CPU", [cpu_ms]))
    return found


async def _starts(name: str) -> list[Line]:
    walls_s, cpus_s, memory_mb = [], [], []
    for _ in range(STARTS):
        begin_s = time.perf_counter()
        async with _point(name, 0) as office:
            walls_s.append(time.perf_counter() - begin_s)
            cpus_s.append(process_cpu_s(office.pid))
            await asyncio.sleep(0.2)
            memory_mb.append(rss_mb(office.pid))
    return [
        line(f"exec to BootNotification, {name}", "s", walls_s),
        line(f"exec to BootNotification, {name}", "s CPU", cpus_s),
        line(f"resident memory, {name}", "MB", memory_mb),
    ]


async def _answers(office: Office, what: str, action: str, payload: dict[str, Any]) -> list[Line]:
    rates, cpus_ms = [], []
    for round_ in range(ROUNDS):
        begin_s, cpu_s = time.perf_counter(), process_cpu_s(office.pid)
        for number in range(CALLS):
            await office.ask(round_ * CALLS + number, action, payload)
        rates.append(CALLS / (time.perf_counter() - begin_s))
        cpus_ms.append((process_cpu_s(office.pid) - cpu_s) / CALLS * 1e3)
    return [line(what, "1/s", rates), line(what, "ms CPU", cpus_ms)]


@asynccontextmanager
async def _point(name: str, samples: int) -> Any:
    """A charge point in its process, registered."""
    office = Office()
    names = [Subprotocol("ocpp1.6")]
    with tempfile.TemporaryDirectory() as folder:
        async with serve(
            office.meet, "127.0.0.1", 0, subprotocols=names, compression=None
        ) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            url = f"ws://127.0.0.1:{port}/ocpp"
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", POINTS[name], url, str(samples), folder), cwd=ROOT
            )
            office.pid = process.pid
            try:
                async with asyncio.timeout(READY_S):
                    await office.booted.wait()
                yield office
            finally:
                process.kill()
                await process.wait()
