"""A world in which the guard is explored: every input may take every value at every step.

No car and no contactor is modelled: any sequence of samples, mirror readings, permits and commands
at all is allowed, which contains whatever metal can do. A world frees one group of inputs, so that
its state space stays small enough to be walked whole.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Iterator
from functools import cached_property

import msgspec

from evse.board_faults import BoardFault
from evse.guard.facts import Heat, Seen
from evse.guard.guard import RULES, GuardState, Hardware, Rules, Timing
from evse.model import CommandVerb, LockState, Permit, PilotState, Reason
from hil.explore.explore import Edge, Result, explore
from hil.explore.invariants import ALL_TRACKERS, INVARIANTS
from hil.explore.moment import Advance, Invariant, Judgement, Moment, Tracker, When
from hil.explore.steps import Action, Guarded, Step

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

Place = tuple[int, tuple[Hashable, ...]]
"""The number of the guard's state, and what each tracker remembers."""
Judgements = tuple[tuple[str, Judgement], ...]


def _named(invariants: Iterable[Invariant]) -> Judgements:
    return tuple((invariant.name, invariant.holds) for invariant in invariants)


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
    def actions(self) -> tuple[tuple[Action, ...], ...]:
        """In groups of equal readings."""
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
            tuple(Action(seen, follows, permit, command) for permit, command in doings)
            for seen, follows in readings
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
    def _judged_open(self) -> Judgements:
        return _named(i for i in self.invariants if i.when is When.ALWAYS)

    @cached_property
    def _judged_closed(self) -> Judgements:
        return _named(i for i in self.invariants if i.when is not When.CLOSES)

    @cached_property
    def _judged_closing(self) -> Judgements:
        return _named(self.invariants)

    def start(self) -> Place:
        return 0, tuple(tracker.start for tracker in self.trackers)

    def successors(self, guarded: Guarded, place: Place) -> Iterator[Edge[Place]]:
        """Everything that may happen in the next period."""
        number, memories = place
        before = guarded.states[number]
        for group in guarded.steps(number):
            silence: Edge[Place] | None = None
            for step in group:
                if silence is not None and step.is_silence:
                    yield silence._replace(action=step.action)
                    continue
                edge = self._happen(before, memories, step)
                if step.is_silence:
                    silence = edge
                yield edge

    def _happen(
        self, before: GuardState, memories: tuple[Hashable, ...], step: Step
    ) -> Edge[Place]:
        """One period, with the name of the first invariant that it breaks, if any."""
        action, seen, after, done, number = step
        m = Moment(self.hardware, self.timing, seen, action.permit, before, after, done)
        remembered = tuple(
            [advance(memory, m) for advance, memory in zip(self._advances, memories, strict=True)]
        )
        judged = self._judged_open
        if after.coil:
            judged = self._judged_closing if m.rising else self._judged_closed
        for name, holds in judged:
            if not holds(m):
                return Edge(action, (number, remembered), name)
        return Edge(action, (number, remembered), None)

    def explore(self, rules: Rules = RULES) -> tuple[Result, frozenset[str]]:
        """Walk it all. Also what was reached: reasons, and `closed` if the coil was ever on."""
        guarded = Guarded(self.hardware, self.timing, rules, self.actions)
        reached: set[str] = set()

        def note(place: Place) -> None:
            state = guarded.states[place[0]]
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

        result = explore(self.start(), lambda place: self.successors(guarded, place), visit=note)
        return result, frozenset(reached)
