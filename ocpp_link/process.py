"""The body of the `evse-ocpp` process: engine, storage thread, WebSocket, and both doors."""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from evse.clock import Clock, MonotonicClock
from evse.door.jsonrpc import NOT_AVAILABLE, RpcError
from evse.door.server import DoorServer
from ocpp_link import core_client
from ocpp_link.charge_point import ChargePoint
from ocpp_link.config import FrameLogConfig, LinkConfig
from ocpp_link.core_client import DoorCore, follow_core
from ocpp_link.device.settings import Settings
from ocpp_link.dialects import Dialects
from ocpp_link.door.control import ConnectionControl, is_wanted
from ocpp_link.door.door import LinkDoor
from ocpp_link.files.ports import Files
from ocpp_link.files.workers import ProcessWorkers
from ocpp_link.memory.database import Database
from ocpp_link.memory.store import ThreadStore
from ocpp_link.ports import CoreReply, ProcessOwner, RestartKind, Store
from ocpp_link.system import ProcessSystem, UnitSystem
from ocpp_link.units import UnitStarter
from ocpp_link.wire.connection import Connection
from ocpp_link.wire.frame_log import FrameLog, Level
from ocpp_link.wire.log_writer import write_with
from ocpp_link.wire.reconnect import Backoff, BackoffSettings
from ocpp_link.wire.redaction import Redaction
from ocpp_link.wire.rotated_file import RotatedFile
from ocpp_link.wire.runner import Runner

T = TypeVar("T")

TURN_S = 2.0
"""A link to which nothing happens takes a turn so often, to show that it could."""

_log = logging.getLogger(__name__)


class LinkProcess:
    """Construct it on a running loop; `run` until cancelled, then `close`."""

    def __init__(self, config: LinkConfig, owner: ProcessOwner | None = None) -> None:
        loop = asyncio.get_running_loop()
        self._owner = owner
        self._config = config
        self._storage_fault: asyncio.Future[None] = loop.create_future()
        self.restart: asyncio.Future[RestartKind] = loop.create_future()
        """Done once a reset wants this process to end: with what is to begin anew."""
        self._core = DoorCore()
        clock = MonotonicClock()
        self._store = ThreadStore(
            Database(config.database),
            clock,
            lambda act: loop.call_soon_threadsafe(self._stored, act),
            lambda error: loop.call_soon_threadsafe(self._storage_fault.set_exception, error),
        )
        self._workers = ProcessWorkers(lambda act: self._runner.run(act))
        self._units = UnitStarter(lambda act: self._runner.run(act))
        self.engine = ChargePoint(
            config.station,
            core=self._core,
            store=self._store,
            clock=clock,
            dialects=Dialects(config.versions),
            new_id=lambda: str(uuid.uuid4()),
            defaults=config.settings,
            security=config.secured,
            pricing=config.pricing,
            system=self._system(config),
            files=_files(config, self._workers),
        )
        self._runner = Runner(self.engine, loop)
        self._frames = _frame_log(config.frame_log, self._store, clock, loop)
        self.connection = Connection(
            self._runner,
            self.engine.security.access,
            self.engine.subprotocols,
            backoff=Backoff(self._backoff, random.random),
            listener=self._frames,
            note=self._frames.note,
            wanted=is_wanted(self._store.load()),
            on_change=lambda connected: self.door.connection_changed(connected),
        )
        self.door = LinkDoor(
            self.engine,
            ConnectionControl(self.engine, self.connection),
            self._core,
            self._store.load(),
            run=self._runner.run,
        )
        self.door.connection_changed(False)
        self._socket = None if config.socket is None else _socket(self.door, config)
        self.engine.security.access.on_reconnect = self.connection.reconnect
        self.engine.station.occasions.configured.append(self._configured)

    async def run(self) -> None:
        """Serve until cancelled. Raises when nothing can be made durable any more."""
        await self._open_socket()
        try:
            async with asyncio.TaskGroup() as tasks:
                if self._owner is not None:
                    self._owner.ready()
                    tasks.create_task(self._live(self._owner))
                tasks.create_task(self._until_storage_fault())
                tasks.create_task(
                    follow_core(self._config.door, self._core, self._runner, self._serve)
                )
                tasks.create_task(self.connection.run())
        finally:
            await self._close_socket()

    async def _live(self, owner: ProcessOwner) -> None:
        """The live loop: a turn of the engine. One that raises ends the process."""
        while True:
            self._runner.run(self.engine.poll)
            owner.turned(self._runner.now_ms())
            await asyncio.sleep(TURN_S)

    def _stored(self, act: Callable[[], None]) -> None:
        """On the loop, and so never before this object is whole."""
        self._runner.run(act)

    def _system(self, config: LinkConfig) -> ProcessSystem:
        boot, may_set = config.boot_id, config.sets_clock
        if config.units:
            return UnitSystem(boot, self._on_restart, self._units.start, may_set_clock=may_set)
        return ProcessSystem(boot, self._on_restart, may_set_clock=may_set)

    def _on_restart(self, kind: RestartKind) -> None:
        if not self.restart.done():
            self.restart.set_result(kind)

    def _backoff(self) -> BackoffSettings:
        settings = self.engine.station.settings
        return self._config.backoff or BackoffSettings(
            settings.backoff_wait_s, settings.backoff_random_s, settings.backoff_repeats
        )

    def _configured(self, before: Settings, now: Settings) -> None:
        if before.ping_interval_s != now.ping_interval_s:
            self.connection.ping_interval_changed()

    async def _open_socket(self) -> None:
        """Without it the link goes on: what it serves is at the core's door, too."""
        if self._socket is None:
            return
        try:
            await self._socket.start()
        except OSError as error:
            _log.error("the link's own door stays shut: %s", error)
            self._socket = None

    async def _until_storage_fault(self) -> None:
        await self._storage_fault

    async def end_jobs(self) -> None:
        """After `run` was cancelled, before `close`: what other processes do for it ends."""
        await self._workers.close()
        await self._units.close()

    async def _close_socket(self) -> None:
        if self._socket is not None:
            await self._socket.aclose()

    def close(self) -> str:
        """After `run` was cancelled. Empty, or why the last writes may be missing on the disk."""
        self.engine.close()
        self._runner.close()
        self._frames.flush()
        return self._store.close()

    async def _serve(self, method: str, params: dict[str, Any]) -> Any:
        """What the link provides at the core's door."""
        if method == core_client.VALIDATE_TOKEN:
            return await self._validate(params.get("provided_token"))
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.door.call(method, params, lambda said: _set(answered, said))
        answer = await answered
        if isinstance(answer, RpcError):
            raise answer
        return answer

    async def _validate(self, token: Any) -> Any:
        """Raises RpcError where nobody could say whether the token is good."""
        answered: asyncio.Future[CoreReply] = asyncio.get_running_loop().create_future()
        self._runner.run(lambda: self.engine.validate(token, lambda said: _set(answered, said)))
        reply = await answered
        if reply.error:
            raise RpcError(NOT_AVAILABLE, reply.error)
        return reply.result


