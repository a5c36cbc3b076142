"""The guard by itself in a world: its states numbered, and their steps worked out once.

What the guard does depends on its own state and on what happens, never on what an onlooker
remembers: places that differ in the onlooker's memory alone share these steps.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from evse.guard import guard
from evse.guard.facts import Seen
from evse.guard.guard import GuardState, Hardware, Rules, Timing
from evse.model import CommandStatus, CommandVerb, Permit
from hil.explore.moment import PERIOD_MS

_KEPT_STATES = 16_384
"""States whose steps are kept: all of a small world, and a bound on the memory of a wide one."""
_PLAIN = Seen(low_ok=True)


class Action(NamedTuple):
    """What happens in one period: readings, then a permit or not, a step, then a command or not."""

    seen: Seen
    mirror_follows: bool
    permit: Permit | None
    command: CommandVerb | None

    def __str__(self) -> str:
        seen = self.seen
        parts = [seen.band.name if seen.band is not None else "no verdict"]
        for field in seen.__struct_fields__[1:]:
            value = getattr(seen, field)
            if value != getattr(_PLAIN, field):
                parts.append(f"{field}={value!r}")
        if self.permit is not None:
            permit = self.permit
            closing = f"close={permit.close}, {permit.duty_bp} bp"
            parts.append(f"permit({closing}, {permit.lock.name}, {permit.phases} ph)")
        if self.command is not None:
            parts.append(self.command.name.lower())
        return " ".join(parts)


class Step(NamedTuple):
    """What one action makes of one state of the guard."""

    action: Action
    seen: Seen
    """The action's, with a mirror that follows the coil where it does."""
    after: GuardState
    done: CommandVerb | None
    """The action's command, if it was obeyed."""
    number: int
    """That of the canonical form of `after`."""

    @property
    def is_silence(self) -> bool:
        """Neither a permit came nor a command that was obeyed. A command that was refused changes
        nothing that anybody can see: it is one with the silence beside the same readings."""
        return self.action.permit is None and self.done is None


class Guarded:
    """The guard under `rules`; state 0 is the one that it starts in.

    `actions` come in groups of equal readings.
    """

    def __init__(
        self,
        hardware: Hardware,
        timing: Timing,
        rules: Rules,
        actions: tuple[tuple[Action, ...], ...],
    ) -> None:
        self._hardware, self._timing, self._rules = hardware, timing, rules
        self._actions = actions
        self.states = [guard.initial(hardware)]
        """Canonical forms by number."""
        self._numbers = {self.states[0]: 0}
        self._numbers_after: dict[GuardState, int] = {}
        self.steps = functools.lru_cache(_KEPT_STATES)(self._work_out)
        """All steps out of the state of this number, in groups of equal readings."""

    def _work_out(self, number: int) -> tuple[tuple[Step, ...], ...]:
        before = self.states[number]
        return tuple(tuple(self._group(before, group)) for group in self._actions)

    def _group(self, before: GuardState, group: tuple[Action, ...]) -> Iterator[Step]:
        seen = group[0].seen
        if group[0].mirror_follows and before.coil:
            seen = msgspec.structs.replace(seen, mirror_closed=True)
        unpermitted = self._step(before, seen)
        for action in group:
            after, done = unpermitted, None
            if action.permit is not None:
                after = self._step(guard.renew(before, action.permit, PERIOD_MS), seen)
            if action.command is not None:
                after, done = self._obey(after, seen, action.command)
            yield Step(action, seen, after, done, self._number(after))

    def _step(self, given: GuardState, seen: Seen) -> GuardState:
        return guard.step(self._hardware, self._timing, self._rules, given, PERIOD_MS, seen)

    def _obey(
        self, state: GuardState, seen: Seen, verb: CommandVerb
    ) -> tuple[GuardState, CommandVerb | None]:
        after, result = guard.command(
            self._hardware, self._timing, self._rules, state, PERIOD_MS, seen, verb
        )
        return after, verb if result is CommandStatus.DONE else None

    def _number(self, after: GuardState) -> int:
        number = self._numbers_after.get(after)
        if number is None:
            state = guard.canonical(self._timing, after, PERIOD_MS)
            number = self._numbers.setdefault(state, len(self.states))
            if number == len(self.states):
                self.states.append(state)
            self._numbers_after[after] = number
        return number
