"""The recorder keeps a minute, in bounded memory, and hands it over two seconds after a trigger."""

from __future__ import annotations

import msgspec
import pytest

from evse.board_faults import BoardFault
from evse.guard.facts import Hardware, Inputs, Outputs, Timing
from evse.guard.guard import Guard
from evse.guard.host import GuardHost
from evse.guard.kernel import initial
from evse.guard.recorder import (
    AFTER_MS,
    APART_MS,
    BEFORE_MS,
    MAX_RECORDS,
    MAX_TAKEN,
    MAX_TRIGGERS,
    Cause,
    CommandTaken,
    Flight,
    FlightRecorder,
    NotKept,
    PermitTaken,
)
from evse.model import CommandStatus, CommandVerb, Permit, Reason
from evse.pilot import PilotSample

HARDWARE = Hardware()
STATE = initial(HARDWARE)
QUIET = Inputs(PilotSample(12_000, 12_000))
PERIOD_MS = 10


class Tape:
    """A recorder, and the time."""

    def __init__(self) -> None:
        self.recorder = FlightRecorder(HARDWARE, Timing())
        self.now_ms = 0

    def run(self, span_ms: int, inputs: Inputs = QUIET, trips: int = 0) -> None:
        state = msgspec.structs.replace(STATE, trips=trips) if trips else STATE
        for _ in range(span_ms // PERIOD_MS):
            self.now_ms += PERIOD_MS
            self.recorder.step(self.now_ms, inputs, state, Outputs())

    def collect(self) -> Flight:
        flight = self.recorder.collect(self.now_ms)
        assert flight is not None, "nothing was kept"
        return flight


def test_nothing_is_kept_while_nothing_is_wrong() -> None:
    tape = Tape()
    tape.run(70_000)
    assert tape.recorder.collect(tape.now_ms) is None
    assert tape.recorder.collect(tape.now_ms, at_once=True) is None


def test_a_trip_keeps_the_minute_before_and_two_seconds_after() -> None:
    tape = Tape()
    tape.run(100_000)
    tape.run(PERIOD_MS, trips=1 << Reason.WELD)
    tripped_ms = tape.now_ms
    tape.run(AFTER_MS - PERIOD_MS, trips=1 << Reason.WELD)
    assert tape.recorder.collect(tape.now_ms) is None
    tape.run(PERIOD_MS, trips=1 << Reason.WELD)
    flight = tape.collect()
    assert [(t.at_ms, t.cause, t.detail) for t in flight.triggers] == [
        (tripped_ms, Cause.TRIP, "WELD")
    ]
    assert flight.records[-1].now_ms == tripped_ms + AFTER_MS
    assert tripped_ms - flight.records[0].now_ms == BEFORE_MS - 2 * PERIOD_MS
    assert flight.start.now_ms == flight.records[0].now_ms - PERIOD_MS


def test_a_board_fault_keeps_it_and_a_warning_or_a_self_tests_current_does_not() -> None:
    tape = Tape()
    harmless = BoardFault.HIGH_TEMPERATURE | BoardFault.RCD_DC | BoardFault.RCD_AC
    tape.run(100, msgspec.structs.replace(QUIET, faults=harmless))
    assert tape.recorder.collect(tape.now_ms, at_once=True) is None
    tape.run(100, msgspec.structs.replace(QUIET, faults=harmless | BoardFault.TILT))
    flight = tape.recorder.collect(tape.now_ms, at_once=True)
    assert flight is not None
    assert [trigger.detail for trigger in flight.triggers] == ["TILT"]


def test_a_second_trigger_is_noted_with_the_first_and_their_number_is_bounded() -> None:
    tape = Tape()
    tape.run(100)
    for number in range(MAX_TRIGGERS + 5):
        tape.recorder.trigger(Cause.ASKED, str(number), tape.now_ms)
        tape.run(PERIOD_MS)
    tape.run(AFTER_MS)
    assert [trigger.detail for trigger in tape.collect().triggers] == [
        str(number) for number in range(MAX_TRIGGERS)
    ]


def test_a_fluttering_fault_makes_one_recording_a_minute_and_none_of_them_lacks_its_cause() -> None:
    tape = Tape()
    tape.run(5_000)
    flights = []
    for number in range(100):
        tape.recorder.trigger(Cause.TRIP, str(number), tape.now_ms)
        tape.run(3_000)
        if flight := tape.recorder.collect(tape.now_ms):
            flights.append(flight)
    assert len(flights) == 300_000 // APART_MS
    for flight in flights:
        began_ms = flight.start.now_ms or 0
        assert began_ms <= flight.triggers[0].at_ms <= flight.records[-1].now_ms


def test_whoever_asks_waits_for_no_fluttering_fault() -> None:
    tape = Tape()
    tape.recorder.trigger(Cause.TRIP, "", tape.now_ms)
    tape.run(AFTER_MS)
    tape.collect()
    tape.recorder.trigger(Cause.TRIP, "again", tape.now_ms)
    tape.run(AFTER_MS)
    assert tape.recorder.collect(tape.now_ms) is None
    tape.recorder.trigger(Cause.ASKED, "", tape.now_ms)
    tape.run(AFTER_MS)
    assert [trigger.cause for trigger in tape.collect().triggers] == [Cause.TRIP, Cause.ASKED]


def test_the_next_recording_begins_where_the_last_one_ended() -> None:
    tape = Tape()
    tape.recorder.trigger(Cause.ASKED, "", tape.now_ms)
    tape.run(AFTER_MS)
    first = tape.collect()
    assert first.start.now_ms is None
    tape.recorder.trigger(Cause.ASKED, "", tape.now_ms)
    tape.run(10_000)
    second = tape.recorder.collect(tape.now_ms, at_once=True)
    assert second is not None
    assert second.start.now_ms == first.records[-1].now_ms


def test_memory_is_bounded_however_often_the_guard_steps() -> None:
    tape = Tape()
    for now_ms in range(MAX_RECORDS + 100):
        tape.recorder.step(now_ms, QUIET, STATE, Outputs())
    flight_ms = MAX_RECORDS + 100
    tape.recorder.trigger(Cause.ASKED, "", flight_ms)
    flight = tape.recorder.collect(flight_ms, at_once=True)
    assert flight is not None
    assert len(flight.records) == MAX_RECORDS - 2, "the two oldest gave the start"


@pytest.mark.parametrize(("guards", "each"), [(1, MAX_RECORDS), (2, MAX_RECORDS), (8, 1_600)])
def test_many_guards_share_the_memory_of_two(guards: int, each: int) -> None:
    host = GuardHost({n: Guard(HARDWARE, Timing()) for n in range(1, guards + 1)}, Pins())
    host.record()
    for now_ms in range(each + 50):
        host.step(now_ms)
    recorder = host.recorders[guards]
    recorder.trigger(Cause.ASKED, "", each + 50)
    flight = recorder.collect(each + 50, at_once=True)
    assert flight is not None
    assert len(flight.records) == each - 2


def test_what_changes_nothing_is_shared() -> None:
    tape = Tape()
    for now_ms in (10, 20):
        tape.recorder.step(now_ms, Inputs(PilotSample(12_000, 12_000)), STATE, Outputs())
    tape.recorder.trigger(Cause.ASKED, "", 20)
    flight = tape.recorder.collect(20, at_once=True)
    assert flight is not None
    assert flight.records[0].inputs is flight.records[1].inputs


def test_of_permits_in_a_row_the_last_counts_and_what_is_too_much_is_counted() -> None:
    recorder = FlightRecorder(HARDWARE, Timing())
    for seq in range(5):
        recorder.permit(Permit(seq, False, 10_000), seq)
    for _ in range(MAX_TAKEN + 2):
        recorder.command(CommandVerb.ACKNOWLEDGE, CommandStatus.DONE, 5)
    recorder.step(10, QUIET, STATE, Outputs())
    recorder.trigger(Cause.ASKED, "", 10)
    flight = recorder.collect(10, at_once=True)
    assert flight is not None
    taken = flight.records[0].taken
    assert taken[0] == PermitTaken(4, Permit(4, False, 10_000))
    assert taken[1] == CommandTaken(5, CommandVerb.ACKNOWLEDGE, CommandStatus.DONE)
    assert len(taken) == MAX_TAKEN
    assert taken[-1] == NotKept(4)


class Pins:
    next_deadline_ms: int | None = None

    def __init__(self) -> None:
        self.fails = False

    def read(self, evse: int, now_ms: int) -> Inputs:
        if self.fails:
            raise OSError("no pins")
        return QUIET

    def write(self, evse: int, outputs: Outputs, now_ms: int) -> None:
        pass


def test_a_host_tells_the_recorder_all_that_it_tells_the_guard() -> None:
    host = GuardHost({1: Guard(HARDWARE, Timing())}, Pins())
    host.record()
    assert host.permit(1, Permit(1, False, 10_000), 5)
    assert not host.permit(1, Permit(1, True, 2_666), 6), "stale"
    assert not host.permit(2, Permit(2, False, 10_000), 6), "no such EVSE"
    assert host.command(1, CommandVerb.ACKNOWLEDGE, 7) is CommandStatus.REFUSED
    host.step(10)
    recorder = host.recorders[1]
    recorder.trigger(Cause.ASKED, "", 10)
    flight = recorder.collect(10, at_once=True)
    assert flight is not None
    record = flight.records[0]
    assert record.now_ms == 10
    assert record.inputs == QUIET
    assert record.state is host.guards[1].state
    assert record.taken == (
        PermitTaken(5, Permit(1, False, 10_000)),
        CommandTaken(7, CommandVerb.ACKNOWLEDGE, CommandStatus.REFUSED),
    )


def test_pins_that_fail_leave_the_minute_before() -> None:
    pins = Pins()
    host = GuardHost({1: Guard(HARDWARE, Timing())}, pins)
    host.record()
    host.step(10)
    pins.fails = True
    with pytest.raises(OSError, match="no pins"):
        host.step(20)
    host.recorders[1].trigger(Cause.PINS_LOST, "no pins", 20)
    flight = host.recorders[1].collect(20, at_once=True)
    assert flight is not None
    assert [record.now_ms for record in flight.records] == [10]


def test_a_host_that_is_not_recorded_has_no_recorders() -> None:
    assert GuardHost({1: Guard(HARDWARE, Timing())}, Pins()).recorders == {}


@pytest.mark.parametrize("before", range(6))
@pytest.mark.parametrize("after", range(1, 4))
def test_a_guard_that_slept_for_longer_than_is_kept_still_has_a_recording(
    before: int, after: int
) -> None:
    tape = Tape()
    tape.run(before * PERIOD_MS)
    tape.now_ms += BEFORE_MS + 2 * AFTER_MS
    tape.run(after * PERIOD_MS)
    tape.recorder.trigger(Cause.PINS_LOST, "", tape.now_ms)
    flight = tape.recorder.collect(tape.now_ms, at_once=True)
    assert flight is not None
    assert flight.records[-1].now_ms == tape.now_ms
