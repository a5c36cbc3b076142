"""Where the lock belongs: the whole table of states, plug and contactor, against DESIGN's rules."""

from __future__ import annotations

import itertools

import pytest

from evse.lock import target
from evse.model import BoardStatus, LockTarget, PilotState

STATES = (
    "booting",
    "disabled",
    "idle",
    "waiting_auth",
    "preparing",
    "charging",
    "paused_ev",
    "paused_evse",
    "waking",
    "switching",
    "stopping",
    "finished",
)
RUNNING = STATES[3:11]
FLAGS = list(itertools.product((False, True), repeat=5))


def where(state: str, flags: tuple[bool, ...], pilot: PilotState | None = None) -> LockTarget:
    """`pilot`: None = what goes with the plug."""
    energised, forced, plugged, unlock_after_stop, held = flags
    if pilot is None:
        pilot = PilotState.B if plugged else PilotState.A
    return target(
        state,
        BoardStatus(pilot=pilot, mirror_closed=energised, forced_unlock=forced),
        plugged=plugged,
        unlock_after_stop=unlock_after_stop,
        held_by_deauthorization=held,
    )


@pytest.mark.parametrize("state", STATES)
def test_the_plug_is_locked_whenever_current_may_flow(state: str) -> None:
    for flags in FLAGS:
        if flags[0]:
            assert where(state, flags) is LockTarget.LOCK


@pytest.mark.parametrize("state", STATES)
def test_without_a_plug_or_after_a_forced_unlock_it_is_open(state: str) -> None:
    for flags in FLAGS:
        energised, forced, plugged, _, _ = flags
        if not energised and (forced or not plugged):
            assert where(state, flags) is LockTarget.UNLOCK


@pytest.mark.parametrize("state", RUNNING)
def test_a_plugged_car_is_held_from_b_to_the_end_of_stopping(state: str) -> None:
    for flags in FLAGS:
        energised, forced, plugged, _, _ = flags
        if plugged and not forced and not energised:
            assert where(state, flags) is LockTarget.LOCK


@pytest.mark.parametrize("state", STATES)
def test_a_plug_that_is_kept_without_its_car_is_locked_but_not_against_force(state: str) -> None:
    """OCPP 1.6 §4.10."""
    for forced in (False, True):
        status = BoardStatus(pilot=PilotState.A, forced_unlock=forced)
        wanted = target(
            state,
            status,
            plugged=False,
            unlock_after_stop=True,
            held_by_deauthorization=False,
            kept_without_car=True,
        )
        keeps = state in (*RUNNING, "finished") and not forced
        if state != "booting":
            assert wanted is (LockTarget.LOCK if keeps else LockTarget.UNLOCK)


def test_a_finished_session_frees_the_plug_unless_configured_or_deauthorized() -> None:
    for unlock_after_stop, held in itertools.product((False, True), repeat=2):
        wanted = where("finished", (False, False, True, unlock_after_stop, held))
        frees = unlock_after_stop and not held
        assert wanted is (LockTarget.UNLOCK if frees else LockTarget.LOCK)


@pytest.mark.parametrize("state", ["disabled", "idle"])
def test_a_plug_that_belongs_to_no_session_is_free(state: str) -> None:
    for unlock_after_stop, held in itertools.product((False, True), repeat=2):
        assert where(state, (False, False, True, unlock_after_stop, held)) is LockTarget.UNLOCK


def test_a_start_leaves_a_plugged_lock_as_it_is() -> None:
    assert where("booting", (False, False, True, True, False)) is LockTarget.KEEP


@pytest.mark.parametrize("state", STATES)
def test_before_the_pilot_is_known_nothing_is_driven_open(state: str) -> None:
    for flags in FLAGS:
        energised, forced, _, unlock_after_stop, held = flags
        if not energised and not forced:
            unseen = (False, False, False, unlock_after_stop, held)
            assert where(state, unseen, PilotState.UNKNOWN) is LockTarget.KEEP
