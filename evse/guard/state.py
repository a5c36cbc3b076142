"""The guard's memory: one frozen, hashable value, and the list of everything in it that ages.

Responsibility: holds what must be remembered between two steps, and nothing that grows. Every time
in it is the moment at which a condition *began*, so a state in which nothing happens never changes:
stepping through a quiet span and skipping it give the same result. `TIMERS` is the whole list of
such moments with the limits that they are compared to; the next deadline and the canonical form
(for exhaustive exploration) both come from it.
"""

from __future__ import annotations

import functools
import operator
from typing import Any, NamedTuple

import msgspec

from evse.guard.facts import Timing
from evse.guard.lock_drive import LockMotor
from evse.guard.phase_contact import PhaseContact
from evse.guard.proximity import Cable
from evse.guard.rcd_test import RcdTest
from evse.model import DENY, X1_BP, Permit, PilotState, Reason
from evse.pilot import Debounced, DiodeCheck


class GuardState(msgspec.Struct, frozen=True, gc=False):
    """See the module's docstring. A `…_since_ms` of None means: not so at present."""

    permit: Permit = DENY
    """The live permit; DENY when there is none."""
    permit_since_ms: int | None = None

    pilot: Debounced = Debounced()
    doubt_since_ms: int | None = None
    """No proof of the pilot since then (see Timing.stall_ms)."""
    own_f: bool = False
    """F is on the pilot because we put it there."""
    session: bool = False
    """A car is plugged in: from the first B, C or D until A, or until our own F finds the socket
    without a cable."""
    vacant: bool = False
    """No car is plugged in, and that was seen: the next one counts as a plug-in."""
    plugs: int = 0
    diode: DiodeCheck = DiodeCheck()
    pwm_since_ms: int | None = None
    cable: Cable = Cable()
    self_test: RcdTest = RcdTest()

    coil: bool = False
    coil_since_ms: int | None = None
    """Last change of the coil (first step, if it never changed)."""
    followed: bool = False
    """The mirror has agreed with the coil since the last change."""
    mirror_since_ms: int | None = None
    """The mirror disagrees with the coil since then."""

    soft_since_ms: int | None = None
    """Closed without leave: PWM was taken away then, and the car has until c1_open_ms."""
    soft_reason: Reason = Reason.NONE
    low_since_ms: int | None = None
    """Under 1 A in a soft opening since then."""
    lock_lost_since_ms: int | None = None
    blind_since_ms: int | None = None
    """The temperature sensor gives nothing since then."""
    idle_since_ms: int | None = None
    """No core, contactor open and no car (A or F) since then."""

    trips: int = 0
    """Every trip not yet acknowledged, as bits (1 << Reason)."""
    reason: Reason = Reason.NONE
    open_since_ms: int | None = None
    """Where there is a phase contact: coil off and mirror open since then."""
    phases: PhaseContact = PhaseContact()
    duty_bp: int = X1_BP
    lock: LockMotor = LockMotor()
    forced_unlock: bool = False

    @property
    def live(self) -> bool:
        """Is there a valid permit, as of the last step?"""
        return self.permit_since_ms is not None

    @property
    def unplugged(self) -> bool:
        return self.pilot.state is PilotState.A


class Timer(NamedTuple):
    """A moment kept in the state, and the ages at which somebody looks at it."""

    part: str | None
    """Attribute of GuardState that holds it; None: GuardState itself."""
    field: str
    limits: tuple[str, ...]
    """Names of the Timing fields it is compared with."""


TIMERS = (
    Timer(None, "permit_since_ms", ("lease_ms",)),
    Timer("pilot", "since_ms", ("debounce_in_ms", "debounce_out_ms")),
    Timer(None, "doubt_since_ms", ("stall_ms",)),
    Timer("diode", "since_ms", ("diode_ms",)),
    Timer(None, "pwm_since_ms", ("pwm_settle_ms",)),
    Timer("cable", "since_ms", ("pp_ms",)),
    Timer("self_test", "since_ms", ("self_test_trip_ms", "self_test_clear_ms")),
    Timer(None, "coil_since_ms", ("mirror_close_ms", "mirror_release_ms", "min_off_ms")),
    Timer(None, "mirror_since_ms", ("mirror_glitch_ms",)),
    Timer(None, "soft_since_ms", ("c1_open_ms",)),
    Timer(None, "low_since_ms", ("low_current_ms",)),
    Timer(None, "lock_lost_since_ms", ("lock_lost_ms",)),
    Timer(None, "blind_since_ms", ("temperature_lost_ms",)),
    Timer(None, "idle_since_ms", ("unlock_after_a_ms", "f_unlock_ms")),
    Timer(None, "open_since_ms", ("mirror_release_ms",)),
    Timer("phases", "since_ms", ("phase_ms",)),
    Timer("phases", "wrong_since_ms", ("mirror_glitch_ms",)),
    Timer("lock", "since_ms", ("lock_pulse_ms", "lock_pause_ms")),
)


def next_deadline_ms(timing: Timing, state: GuardState, now_ms: int) -> int | None:
    """Earliest moment after `now_ms` at which a settled state may change by itself."""
    soonest: int | None = None
    for since_ms, limits_ms in zip(_moments(state), _limits_ms(timing), strict=True):
        if since_ms is None:
            continue
        for limit_ms in limits_ms:
            due_ms = since_ms + limit_ms
            if due_ms > now_ms:
                if soonest is None or due_ms < soonest:
                    soonest = due_ms
                break
    return soonest


_moments = operator.attrgetter(*(f"{part}.{field}" if part else field for part, field, _ in TIMERS))
"""The moment of each of TIMERS in a state, in one look."""


@functools.cache
def _limits_ms(timing: Timing) -> tuple[tuple[int, ...], ...]:
    """The limits of each of TIMERS, ascending."""
    return tuple(
        tuple(sorted(getattr(timing, limit) for limit in limits)) for _, _, limits in TIMERS
    )


def canonical(timing: Timing, state: GuardState, now_ms: int) -> GuardState:
    """The same state as if now were 0, with every age that is past its last limit made equal, and
    with no plug-in counted yet.

    Two states with the same canonical form behave alike for ever.
    """
    changed: dict[str, Any] = {"plugs": 0}
    for (part, field, _), limits_ms in zip(TIMERS, _limits_ms(timing), strict=True):
        owner = state if part is None else changed.get(part) or getattr(state, part)
        since_ms = getattr(owner, field)
        if since_ms is None:
            continue
        age_ms = min(now_ms - since_ms, limits_ms[-1])
        if part is None:
            changed[field] = -age_ms
        else:
            changed[part] = msgspec.structs.replace(owner, **{field: -age_ms})
    return msgspec.structs.replace(state, **changed)
