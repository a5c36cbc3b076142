"""The machine of one EVSE's session: it moves the chart until no rule holds, and announces.

Guarantees: the first stop reason wins; every event goes to the journal together with the snapshot
that a restart needs; a session found open at start is closed, never continued. Assumes: whoever
changes what the facts are made of calls `settle` afterwards (session.py does).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import UNSET

from evse.clock import Clock
from evse.config.energy import LimitsTable
from evse.config.evse import EvseTable
from evse.faults import CoreCondition, Severity, conditions, events, may_acknowledge
from evse.model import CommandVerb, Reason
from evse.ports import SessionPorts
from evse.session.chart import Act
from evse.session.forced_unlock import ForcedUnlock
from evse.session.plug import PlugState
from evse.session.record import EventWriter, Snapshot, end_of_interrupted
from evse.session.rules import Facts, next_event
from evse.session.self_test import SelfTestRun
from evse.session.signature import ask_to_sign
from evse.types.session import (
    EnableDisableSource,
    SessionEvent,
    SessionEventEnum,
    StartSessionReason,
    StopTransactionRequest,
)

CHECKPOINT_MS = 60_000
"""Oldest meter value that a power cut may leave us with (spec ocpp §6 item 40)."""
ACKNOWLEDGE_EVERY_MS = 1_000
MAX_SETTLE_STEPS = 12
"""More moves than any chain of the chart has: beyond it the rules contradict each other."""

_AVAILABILITY = frozenset({SessionEventEnum.Enabled, SessionEventEnum.Disabled})


class SessionMachine(PlugState):
    """The one place that moves an EVSE's session."""

    def __init__(
        self,
        config: EvseTable,
        ports: SessionPorts,
        clock: Clock,
        *,
        snapshot: Snapshot,
        boot_id: str,
        new_uuid: Callable[[], str],
        limits: LimitsTable | None = None,
        shared: bool = False,
    ) -> None:
        """`shared`: nothing is offered without a grant (Session.set_grant)."""
        super().__init__(
            config,
            clock,
            snapshot=snapshot,
            new_uuid=new_uuid,
            boot_id=boot_id,
            limits=limits or LimitsTable(),
            shared=shared,
        )
        self._ports = ports
        self._boot_id = boot_id
        self._new_uuid = new_uuid
        self._write = EventWriter(snapshot)
        self._withdrawn = False
        """The authorization, or the wait for one, was withdrawn and nothing came since."""
        self._addressed: int | None = None
        self._source: EnableDisableSource | msgspec.UnsetType = UNSET
        """What enabled or disabled the EVSE last: its connector id, and who asked for it."""
        self._checkpoint_ms: int | None = None
        meter = snapshot.meter
        self._stored_wh = 0.0 if meter is None else meter.energy_Wh_import.total
        self._acknowledge_ms: int | None = None
        self._unlock: ForcedUnlock | None = None
        self._self_test: SelfTestRun | None = None

    def settle(self) -> None:
        """Move until no rule holds, then see to trips and a forced unlock."""
        for _ in range(MAX_SETTLE_STEPS):
            if self.signing.fitted:
                self.signing.tick(self._clock.now_ms())
            self._note_faults()
            self._note_departure()
            facts = self.facts()
            if self.signing.fitted:
                ask_to_sign(self, self._ports, facts, self._clock.now_ms())
            event = next_event(self.state, facts)
            if event is not None:
                self._move(event, facts)
            elif not self._aim_anew():
                break
        else:
            raise RuntimeError(f"evse {self.config.id}: the session does not settle: {self.state}")
        now_ms = self._clock.now_ms()
        if not self._holds_phases:
            self.phases.send()
        self.offer.note(offering=self._offers(), now_ms=now_ms)
        self._acknowledge_trip()
        self._advance_unlock()
        self._advance_self_test()

    def _aim_anew(self) -> bool:
        """What may give the rules more to do: where the phase contact belongs, before the permit
        says so, and a car that came, with no session to end, unseen for another one."""
        open_to_others = self.state in ("idle", "disabled") or self.outlives_car
        if open_to_others and self.board.meet_newcomer():
            return True
        before = self.phases.target
        if self.status.reason is Reason.PHASE_CONTACT:
            self.phases.give_up(self.status)
        self.phases.follow(self.limit().phases, self._clock.now_ms())
        return self.phases.target != before

    def _move(self, event: str, facts: Facts) -> None:
        if event in ("boot", "boot_disabled"):
            self._close_interrupted()
        left = self.state
        commands = self._chart.dispatch(event)
        self._entered_ms = self._clock.now_ms()
        self._note_move(left, facts)
        for command in commands:
            if isinstance(command, Act):
                self._carry_out(command)
            else:
                self._announce(command)

    def _note_move(self, left: str, facts: Facts) -> None:
        """What follows from a move beside its announcements."""
        now_ms, state = self._entered_ms, self.state
        told = left == "charging" and state == "stopping" and facts.blocked and facts.plugged
        if told and facts.cable_known:  # without a rated cable nobody sees behind F who left
            self._pulse.owe()
            if any(row.blocks and row.severity is Severity.HIGH for row in self.faults):
                self._pulse.begin(now_ms)  # ring 1 opens at once when its pilot shows F
        if state == "paused_evse" and facts.blocked:
            self._pulse.begin(now_ms)
        elif state != "stopping":
            self._pulse.cancel()
        if state in ("charging", "stopping"):
            self._wake_up.done = False
        elif state == "waking":
            self._wake_up.done = True
        if left == "switching" and state == "preparing":
            self.phases.give_up(self.status)

    def _carry_out(self, act: Act) -> None:
        if act is Act.BEGIN_SESSION and not self.record.uuid:
            self._begin_session(StartSessionReason.EVConnected)
        elif act is Act.BEGIN_TRANSACTION and self.record.token is not None:
            self._begin_transaction()
        elif act is Act.END_TRANSACTION and self.record.transaction:
            self._end_transaction(self.stop or StopTransactionRequest(reason=self._end_reason()))
        elif act is Act.END_SESSION and self.record.uuid:
            self._end_session()

    def _announce(self, event: SessionEventEnum) -> None:
        utc = self._clock.utc()
        if event is SessionEventEnum.ChargingPausedEVSE:
            self.announced = self.facts().reasons
            self._emit(self._write.paused(self.announced, utc))
        elif event in _AVAILABILITY:
            if event is SessionEventEnum.Disabled:
                self.end_reservation()
            connector, source = self._addressed, self._source
            self._emit(self._write.plain(event, utc, connector_id=connector, source=source))
        else:
            self._emit(self._write.plain(event, utc))

    def _begin_session(self, reason: StartSessionReason) -> None:
        self.record.uuid = self._new_uuid()
        self.record.boot_id = self._boot_id
        utc = self._clock.utc()
        log_path = self._ports.log_path(self.record.uuid, utc)
        self._emit(self._write.session_started(reason, utc, log_path))

    def _begin_transaction(self) -> None:
        """What was reserved is used from here on, without an event of its own (spec A1.3)."""
        token = self.record.token
        if token is None:
            return
        self.use_reservation()
        self.record.transaction = self._had_transaction = True
        self._checkpoint_ms = self._clock.now_ms() + CHECKPOINT_MS
        self.record.signed = not isinstance(self.signing.begin, msgspec.UnsetType)
        self._emit(self._write.transaction_started(token, self._clock.utc(), self.signing.begin))

    def _end_transaction(self, stop: StopTransactionRequest) -> None:
        utc = self._clock.utc()
        self._emit(self._write.plain(SessionEventEnum.ChargingFinished, utc))
        by_itself = self.stop is None and not self.disable_wanted
        self.departure.ended_it = by_itself and not self.board.plugged
        self.authorized = False
        self.record.transaction = False
        self._checkpoint_ms = None
        self.record.signed = False
        signing = self.signing
        self._emit(self._write.transaction_finished(stop, utc, signing.end, signing.begin))

    def _end_session(self) -> None:
        finished = self._write.session_finished(self._clock.utc())
        self._forget_signature()
        self.record.uuid = ""
        self.record.token = None
        self.record.reservation_id = None
        self.authorized = False
        self.stop = None
        self.user_pause = False
        self._withdrawn = False
        self.phases.end_of_session()
        self.departure.end_of_session()
        self._had_transaction = False
        self._emit(finished)

    def _close_interrupted(self) -> None:
        """A session found open at start ends here: charging never goes on over a restart."""
        self.end_reservation()
        if not self.record.uuid:
            return
        self._emit(self._write.plain(SessionEventEnum.SessionResumed, self._clock.utc()))
        if self.record.transaction:
            reason = end_of_interrupted(self.record, self._boot_id)
            self._end_transaction(StopTransactionRequest(reason=reason))
        self._end_session()

    def _emit(self, event: SessionEvent) -> None:
        self._ports.emit(event, self.record.encode())

    def _forget_signature(self) -> None:
        """The customer has gone, or is another one."""
        if left_open := self.signing.rest():
            self._ports.sign_end(left_open)

    # --- reservation ------------------------------------------------------------------------------

    def use_reservation(self) -> None:
        """The session that runs is what the EVSE was reserved for."""
        if self.record.reserved is not None:
            self.record.reservation_id = self.record.reserved
            self.record.reserved = None

    def end_reservation(self) -> None:
        """Nobody came for it. Nothing happens where none stands."""
        if self.record.reserved is not None:
            self.record.reserved = None
            self._tell_reservation(SessionEventEnum.ReservationEnd)

    def _tell_reservation(self, event: SessionEventEnum) -> None:
        self._emit(self._write.reservation(event, self._clock.utc()))

    # --- faults, trips and forced unlock ----------------------------------------------------------

    def _note_faults(self) -> None:
        shown = conditions(self.status, self._conditions(), jammed_for=self.board.jammed_for)
        # What the board has not said yet counts as plugged: nothing is over by that.
        plugged = self.board.plugged or self.state == "booting"
        for change in self.fault_model.update(shown, self._clock.now_ms(), plugged=plugged):
            self._ports.tell_fault(change)
        self._shown -= events()
        if self.fault_model.blocked:
            self.end_reservation()

    def _conditions(self) -> frozenset[CoreCondition]:
        """What the core sees by itself. A board that has not been heard yet since the start is
        awaited, not lost."""
        own = (
            (CoreCondition.BOARD_LOST, self.board.is_lost and self.state != "booting"),
            (CoreCondition.METER_LOST, self.meter.lost),
            (
                CoreCondition.METER_START_FAILED,
                self._has_no_start_reading() or self.signing.refused,
            ),
            (CoreCondition.METER_NOT_SIGNING, bool(self.signing.why)),
            (CoreCondition.HOT, self.offer.heat.measured(self._clock.now_ms()) is not None),
        )
        return frozenset((*self._shown, *(condition for condition, holds in own if holds)))

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
        allowed = not (self.record.transaction or self.board.is_lost)
        if self._unlock.advance(self.status, self._clock.now_ms(), allowed=allowed):
            self._ports.command(CommandVerb.FORCE_UNLOCK)
        if self._unlock.answered:
            self._unlock = None

    def _advance_self_test(self) -> None:
        run, lost = self._self_test, self.board.is_lost
        if run is not None and run.advance(self.status, self._clock.now_ms(), lost=lost):
            self._self_test = None
