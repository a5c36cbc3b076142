"""Ring 2: the sessions of a station, fed by board and meters, asked by everybody at the door.

Guarantees: nothing here waits for a network, a disk or a library; the wish for the board is a
pure function of the sessions, fetched by the live loop, so a core that hangs lets its lease run
out. An exception out of any method here is a defect: the owner must stop renewing and exit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import msgspec

from evse.authorization.broker import Broker
from evse.authorization.reservations import Reservations, restore
from evse.clock import Clock, earliest
from evse.config.model import StationConfig
from evse.countdown import Countdowns
from evse.energy.station import StationEnergy, needed
from evse.enforced import Enforced
from evse.facts import Facts
from evse.fault_model import ActiveFault, FaultChange
from evse.fault_report import report_active, report_change
from evse.faults import CoreCondition
from evse.instruments import Instruments
from evse.journal import Journal
from evse.metering.plausibility import Finding
from evse.model import BoardAnalog, BoardIdentity, BoardStatus, CommandVerb, Wish
from evse.model import MeterReading as Reading
from evse.ports import BoardPort, MeterPort, NewUuid, Publisher, SessionLog
from evse.session.rebuild import rebuilt
from evse.session.record import Snapshot
from evse.session.session import Session
from evse.types.session import Limits, SessionEvent, SessionEventEnum, Telemetry

GRANT_ROUNDS = 3
_BILLED = frozenset(
    {
        SessionEventEnum.SessionStarted,
        SessionEventEnum.TransactionStarted,
        SessionEventEnum.TransactionFinished,
        SessionEventEnum.SessionFinished,
    }
)


STATION = 0
"""Where the journal keeps what belongs to no EVSE, beside their snapshots: the reservations."""


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
    ) -> None:
        """`last_session`: the events of an EVSE's last session, asked for where its snapshot can
        not be read."""
        self.config = config
        self.clock = clock
        self.started_ms = clock.now_ms()
        self.journal = journal
        self._disk_stuck = False
        self.log: SessionLog | None = None
        self._publish = publish
        self._limits: dict[int, Limits] = {}
        self._faults: dict[int, tuple[ActiveFault, ...]] = {}
        self.analog: dict[int, BoardAnalog] = {}
        """Ring 1's measurements as last heard, for people."""
        self.on_settled: Callable[[], None] = lambda: None
        """Called after everything that may have changed the wishes for the board."""
        self.board_identity: BoardIdentity | None = None
        self.board_why = "it has not answered yet"
        self.energy = StationEnergy(config) if needed(config) else None
        """Grants, where the EVSEs may want more than there is."""
        self._enforced = Enforced(publish, clock)
        delayed = config.limits.random_delay.enabled
        self._countdowns = Countdowns(publish, clock) if delayed else None
        self.facts = Facts(config, publish)
        stored = {t.id: _restore(snapshots.get(t.id), t.id, say) for t in config.evses}
        unread = [evse for evse, snapshot in stored.items() if snapshot is None]
        self.sessions: dict[int, Session] = {
            table.id: Session(
                table,
                _Ports(self, table.id, board, meters),
                clock,
                snapshot=stored[table.id] or rebuilt(last_session(table.id)),
                boot_id=boot_id,
                new_uuid=new_uuid,
                limits=config.limits,
                shared=self.energy is not None,
            )
            for table in config.evses
        }
        self.instruments = {
            table.id: Instruments(table, self.sessions[table.id].show) for table in config.evses
        }
        """What is concluded from the measurements of board and meter."""
        self._meters = meters
        for evse in unread:
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
        for table in config.evses:
            publish("evse_manager.evse_id", table.id, table.evse_id)

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
            self.sessions[evse].on_status(status)
            self._settled()

    def on_analog(self, evse: int, analog: BoardAnalog) -> None:
        if evse in self.sessions:
            self.analog[evse] = analog
            self._publish("evse_manager.telemetry", evse, _telemetry(self.sessions[evse], analog))
            changed = self.sessions[evse].on_analog(analog)
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
        self._publish("evse_manager.powermeter", evse, session.record.meter)
        if heeded or odd or self.energy is not None:
            self._settled()

    def on_meter_lost(self, evse: int) -> None:
        self.instruments[evse].on_meter_lost()
        self.sessions[evse].on_meter_lost()
        self._settled()

    def on_findings(self, evse: int, findings: frozenset[Finding]) -> None:
        """All that is odd about a meter now (evse/metering/desk.py)."""
        self.instruments[evse].on_findings(findings)
        self._settled()

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
            self._enforced.note(evse, session)
            if self._countdowns is not None:
                self._countdowns.note(evse, session)
            self.facts.note(evse, session, able)
            self._publish_limits(evse, session)
            self._publish_faults(evse, session)
        self.on_settled()

    def _note_disk(self) -> None:
        """A disk that takes no events is told as a fault; charging goes on."""
        stuck = bool(self.journal.trouble(self.clock.now_ms()))
        if stuck != self._disk_stuck:
            self._disk_stuck = stuck
            for session in self.sessions.values():
                session.show(CoreCondition.JOURNAL_NOT_WRITTEN, stuck)

    def _grant(self) -> None:
        """Share the fuse out. A grant may change what is claimed; a second round then settles it,
        and what were still to change after that waits for the next input."""
        if self.energy is None:
            return
        for _ in range(GRANT_ROUNDS):
            claims = [session.claim() for session in self.sessions.values()]
            grants = self.energy.step(claims, self.clock.now_ms())
            changed = [self.sessions[evse].set_grant(grant) for evse, grant in grants.items()]
            if not any(changed):
                break

    @property
    def next_deadline_ms(self) -> int | None:
        now_ms = self.clock.now_ms()
        return earliest(
            None if self.energy is None else self.energy.next_deadline_ms(now_ms),
            self._enforced.next_deadline_ms,
            None if self._countdowns is None else self._countdowns.next_deadline_ms,
            self.authorization.next_deadline_ms,
            self.journal.next_deadline_ms,
            *(session.next_deadline_ms(now_ms) for session in self.sessions.values()),
        )

    def tell_fault(self, evse: int, change: FaultChange) -> None:
        if self.log is not None:
            self.log.on_fault(evse, change)
        self._publish("sys.fault", evse, report_change(change, self.clock))

    def _publish_limits(self, evse: int, session: Session) -> None:
        now = session.limit()
        if self.log is not None:
            self.log.on_limit(evse, now)
        limits = Limits(
            max_current=now.limit_a,
            nr_of_phases_available=session.phases_connected,
            uuid=f"evse_{evse}",
        )
        if limits != self._limits.get(evse):
            self._limits[evse] = limits
            self._publish("evse_manager.limits", evse, limits)

    def _publish_faults(self, evse: int, session: Session) -> None:
        """All that stand, for those who came too late to hear each of them raised."""
        active = session.fault_model.active
        if active != self._faults.get(evse, ()):
            self._faults[evse] = active
            reports = [report_active(fault, self.clock) for fault in active]
            self._publish("sys.faults", evse, reports)