def _socket(door: LinkDoor, config: LinkConfig) -> DoorServer:
    assert config.socket is not None
    return DoorServer(door.hub, config.socket, access=config.access, group=config.group)


def _set(answered: asyncio.Future[T], said: T) -> None:
    """Whoever asked may have gone meanwhile."""
    if not answered.done():
        answered.set_result(said)


def _frame_log(
    config: FrameLogConfig | None, store: Store, clock: Clock, loop: asyncio.AbstractEventLoop
) -> FrameLog:
    if config is None:
        return FrameLog(lambda _lines, _done: None, clock, loop.call_later, level=Level.OFF)
    return FrameLog(
        write_with(store, RotatedFile(config.path, max_bytes=config.max_bytes, files=config.files)),
        clock,
        loop.call_later,
        level=config.level,
        redaction=Redaction(hide_tokens=config.hide_tokens),
    )


def _files(config: LinkConfig, workers: ProcessWorkers) -> Files | None:
    if config.files is None:
        return None
    frame_log = config.frame_log.path if config.frame_log else None
    return config.files.files(
        workers, config.identity, frame_log=frame_log, security_log=config.security.log
    )


async def serve(config: LinkConfig, owner: ProcessOwner | None = None) -> RestartKind:
    """Run the link until the task is cancelled, or until a reset: then what is to begin anew."""
    process = LinkProcess(config, owner)
    work = asyncio.ensure_future(process.run())
    ends: list[asyncio.Future[Any]] = [work, process.restart]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
        kind = await process.restart
        await process.connection.flush()  # the answer to the Reset is out before the end
        return kind
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await process.end_jobs()
        process.close()
