"""The plant as a process: the metal of a simulated station, which no software of ours can kill.

Three kinds of socket in the run directory: `pins.sock` for ring 1, `meter-N.sock` for each EVSE's
meter and `meter-mains.sock` for the one at the mains, and `plant.sock`, the plant's own door
(plant/door.py).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from evse.clock import MonotonicClock, earliest
from evse.config.load import load
from evse.config.meters import MAINS
from evse.config.station import StationConfig
from evse.door.hub import Hub
from evse.door.server import DoorServer
from evse.run.process import die_with_parent
from hil.plant import adapter
from hil.plant.door import PlantDoor
from hil.plant.faulty_meter import FaultyMeter
from hil.plant.meter_process import TruthLine
from hil.plant.meter_sim import MeterMode
from hil.plant.pin_wire import Readings, decode_turn, encode
from hil.plant.plant import Plant
from hil.plant.site import Site
from hil.plant.virtual_board import plant_config, seed_of
from hil.trace import EVENT_LANES, Entry, Lane, Trace, Value

METER_MS = 100
"""How often a meter is told the truth while something flows."""
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
REST_MS = 250
"""Ring 0's watchdog and the contactor's own time."""


class ToldTrace(Trace):
    """A trace that tells each new record to `told`."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Entry] = []
        """Records not yet told; who owns the trace empties it."""

    def record(self, t_ms: int, evse: int, lane: Lane, value: Value) -> None:
        if lane in EVENT_LANES or self.at(lane, t_ms, evse) != value:
            self.told.append(Entry(t_ms, evse, lane, value))
        super().record(t_ms, evse, lane, value)


class PlantProcess:
    """Owns the plants and their sockets."""

    def __init__(self, config: StationConfig, run_dir: Path) -> None:
        self._clock = MonotonicClock()
        self._trace = ToldTrace()
        self._run_dir = run_dir
        now_ms = self._clock.now_ms()
        self._plants = {
            table.id: Plant(
                plant_config(table),
                seed=seed_of(config),
                trace=self._trace,
                evse=table.id,
                start_ms=now_ms,
            )
            for table in config.evses
        }
        self._read_by = {evse: FaultyMeter(plant) for evse, plant in self._plants.items()}
        self._site: Site | None = None
        if config.mains is not None:
            self._site = Site(config.evses, self._plants, start_ms=now_ms)
        self._hub = Hub()
        self._door = PlantDoor(self._hub, self._plants, self._clock.now_ms, self._site)
        self._door.changed = self._changed
        self._server = DoorServer(self._hub, run_dir / "plant.sock")
        names = [str(evse) for evse in self._plants]
        if self._site is not None:
            names.append(MAINS)
        self._meters: dict[str, set[asyncio.StreamWriter]] = {name: set() for name in names}
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. Raises OSError when another plant serves the directory."""
        async with contextlib.AsyncExitStack() as stack:
            await self._server.start()
            stack.push_async_callback(self._server.aclose)
            await self._listen(stack, "pins.sock", self._serve_pins)
            for name in self._meters:
                await self._listen(stack, f"meter-{name}.sock", self._meter_server(name))
            meters = asyncio.create_task(self._tell_meters())
            stack.callback(meters.cancel)
            self._schedule()
            await stop.wait()
            await self._come_to_rest()

    async def _come_to_rest(self) -> None:
        """Contacts that are falling when the world ends have still to be seen open."""
        give_up_ms = self._clock.now_ms() + REST_MS
        while self._clock.now_ms() < give_up_ms:
            if not any(plant.energised for plant in self._plants.values()):
                return
            await asyncio.sleep(0.01)

    async def _listen(self, stack: contextlib.AsyncExitStack, name: str, serve: Serve) -> None:
        path = self._run_dir / name
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(serve, str(path))
        stack.callback(server.close)

    # --- time -------------------------------------------------------------------------------------

    def _changed(self) -> None:
        told, self._trace.told = self._trace.told, []
        for entry in told:
            self._door.told(entry)
        if told:
            # At once: a reading taken after the contactor opened must hold all that had flowed.
            self._tell_meters_now()
        self._schedule()

    def _schedule(self) -> None:
        """Live through the next change when it comes, also with nobody looking."""
        if self._timer is not None:
            self._timer.cancel()
        due_ms = earliest(*(plant.next_change_ms for plant in self._plants.values()))
        if due_ms is not None:
            wait_s = max(0, due_ms - self._clock.now_ms()) / 1000
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._live)

    def _live(self) -> None:
        now_ms = self._clock.now_ms()
        for plant in self._plants.values():
            plant.advance(now_ms)
        self._changed()

    # --- ring 1 -----------------------------------------------------------------------------------

    async def _serve_pins(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, asyncio.CancelledError):  # guard or we end
            while line := await reader.readline():
                writer.write(encode(self._turn(line)))
        writer.close()

    def _turn(self, line: bytes) -> Readings:
        now_ms = self._clock.now_ms()
        turn = decode_turn(line)
        for evse, outputs in turn.drive.items():
            self._plants[evse].drive(adapter.driven(outputs), now_ms, feeds=evse not in turn.unfed)
        found = {evse: adapter.inputs(plant.sense(now_ms)) for evse, plant in self._plants.items()}
        self._changed()
        return found

    # --- meters -----------------------------------------------------------------------------------

    def _meter_server(self, name: str) -> Serve:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._meters[name].add(writer)
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await reader.read()
            self._meters[name].discard(writer)
            writer.close()

        return serve

    async def _tell_meters(self) -> None:
        while True:
            self._tell_meters_now()
            await asyncio.sleep(METER_MS / 1000)

    def _tell_meters_now(self) -> None:
        now_ms = self._clock.now_ms()
        for name, writers in self._meters.items():
            line = msgspec.json.encode(self._truth(name, now_ms)) + b"\n" if writers else b""
            for writer in tuple(writers):
                writer.write(line)

    def _truth(self, name: str, now_ms: int) -> TruthLine:
        if name == MAINS and self._site is not None:
            return TruthLine.of(self._site.meter(now_ms))
        evse = int(name)
        read = self._read_by[evse].read(now_ms)
        if read is None:
            return TruthLine.of(self._plants[evse].meter(now_ms), MeterMode.SILENT)
        signs = "meter_unsigned" not in self._plants[evse].faults
        return replace(TruthLine.of(read), signs=signs)


async def _main(config: Path, run_dir: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await PlantProcess(load(config), run_dir).run(stop)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="the simulated metal of a station")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--run-dir", type=Path, required=True)
    given = parser.parse_args(arguments)
    die_with_parent()
    asyncio.run(_main(given.config, given.run_dir))


if __name__ == "__main__":
    main()
