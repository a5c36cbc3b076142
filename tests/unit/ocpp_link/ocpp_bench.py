"""Back office, core's door and the link's process, all real, on loopback and in real time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from ocpp_rig import token

from evse.clock import MonotonicClock
from evse.door.hub import Connection as DoorPeer
from evse.door.hub import Follower, Hub, event_line
from evse.door.providers import Providers
from evse.door.server import DoorServer
from hil.csms.brain import CsmsBrain
from hil.csms.server import CsmsServer
from ocpp_link import core_client
from ocpp_link.config import LinkConfig
from ocpp_link.ports import StationInfo
from ocpp_link.process import LinkProcess
from ocpp_link.wire.reconnect import BackoffSettings

AT = "2026-01-01T00:00:00.000Z"
QUICK = BackoffSettings(wait_minimum_s=0.01, random_range_s=0.0, repeat_times=0)


class Core:
    """A core's door: keeps the commands, replays its events, answers True."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.commands: list[tuple[str, dict[str, Any]]] = []
        self.acknowledged = 0
        self.register_wh = 0.0
        self.events: list[dict[str, Any]] = []
        self.journal = "one"
        self.follower: DoorPeer | None = None
        self.serve()

    async def die(self) -> None:
        await self.door.aclose()

    async def come_back(self) -> None:
        self.serve()
        await self.door.start()

    def serve(self) -> None:
        """A new door, with the core's methods."""
        self.hub = Hub()
        Providers(self.hub, [1])
        self.door = DoorServer(self.hub, self._path)
        self.hub.register("subscribe", self._subscribe)
        self.hub.register("get", lambda peer, params, reply: reply(None))
        self.hub.register("journal.acknowledge", self._acknowledge)
        for name in (
            "stop_transaction",
            "set_external_limits",
            "force_unlock",
            "disable",
            "enable",
        ):
            self.hub.register(f"evse_manager.{name}", self._command(f"evse_manager.{name}"))
        present = "auth_token_provider.present"
        self.hub.register(present, self._command(present))

    def _command(self, name: str) -> Any:
        def serve(peer: DoorPeer, params: Any, reply: Callable[[Any], None]) -> None:
            self.commands.append((name, msgspec.json.decode(params)))
            reply(True)

        return serve

    def _subscribe(self, peer: DoorPeer, params: Any, reply: Callable[[Any], None]) -> None:
        wanted = msgspec.json.decode(params)
        if wanted["variable"] != core_client.SESSION_EVENT:
            self.hub.follow(peer, wanted["variable"], Follower(None, None))
            reply({"value": None})
            return
        self.follower = peer
        same = wanted.get("journal", self.journal) == self.journal
        from_seq = wanted.get("from_seq", self.acknowledged + 1) if same else 1
        standing = {"last_seq": len(self.events), "first_seq": 1, "journal": self.journal}
        reply({**standing, "from_seq": from_seq})
        for seq in range(from_seq, len(self.events) + 1):
            self._tell(seq)

    def _acknowledge(self, peer: DoorPeer, params: Any, reply: Callable[[Any], None]) -> None:
        self.acknowledged = msgspec.json.decode(params)["seq"]
        reply(True)

    def _tell(self, seq: int) -> None:
        if self.follower is not None and self.follower.open:
            line = event_line(core_client.SESSION_EVENT, 1, self.events[seq - 1], seq)
            self.follower.wire.send(line)

    def event(self, name: str, **payload: Any) -> None:
        self.events.append({"uuid": "s-1", "event": name, "timestamp": AT, **payload})
        self._tell(len(self.events))

    def session(self, uuid: str) -> None:
        """A whole session, each at a register of its own."""
        self.register_wh += 1_000.0
        meter = {"meter_value": {"timestamp": AT, "energy_Wh_import": {"total": self.register_wh}}}
        for name, payload in (
            ("SessionStarted", {"session_started": {"reason": "EVConnected", **meter}}),
            ("TransactionStarted", {"transaction_started": {"id_tag": token(), **meter}}),
            ("ChargingStarted", {}),
            ("TransactionFinished", {"transaction_finished": meter}),
            ("SessionFinished", {}),
        ):
            self.event(name, uuid=uuid, **payload)


class Bench:
    """Back office, core and link process, all real, on loopback."""

    def __init__(self, tmp_path: Path, **options: Any) -> None:
        self.brain = CsmsBrain(MonotonicClock())
        self.csms = CsmsServer(self.brain)
        self.core = Core(tmp_path / "core.sock")
        self._options = options
        self._path = tmp_path
        self._task: asyncio.Task[None] | None = None

    def config(self, url: str | None = None) -> LinkConfig:
        return LinkConfig(
            url=url or self.csms.url,
            identity="CP 1/a",
            door=self._path / "core.sock",
            database=self._path / "link.db",
            station=StationInfo(vendor="PiEVSE", model="Bench"),
            **{"backoff": QUICK, **self._options},
        )

    def link(self, url: str | None = None) -> None:
        self.process = LinkProcess(self.config(url))
        self._task = asyncio.create_task(self.process.run())

    async def stop_link(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            await self.process.end_jobs()
            assert self.process.close() == ""
            self._task = None

    async def aclose(self) -> None:
        await self.stop_link()
        await self.csms.stop()
        await self.core.door.aclose()


async def until(condition: Callable[[], object], timeout_s: float = 15.0) -> None:
    """Give the loop turns until something holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - conditions of several peers, not one event
            await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def bench(tmp_path: Path, **options: Any) -> AsyncIterator[Bench]:
    made = Bench(tmp_path, **options)
    await made.csms.start()
    await made.core.door.start()
    made.link()
    try:
        yield made
    finally:
        await made.aclose()


def run(test: Callable[[], Awaitable[None]]) -> None:
    """On a loop of its own, which lives until what was cut off has left its socket."""

    async def whole() -> None:
        try:
            await test()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)

    asyncio.run(whole())
