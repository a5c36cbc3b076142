"""One step of the guard as an onlooker sees it, and what the onlooker's memory and judgement are.

Responsibility: judge the guard from outside. A tracker sees what the guard was given, what it
drives and what it reports (pilot state, reason, self-test); never the guard's own memory of times.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from evse.board_faults import WARNINGS
from evse.guard.facts import Seen
from evse.guard.guard import GuardState, Hardware, Timing
from evse.model import CommandVerb, Permit, PilotState

PERIOD_MS = 10
STOPPING = ~WARNINGS
"""Faults of the board that are more than a warning."""
PLUGGED_STATES = (PilotState.B, PilotState.C, PilotState.D)


def pwm(duty_bp: int) -> bool:
    return duty_bp == 500 or 1_000 <= duty_bp <= 9_600


class Moment:
    """One step as seen from outside, and what the trackers make of it."""

    hardware: Hardware
    timing: Timing
    seen: Seen
    permit: Permit | None
    before: GuardState
    after: GuardState
    done: CommandVerb | None
    """The command that was obeyed after the step."""
    rising: bool
    moved: bool

    was_plugged: bool
    plugged: bool
    latches: int
    """Bits of LATCHES: causes shown, and not forgotten before this step."""
    leave: Permit | None
    unwanted_ms: int | None
    low_ms: int | None
    verdict: tuple[PilotState, int] | None
    proofless_ms: int | None
    coil_ms: int
    followed: bool
    wrong_ms: int | None
    pwm_ms: int | None
    low_bad: bool
    low_seen: bool
    tested: bool
    forced: bool
    opening: bool
    unlocked_ms: int | None
    pulse_ms: int
    pause_broken: bool
    idle_ms: int | None
    uncoded_ms: int | None
    coded: bool
    blind_ms: int | None
    own_f: bool
    open_ms: int | None
    sent_ms: int | None
    astray_ms: int | None
    closed_at: int
    empty: bool
    __slots__ = tuple(__annotations__)

    def __init__(
        self,
        hardware: Hardware,
        timing: Timing,
        seen: Seen,
        permit: Permit | None,
        before: GuardState,
        after: GuardState,
        done: CommandVerb | None,
    ) -> None:
        self.hardware = hardware
        self.timing = timing
        self.seen = seen
        self.permit = permit
        self.before = before
        self.after = after
        self.done = done
        self.rising = after.coil and not before.coil
        self.moved = after.phases.driven != before.phases.driven
        self.was_plugged = False
        self.plugged = False
        self.latches = 0

    @property
    def powered_band(self) -> bool:
        band = self.seen.band
        return band is PilotState.C or (band is PilotState.D and self.hardware.ventilation)


Advance = Callable[[Any, Moment], Hashable]
Judgement = Callable[[Moment], bool]


class Tracker(NamedTuple):
    name: str
    start: Hashable
    advance: Advance
    """Memory before -> memory after; may set attributes of the moment for the invariants."""


class When(enum.Enum):
    """In which steps there is something to judge."""

    ALWAYS = enum.auto()
    CLOSED = enum.auto()
    """The coil is on after the step."""
    CLOSES = enum.auto()
    """The coil goes on in the step."""


class Invariant(NamedTuple):
    name: str
    says: str
    needs: tuple[str, ...]
    """Trackers it looks at."""
    holds: Judgement
    when: When = When.ALWAYS


def since(now_so: bool, age_ms: int | None, cap_ms: int) -> int | None:
    """Age of a condition: None while it is not so, 0 when first seen."""
    if not now_so:
        return None
    return 0 if age_ms is None else min(age_ms + PERIOD_MS, cap_ms)


def under(age_ms: int | None, limit_ms: int) -> bool:
    """Has it not been so, or not for so long?"""
    return age_ms is None or age_ms < limit_ms


def wanted(m: Moment) -> bool:
    """Does a live permit, as the onlooker counts the lease, say close and offer a current?"""
    leave = m.leave
    return leave is not None and leave.close and pwm(leave.duty_bp)
