"""A world in which the guard is explored: every input may take every value at every step.

No car and no contactor is modelled: any sequence of samples, mirror readings, permits and commands
at all is allowed, which contains whatever metal can do. A world frees one group of inputs, so that
its state space stays small enough to be walked whole.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator
from functools import cached_property
from typing import NamedTuple

import msgspec

from evse.guard import guard
from evse.guard.facts import Heat, Seen
from evse.guard.guard import RULES, GuardState, Hardware, Rules, Timing
from evse.model import BoardFault, CommandVerb, LockState, Permit, PilotState, Reason
from hil.explore.explore import Edge, Result, explore
from hil.explore.invariants import ALL_TRACKERS, INVARIANTS
from hil.explore.moment import PERIOD_MS, Advance, Invariant, Judgement, Moment, Tracker

A, B, C = PilotState.A, PilotState.B, PilotState.C
GO = Permit(seq=0, close=True, duty_bp=2_666)

_NO_LOCK = (
    "closes_only_locked",
    "lost_lock_opens",
    "no_unlock_while_the_contactor_travels",
    "unlocks_only_when_asked",
    "lock_pulses_are_bounded",
    "lock_pulses_are_spaced",
    "forced_unlock_forbids_closing",
)
_NO_CODING = ("closes_only_on_a_rated_cable", "lost_coding_opens")
_NO_TEST = ("self_test_before_closing",)
_NO_PHASES = (
    "phase_contact_moves_only_with_the_contactor_open",
    "phase_contact_stays_while_the_mirror_is_doubted",
    "phase_contact_moves_only_where_a_live_permit_wants_it",
    "closes_only_with_the_phase_contact_at_rest",
    "phase_contact_stays_where_it_was_closed",
    "a_stray_phase_contact_opens",
    "phase_contact_is_latched",
)
_NO_FEEDBACK = ("a_stray_phase_contact_opens", "phase_contact_is_latched")
_LACKING = {
    "lock": _NO_LOCK,
    "socket": _NO_CODING,
    "rcd_self_test": _NO_TEST,
    "phase_switch": _NO_PHASES,
    "phase_feedback": _NO_FEEDBACK,
}
"""Field of Hardware -> what there is nothing to judge about where it is not fitted."""

Place = tuple[GuardState, tuple[object, ...]]
"""The guard's canonical state, and what each tracker remembers."""


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


_PLAIN = Seen(low_ok=True)


def _remember(advance: Advance, memory: object, moment: Moment) -> Hashable:
    return advance(memory, moment)


class World(msgspec.Struct, frozen=True, dict=True):
    """One group of inputs set free. A mirror of None follows the coil after one period."""

    name: str
    hardware: Hardware
    timing: Timing = Timing.small()
    bands: tuple[PilotState | None, ...] = (A, B, C)
    low_ok: tuple[bool | None, ...] = (True,)
    mirror: tuple[bool | None, ...] = (None,)
    rcd: tuple[bool, ...] = (False,)
    lock: tuple[LockState, ...] = (LockState.ABSENT,)
    cable_a: tuple[int, ...] = (0,)
    emergency_stop: tuple[bool, ...] = (False,)
    heat: tuple[Heat, ...] = (Heat.OK,)
    low_current: tuple[bool, ...] = (False,)
    phases: tuple[int, ...] = (0,)
    faults: tuple[BoardFault, ...] = (BoardFault(0),)
    permits: tuple[Permit | None, ...] = (None, GO)
    commands: tuple[CommandVerb, ...] = (CommandVerb.ACKNOWLEDGE,)
    leaves_out: tuple[str, ...] = ()
    """Invariants about inputs that stay still in this world."""

    @cached_property
    def actions(self) -> tuple[Action, ...]:
        readings = [
            (Seen(band, low, bool(mirror), rcd, lock, cable, stop, heat, *rest), mirror is None)
            for band, low, mirror, rcd, lock, cable, stop, heat, rest in itertools.product(
                self.bands,
                self.low_ok,
                self.mirror,
                self.rcd,
                self.lock,
                self.cable_a,
                self.emergency_stop,
                self.heat,
                itertools.product(self.low_current, self.phases, self.faults),
            )
        ]
        doings = [(permit, None) for permit in self.permits] + [(None, c) for c in self.commands]
        return tuple(
            Action(seen, follows, permit, command)
            for seen, follows in readings
            for permit, command in doings
        )

    @cached_property
    def invariants(self) -> tuple[Invariant, ...]:
        left_out = set(self.leaves_out)
        for fitted, names in _LACKING.items():
            if not getattr(self.hardware, fitted):
                left_out.update(names)
        return tuple(i for i in INVARIANTS if i.name not in left_out)

    @cached_property
    def trackers(self) -> tuple[Tracker, ...]:
        needed = {name for invariant in self.invariants for name in invariant.needs}
        return tuple(tracker for tracker in ALL_TRACKERS if tracker.name in needed)

    @cached_property
    def _advances(self) -> tuple[Advance, ...]:
        return tuple(tracker.advance for tracker in self.trackers)

    @cached_property
    def _judgements(self) -> tuple[tuple[str, Judgement], ...]:
        return tuple((invariant.name, invariant.holds) for invariant in self.invariants)

    def start(self) -> Place:
        return guard.initial(self.hardware), tuple(tracker.start for tracker in self.trackers)

    def successors(self, rules: Rules, place: Place) -> Iterator[Edge[Place]]:
        """Everything that may happen in the next period."""
        for action in self.actions:
            following, broken = self.happen(rules, place, action)
            yield Edge(action, following, broken)

    def happen(self, rules: Rules, place: Place, action: Action) -> tuple[Place, str | None]:
        """One period of `action`; the name of the first invariant that it breaks, if any."""
        before, memories = place
        seen, hardware, timing = action.seen, self.hardware, self.timing
        if action.mirror_follows and before.coil:
            seen = msgspec.structs.replace(seen, mirror_closed=True)
        given = before
        if action.permit is not None:
            given = guard.renew(before, action.permit, PERIOD_MS)
        after = guard.step(hardware, timing, rules, given, PERIOD_MS, seen)
        answer = None
        if action.command is not None:
            verb = action.command
            after, result = guard.command(hardware, timing, rules, after, PERIOD_MS, seen, verb)
            answer = (verb, result)
        moment = Moment(hardware, timing, seen, action.permit, before, after, answer)
        remembered = tuple(map(_remember, self._advances, memories, itertools.repeat(moment)))
        broken = None
        for name, holds in self._judgements:
            if not holds(moment):
                broken = name
                break
        return (guard.canonical(timing, after, PERIOD_MS), remembered), broken

    def explore(self, rules: Rules = RULES) -> tuple[Result, frozenset[str]]:
        """Walk it all. Also what was reached: reasons, and `closed` if the coil was ever on."""
        reached: set[str] = set()

        def note(place: Place) -> None:
            state = place[0]
            if state.reason is not Reason.NONE:
                reached.add(state.reason.name)
            if state.coil:
                reached.add("closed")
                if self.hardware.phase_switch:
                    reached.add(f"closed on {state.phases.driven}")
            if state.lock.jammed:
                reached.add("jammed")
            if state.forced_unlock:
                reached.add("forced_unlock")

        result = explore(self.start(), lambda place: self.successors(rules, place), visit=note)
        return result, frozenset(reached)
