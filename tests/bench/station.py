"""Whole stations: a simulated day, durable records, the composite schedule."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from evse.clock import MonotonicClock
from evse.config.load import load
from evse.config.station import StationConfig
from evse.journal.journal import Journal
from evse.journal.rows import MIGRATIONS
from evse.journal.storage import InlineStorage, open_database
from hil.sim.simulation import Simulation
from ocpp_link.smart.composite import Supply, composite
from ocpp_link.smart.profiles import Installed
from tests.bench.measure import Line, cpu_us_each, line, wall_ms

DEMO = Path(__file__).parents[2] / "hil" / "station_demo.toml"
DAY_MS = 86_400_000


def lines() -> Iterator[Line]:
    yield line("simulated day of charging, one EVSE", "s CPU", _days(3), must=30)
    yield line("one durable record", "ms", _records(400), must=10, of="p99")
    yield from _composite()


def free_station() -> StationConfig:
    """The demonstration's station, charging for whoever comes."""
    config = load(DEMO)
    mode = msgspec.structs.replace(config.authorization, mode="free")
    return msgspec.structs.replace(config, authorization=mode, ocpp=None)


def _days(runs: int) -> list[float]:
    found = []
    for seed in range(runs):
        begin_s = time.process_time()
        _day(seed)
        found.append(time.process_time() - begin_s)
    return found


def _day(seed: int) -> None:
    """Eight cars of two hours each, an hour apart."""
    sim = Simulation(free_station(), seed=seed)
    for _ in range(8):
        sim.plants[1].car.plug()
        sim.wake()
        sim.run_for(DAY_MS // 12)
        sim.plants[1].car.unplug()
        sim.wake()
        sim.run_for(DAY_MS // 24)


def _records(runs: int) -> list[float]:
    clock = MonotonicClock()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "core.db"
        database = open_database(path, MIGRATIONS, utc=clock.utc(), say=print)
        journal = Journal(InlineStorage(database), clock)
        body = b'{"event": "ChargingStarted"}' * 20
        found = wall_ms(lambda: journal.append(1, body, body), runs)
        journal.close()
    return found


def _composite() -> Iterator[Line]:
    from tests.bench.profiles import installed

    profiles: list[Installed] = installed(count=100, periods=1_440)
    supply = Supply()

    def act() -> object:
        return composite(profiles, start_ms=0, end_ms=DAY_MS, tx_start_ms=0, supply=supply)

    micros = cpu_us_each(act, 1, rounds=7)
    millis = [value / 1_000 for value in micros]
    yield line("composite schedule, 100 profiles of 1440 periods, 24 h", "ms", millis, must=100)
