"""The OCPP link of a simulated station over a real WebSocket, in the simulation's time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from hil.sim.link_process import SimLinkProcess
from hil.sim.network import SimNetwork
from hil.sim.simulation import Simulation
from hil.sim.virtual_loop import VirtualLoop
from ocpp_link.charge_point import ChargePoint
from ocpp_link.device.settings import Settings
from ocpp_link.files.installer import next_start
from ocpp_link.files.ports import Files, Sources
from ocpp_link.files.releases import ReleaseInstaller
from ocpp_link.files.workers import ProcessWorkers
from ocpp_link.security.config import SecurityConfig
from ocpp_link.wire.connection import Connection
from ocpp_link.wire.reconnect import Backoff, BackoffSettings
from ocpp_link.wire.runner import Runner


class SocketOcpp(SimLinkProcess):
    """A Part of `sim`: the product's engine, Runner, Connection, files and security, dialling
    through `network` on `loop`, whose world is `sim`. Call `start` from within the loop.

    `directory` is its disk: credentials, certificates, logs and releases outlive the process.
    `security` says how it was delivered; places are filled in here.
    """

    def __init__(
        self,
        sim: Simulation,
        loop: VirtualLoop,
        network: SimNetwork,
        directory: Path,
        *,
        security: SecurityConfig | None = None,
        settings: Settings | None = None,
    ) -> None:
        super().__init__(sim, settings=settings)
        self._loop = loop
        self._network = network
        self._directory = directory
        self._log = directory / "security.log"
        self._delivered = msgspec.structs.replace(
            security or SecurityConfig(), directory=directory, log=self._log
        )
        self._ending: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.config = msgspec.structs.replace(
            self.config,
            url=f"ws://127.0.0.1:{self._network.port}/ocpp",
            basic_auth_key=self._delivered.key,
            security=self._delivered,
        )
        super().start()

    @property
    def attempts(self) -> int:
        return self._connection.attempts

    @property
    def connected(self) -> bool:
        return self._task is not None and self._connection.is_connected

    @property
    def wanted(self) -> bool:
        return self._connection.wanted

    def connect(self) -> None:
        self._connection.connect()

    def disconnect(self) -> None:
        self._connection.disconnect()

    async def ended(self) -> None:
        """After `kill`: the loop has let go of all that the process had."""
        if self._ending is not None:
            await self._ending

    # What it may do with files

    def _files(self) -> Files:
        directory = self._directory / "files"
        directory.mkdir(exist_ok=True)
        self._workers = ProcessWorkers(lambda act: self._runner.run(act))
        return Files(
            workers=self._workers,
            directory=str(directory),
            identity=self.config.identity,
            installer=ReleaseInstaller(
                self._workers, self._directory, running=next_start(self._directory)
            ),
            sources=Sources(security_log=str(self._log)),
        )

    # The wire

    def _wire_begins(self, engine: ChargePoint) -> None:
        door, access = self.door, engine.security.access
        self._runner = Runner(engine, self._loop)
        self._connection = Connection(
            self._runner,
            access,
            engine.subprotocols,
            backoff=Backoff(lambda: _backoff(engine.station.settings), self.random.random),
            on_change=door.connection_changed,
        )
        access.on_reconnect = self._connection.reconnect
        self._task = self._loop.create_task(self._connection.run())

    def _wire_dies(self) -> None:
        self._runner.close()
        self._network.drop()
        if self._task is not None:
            self._task.cancel()
            self._ending = self._loop.create_task(self._end(self._task))

    async def _end(self, task: asyncio.Task[None]) -> None:
        await asyncio.wait([task])
        await self._workers.close()

    def _wire_deadline_ms(self) -> int | None:
        return None  # it runs on the loop

    def _wire_turn(self, _engine: ChargePoint, _now_ms: int) -> bool:
        self._runner.touch()
        return False


def _backoff(settings: Settings) -> BackoffSettings:
    return BackoffSettings(
        settings.backoff_wait_s, settings.backoff_random_s, settings.backoff_repeats
    )
