"""The flight recorder's memory: the last minute of one guard, in RAM. Pure.

Responsibility: keeps what a guard read, was told, decided and drove, so that a fault can be decided
again afterwards, bit for bit (`evse/guard/replay.py`). It guarantees that it costs a few references
a period and a bounded amount of memory, that nothing is encoded while nothing is wrong, and that it
never raises and never waits: ring 1 lives beside it. Who writes it down: `evse/run/flight.py`.
"""

from __future__ import annotations

import enum
from collections import deque

import msgspec

from evse.board_faults import WARNINGS, BoardFault
from evse.guard.facts import Hardware, Inputs, Outputs, Seen, Timing, observe
from evse.guard.kernel import initial
from evse.guard.state import GuardState
from evse.model import CommandStatus, CommandVerb, Permit, Reason

BEFORE_MS = 60_000
"""How far back a recording reaches from its trigger."""
AFTER_MS = 2_000
"""How long it goes on after it."""
APART_MS = 60_000
"""Recordings of one guard begin at least this far apart: a fault that flutters makes one a minute,
and the minute between is in the next one."""
MAX_RECORDS = 6_400
"""A minute of periods of 10 ms, and some: 3 MB where no reading is like the one before."""
MAX_RECORDS_IN_ALL = 2 * MAX_RECORDS
"""Of all guards of a board: more than two of them share it, and look back less far."""
MAX_TAKEN = 8
"""Permits and commands remembered of one period; of permits in a row the last one counts."""
MAX_TRIGGERS = 16
FEWEST_RECORDS = 3
"""Kept however old they are: where the first record's own start is not known any more, the two
oldest tell it and one remains."""

_STOPPING = ~(WARNINGS | BoardFault.RCD_DC | BoardFault.RCD_AC)
"""The two kinds of residual current show in each self-test, and beside a trip of their own."""


class PermitTaken(msgspec.Struct, frozen=True, gc=False, tag="permit"):
    """A permit that was newer than the last."""

    at_ms: int
    permit: Permit


class CommandTaken(msgspec.Struct, frozen=True, gc=False, tag="command"):
    """A command, and what the guard answered."""

    at_ms: int
    verb: CommandVerb
    status: CommandStatus


class NotKept(msgspec.Struct, frozen=True, gc=False, tag="not_kept"):
    """More came in that period than is remembered."""

    count: int


Taken = PermitTaken | CommandTaken | NotKept


class Record(msgspec.Struct, frozen=True, gc=False):
    """One period, in the order in which it happened."""

    now_ms: int
    taken: tuple[Taken, ...]
    """Since the period before."""
    inputs: Inputs
    state: GuardState
    """After the step."""
    outputs: Outputs


class Cause(enum.StrEnum):
    """Why a recording was kept."""

    TRIP = "trip"
    BOARD_FAULT = "board fault"
    OVERSLEPT = "overslept"
    PINS_LOST = "pins lost"
    ASKED = "asked"


class Trigger(msgspec.Struct, frozen=True, gc=False):
    at_ms: int
    cause: Cause
    detail: str


class Standing(msgspec.Struct, frozen=True):
    """A guard between two periods."""

    now_ms: int | None
    """Of its last step; None before the first."""
    state: GuardState
    seen: Seen
    """What the last step decided over: commands are judged by it."""


class Flight(msgspec.Struct, frozen=True):
    """One recording, taken out of the recorder."""

    hardware: Hardware
    timing: Timing
    start: Standing
    """Before the first record."""
    records: deque[Record]
    triggers: tuple[Trigger, ...]


