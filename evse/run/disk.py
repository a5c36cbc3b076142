"""What a running core keeps on its disk: the journal, the folders of sessions, the link's record,
the flights of ring 1.

All of it is written by one storage thread; a disk that fails is told, and nothing waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from pathlib import Path

from evse.clock import Clock
from evse.config.station import StationConfig
from evse.journal.journal import Journal
from evse.journal.retention import Retention
from evse.journal.rows import MIGRATIONS, find, of_last_session, snapshots
from evse.journal.storage import Storage, open_database, renew_database
from evse.journal.thread import ThreadStorage
from evse.run.flight_keeper import FlightKeeper
from evse.run.life import Life
from evse.run.record import LinkRecording
from evse.session_log.log import SessionLogs

_log = logging.getLogger(__name__)


class Disk:
    """The state directory, while the core lives."""

    def __init__(
        self,
        config: StationConfig,
        clock: Clock,
        life: Life,
        *,
        state_dir: Path,
        run_dir: Path | None = None,
        record: Path | None = None,
    ) -> None:
        """`run_dir`: where ring 1 leaves its flights. `record`: a file for what crosses the board's
        wire. Raises StorageError or OSError when the state can not be used. Needs the event
        loop."""
        self._clock = clock
        self._path = state_dir / "core.db"
        self._database = open_database(self._path, MIGRATIONS, utc=clock.utc(), say=_log.error)
        self.snapshots = snapshots(self._database)
        """What a start finds of the sessions, by EVSE."""
        storage = self._start_thread(life)
        self.recording = LinkRecording(record, clock, storage) if record else None
        self.flights = FlightKeeper(run_dir, state_dir, clock, storage) if run_dir else None
        self.journal = self._make_journal(config, storage)
        storage.on_renewed = self.journal.begin_anew
        self.logs = self._make_logs(config, state_dir / "sessions", storage)

    def last_session(self, evse: int) -> list[bytes]:
        """The events of the EVSE's last session. Only before anything is written."""
        return of_last_session(self._database, evse)

    def poll(self) -> None:
        """Hand over what is due. The journal is polled by the core."""
        if self.logs is not None:
            self.logs.poll(self._clock.now_ms())
        if self.recording is not None:
            self.recording.poll()
        if self.flights is not None:
            self.flights.poll()

    def close(self) -> None:
        """Write what waits, and say what could not be written. Blocks for as long as that takes."""
        if self.recording is not None:
            self.recording.close()
        if self.logs is not None:
            self.logs.close()
        if unwritten := self.journal.close():
            _log.error("%s", unwritten)

    def _start_thread(self, life: Life) -> ThreadStorage:
        on_loop = asyncio.get_running_loop().call_soon_threadsafe
        return ThreadStorage(
            self._database,
            on_loop,
            on_fault=lambda error: on_loop(life.fail, error),
            renew=self._renew,
        )

    def _renew(self, why: str) -> sqlite3.Connection:
        """A new database for one that turned out damaged."""
        return renew_database(
            self._path, MIGRATIONS, utc=self._clock.utc(), say=_log.error, why=why
        )

    def _make_journal(self, config: StationConfig, storage: Storage) -> Journal:
        table = config.journal
        return Journal(
            storage,
            self._clock,
            found=find(self._database),
            retention=Retention(days=table.keep_days, max_bytes=table.max_mb * 1_000_000),
            say=_log.warning,
        )

    def _make_logs(
        self, config: StationConfig, default: Path, storage: Storage
    ) -> SessionLogs | None:
        table = config.session_log
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
