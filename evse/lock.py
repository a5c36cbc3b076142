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
    kept_without_car: bool = False,
    jammed: bool = False,
) -> LockTarget:
    """What the permit asks of the lock in session state `state`.

    The plug locks in B even before authorization, and stays locked while current may flow. After
    a stopped transaction it unlocks once the contactor is confirmed open, or at unplug where
    `unlock_after_stop` is off; after a de-authorization only at unplug, for its token or by force
    (DESIGN "Settled numbers"). `kept_without_car`: a plug whose car left stays locked. `jammed`:
    it could not be locked, which ended the session before it began; that shows until unplug. While
    nobody knows whether a plug is there (the start of the core or of ring 1) the lock stays as it
    is: a car held from before must not be let go.
    """
    if status.energised:
        return LockTarget.LOCK
    if status.forced_unlock:
        return LockTarget.UNLOCK
    if not (plugged or kept_without_car):
        return LockTarget.KEEP if status.pilot is PilotState.UNKNOWN else LockTarget.UNLOCK
    if state in _KEEPS_PLUG or state == "stopping":
        return LockTarget.LOCK
    if state == "booting":
        return LockTarget.KEEP
    held = held_by_deauthorization or kept_without_car or jammed or not unlock_after_stop
    return LockTarget.LOCK if state == "finished" and held else LockTarget.UNLOCK
