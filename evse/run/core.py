"""The core as a process: one asyncio loop, the board's link, the meters, the door, the journal.

The composition root: it alone joins rings and drivers. The lease is renewed by the very loop that
does everything else, after it has polled the core: a loop that hangs, and a core that raised,
renew nothing, and ring 1 opens.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import uuid
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from evse.clock import MonotonicClock
from evse.config.station import StationConfig
from evse.core import Core
from evse.door import jsonrpc
from evse.door.hub import Connection, Hub, Reply
from evse.door.jsonrpc import RpcError
from evse.door.methods import serve
from evse.door.peer import access
from evse.door.roles import NAMESPACES, Role
from evse.door.server import DoorServer
from evse.door.sys_state import sys_state
from evse.door.variables import Variables
from evse.run.board import RENEW_MS, Board
from evse.run.disk import Disk
from evse.run.life import Life
from evse.run.meters import (
    Meters,
    configured_port,
    simulated_port,
    with_simulated_meters,
)
from evse.run.notify import notifier, watchdog
from evse.run.process import boot_id
from evse.run.rfid import ReaderDesk, Readers
from evse.run.signed_meters import SignedMeters
from evse.run.sim import SimForwarder
from evse.run.sounds import BoardSounds

LINK = "ocpp"
"""What the OCPP process is called as a consumer of the journal: nothing is kept for one that is
not configured."""
NOT_CONFIGURED = "the configuration has no [ocpp]"
NOT_CONNECTED = "the OCPP process is not connected to the core"
"""Why nobody provides what is the OCPP process's."""

_log = logging.getLogger(__name__)


