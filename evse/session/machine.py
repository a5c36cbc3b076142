"""The machine of one EVSE's session: it moves the chart until no rule holds, and announces.

Guarantees: the first stop reason wins; every event goes to the journal together with the snapshot
that a restart needs; a session found open at start is closed, never continued. Assumes: whoever
changes what the facts are made of calls `settle` afterwards (session.py does).
"""

from __future__ import annotations

from collections.abc import Callable

from evse.clock import Clock
from evse.config.model import EvseTable
from evse.fault_model import FaultModel
from evse.faults import CoreCondition, Fault, conditions, may_acknowledge
from evse.limits import Effective, Source
from evse.lock import target
from evse.model import BoardStatus, CommandVerb, LockTarget
from evse.ports import SessionPorts
from evse.session.board import BoardView, MeterView
from evse.session.chart import Act, SessionChart
from evse.session.forced_unlock import ForcedUnlock
from evse.session.offer import Offer
from evse.session.record import EventWriter, Snapshot, end_of_interrupted
from evse.session.rules import Facts, next_event
from evse.types.session import (
    PauseReason,
    SessionEvent,
    SessionEventEnum,
    StartSessionReason,
    StopTransactionReason,
    StopTransactionRequest,
)

STOP_TIMEOUT_MS = 20_000
"""How long a contactor may take to confirm opening (spec §C2 StoppingCharging)."""
CHECKPOINT_MS = 60_000
"""Oldest meter value that a power cut may leave us with (spec ocpp §6 item 40)."""
BOOT_WAIT_MS = 15_000
"""How long the start waits for board and meter before it goes on with what is known."""
ACKNOWLEDGE_EVERY_MS = 1_000
MAX_SETTLE_STEPS = 12
"""More moves than any chain of the chart has: beyond it the rules contradict each other."""

_AVAILABILITY = frozenset({SessionEventEnum.Enabled, SessionEventEnum.Disabled})


