"""The core as a process: one asyncio loop, the board's link, the meters, the door, the journal.

The composition root: it alone joins rings and drivers. The lease is renewed by the very loop that
does everything else, after it has polled the core: a loop that hangs, and a core that raised,
renew nothing, and ring 1 opens.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import signal
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from evse.clock import MonotonicClock
from evse.config.load import guard_config_crc
from evse.config.station import StationConfig
from evse.core import Core
from evse.door import jsonrpc
from evse.door.hub import Connection, Hub, Reply
from evse.door.methods import serve
from evse.door.peer import access
from evse.door.server import DoorServer
from evse.door.sys_state import sys_state
from evse.door.variables import Variables
from evse.journal import Journal
from evse.journal_retention import Retention
from evse.journal_rows import MIGRATIONS, find, of_last_session, snapshots
from evse.model import X1_BP, BoardIdentity, CommandVerb
from evse.run.meters import Meters, configured_port, simulated_port
from evse.run.process import boot_id
from evse.run.record import LinkRecording
from evse.run.sim import SimForwarder
from evse.session_log.log import SessionLogs
from evse.storage import Storage, open_database, renew_database
from evse.storage_thread import ThreadStorage
from firmware_bridge.events import Analog, HostEvent, LinkDown, LinkUp, Status
from firmware_bridge.host_session import HostSession
from firmware_bridge.link import BoardLink, random_nonce
from firmware_bridge.ports import open_port
from firmware_bridge.transports import Transport

RENEW_MS = 100
"""Pace of the lease (DESIGN)."""
LINK = "ocpp"
"""What the OCPP process is called as a consumer of the journal: nothing is kept for one that is
not configured."""
FAREWELL_MS = 1_500
"""How long a stopping core keeps telling ring 1 to open, at most."""

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
        self._config = config
        self._clock = MonotonicClock()
        self._simulated = config.board.kind == "simulated"
        self._run_dir = run_dir
        self._stopping = False
        self.failed = False
        loop = asyncio.get_running_loop()
        database = open_database(
            state_dir / "core.db", MIGRATIONS, utc=self._clock.utc(), say=_log.error
        )
        storage = ThreadStorage(
            database,
            loop.call_soon_threadsafe,
            on_fault=lambda error: loop.call_soon_threadsafe(self._fail, error),
            renew=lambda why: renew_database(
                state_dir / "core.db", MIGRATIONS, utc=self._clock.utc(), say=_log.error, why=why
            ),
        )
        self._recording = LinkRecording(record, self._clock, storage) if record else None
        journal = Journal(
            storage,
            self._clock,
            found=find(database),
            retention=Retention(
                days=config.journal.keep_days, max_bytes=config.journal.max_mb * 1_000_000
            ),
            say=_log.warning,
        )
        storage.on_renewed = journal.begin_anew
        if config.ocpp is None:
            journal.forget_consumer(LINK)
        self.hub = Hub()
        self._meters = self._make_meters()
        self.core = Core(
            config,
            clock=self._clock,
            journal=journal,
            board=self,
            meters=self._meters,
            publish=self.hub.publish,
            snapshots=snapshots(database),
            last_session=functools.partial(of_last_session, database),
            boot_id=boot_id(),
            new_uuid=lambda: str(uuid.uuid4()),
            say=_log.error,
        )
        self._logs = self._make_logs(state_dir / "sessions", storage)
        self.core.log = self._logs
        self._expect_meters()
        self._link = BoardLink(
            HostSession(
                evses=len(config.evses),
                next_nonce=random_nonce,
                expected_config_crc=guard_config_crc(config),
            ),
            self._open_board,
            self._clock,
            self._guarded(self._on_link),
        )
        self.core.on_settled = self._renew
        self._door = DoorServer(
            self.hub, socket, access=access(config.door, _log.warning), group=config.door.group
        )
        self._sim = SimForwarder(self.hub, run_dir, self.core) if self._simulated else None
        Variables(self.hub, journal, list(self.core.sessions))
        serve(self.hub, self.core)
        self.core.authorization.attach(self.hub)
        self.hub.register("sys.state", self._sys_state)
        self._end = asyncio.Event()

    # --- life -------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until `stop`, or until the core fails (`failed` is then True)."""
        await self._door.start()
        _log.info("door open at %s", self._door.path)
        self._link.start()
        tasks = [
            asyncio.create_task(self._live(), name="live loop"),
            asyncio.create_task(self._meters.run(), name="meters"),
        ]
        if self._sim is not None:
            tasks.append(asyncio.create_task(self._sim.run(), name="simulation"))
        ended = asyncio.create_task(self._end.wait())
        done, _ = await asyncio.wait([ended, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if task is not ended and not task.cancelled():
                self._fail(task.exception() or RuntimeError(f"{task.get_name()} ended by itself"))
        if not self.failed:
            await self._farewell()
        for task in (ended, *tasks):
            task.cancel()
        await asyncio.gather(ended, *tasks, return_exceptions=True)
        await self._door.aclose()
        self._link.stop()
        if self._recording is not None:
            self._recording.close()
        if self._logs is not None:
            self._logs.close()
        if unwritten := self.core.journal.close():
            _log.error("%s", unwritten)

    def stop(self) -> None:
        """End in good order: ring 1 opens first."""
        self._stopping = True
        self._end.set()

    def on_loop_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What a callback of the loop let out: a peer's wire is nothing, all else is a defect."""
        error = context.get("exception")
        if isinstance(error, OSError) or error is None:
            loop.default_exception_handler(context)
        else:
            self._fail(error)

    async def _farewell(self) -> None:
        """Permits that deny, until the contactors are open or it has taken too long."""
        give_up_ms = self._clock.now_ms() + FAREWELL_MS
        while self._clock.now_ms() < give_up_ms:
            self._renew()
            if not any(s.status.energised for s in self.core.sessions.values()):
                break
            await asyncio.sleep(RENEW_MS / 1000)
        self._renew()

    async def _live(self) -> None:
        """The live loop. A turn that raises fails the core in that very turn: no status that
        comes before the loop looks at its tasks may renew a lease once more."""
        turn = self._guarded(self._turn)
        while True:
            turn()
            await asyncio.sleep(RENEW_MS / 1000)

    def _turn(self) -> None:
        """Let time act, then renew the lease (Core.on_settled)."""
        self._meters.tick()
        self.core.poll()
        if self._logs is not None:
            self._logs.poll(self._clock.now_ms())
        if self._recording is not None:
            self._recording.poll()

    def _fail(self, error: BaseException | None) -> None:
        """A defect: renew nothing more, say so, end; the unit's restart begins from the journal."""
        self.failed = True
        _log.critical("the core failed; no lease is renewed any more", exc_info=error)
        self._end.set()

    def _guarded(self, act: Callable[..., None]) -> Callable[..., None]:
        """Callbacks of the loop: an exception in the core ends the core, not only the callback."""

        def call(*args: Any) -> None:
            if self.failed:
                return
            try:
                act(*args)
            except Exception as error:  # noqa: BLE001 supervisor: fails safe and ends the process
                self._fail(error)

        return call

    # --- the board --------------------------------------------------------------------------------

    def _open_board(self) -> Transport:
        board = self._config.board
        port = str(self._run_dir / "board.tty") if self._simulated else board.port
        transport = open_port(port, baud=board.baud)
        return transport if self._recording is None else self._recording.around(transport)

    def _on_link(self, event: HostEvent) -> None:
        if isinstance(event, Status):
            self.core.on_status(event.evse, event.status)
        elif isinstance(event, Analog):
            self.core.on_analog(event.evse, event.analog)
        elif isinstance(event, LinkUp):
            _log.info("board up: %s", _named(event.identity))
            self.core.on_board_up(event.identity)
        elif isinstance(event, LinkDown):
            _log.warning("board lost: %s", event.why)
            self.core.on_board_lost(event.why)

    def command(self, evse: int, verb: CommandVerb) -> None:
        """The core's BoardPort."""
        self._link.command(evse, verb)

    def _renew(self) -> None:
        """Fresh permits for every EVSE: the wish of the core, or none when it ends or failed."""
        if self.failed or not self._link.session.up:
            return
        for evse, wish in self.core.wishes().items():
            offered_bp = X1_BP if self._stopping else wish.duty_bp
            may_close = wish.close and not self._stopping
            self._link.permit(
                evse, close=may_close, duty_bp=offered_bp, lock=wish.lock, phases=wish.phases
            )

    # --- the session logs -------------------------------------------------------------------------

    def _make_logs(self, default: Path, storage: Storage) -> SessionLogs | None:
        table = self._config.session_log
        if not table.enabled:
            return None
        return SessionLogs(
            Path(table.directory) if table.directory else default,
            self._clock,
            storage,
            keep_days=table.keep_days,
            html=table.html,
            say=_log.error,
        )

    # --- the meters -------------------------------------------------------------------------------

    def _make_meters(self) -> Meters:
        ports = simulated_port(self._run_dir) if self._simulated else configured_port
        return Meters(
            self._config,
            self._clock,
            ports=ports,
            on_reading=self._guarded(lambda evse, reading: self.core.on_reading(evse, reading)),
            on_lost=self._guarded(lambda evse: self.core.on_meter_lost(evse)),
            on_findings=self._guarded(lambda evse, found: self.core.on_findings(evse, found)),
            on_mains=self._guarded(lambda reading: self.core.on_mains(reading)),
        )

    def _expect_meters(self) -> None:
        """Hold the first readings against what is known; a simulated meter begins at 0 anew with
        each start of its process."""
        for evse, session in self.core.sessions.items():
            known = session.record.meter
            if known is not None and not self._simulated:
                self._meters.expect(evse, known.energy_Wh_import.total, session.unseen_ms)

    # --- the door ---------------------------------------------------------------------------------

    def _sys_state(self, _connection: Connection, params: Any, reply: Reply) -> None:
        jsonrpc.decode_params(params, _Nothing)
        state = sys_state(self.core, self.hub, self._link.session.stats)
        if self._sim is None:
            reply(state)
        else:
            self._sim.with_processes(state, reply)


def _named(identity: BoardIdentity) -> str:
    """Who answered, for people."""
    able = ", ".join(str(c.name).lower() for c in identity.capabilities) or "nothing"
    return f"{identity.board} {identity.firmware}, {identity.evses} EVSE(s), can {able}"


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
    loop.set_exception_handler(process.on_loop_exception)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stop)
    with contextlib.suppress(asyncio.CancelledError):
        await process.run()
    return 70 if process.failed else 0
