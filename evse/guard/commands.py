"""What happens between two guard steps: commands are obeyed or refused, the status is told.

Responsibility: guarantees that no command closes, unlocks or forgets anything by itself: it only
changes what the next step decides over, and the next step judges with fresh facts.
"""

from __future__ import annotations

import msgspec

from evse.guard.facts import Hardware, Seen, Timing
from evse.guard.kernel import vetoed
from evse.guard.phase_contact import ALL_PHASES
from evse.guard.rcd_test import start
from evse.guard.rules import Rules
from evse.guard.state import GuardState
from evse.guard.view import View, lock_goal, phase_settled
from evse.model import (
    BoardStatus,
    CommandStatus,
    CommandVerb,
    LockState,
    LockTarget,
    Reason,
    SelfTest,
)

_VERBS = (CommandVerb.ACKNOWLEDGE, CommandVerb.FORCE_UNLOCK, CommandVerb.RCD_SELF_TEST)


def _standing(
    hardware: Hardware, timing: Timing, state: GuardState, now_ms: int, seen: Seen
) -> View:
    """The view between two steps, for commands and status."""
    view = View(hardware, timing, now_ms, seen, state, state.trips, state.coil, state.coil_since_ms)
    view.lock_goal = lock_goal(view)
    return view


def command(
    hardware: Hardware,
    timing: Timing,
    rules: Rules,
    state: GuardState,
    now_ms: int,
    seen: Seen,
    verb: CommandVerb,
) -> tuple[GuardState, CommandStatus]:
    """Obey a command between two steps; the next step acts on it. Twice is as good as once."""
    if verb not in _VERBS:
        return state, CommandStatus.UNKNOWN
    view = _standing(hardware, timing, state, now_ms, seen)
    if verb is CommandVerb.ACKNOWLEDGE:
        return _acknowledge(rules, view)
    if verb is CommandVerb.FORCE_UNLOCK:
        return _force_unlock(rules, view)
    return _rerun_self_test(view)


def _acknowledge(rules: Rules, v: View) -> tuple[GuardState, CommandStatus]:
    """All trips or none: a cause that remains keeps the first reason too."""
    for rule in rules.trips:
        if v.trips & (1 << rule.reason) and (
            rule.remains(v) or (rule.until_unplugged and not v.state.unplugged)
        ):
            return v.state, CommandStatus.REFUSED
    forgotten = msgspec.structs.replace(v.state, trips=0, reason=Reason.NONE)
    return forgotten, CommandStatus.DONE


def _force_unlock(rules: Rules, v: View) -> tuple[GuardState, CommandStatus]:
    if not v.hardware.lock:
        return v.state, CommandStatus.UNKNOWN
    if vetoed(rules, v):
        return v.state, CommandStatus.REFUSED
    motor = v.state.lock
    if motor.jammed:  # Somebody asks for new tries; the pause after the last pulse still holds.
        motor = msgspec.structs.replace(motor, jammed=False, tries=0)
    return msgspec.structs.replace(v.state, forced_unlock=True, lock=motor), CommandStatus.DONE


def _rerun_self_test(v: View) -> tuple[GuardState, CommandStatus]:
    if not v.hardware.rcd_self_test:
        return v.state, CommandStatus.UNKNOWN
    if v.state.self_test.status is SelfTest.RUNNING and not v.state.self_test.owed:
        return v.state, CommandStatus.DONE
    if v.state.self_test.owed or v.coil or v.seen.mirror_closed or v.seen.rcd_tripped:
        return v.state, CommandStatus.REFUSED
    test = start(v.now_ms)
    return msgspec.structs.replace(v.state, self_test=test), CommandStatus.DONE


def status(
    hardware: Hardware, timing: Timing, rules: Rules, state: GuardState, now_ms: int, seen: Seen
) -> BoardStatus:
    """What ring 2 is told."""
    view = _standing(hardware, timing, state, now_ms, seen)
    unlock_wanted = view.lock_goal is LockTarget.UNLOCK and seen.lock is not LockState.UNLOCKED
    return BoardStatus(
        pilot=state.pilot.state,
        duty_bp=state.duty_bp,
        coil=state.coil,
        mirror_closed=seen.mirror_closed,
        lock=LockState.JAMMED if state.lock.jammed else seen.lock,
        cable_a=_cable_a(hardware, state, seen),
        rcd_tripped=seen.rcd_tripped,
        self_test=state.self_test.status,
        reason=state.reason,
        lease_live=state.live,
        forced_unlock=state.forced_unlock,
        vetoed_unlock=hardware.lock and unlock_wanted and vetoed(rules, view),
        phases=_phases(view),
        faults=seen.faults,
        plugs=state.plugs,
        wiring=seen.wiring,
        presses=seen.presses,
    )


def _cable_a(hardware: Hardware, state: GuardState, seen: Seen) -> int:
    """Of a cable without a car what PP says now: it limits nobody."""
    if hardware.socket and not state.session:
        return seen.cable_a
    return state.cable.rating_a or 0


def _phases(v: View) -> int:
    """Where the phase contact is; 0: on its way, or never sent and not read back."""
    if not v.hardware.phase_switch:
        return ALL_PHASES
    driven = v.state.phases.driven
    if driven and not phase_settled(v):
        return 0
    return v.seen.phases if v.hardware.phase_feedback else driven