class _Ports:
    """One session's way to the journal, the board and the meter."""

    def __init__(self, core: Core, evse: int, board: BoardPort, meters: MeterPort) -> None:
        self._core = core
        self._evse = evse
        self._board = board
        self._meters = meters

    def emit(self, event: SessionEvent, snapshot: bytes) -> None:
        vital = event.event in _BILLED
        self._core.journal.append(self._evse, msgspec.json.encode(event), snapshot, vital=vital)
        self._core.facts.heard(self._evse, event.event)
        if self._core.log is not None:
            self._core.log.on_event(self._evse, event)

    def checkpoint(self, snapshot: bytes) -> None:
        self._core.journal.checkpoint(self._evse, snapshot)

    def command(self, verb: CommandVerb) -> None:
        self._board.command(self._evse, verb)

    def read_meter(self) -> None:
        self._meters.read_now(self._evse)

    def tell_fault(self, change: FaultChange) -> None:
        self._core.tell_fault(self._evse, change)

    def log_path(self, uuid: str, utc: datetime) -> str | None:
        return None if self._core.log is None else self._core.log.path(uuid, utc)


def _restore(body: bytes | None, evse: int, say: Callable[[str], None]) -> Snapshot | None:
    """What a session remembers; None where that can not be read."""
    if body is None:
        return Snapshot()
    try:
        return Snapshot.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        say(f"evse {evse}: the stored session can not be read ({error}); going by its events")
        return None


def _telemetry(session: Session, analog: BoardAnalog) -> Telemetry:
    return Telemetry(
        evse_temperature_C=(analog.temperature_dc or 0) / 10,
        fan_rpm=0.0,
        supply_voltage_12V=analog.supply_12v_mv / 1000,
        supply_voltage_minus_12V=analog.supply_minus_12v_mv / 1000,
        relais_on=session.status.energised,
    )
