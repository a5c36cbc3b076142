"""Both ends on a bad wire in virtual time: nothing wrong gets through, and they always meet."""

from __future__ import annotations

import random

from bridge_wire import Wire, noisy, whole
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from evse.model import BoardStatus, CommandStatus, CommandVerb, Permit, PilotState
from firmware_bridge.events import CommandDone, HostHello, LinkUp, PermitReceived, Status

seeds = st.integers(0, 2**32)


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from([0.001, 0.01, 0.03]))
def test_on_a_bad_wire_commands_are_done_at_most_once_and_end_exactly_once(
    seed: int, rate: float
) -> None:
    wire = Wire(damage=noisy(random.Random(seed), rate))
    asked = []
    for _ in range(30):
        asked.append(wire.host.command(1, CommandVerb.ACKNOWLEDGE, now_ms=wire.now_ms))
        wire.run_for(random.Random(seed + len(asked)).randrange(5, 200))
    wire.run_for(10_000)
    ends = {event.id: event for event in wire.of(CommandDone) if isinstance(event, CommandDone)}
    assert len(wire.of(CommandDone)) == len(ends) == len(asked)
    done = [event.id for event in wire.executed]
    assert len(done) == len(set(done)), "done twice"
    answered = {id_ for id_, end in ends.items() if end.status is CommandStatus.DONE}
    assert answered <= set(done), "an answer without an act"


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from([0.01, 0.05, 0.2]))
def test_a_wire_that_gets_better_converges_within_two_hello_times(seed: int, rate: float) -> None:
    wire = Wire(damage=noisy(random.Random(seed), rate))
    wire.run_for(5000)
    wire.damage = whole
    wire.run_for(1100)
    assert wire.host.up
    wire.change_status(BoardStatus(pilot=PilotState.C))
    wire.run_for(50)
    last = wire.of(Status)[-1]
    assert isinstance(last, Status)
    assert last.status.pilot is PilotState.C
    before = len(wire.permits())
    wire.run_for(1000)
    assert len(wire.permits()) >= before + 9


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_only_permits_that_the_host_gave_come_out_and_in_order(seed: int) -> None:
    wire = Wire(evses=2, damage=noisy(random.Random(seed), 0.02))
    wire.run_for(10_000)
    newest: dict[int, int] = {}
    for event in wire.board_events:
        if isinstance(event, HostHello):
            newest.clear()
        elif isinstance(event, PermitReceived):
            assert event.permit == Permit(event.permit.seq, True, 2666)
            assert event.permit.seq > newest.get(event.evse, 0)
            newest[event.evse] = event.permit.seq


def test_a_clean_wire_loses_nothing_in_an_hour() -> None:
    wire = Wire()
    wire.run_for(3_600_000)
    wire.permitting = False
    wire.run_for(wire.delay_ms)
    stats = wire.host.stats
    assert (stats.bad_frames, stats.status_lost, stats.unexpected, stats.links_up) == (0, 0, 0, 1)
    assert stats.permits_sent == len(wire.permits())
    assert wire.board.stats.permits_refused == 0


class TwoSessions(RuleBasedStateMachine):
    """Any order of restarts, cuts, noise, commands and quiet."""

    @initialize(seed=st.integers(0, 2**16))
    def start(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.wire = Wire(evses=2)
        self.boot_id = 1
        self.asked = 0
        self.cut = False

    @rule(span_ms=st.sampled_from([1, 30, 150, 700, 3000]))
    def wait(self, span_ms: int) -> None:
        self.wire.run_for(span_ms)

    @rule(verb=st.sampled_from(CommandVerb), evse=st.integers(1, 2))
    def command(self, verb: CommandVerb, evse: int) -> None:
        self.wire.host.command(evse, verb, now_ms=self.wire.now_ms)
        self.asked += 1

    @rule()
    def restart_board(self) -> None:
        self.boot_id += 1
        self.wire.restart_board(self.boot_id)

    @rule()
    def kill_board(self) -> None:
        self.wire.board_alive = False

    @rule(rate=st.sampled_from([0.0, 0.005, 0.05]))
    def weather(self, rate: float) -> None:
        self.wire.damage = noisy(self.rng, rate)

    @rule()
    def cut_port(self) -> None:
        self.wire.host_events += self.wire.host.disconnected("the port is gone", self.wire.now_ms)
        self.cut = True

    @rule()
    def open_port(self) -> None:
        self.wire.host_events += self.wire.host.connected(self.wire.now_ms)
        self.cut = False

    @rule(pilot=st.sampled_from(PilotState))
    def car(self, pilot: PilotState) -> None:
        self.wire.change_status(BoardStatus(pilot=pilot))

    @invariant()
    def every_command_ends_at_most_once(self) -> None:
        ids = [event.id for event in self.wire.of(CommandDone) if isinstance(event, CommandDone)]
        assert len(ids) == len(set(ids)) <= self.asked

    @invariant()
    def no_command_is_done_twice_by_one_board(self) -> None:
        done = [event.id for event in self.wire.executed]
        # A board that restarts has another session, in which no old command arrives.
        assert len(done) == len(set(done))

    @invariant()
    def up_and_why_down_agree(self) -> None:
        assert not (self.wire.host.up and self.wire.host.why_down)

    def teardown(self) -> None:
        if not hasattr(self, "wire"):
            return
        wire = self.wire
        wire.damage = whole
        wire.restart_board(self.boot_id + 1)
        if self.cut:
            wire.host_events += wire.host.connected(wire.now_ms)
        wire.run_for(2000)
        assert wire.host.up, "a good wire and a live board always meet"
        assert isinstance(wire.of(LinkUp)[-1], LinkUp)
        assert len(wire.of(CommandDone)) == self.asked, "every command ends"


TwoSessions.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestTwoSessions = TwoSessions.TestCase