class CoreProcess:
    """A running core. `socket` is the door; `run_dir` holds the sockets of a simulated board."""

    def __init__(
        self,
        config: StationConfig,
        *,
        state_dir: Path,
        socket: Path,
        run_dir: Path,
        record: Path | None = None,
    ) -> None:
        """Raises StorageError or OSError when the state can not be used. Needs the event loop."""
        self._clock = MonotonicClock()
        self._simulated = config.board.kind == "simulated"
        self.life = Life()
        self._manager = notifier()
        self._watchdog = watchdog(self._manager.tell)
        self.hub = Hub()
        self._disk = Disk(
            config, self._clock, self.life, state_dir=state_dir, run_dir=run_dir, record=record
        )
        self.board = Board(
            config, self._clock, self.life, run_dir=run_dir, recording=self._disk.recording
        )
        self._meters = self._make_meters(config, run_dir)
        self._signed = self._make_signed(config)
        self.core = self._make_core(config)
        self._expect_meters()
        self._door = DoorServer(
            self.hub, socket, access=access(config.door, _log.warning), group=config.door.group
        )
        self.reader_desk = ReaderDesk(self.core, config.rfid, BoardSounds(self.board))
        on_reader = self.life.guarded(self.reader_desk.heard)
        self._readers = Readers(config.rfid, self._clock, on_reader)
        self._sim = SimForwarder(self.hub, run_dir, self.core) if self._simulated else None
        self._open_door(config)

    # --- life -------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until `life` ends, by a stop or by a defect."""
        await self._door.start()
        _log.info("door open at %s", self._door.path)
        self.board.start(self.core)
        self._manager.ready(f"door open at {self._door.path}")
        tasks = [
            asyncio.create_task(self._live(), name="live loop"),
            asyncio.create_task(self._meters.run(), name="meters"),
            asyncio.create_task(self._signed.run(), name="signing meters"),
            asyncio.create_task(self._readers.run(), name="readers"),
        ]
        if self._sim is not None:
            tasks.append(asyncio.create_task(self._sim.run(), name="simulation"))
        await self.life.last(tasks)
        self._manager.stopping()
        if not self.life.failed:
            await self.board.farewell()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._door.aclose()
        self.board.stop()
        self._disk.close()

    async def _live(self) -> None:
        """The live loop. A turn that raises fails the core in that very turn: no status that
        comes before the loop looks at its tasks may renew a lease once more."""
        turn = self.life.guarded(self._turn)
        while True:
            turn()
            await asyncio.sleep(RENEW_MS / 1000)

    def _turn(self) -> None:
        """Let time act, then renew the lease (Core.on_settled). The manager's watchdog is fed by
        what came to its end here."""
        self._meters.tick()
        self.core.poll()
        self._disk.poll()
        self._watchdog.fed(self._clock.now_ms())

    # --- its parts --------------------------------------------------------------------------------

    def _make_core(self, config: StationConfig) -> Core:
        disk = self._disk
        core = Core(
            config,
            clock=self._clock,
            journal=disk.journal,
            board=self.board,
            meters=self._meters,
            publish=self.hub.publish,
            snapshots=disk.snapshots,
            last_session=disk.last_session,
            boot_id=boot_id(),
            new_uuid=lambda: str(uuid.uuid4()),
            say=_log.error,
            signer=self._signed,
        )
        core.log = disk.logs
        if config.ocpp is None:
            disk.journal.forget_consumer(LINK)
        return core

    def _make_meters(self, config: StationConfig, run_dir: Path) -> Meters:
        guarded = self.life.guarded
        return Meters(
            with_simulated_meters(config) if self._simulated else config,
            self._clock,
            ports=simulated_port(run_dir) if self._simulated else configured_port,
            on_reading=guarded(lambda evse, reading: self.core.on_reading(evse, reading)),
            on_lost=guarded(lambda evse: self.core.on_meter_lost(evse)),
            on_findings=guarded(lambda evse, found: self.core.on_findings(evse, found)),
            on_trouble=guarded(lambda evse, trouble: self.core.on_meter_trouble(evse, trouble)),
            on_mains=guarded(lambda reading: self.core.on_mains(reading)),
        )

    def _make_signed(self, config: StationConfig) -> SignedMeters:
        guarded = self.life.guarded
        return SignedMeters(
            config,
            self._clock,
            bus_of=self._meters.bus_of,
            on_begun=guarded(lambda *told: self.core.on_signed_begin(*told)),
            on_ended=guarded(lambda *told: self.core.on_signed_end(*told)),
            on_key=guarded(lambda *told: self.core.on_public_key(*told)),
        )

    def _expect_meters(self) -> None:
        """Hold the first readings against what is known; a simulated meter begins at 0 anew with
        each start of its process."""
        for evse, session in self.core.sessions.items():
            known = session.record.meter
            if known is not None and not self._simulated:
                self._meters.expect(evse, known.energy_Wh_import.total, session.unseen_ms)

    # --- the door ---------------------------------------------------------------------------------

    def _open_door(self, config: StationConfig) -> None:
        """What may be asked there, and what is told."""
        why = NOT_CONFIGURED if config.ocpp is None else NOT_CONNECTED
        self.hub.absence = {name: why for name, role in NAMESPACES.items() if role is Role.OCPP}
        Variables(self.hub, self._disk.journal, list(self.core.sessions))
        serve(self.hub, self.core)
        self.core.authorization.attach(self.hub)
        self.reader_desk.listen(self.hub)
        self.hub.register("sys.state", self._sys_state)
        self.hub.register("sys.record", self._sys_record)

    def _sys_state(self, _connection: Connection, params: Any, reply: Reply) -> None:
        jsonrpc.decode_params(params, _Nothing)
        state = sys_state(self.core, self.hub, self.board.stats)
        state["readers"] = self.reader_desk.state()
        if self._sim is None:
            reply(state)
        else:
            self._sim.with_processes(state, reply)

    def _sys_record(self, _connection: Connection, params: Any, reply: Reply) -> None:
        """Answers {"asked": true}; the flight is written some seconds later."""
        wanted = jsonrpc.decode_params(params, _Record)
        assert self._disk.flights is not None, "made with a run directory"

        def done(problem: str) -> None:
            reply(RpcError(jsonrpc.NOT_AVAILABLE, problem) if problem else {"asked": True})

        self._disk.flights.ask(wanted.why, done)


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    why: Annotated[str, Meta(max_length=100)] = ""
    """For whoever reads the flight."""


class _Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


async def run_core(
    config: StationConfig,
    *,
    state_dir: Path,
    socket: Path,
    run_dir: Path,
    record: Path | None = None,
) -> int:
    """The process's body; returns its exit code. `state_dir` exists. `record`: a file for what
    crosses the board's wire."""
    loop = asyncio.get_running_loop()
    process = CoreProcess(
        config, state_dir=state_dir, socket=socket, run_dir=run_dir, record=record
    )
    loop.set_exception_handler(process.life.on_loop_exception)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.life.stop)
    with contextlib.suppress(asyncio.CancelledError):
        await process.run()
    return 70 if process.life.failed else 0
