"""The body of the `evse-ocpp` process: engine, storage thread, WebSocket, and the core's door."""

from __future__ import annotations

import asyncio
import random
import uuid
from pathlib import Path
from typing import Any

import msgspec

from evse.clock import MonotonicClock
from evse.door.jsonrpc import METHOD_NOT_FOUND, NOT_AVAILABLE, RpcError
from ocpp_link import core_client
from ocpp_link.charge_point import ChargePoint
from ocpp_link.core_client import DoorCore, follow_core
from ocpp_link.device.settings import Settings
from ocpp_link.dialects import Dialects
from ocpp_link.memory.database import Database
from ocpp_link.memory.store import ThreadStore
from ocpp_link.ports import CoreReply, StationInfo
from ocpp_link.wire.connection import Connection
from ocpp_link.wire.reconnect import Backoff, BackoffSettings
from ocpp_link.wire.runner import Runner


class LinkConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is started with."""

    url: str
    """Of the CSMS, without the identity."""
    identity: str
    door: Path
    """The core's socket."""
    database: Path
    station: StationInfo
    basic_auth_key: bytes = b""
    """Password of HTTP Basic, with the identity as user; empty: none is sent."""
    versions: tuple[str, ...] = ("1.6",)
    """Of OCPP, in order of preference."""
    settings: Settings = Settings()
    """In effect until the CSMS changes them."""
    backoff: BackoffSettings = BackoffSettings()


class LinkProcess:
    """Construct it on a running loop; `run` until cancelled, then `close`."""

    def __init__(self, config: LinkConfig) -> None:
        loop = asyncio.get_running_loop()
        self._config = config
        self._storage_fault: asyncio.Future[None] = loop.create_future()
        self._core = DoorCore()
        clock = MonotonicClock()
        self._store = ThreadStore(
            Database(config.database),
            clock,
            lambda act: loop.call_soon_threadsafe(self._runner.run, act),
            lambda error: loop.call_soon_threadsafe(self._storage_fault.set_exception, error),
        )
        self.engine = ChargePoint(
            config.station,
            core=self._core,
            store=self._store,
            clock=clock,
            dialects=Dialects(config.versions),
            new_id=lambda: str(uuid.uuid4()),
            defaults=config.settings,
        )
        self._runner = Runner(self.engine, loop)
        self.connection = Connection(
            self._runner,
            url=config.url,
            identity=config.identity,
            backoff=Backoff(config.backoff, random.random),
            basic_auth_key=config.basic_auth_key,
            on_change=lambda connected: self._core.publish("ocpp.is_connected", connected),
        )

    async def run(self) -> None:
        """Serve until cancelled. Raises when nothing can be made durable any more."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._until_storage_fault())
            tasks.create_task(follow_core(self._config.door, self._core, self._runner, self._serve))
            tasks.create_task(self.connection.run())

    async def _until_storage_fault(self) -> None:
        await self._storage_fault

    def close(self) -> str:
        """After `run` was cancelled. Empty, or why the last writes may be missing on the disk."""
        self.engine.close()
        self._runner.close()
        return self._store.close()

    async def _serve(self, method: str, params: dict[str, Any]) -> Any:
        """What the link provides at the door."""
        match method:
            case core_client.VALIDATE_TOKEN:
                return await self._validate(params.get("provided_token"))
            case "ocpp.disconnect" | "ocpp.stop":
                self.connection.disconnect()
            case "ocpp.connect" | "ocpp.restart":
                self.connection.connect()
            case "ocpp.state":
                return self._state()
            case _:
                raise RpcError(METHOD_NOT_FOUND, f"no method {method}")
        return True

    async def _validate(self, token: Any) -> Any:
        """Raises RpcError where nobody could say whether the token is good."""
        answered: asyncio.Future[CoreReply] = asyncio.get_running_loop().create_future()

        def on_reply(reply: CoreReply) -> None:
            if not answered.done():
                answered.set_result(reply)

        self._runner.run(lambda: self.engine.validate(token, on_reply))
        reply = await answered
        if reply.error:
            raise RpcError(NOT_AVAILABLE, reply.error)
        return reply.result

    def _state(self) -> dict[str, Any]:
        engine, boot = self.engine, self.engine.station.boot
        return {
            "is_connected": self.connection.is_connected,
            "registration": boot.status.value if boot.status else "",
            "queued": len(engine.transactions.queue),
            "dropped": engine.transactions.queue.dropped,
            "attempts": self.connection.attempts,
            "faults": self.connection.faults,
            "last_error": self.connection.last_error,
            "rpc": msgspec.to_builtins(engine.station.rpc.stats),
        }


async def serve(config: LinkConfig) -> None:
    """Run the link until the task is cancelled."""
    process = LinkProcess(config)
    try:
        await process.run()
    finally:
        process.close()
