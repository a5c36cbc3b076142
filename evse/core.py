"""Ring 2: the sessions of a station, fed by board and meters, asked by everybody at the door.

Guarantees: nothing here waits for a network, a disk or a library; the wish for the board is a
pure function of the sessions, fetched by the live loop, so a core that hangs lets its lease run
out. An exception out of any method here is a defect: the owner must stop renewing and exit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from evse.authorization.broker import Broker
from evse.authorization.reservations import Reservations, restore
from evse.clock import Clock, earliest
from evse.config.station import StationConfig
from evse.energy.sharing_out import share_out
from evse.energy.station import StationEnergy, possible
from evse.energy.station_limits import StationLimits
from evse.faults import CoreCondition
from evse.instruments import Instruments
from evse.journal.journal import Journal
from evse.limits import Effective
from evse.metering.plausibility import Finding
from evse.metering.trouble import Trouble
from evse.model import BoardAnalog, BoardIdentity, BoardStatus, Wish
from evse.model import MeterReading as Reading
from evse.ports import BoardPort, MeterPort, NewUuid, Publisher, SessionLog, SignerPort
from evse.session.session import Session
from evse.session_ports import EvsePorts, Outlets, Stored
from evse.telling.publications import Publications
from evse.types.ocmf import TransactionStartResponse, TransactionStopResponse

STATION = 0
"""Where the journal keeps what belongs to no EVSE, beside their snapshots: the reservations ..."""
STATION_LIMITS = -1
"""... and what others allow the station."""


class Core:
    """A charging station without its wires."""

    def __init__(
        self,
        config: StationConfig,
        *,
        clock: Clock,
        journal: Journal,
        board: BoardPort,
        meters: MeterPort,
        publish: Publisher,
        snapshots: Mapping[int, bytes],
        last_session: Callable[[int], Iterable[bytes]],
        boot_id: str,
        new_uuid: NewUuid,
        say: Callable[[str], None],
        signer: SignerPort | None = None,
    ) -> None:
        """`last_session`: the events of an EVSE's last session, asked for where its snapshot can
        not be read. `signer`: needed where a meter is configured to sign."""
        self.config = config
        self.clock = clock
        self.started_ms = clock.now_ms()
        self.journal = journal
        self.analog: dict[int, BoardAnalog] = {}
        """Ring 1's measurements as last heard, for people."""
        self.on_settled: Callable[[], None] = lambda: None
        """Called after everything that may have changed the wishes for the board."""
        self.board_identity: BoardIdentity | None = None
        self.board_why = "it has not answered yet"
        self.energy = StationEnergy(config) if possible(config) else None
        """Grants, where the EVSEs may want more than there is; it may rest."""
        self._meters = meters
        self._disk_stuck = False
        self._telling = Publications(config, clock, publish, self._log_limit)
        self.facts = self._telling.facts
        self._outlets = Outlets(
            journal,
            board,
            meters,
            signer=signer,
            on_event=self.facts.heard,
            on_fault=self._telling.fault,
        )
        stored = Stored(snapshots, last_session, say)
        self.sessions: dict[int, Session] = {
            table.id: Session(
                table,
                EvsePorts(table.id, self._outlets),
                clock,
                snapshot=stored.snapshot(table.id),
                boot_id=boot_id,
                new_uuid=new_uuid,
                limits=config.limits,
                shared=self.energy is not None and self.energy.always,
            )
            for table in config.evses
        }
        self.station_limits = StationLimits(
            clock,
            config.evses[0].nominal_voltage_v,
            keep=lambda body: journal.checkpoint(STATION_LIMITS, body),
            body=snapshots.get(STATION_LIMITS),
            say=say,
        )
        """What others allow the station as a whole."""
        for session in self.sessions.values():
            session.offer.follow(self.station_limits.sources)
        self.instruments = {
            table.id: Instruments(table, self.sessions[table.id].show) for table in config.evses
        }
        """What is concluded from the measurements of board and meter."""
        for evse in stored.unread:
            self.sessions[evse].show(CoreCondition.INTERNAL, True)
        self.authorization = Broker(
            config.authorization,
            self.sessions,
            clock,
            publish,
            reservations=Reservations(
                self.sessions,
                clock,
                publish,
                keep=lambda body: journal.checkpoint(STATION, body),
                restored=restore(snapshots.get(STATION), say),
            ),
            settle=self.poll,
        )

    @property
    def log(self) -> SessionLog | None:
        """The folders of sessions, where they are configured; set by the owner of the disk."""
        return self._outlets.log

    @log.setter
    def log(self, log: SessionLog | None) -> None:
        self._outlets.log = log

    def _log_limit(self, evse: int, limit: Effective) -> None:
        if self.log is not None:
            self.log.on_limit(evse, limit)

    # --- from the board and the meters ------------------------------------------------------------

    def on_board_up(self, identity: BoardIdentity) -> None:
        """The link is up. Another boot id than before: ring 1 restarted, and with it every
        contactor opened; sessions learn of it before they hear the new state."""
        known = self.board_identity
        if known is not None and known.boot_id != identity.boot_id:
            for session in self.sessions.values():
                session.on_board_restarted()
        self.board_identity = identity
        for session in self.sessions.values():
            session.on_capabilities(identity.capabilities)
        self._settled()

    def on_board_lost(self, why: str) -> None:
        self.board_why = why
        self.analog.clear()
        for evse, session in self.sessions.items():
            self.instruments[evse].on_board_lost()
            session.on_board_lost()
        self._settled()

    def on_status(self, evse: int, status: BoardStatus) -> None:
        if evse in self.sessions:
            if self.log is not None:
                self.log.on_status(evse, status)
            session = self.sessions[evse]
            session.on_status(status)
            session.stop_pressed()
            self._settled()

    def on_analog(self, evse: int, analog: BoardAnalog) -> None:
        if evse in self.sessions:
            self.analog[evse] = analog
            session = self.sessions[evse]
            self._telling.telemetry(evse, analog, energised=session.status.energised)
            changed = session.on_analog(analog)
            if self.instruments[evse].on_analog(analog, self.clock.now_ms()) or changed:
                self._settled()

    def on_reading(self, evse: int, reading: Reading) -> None:
        session = self.sessions[evse]
        if self.log is not None:
            self.log.on_reading(evse, reading)
        heeded = session.on_reading(reading)
        odd = self.instruments[evse].on_reading(
            reading,
            plugged=session.board.plugged,
            energised=session.status.energised,
            now_ms=self.clock.now_ms(),
        )
        self._telling.meter(evse, session)
        if heeded or odd or self._grant():
            self._settled()

    def on_meter_trouble(self, evse: int, trouble: Trouble) -> None:
        """Why no reading comes; forgotten with the next one."""
        self.sessions[evse].meter.trouble = trouble

    def on_meter_lost(self, evse: int) -> None:
        self.instruments[evse].on_meter_lost()
        self.sessions[evse].on_meter_lost()
        self._settled()

    def on_findings(self, evse: int, findings: frozenset[Finding]) -> None:
        """All that is odd about a meter now (evse/metering/desk.py)."""
        self.instruments[evse].on_findings(findings)
        self._settled()

    def on_signed_begin(
        self, evse: int, transaction_id: str, answer: TransactionStartResponse
    ) -> None:
        """What the meter made of SignerPort.begin."""
        self.sessions[evse].on_signed_begin(transaction_id, answer)
        self._settled()

    def on_signed_end(
        self, evse: int, transaction_id: str, answer: TransactionStopResponse
    ) -> None:
        """What the meter made of SignerPort.end."""
        self.sessions[evse].on_signed_end(transaction_id, answer)
        self._settled()

    def on_public_key(self, evse: int, key: str) -> None:
        """The key of a meter that signs: DER in hexadecimal."""
        self._telling.public_key(evse, key)

    def accept_meter(self, evse: int) -> bool:
        """Believe a counter that was doubted: the meter was replaced or reset. False where nothing
        is doubted, and while a transaction is billed from it. Raises KeyError."""
        if self.sessions[evse].record.transaction or not self._meters.accept(evse):
            return False
        self.sessions[evse].on_meter_accepted()
        self._meters.read_now(evse)
        return True

    def on_mains(self, reading: Reading) -> None:
        """A reading of the meter at the mains. Its loss is seen by the age of the last one."""
        if self.energy is not None:
            self.energy.heard(reading, [s.claim() for s in self.sessions.values()])
            self._settled()

    # --- to the board -----------------------------------------------------------------------------

    def wishes(self) -> dict[int, Wish]:
        """What each EVSE's next permit says (see Session.wish)."""
        now_ms = self.clock.now_ms()
        return {evse: session.wish(now_ms) for evse, session in self.sessions.items()}

    # --- time -------------------------------------------------------------------------------------

    def poll(self) -> None:
        """Let time act; publish what changed. Call it at the deadline, and after whatever was
        asked of a session."""
        for session in self.sessions.values():
            session.poll()
        self.station_limits.poll()
        self.journal.poll(self.clock.now_ms())
        self._settled()

    def _settled(self) -> None:
        """The sessions have taken an input."""
        self.authorization.poll()
        self._note_disk()
        self._grant()
        identity = self.board_identity
        able = None if identity is None else identity.capabilities
        for evse, session in self.sessions.items():
            self._telling.note(evse, session, able)
        self.on_settled()

    def _note_disk(self) -> None:
        """A disk that takes no events is told as a fault; charging goes on."""
        stuck = bool(self.journal.trouble(self.clock.now_ms()))
        if stuck != self._disk_stuck:
            self._disk_stuck = stuck
            for session in self.sessions.values():
                session.show(CoreCondition.JOURNAL_NOT_WRITTEN, stuck)

    def _grant(self) -> bool:
        """True when an EVSE may take another share than before."""
        if self.energy is None:
            return False
        limit = self.station_limits.limit(self.energy.watt_lines)
        return share_out(self.energy, limit, self.sessions, self.clock.now_ms())

    @property
    def next_deadline_ms(self) -> int | None:
        now_ms = self.clock.now_ms()
        return earliest(
            None if self.energy is None else self.energy.next_deadline_ms(now_ms),
            self.station_limits.next_deadline_ms(now_ms),
            self._telling.next_deadline_ms,
            self.authorization.next_deadline_ms,
            self.journal.next_deadline_ms,
            *(session.next_deadline_ms(now_ms) for session in self.sessions.values()),
        )
