"""Real processes: start-up, memory, and from a limit on the socket to the pilot."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evse.clock import MonotonicClock, rfc3339
from evse.door.client import DoorClient
from hil.csms.brain import CsmsBrain
from hil.csms.server import CsmsServer
from tests.bench.measure import Line, line, process_cpu_s, rss_mb

DEMO = Path(__file__).parents[2] / "hil" / "station_demo.toml"
READY_S = 20.0
CHANGES = 8


def lines() -> Iterator[Line]:
    yield from asyncio.run(_measure())


async def _measure() -> list[Line]:
    with tempfile.TemporaryDirectory() as folder:
        csms = CsmsServer(CsmsBrain(MonotonicClock()))
        await csms.start()
        config = Path(folder) / "station.toml"
        text = DEMO.read_text("utf-8").replace("ws://127.0.0.1:9000/ocpp", csms.url)
        config.write_text(text, "utf-8")
        environment = {**os.environ, "PIEVSE_BOOT_ID": "bench"}
        begin_s = time.perf_counter()
        station = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "evse", "run", "--config", str(config), "--sim"),
            *("--state-dir", folder),
            env=environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            return await _of_station(Path(folder) / "run" / "door.sock", csms, begin_s)
        finally:
            station.send_signal(signal.SIGTERM)
            await station.wait()
            await csms.stop()


async def _of_station(socket: Path, csms: CsmsServer, begin_s: float) -> list[Line]:
    booted = asyncio.create_task(_booted(csms, begin_s))
    door, ready_s = await _ready(socket, begin_s)
    boot_s = await booted
    pids = {p["name"]: p["pid"] for p in (await door.call("sys.state"))["processes"]}
    found = [
        line("evse run to core ready, five processes at once", "s", [ready_s], must=3),
        line("evse run to BootNotification", "s", [boot_s], must=3),
        line("CPU of core from exec to ready", "s", [process_cpu_s(pids["core"])]),
        line("CPU of ocpp from exec to registered", "s", [process_cpu_s(pids["ocpp"])]),
    ]
    found += await _limits(door)
    budgets = {"guard": 32.0, "core": 45.0, "ocpp": 60.0}
    found += [
        line(f"resident memory of {name}", "MB", [rss_mb(pids[name])], must=must)
        for name, must in budgets.items()
    ]
    await door.aclose()
    return found


async def _ready(socket: Path, begin_s: float) -> tuple[DoorClient, float]:
    while time.perf_counter() - begin_s < READY_S:
        try:
            door = await DoorClient.connect(socket)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        await _until(door, lambda evse: evse["state"] != "booting")
        return door, time.perf_counter() - begin_s
    raise TimeoutError(f"the station was not ready in {READY_S} s")


async def _booted(csms: CsmsServer, begin_s: float) -> float:
    while not csms.brain.sent("BootNotification"):
        await asyncio.sleep(0.01)
        if time.perf_counter() - begin_s > READY_S:
            raise TimeoutError("no BootNotification came")
    return time.perf_counter() - begin_s


async def _limits(door: DoorClient) -> list[Line]:
    """A limit set at the door, until ring 1 reports the new duty; 5 s apart, as IEC asks."""
    await door.call("sim.plug_in", {"evse": 1})
    await asyncio.sleep(1)
    await door.call("sim.swipe", {"id_token": {"value": "04A1B2C3", "type": "ISO14443"}})
    await _until(door, lambda evse: evse["contactor_closed"])
    found = []
    for number in range(CHANGES):
        await asyncio.sleep(5.1)
        limit_a = (8.0, 10.0)[number % 2]
        begin_s = time.perf_counter()
        await door.call("evse_manager.set_external_limits", {"evse": 1, "value": _value(limit_a)})
        duty_bp = int(limit_a / 0.6 * 100)
        await _until(door, lambda evse, duty_bp=duty_bp: evse["duty_bp"] == duty_bp)
        found.append((time.perf_counter() - begin_s) * 1e3)
    name = "limit on the socket to duty at the pilot"
    return [line(name, "ms", found, must=10_000, of="worst")]


def _value(limit_a: float) -> dict[str, object]:
    amps = {"ac_max_current_A": {"value": limit_a, "source": "bench"}}
    entry = {
        "timestamp": rfc3339(datetime.now(UTC)),
        "limits_to_root": {},
        "limits_to_leaves": amps,
    }
    return {"schedule_import": [entry], "schedule_export": [], "schedule_setpoints": []}


async def _until(door: DoorClient, holds: Callable[[dict[str, Any]], bool]) -> None:
    begin_s = time.perf_counter()
    while not holds((await door.call("sys.state"))["evses"][0]):
        await asyncio.sleep(0.002)
        if time.perf_counter() - begin_s > READY_S:
            raise TimeoutError("the station did not follow")
