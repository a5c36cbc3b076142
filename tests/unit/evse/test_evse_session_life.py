"""A session through random lives: what §C9 calls invariants holds at every moment."""

from __future__ import annotations

import itertools

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from session_rig import Rig, limit_of, socket_evse, stop_for, token

from evse.model import F_BP, X1_BP, LockTarget, PilotState, Reason
from evse.session.record import Snapshot
from evse.types.session import (
    SessionEventEnum,
    StopTransactionReason,
    TransactionFinished,
    TransactionStarted,
)

A, B, C, D = PilotState.A, PilotState.B, PilotState.C, PilotState.D


_PER_SESSION = {
    SessionEventEnum.SessionStarted: SessionEventEnum.SessionFinished,
    SessionEventEnum.TransactionStarted: SessionEventEnum.TransactionFinished,
}


class SessionLife(RuleBasedStateMachine):
    """Anything may happen at any time; what C9 calls invariants holds at every moment."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig()
        self.rig.tick()

    @rule(state=st.sampled_from([A, B, C, D, PilotState.E]))
    def the_car(self, state: PilotState) -> None:
        self.rig.car(state)

    @rule(name=st.sampled_from(["CARD", "OTHER"]))
    def token(self, name: str) -> None:
        self.rig.session.authorize(token(name))
        self.rig.tick()

    @rule()
    def withdraw(self) -> None:
        self.rig.session.withdraw_authorization()
        self.rig.tick()

    @rule(reason=st.sampled_from(list(StopTransactionReason)))
    def stop(self, reason: StopTransactionReason) -> None:
        self.rig.session.stop_transaction(stop_for(reason))
        self.rig.tick()

    @rule(connector=st.sampled_from([0, 1]), on=st.booleans())
    def availability(self, connector: int, on: bool) -> None:
        session = self.rig.session
        (session.enable if on else session.disable)(connector)
        self.rig.tick()

    @rule(on=st.booleans())
    def pause(self, on: bool) -> None:
        session = self.rig.session
        (session.pause_charging if on else session.resume_charging)()
        self.rig.tick()

    @rule(trip=st.sampled_from([Reason.NONE, Reason.RCD, Reason.EMERGENCY_STOP, Reason.WELD]))
    def trip(self, trip: Reason) -> None:
        self.rig.board.trip = trip
        self.rig.tick()

    @rule(amps=st.sampled_from([0.0, 5.9, 6.0, 16.0]))
    def limit(self, amps: float) -> None:
        self.rig.session.set_external_limits(limit_of(amps))
        self.rig.tick()

    @rule()
    def force_unlock(self) -> None:
        self.rig.session.force_unlock(0, lambda _outcome: None)
        self.rig.tick()

    @rule(stuck=st.booleans())
    def contactor(self, stuck: bool) -> None:
        self.rig.board.stuck_closed = stuck
        self.rig.tick()

    @rule(answers=st.booleans())
    def meter(self, answers: bool) -> None:
        self.rig.meter_answers = answers
        self.rig.tick()

    @precondition(lambda self: self.rig.board_answers)
    @rule()
    def board_lost(self) -> None:
        self.rig.board_answers = False
        self.rig.session.on_board_lost()
        self.rig.tick()

    @rule()
    def board_back(self) -> None:
        self.rig.board_answers = True
        self.rig.tick()

    @rule(ms=st.sampled_from([1_000, 5_000, 45_000]))
    def time(self, ms: int) -> None:
        self.rig.tick(ms)

    @rule(boot=st.sampled_from(["boot 1", "boot 2"]))
    def restart(self, boot: str) -> None:
        old = self.rig
        stored = Snapshot.decode(old.snapshots[-1]) if old.snapshots else Snapshot()
        self.rig = Rig(snapshot=stored, boot_id=boot)
        self.rig.events = old.events
        self.rig.snapshots = old.snapshots
        self.rig._uuids = old._uuids
        self.rig.board = old.board
        self.rig.energy_wh = old.energy_wh
        self.rig.tick()

    @invariant()
    def every_end_has_one_beginning(self) -> None:
        events = self.rig.events
        for begin, end in _PER_SESSION.items():
            kinds = [(e.event, e.uuid) for e in events if e.event in (begin, end)]
            for first, second in zip(kinds[::2], kinds[1::2], strict=False):
                assert (first[0], second[0]) == (begin, end)
                assert first[1] == second[1]

    @invariant()
    def charging_finished_stands_right_before_transaction_finished(self) -> None:
        names = [e.event for e in self.rig.events]
        for before, after in itertools.pairwise(names):
            if after is SessionEventEnum.TransactionFinished:
                assert before is SessionEventEnum.ChargingFinished

    @invariant()
    def charging_is_announced_inside_a_transaction_only(self) -> None:
        running = False
        for event in self.rig.events:
            if event.event is SessionEventEnum.TransactionStarted:
                running = True
            elif event.event is SessionEventEnum.TransactionFinished:
                running = False
            assert running or event.event is not SessionEventEnum.ChargingStarted

    @invariant()
    def meter_values_of_transactions_never_run_back(self) -> None:
        totals = [
            payload.meter_value.energy_Wh_import.total
            for e in self.rig.events
            for payload in (e.transaction_started, e.transaction_finished)
            if payload
        ]
        assert totals == sorted(totals)

    @invariant()
    def closing_is_wished_in_charging_with_an_offer_only(self) -> None:
        session = self.rig.session
        close, duty_bp, lock, *_ = session.wish(self.rig.clock.now_ms())
        if close:
            assert session.state == "charging"
            assert session.record.transaction
            assert not session.disable_wanted
            assert F_BP < duty_bp < X1_BP
            assert lock is LockTarget.LOCK
        if session.status.energised:
            assert lock is LockTarget.LOCK

    @invariant()
    def the_stored_snapshot_tells_the_present(self) -> None:
        record = self.rig.session.record
        if self.rig.snapshots:
            stored = Snapshot.decode(self.rig.snapshots[-1])
            assert (stored.uuid, stored.transaction) == (record.uuid, record.transaction)
            assert stored.evse_disabled == record.evse_disabled
            assert stored.connector_disabled == record.connector_disabled


SessionLife.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestSessionLife = SessionLife.TestCase


@given(st.lists(st.tuples(st.sampled_from([A, B, C]), st.integers(1, 60_000)), max_size=8))
def test_a_deadline_lies_ahead_and_polling_at_each_equals_ticking(
    moves: list[tuple[PilotState, int]],
) -> None:
    rig = Rig().charging()
    for car, ms in moves:
        rig.car(car)
        now_ms = rig.clock.now_ms()
        deadline_ms = rig.session.next_deadline_ms(now_ms)
        assert deadline_ms is None or deadline_ms > now_ms
        rig.tick(ms)


def test_a_transaction_that_began_before_any_reading_bills_no_whole_counter() -> None:
    """Where charging does without a meter that is lost, what it counted before is nobody's bill."""
    rig = Rig(msgspec.structs.replace(socket_evse(), fail_on_meter_errors=False))
    rig.energy_wh = 5_000_000.0
    rig.meter_answers = False
    rig.tick()
    rig.session.on_meter_lost()
    rig.charging()
    rig.meter_answers = True
    rig.run(10_000)
    rig.car(A)
    rig.run(5_000)
    assert _billed_wh(rig) == 0
    rig.charging()
    rig.run(60_000)
    rig.car(A)
    rig.run(5_000)
    assert 0 < _billed_wh(rig) < 1_000


def _billed_wh(rig: Rig) -> float:
    """Of the last transaction."""
    began = [e.transaction_started for e in rig.events]
    ended = [e.transaction_finished for e in rig.events]
    first = [one for one in began if isinstance(one, TransactionStarted)][-1].meter_value
    last = [one for one in ended if isinstance(one, TransactionFinished)][-1].meter_value
    return last.energy_Wh_import.total - first.energy_Wh_import.total
