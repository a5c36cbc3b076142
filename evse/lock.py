"""Where the connector lock should be: pure policy. The guard drives the motor and may veto."""

from __future__ import annotations

from evse.model import BoardStatus, LockTarget, PilotState

_KEEPS_PLUG = frozenset(
    {"waiting_auth", "preparing", "charging", "paused_ev", "paused_evse", "waking", "switching"}
)


def target(
    state: str,
    status: BoardStatus,
    *,
    plugged: bool,
    unlock_after_stop: bool,
    held_by_deauthorization: bool,
) -> LockTarget:
    """What the permit asks of the lock in session state `state`.

    The plug locks in B even before authorization, and stays locked while current may flow. After
    a stopped transaction it unlocks once the contactor is confirmed open, or at unplug where
    `unlock_after_stop` is off; after a de-authorization only at unplug or by force (DESIGN
    "Settled numbers"). While nobody knows whether a plug is there (the start of the core or of
    ring 1) the lock stays as it is: a car held from before must not be let go.
    """
    if status.energised:
        return LockTarget.LOCK
    if status.forced_unlock:
        return LockTarget.UNLOCK
    if not plugged:
        return LockTarget.KEEP if status.pilot is PilotState.UNKNOWN else LockTarget.UNLOCK
    if state in _KEEPS_PLUG or state == "stopping":
        return LockTarget.LOCK
    if state == "booting":
        return LockTarget.KEEP
    if state == "finished" and (held_by_deauthorization or not unlock_after_stop):
        return LockTarget.LOCK
    return LockTarget.UNLOCK
