"""A recorded flight, decided again: the same kernel over the same facts, period by period. Pure.

Responsibility: says of every recorded state, output and answer whether this kernel decides it
likewise. The recorder's kernel and this one being the same, any difference is a defect of one of
them; a kernel changed since shows here what it would have done otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from evse.guard.commands import command
from evse.guard.facts import Hardware, Outputs, Seen, Timing, observe
from evse.guard.flight_read import Recorded
from evse.guard.kernel import outputs, renew, step
from evse.guard.recorder import CommandTaken, NotKept, PermitTaken, Record, Standing
from evse.guard.rules import RULES, Rules
from evse.guard.sense import sense
from evse.guard.state import GuardState
from evse.guard.view import View
from evse.model import CommandStatus


class Difference(msgspec.Struct, frozen=True):
    """One value that is decided otherwise now."""

    what: str
    """A field of GuardState, one of Outputs, or the answer to a command."""
    recorded: Any
    decided: Any


class Decided(msgspec.Struct, frozen=True):
    """One period, decided again."""

    record: Record
    seen: Seen
    state: GuardState
    outputs: Outputs
    fired: tuple[str, ...]
    """The rules that opened the contactor or were latched now, in words."""
    barred: tuple[str, ...]
    """The closing rules that keep it open though the permit says close, in words."""
    differences: tuple[Difference, ...]
    guessed: bool
    """What was told to the guard in this period was more than is kept: the recorded state is taken
    as it is, and nothing is compared."""


def replay(flight: Recorded, rules: Rules = RULES) -> Iterator[Decided]:
    """Every recorded period in its order. After a difference it goes on from what was recorded, so
    that each period is judged by itself."""
    kernel = _Kernel(flight.header.hardware, flight.header.timing, rules, flight.header.start)
    for record in flight.records:
        yield kernel.decide(record, flight.fields)


class _Kernel:
    def __init__(
        self, hardware: Hardware, timing: Timing, rules: Rules, standing: Standing
    ) -> None:
        self._hardware = hardware
        self._timing = timing
        self._rules = rules
        self._state = standing.state
        self._seen = standing.seen
        self._began = standing.now_ms is not None

    def decide(self, record: Record, fields: frozenset[str]) -> Decided:
        differences = self._hear(record)
        before = self._state
        seen = observe(self._hardware, record.inputs, before.pilot.state)
        state = step(self._hardware, self._timing, self._rules, before, record.now_ms, seen)
        driven = outputs(state)
        fired, barred = self._why(before, state, record.now_ms, seen)
        guessed = any(isinstance(taken, NotKept) for taken in record.taken)
        if not guessed:
            differences += _compare("", record.state, state, fields)
            differences += _compare("output ", record.outputs, driven, fields)
        self._state = record.state if guessed or differences else state
        self._seen, self._began = seen, True
        return Decided(
            record, seen, state, driven, fired, barred, () if guessed else differences, guessed
        )

    def _hear(self, record: Record) -> tuple[Difference, ...]:
        """Permits and commands, as `Guard` takes them."""
        found: tuple[Difference, ...] = ()
        for taken in record.taken:
            if isinstance(taken, PermitTaken):
                self._state = renew(self._state, taken.permit, taken.at_ms)
            elif isinstance(taken, CommandTaken):
                status = self._obey(taken)
                if status is not taken.status:
                    found += (Difference(f"answer to {taken.verb.name}", taken.status, status),)
        return found

    def _obey(self, taken: CommandTaken) -> CommandStatus:
        if not self._began:
            return CommandStatus.REFUSED
        self._state, status = command(
            self._hardware,
            self._timing,
            self._rules,
            self._state,
            taken.at_ms,
            self._seen,
            taken.verb,
        )
        return status

    def _why(
        self, before: GuardState, state: GuardState, now_ms: int, seen: Seen
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The rules in words: those that fired, those that keep the contactor open."""
        latched = state.trips & ~before.trips
        fired = tuple(r.says for r in self._rules.trips if latched & (1 << r.reason))
        wants = state.live and state.permit.close and not state.coil
        if not wants and not (before.coil and not state.coil):
            return fired, ()
        sensed = sense(self._hardware, self._timing, before, now_ms, seen)
        view = View(
            self._hardware, self._timing, now_ms, seen, sensed, state.trips, before.coil,
            sensed.coil_since_ms,
        )  # fmt: skip
        if before.coil and not state.trips:
            fired += tuple(r.says for r in self._rules.opens if r.holds(view))
        barred = tuple(r.says for r in self._rules.closes if not r.holds(view)) if wants else ()
        return fired, barred


def _compare(
    kind: str,
    recorded: GuardState | Outputs,
    decided: GuardState | Outputs,
    fields: frozenset[str],
) -> tuple[Difference, ...]:
    if recorded == decided:
        return ()
    return tuple(
        Difference(f"{kind}{name}", getattr(recorded, name), getattr(decided, name))
        for name in decided.__struct_fields__
        if name in fields and getattr(recorded, name) != getattr(decided, name)
    )