class FlightRecorder:
    """The last minute of one guard. Its host tells it all that the guard is told."""

    def __init__(
        self, hardware: Hardware, timing: Timing, *, max_records: int = MAX_RECORDS
    ) -> None:
        """For a guard as it was made with these, before anything is told to it."""
        self._hardware = hardware
        self._timing = timing
        self._max_records = max_records
        self._start: Standing | None = Standing(None, initial(hardware), Seen())
        """Before the first record; None: only the first records know."""
        self._state = self._start.state
        self._inputs = Inputs()
        self._records: deque[Record] = deque()
        self._taken: tuple[Taken, ...] = ()
        self._triggers: tuple[Trigger, ...] = ()
        self._due_ms = 0
        self._not_before_ms = 0

    def permit(self, permit: Permit, now_ms: int) -> None:
        """The guard took `permit`."""
        taken = self._taken
        if taken and type(taken[-1]) is PermitTaken:
            taken = taken[:-1]
        self._taken = _with(taken, PermitTaken(now_ms, permit))

    def command(self, verb: CommandVerb, status: CommandStatus, now_ms: int) -> None:
        """The guard answered `status` to `verb`."""
        self._taken = _with(self._taken, CommandTaken(now_ms, verb, status))

    def step(self, now_ms: int, inputs: Inputs, state: GuardState, outputs: Outputs) -> None:
        """The guard stepped. The same values again cost a reference each."""
        records = self._records
        if inputs == self._inputs:
            inputs = self._inputs
        records.append(Record(now_ms, self._taken, inputs, state, outputs))
        self._taken = ()
        oldest_ms = now_ms - BEFORE_MS - AFTER_MS
        while len(records) > FEWEST_RECORDS and (
            len(records) > self._max_records or records[0].now_ms < oldest_ms
        ):
            records.popleft()
            self._start = None
        if inputs.faults is not self._inputs.faults:
            self._look_at_faults(inputs.faults & ~self._inputs.faults & _STOPPING, now_ms)
        self._inputs = inputs
        if state is not self._state:
            self._look_at_trips(state.trips & ~self._state.trips, now_ms)
            self._state = state

    def trigger(self, cause: Cause, detail: str, now_ms: int) -> None:
        """Keep this minute. What comes while one is being kept is noted with it. Whoever asks
        gets it at once; a fault may have to wait, see APART_MS."""
        soon_ms = now_ms + AFTER_MS
        if not self._triggers:
            self._due_ms = max(soon_ms, self._not_before_ms)
        if cause is Cause.ASKED:
            self._due_ms = min(soon_ms, self._due_ms)
        if len(self._triggers) < MAX_TRIGGERS:
            self._triggers += (Trigger(now_ms, cause, detail),)

    def collect(self, now_ms: int, *, at_once: bool = False) -> Flight | None:
        """The recording, once it is complete (or `at_once`, if there was a trigger at all); the
        recorder begins anew."""
        if not self._triggers or not self._records or (now_ms < self._due_ms and not at_once):
            return None
        records, triggers = self._records, self._triggers
        start = self._start or _settle_start(self._hardware, records)
        last = records[-1]
        before = records[-2].state if len(records) > 1 else start.state
        self._start = _standing(self._hardware, before, last)
        self._records, self._triggers = deque(), ()
        self._not_before_ms = now_ms + APART_MS - AFTER_MS
        return Flight(self._hardware, self._timing, start, records, triggers)

    def _look_at_faults(self, appeared: BoardFault, now_ms: int) -> None:
        if appeared:
            names = ", ".join(fault.name or str(fault.value) for fault in appeared)
            self.trigger(Cause.BOARD_FAULT, names, now_ms)

    def _look_at_trips(self, latched: int, now_ms: int) -> None:
        for reason in Reason:
            if latched & (1 << reason):
                self.trigger(Cause.TRIP, reason.name, now_ms)


def _with(taken: tuple[Taken, ...], one: Taken) -> tuple[Taken, ...]:
    if len(taken) < MAX_TAKEN:
        return (*taken, one)
    last = taken[-1]
    more = last.count if isinstance(last, NotKept) else 1
    return (*taken[:-1], NotKept(more + 1))


def _standing(hardware: Hardware, before: GuardState, record: Record) -> Standing:
    """A guard after `record`, which found it in `before`."""
    seen = observe(hardware, record.inputs, before.pilot.state)
    return Standing(record.now_ms, record.state, seen)


def _settle_start(hardware: Hardware, records: deque[Record]) -> Standing:
    """Take the start from the two oldest records, which a minute can spare."""
    before = records.popleft().state
    return _standing(hardware, before, records.popleft())
