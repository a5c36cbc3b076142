"""The demonstration with real processes: `evse run` beside a back office on a loopback port.

Everything between them is real: serial frames on a pty, Modbus RTU on another, JSON-RPC on Unix
sockets, OCPP on a WebSocket. Whatever ends the demonstration ends the station with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TextIO

import msgspec
from ocpp.charge_point import camel_to_snake_case
from ocpp.exceptions import OCPPError
from ocpp.v16 import call as calls

from evse.clock import MonotonicClock
from evse.config.load import effective
from evse.config.station import StationConfig
from evse.door.client import DoorClient
from evse.door.jsonrpc import RpcError
from evse.run.process import SUPERVISOR_VARIABLE
from hil.csms.server import CsmsServer
from hil.demo.ending import Ending, play
from hil.demo.stage import EVSE, PATIENCE_S, POWERMETER, SESSION_EVENT, DemoFailed, Stage
from hil.demo.story import Pace
from hil.demo.timeline import Timeline
from hil.plant.door import TRACE
from hil.trace import Entry, Lane, Trace
from ocpp_link.rpc.rpc import Payload

LOG = "station.log"
PROCESSES = "plant, guard, meter, core and OCPP link, each a process of its own"
LOOK_S = 0.05
LATE_MS = 200
"""An event is printed this long after it happened: the slower of its witnesses have come too."""
STOP_S = 3.5
"""A station ends within 3 s of its SIGTERM."""


class ProcStage(Stage):
    """Follows a running station by its doors, and is its back office."""

    def __init__(self, config: StationConfig, out: TextIO, run_dir: Path, *, colour: bool) -> None:
        clock = MonotonicClock()
        self._zero_ms = clock.now_ms()
        super().__init__(Timeline(out, zero_ms=self._zero_ms, colour=colour), clock)
        self._trace = Trace()
        self._trace.record(self._zero_ms, EVSE, Lane.STATE, "booting")
        self._identity = config.station.identity
        self._run_dir = run_dir
        self._asking: set[asyncio.Task[None]] = set()
        self.server = CsmsServer(self.brain)
        self._door: DoorClient | None = None
        self._plant: DoorClient | None = None

    @property
    def trace(self) -> Trace:
        return self._trace

    async def follow(self, ended: Callable[[], object]) -> None:
        """Connect to a station that is starting. Raises DemoFailed, also when it has `ended`."""
        self._plant = await self._connect("plant.sock", ended)
        told = await self._plant.subscribe(TRACE, lambda p: self._entry(p["value"]))
        for entry in told["value"]:
            self._entry(entry)
        self._door = await self._connect("door.sock", ended)
        await self._door.subscribe(SESSION_EVENT, self._on_event, from_seq=1)
        await self._door.subscribe(POWERMETER, lambda p: self.on_variable(POWERMETER, p))

    async def aclose(self) -> None:
        for client in (self._door, self._plant):
            if client is not None:
                await client.aclose()
        await asyncio.gather(*self._asking, return_exceptions=True)
        await self.server.stop()

    # --- Stage ------------------------------------------------------------------------------------

    async def call(self, method: str, **params: Any) -> Any:
        assert self._door is not None, "follow first"
        try:
            return await self._door.call(method, params)
        except (RpcError, OSError) as error:
            raise DemoFailed(f"{method}: {error}") from error

    async def order(self, action: str, payload: Payload) -> Payload:
        request = getattr(calls, action)(**camel_to_snake_case(payload))
        try:
            answer = await self.server.call(self._identity, request)
        except (OCPPError, KeyError, TimeoutError) as error:
            raise DemoFailed(f"{action} was not answered: {error}") from error
        return msgspec.convert(msgspec.to_builtins(answer), dict[str, Any])

    async def wait(self, span_s: float) -> None:
        end_ms = self.clock.now_ms() + round(span_s * 1000)
        while (left_ms := end_ms - self.clock.now_ms()) > 0:
            self.show(self.clock.now_ms() - LATE_MS)
            await asyncio.sleep(min(LOOK_S, left_ms / 1000))

    async def until(self, condition: Callable[[], object], what: str) -> None:
        end_ms = self.clock.now_ms() + round(PATIENCE_S * 1000)
        while not condition():
            if self.clock.now_ms() > end_ms:
                raise DemoFailed(f"the station did not {what} within {PATIENCE_S:g} s")
            await self.wait(LOOK_S)

    def note_message(self, direction: str, action: str) -> None:
        self._message(f"{direction} {action}")

    # --- inside -----------------------------------------------------------------------------------

    async def _connect(self, name: str, ended: Callable[[], object]) -> DoorClient:
        give_up_ms = self.clock.now_ms() + round(PATIENCE_S * 1000)
        while self.clock.now_ms() < give_up_ms and not ended():
            with contextlib.suppress(OSError):
                return await DoorClient.connect(self._run_dir / name)
            await asyncio.sleep(LOOK_S)
        if ended():
            raise DemoFailed(f"the station ended before it opened {name}")
        raise DemoFailed(f"the station did not open {name} within {PATIENCE_S:g} s")

    def _entry(self, value: list[Any]) -> None:
        entry = msgspec.convert(value, Entry)
        self._trace.record(entry.t_ms, entry.evse, entry.lane, entry.value)

    def _on_event(self, params: dict[str, Any]) -> None:
        self.on_variable(SESSION_EVENT, params)
        self._message(params["value"]["event"])
        task = asyncio.create_task(self._ask_state())
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask_state(self) -> None:
        with contextlib.suppress(DemoFailed):
            (evse,) = (await self.call("sys.state"))["evses"]
            self._trace.record(self.clock.now_ms(), EVSE, Lane.STATE, evse["state"])

    def _message(self, text: str) -> None:
        self._trace.record(self.clock.now_ms(), EVSE, Lane.MESSAGE, text)


async def play_in_processes(
    config: StationConfig, pace: Pace, state_dir: Path, out: TextIO, *, colour: bool
) -> Ending:
    """The story with a station whose state is in `state_dir`. SIGINT and SIGTERM cancel it."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    stage = ProcStage(config, out, state_dir / "run", colour=colour)
    await stage.server.start()
    try:
        async with _station(at(config, stage.server.url), state_dir) as process:
            stage.say("you", f"`evse run`: {PROCESSES}")
            await stage.follow(lambda: process.returncode is not None)
            return await play(stage, pace)
    except DemoFailed as error:
        return Ending(trace=stage.trace, mistakes=(str(error),))
    finally:
        await stage.aclose()


def at(config: StationConfig, url: str) -> StationConfig:
    """The same station at the back office `url`."""
    assert config.ocpp is not None, "the demonstration needs a back office"
    return msgspec.structs.replace(config, ocpp=msgspec.structs.replace(config.ocpp, url=url))


@contextlib.asynccontextmanager
async def _station(
    config: StationConfig, state_dir: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`evse run` on a simulated board, as a child that ends with us whatever happens."""
    path, log = _files(config, state_dir)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "evse", "run", "--sim"),
        *("--config", str(path), "--state-dir", str(state_dir)),
        *("--socket", str(state_dir / "run" / "door.sock")),
        env={**os.environ, SUPERVISOR_VARIABLE: str(os.getpid())},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        process_group=0,
    )
    os.close(log)
    try:
        yield process
    finally:
        await asyncio.shield(_end(process))


def _files(config: StationConfig, state_dir: Path) -> tuple[Path, int]:
    """The configuration's file, and the log open for writing."""
    path = state_dir / "station.toml"
    path.write_text(effective(config), "utf-8")
    return path, os.open(state_dir / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
