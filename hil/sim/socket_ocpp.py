"""The OCPP link of a simulated station over a real WebSocket, in the simulation's time."""

from __future__ import annotations

import asyncio

import msgspec

from hil.sim.link_process import SimLinkProcess
from hil.sim.network import SimNetwork
from hil.sim.simulation import Simulation
from hil.sim.virtual_loop import VirtualLoop
from ocpp_link.charge_point import ChargePoint
from ocpp_link.device.settings import Settings
from ocpp_link.security.config import SecurityConfig
from ocpp_link.wire.connection import Connection
from ocpp_link.wire.reconnect import Backoff, BackoffSettings
from ocpp_link.wire.runner import Runner


class SocketOcpp(SimLinkProcess):
    """A Part of `sim`: the product's engine, Runner and Connection, dialling through `network` on
    `loop`, whose world is `sim`. `start` begins it."""

    def __init__(
        self,
        sim: Simulation,
        loop: VirtualLoop,
        network: SimNetwork,
        *,
        disk_ms: int = 0,
        settings: Settings | None = None,
        security: SecurityConfig = SecurityConfig(),
    ) -> None:
        super().__init__(sim, disk_ms=disk_ms, settings=settings)
        self._loop = loop
        self._network = network
        self._security = security
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        url = f"ws://127.0.0.1:{self._network.port}/ocpp"
        self.config = msgspec.structs.replace(self.config, url=url, security=self._security)
        super().start()

    @property
    def attempts(self) -> int:
        return self._connection.attempts

    @property
    def connected(self) -> bool:
        return self._task is not None and self._connection.is_connected

    def connect(self) -> None:
        self._connection.connect()

    def disconnect(self) -> None:
        self._connection.disconnect()

    async def ended(self) -> None:
        """After `kill`: the loop has let go of all that the process had."""
        if self._task is not None:
            await asyncio.wait([self._task])

    # The wire

    def _wire_begins(self, engine: ChargePoint) -> None:
        core = self.core
        self._runner = Runner(engine, self._loop)
        self._connection = Connection(
            self._runner,
            engine.security.access,
            engine.subprotocols,
            backoff=Backoff(BackoffSettings(), self.random.random),
            on_change=lambda connected: core.publish("ocpp.is_connected", connected),
        )
        engine.security.access.on_reconnect = self._connection.reconnect
        self._task = self._loop.create_task(self._connection.run())

    def _wire_dies(self) -> None:
        self._runner.close()
        self._network.drop()
        if self._task is not None:
            self._task.cancel()

    def _wire_deadline_ms(self) -> int | None:
        return None  # it runs on the loop

    def _wire_turn(self, _engine: ChargePoint, _now_ms: int) -> bool:
        self._runner.touch()
        return False