class SessionMachine:
    """What one EVSE's session knows, and the one place that moves it."""

    def __init__(
        self,
        config: EvseTable,
        ports: SessionPorts,
        clock: Clock,
        *,
        snapshot: Snapshot,
        boot_id: str,
        new_uuid: Callable[[], str],
        default_a: float | None = None,
    ) -> None:
        self.config = config
        self.record = snapshot
        self._ports = ports
        self._clock = clock
        self._boot_id = boot_id
        self._new_uuid = new_uuid
        self._chart = SessionChart()
        self._write = EventWriter(snapshot)
        now_ms = clock.now_ms()
        self.board = BoardView(config, now_ms, snapshot.standing_trip)
        self.meter = MeterView(config)
        self._offer = Offer(config, default_a, clock)
        self.fault_model = FaultModel(new_uuid)
        self.authorized = False
        self.stop: StopTransactionRequest | None = None
        self.user_pause = False
        self._withdrawn = False
        """The authorization, or the wait for one, was withdrawn and nothing came since."""
        self.announced: frozenset[PauseReason] = frozenset()
        self._addressed: int | None = None
        self._began_ms = now_ms
        self._entered_ms = now_ms
        self._checkpoint_ms: int | None = None
        self._acknowledge_ms: int | None = None
        self._unlock: ForcedUnlock | None = None

    @property
    def state(self) -> str:
        return self._chart.state

    @property
    def status(self) -> BoardStatus:
        """Ring 1's state as last heard."""
        return self.board.status

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Active faults, the oldest first."""
        return self.fault_model.rows

    @property
    def disable_wanted(self) -> bool:
        return self.record.evse_disabled or self.record.connector_disabled

    def limit(self) -> Effective:
        """What may be offered now, and who says so."""
        return self._offer.limit(self.status)

    def limit_sources(self) -> list[Source]:
        """Every limit that stands now."""
        return self._offer.sources(self.status)

    def settle(self) -> None:
        """Move until no rule holds, then see to trips and a forced unlock."""
        for _ in range(MAX_SETTLE_STEPS):
            self._note_faults()
            event = next_event(self.state, self._facts())
            if event is None:
                break
            self._move(event)
        else:
            raise RuntimeError(f"evse {self.config.id}: the session does not settle: {self.state}")
        self._offer.note(offering=self._offers(), now_ms=self._clock.now_ms())
        self._acknowledge_trip()
        self._advance_unlock()

    def _move(self, event: str) -> None:
        if event in ("boot", "boot_disabled"):
            self._close_interrupted()
        commands = self._chart.dispatch(event)
        self._entered_ms = self._clock.now_ms()
        for command in commands:
            if isinstance(command, Act):
                self._carry_out(command)
            else:
                self._announce(command)

    def _carry_out(self, act: Act) -> None:
        if act is Act.BEGIN_SESSION and not self.record.uuid:
            self._begin_session(StartSessionReason.EVConnected)
        elif act is Act.BEGIN_TRANSACTION and self.record.token is not None:
            self.record.transaction = True
            self._checkpoint_ms = self._clock.now_ms() + CHECKPOINT_MS
            self._emit(self._write.transaction_started(self.record.token, self._clock.utc()))
        elif act is Act.END_TRANSACTION and self.record.transaction:
            self._end_transaction(self.stop or StopTransactionRequest(reason=self._end_reason()))
        elif act is Act.END_SESSION and self.record.uuid:
            self._end_session()

    def _announce(self, event: SessionEventEnum) -> None:
        utc = self._clock.utc()
        if event is SessionEventEnum.ChargingPausedEVSE:
            self.announced = self._facts().reasons
            self._emit(self._write.paused(self.announced, utc))
        else:
            connector = self._addressed if event in _AVAILABILITY else None
            self._emit(self._write.plain(event, utc, connector_id=connector))

    def _begin_session(self, reason: StartSessionReason) -> None:
        self.record.uuid = self._new_uuid()
        self.record.boot_id = self._boot_id
        self._emit(self._write.session_started(reason, self._clock.utc()))

    def _end_transaction(self, stop: StopTransactionRequest) -> None:
        utc = self._clock.utc()
        self._emit(self._write.plain(SessionEventEnum.ChargingFinished, utc))
        self.record.transaction = False
        self._checkpoint_ms = None
        self._emit(self._write.transaction_finished(stop, utc))

    def _end_session(self) -> None:
        finished = self._write.session_finished(self._clock.utc())
        self.record.uuid = ""
        self.record.token = None
        self.authorized = False
        self.stop = None
        self.user_pause = False
        self._withdrawn = False
        self._emit(finished)

    def _close_interrupted(self) -> None:
        """A session found open at start ends here: charging never goes on over a restart."""
        if not self.record.uuid:
            return
        self._emit(self._write.plain(SessionEventEnum.SessionResumed, self._clock.utc()))
        if self.record.transaction:
            reason = end_of_interrupted(self.record, self._boot_id)
            self._end_transaction(StopTransactionRequest(reason=reason))
        self._end_session()

    def _emit(self, event: SessionEvent) -> None:
        self._ports.emit(event, self.record.encode())

    # --- facts ---------------------------------------------------------------------------------

    def _facts(self) -> Facts:
        now_ms = self._clock.now_ms()
        late_ms = self._offer.late_ms
        return Facts(
            ready=self._ready(now_ms),
            plugged=self.board.plugged,
            wants_power=self.board.wants_power,
            energised=self.board.energised(now_ms),
            authorized=self.authorized,
            stop_wanted=self.stop is not None,
            disable_wanted=self.disable_wanted,
            blocked=self.fault_model.blocked,
            user_pause=self.user_pause,
            energy=self.limit().enough,
            cable_known=self.config.connector == "cable" or self.status.cable_a > 0,
            metered=self.meter.fresh(now_ms),
            settled=self._settled(now_ms),
            gave_up_opening=now_ms - self._entered_ms >= STOP_TIMEOUT_MS,
            car_is_late=late_ms is not None and now_ms >= late_ms,
            announced=self.announced,
        )

    def _ready(self, now_ms: int) -> bool:
        if now_ms - self._began_ms >= BOOT_WAIT_MS:
            return True
        if not self.board.known:
            return False
        interrupted = self.record.transaction
        return not interrupted or (not self.status.energised and self._read_after_opening())

    def _read_after_opening(self) -> bool:
        return self.meter.read_since(self.board.opened_ms)

    def _settled(self, now_ms: int) -> bool:
        if not self.record.transaction or self._read_after_opening():
            return True
        since_ms = max(self.board.opened_ms, self._entered_ms)
        return self.meter.gave_up(since_ms, now_ms)

    def _offers(self) -> bool:
        if self.state == "preparing":
            return self.limit().enough
        return self.state in ("charging", "paused_ev")

    def _end_reason(self) -> StopTransactionReason:
        if not self.board.plugged:
            return StopTransactionReason.EVDisconnected
        return StopTransactionReason.EVSEDisabled

    def _lock_target(self) -> LockTarget:
        lock = self.config.lock
        stop = self.stop
        return target(
            self.state,
            self.status,
            plugged=self.board.plugged,
            unlock_after_stop=lock is None or lock.unlock_after_stop,
            held_by_deauthorization=stop is not None
            and stop.reason is StopTransactionReason.DeAuthorized,
        )

    # --- faults, trips and forced unlock ----------------------------------------------------------

    def _note_faults(self) -> None:
        shown = conditions(self.status, self._conditions(), jammed_for=self.board.jammed_for)
        plugged, now_ms = self.board.plugged, self._clock.now_ms()
        for change in self.fault_model.update(shown, now_ms, plugged=plugged):
            self._ports.tell_fault(change)

    def _conditions(self) -> frozenset[CoreCondition]:
        """A board that has not been heard yet since the start is awaited, not lost."""
        own = (
            (CoreCondition.BOARD_LOST, self.board.is_lost and self.state != "booting"),
            (CoreCondition.METER_LOST, self.meter.lost),
        )
        return frozenset(condition for condition, holds in own if holds)

    def _acknowledge_trip(self) -> None:
        """Ask the guard to forget a trip that may clear; it refuses while the cause lasts."""
        now_ms = self._clock.now_ms()
        reason = self.status.reason
        clearable = reason.is_trip and may_acknowledge(reason, plugged=self.board.plugged)
        if self.board.is_lost or not clearable:
            self._acknowledge_ms = None
        elif self._acknowledge_ms is None or now_ms >= self._acknowledge_ms:
            self._acknowledge_ms = now_ms + ACKNOWLEDGE_EVERY_MS
            self._ports.command(CommandVerb.ACKNOWLEDGE)

    def _advance_unlock(self) -> None:
        if self._unlock is None:
            return
        idle = not self.record.transaction
        if self._unlock.advance(self.status, self._clock.now_ms(), allowed=idle):
            self._ports.command(CommandVerb.FORCE_UNLOCK)
        if self._unlock.answered:
            self._unlock = None
