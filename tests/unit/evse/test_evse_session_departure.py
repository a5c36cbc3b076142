"""OCPP 1.6 §4.10: a car that is unplugged at its own end, its transaction, and its cable."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from session_rig import PLUG_FIRST, Rig, cable_evse, socket_evse, stop_for, token

from evse.model import F_BP, X1_BP, CommandVerb, LockState, PilotState
from evse.types.session import StopTransactionReason

A, B, C = PilotState.A, PilotState.B, PilotState.C


def charging(*, ends: bool = True, frees: bool = True, cable: bool = False) -> Rig:
    rig = Rig(cable_evse() if cable else socket_evse())
    rig.board.cable_stays = True
    rig.session.set_departure(ends_transaction=ends, frees_plug=frees)
    return rig.charging()


def closed(rig: Rig) -> bool:
    return rig.board.coil


def test_tc_005_1_the_session_waits_for_the_cable_that_was_left() -> None:
    rig = charging()
    rig.car(A)
    assert rig.session.state == "finished"
    assert rig.names[-1] == "TransactionFinished(EVDisconnected)"
    assert rig.board.lock is LockState.UNLOCKED
    rig.run(60_000)
    assert rig.session.state == "finished"
    rig.board.cable_stays = False
    rig.tick()
    assert rig.session.state == "finished", "PP may bounce"
    rig.run(400)
    assert rig.session.state == "idle"
    assert rig.names[-1] == "SessionFinished"


@pytest.mark.parametrize("how", ["forced", "token"])
def test_tc_005_2_the_plug_stays_locked_until_somebody_releases_it(how: str) -> None:
    rig = charging(frees=False)
    rig.car(A)
    assert rig.session.state == "finished"
    rig.run(60_000)
    assert rig.board.lock is LockState.LOCKED
    assert rig.session.holds_plug
    if how == "token":
        assert rig.session.release_plug()
        assert not rig.session.release_plug(), "twice is once"
    else:
        answers: list[bool] = []
        rig.session.force_unlock(1, answers.append)
        rig.tick()
        assert rig.commands[-1] is CommandVerb.FORCE_UNLOCK
        assert answers == [True]
    rig.tick()
    assert rig.board.lock is LockState.UNLOCKED
    rig.board.cable_stays = False
    rig.tick()
    assert rig.session.state == "finished", "PP may bounce"
    rig.run(400)
    assert rig.session.state == "idle"


def test_tc_005_3_the_transaction_outlives_its_car_and_offers_it_nothing() -> None:
    rig = charging(ends=False, frees=False)
    told = len(rig.events)
    rig.car(A)
    assert rig.session.state == "paused_ev"
    assert rig.names[told:] == ["ChargingPausedEV"]
    assert not closed(rig)
    assert rig.board.duty_bp == X1_BP
    rig.run(3_600_000 // 10)
    assert rig.board.lock is LockState.LOCKED, "whatever the other setting says"
    assert rig.session.state == "paused_ev"
    rig.session.stop_transaction(stop_for(StopTransactionReason.Remote))
    rig.tick()
    assert rig.names[-1] == "TransactionFinished(Remote)"
    assert rig.board.lock is LockState.UNLOCKED


def test_4_10_a_car_that_comes_back_charges_on() -> None:
    rig = charging(ends=False)
    rig.car(A)
    rig.car(B)
    assert rig.session.state == "paused_ev"
    rig.car(C)
    assert rig.session.state == "charging"
    assert closed(rig)
    assert rig.names.count("TransactionStarted") == 1


def test_4_10_another_car_that_came_unseen_charges_on_too() -> None:
    rig = charging(ends=False)
    rig.board.plugs += 1
    rig.tick()
    assert rig.session.state in ("charging", "preparing")
    rig.tick()
    assert rig.session.state == "charging"
    assert rig.names.count("TransactionFinished(EVDisconnected)") == 0


def test_a_cable_that_is_gone_ends_the_transaction_whatever_was_wanted() -> None:
    """Own: nobody could come back to it."""
    rig = charging(ends=False)
    rig.board.cable_stays = False
    rig.car(A)
    assert rig.names[-2:] == ["TransactionFinished(EVDisconnected)", "SessionFinished"]
    assert rig.session.state == "idle"


def test_a_cable_that_bounces_is_still_there() -> None:
    rig = charging(ends=False)
    rig.car(A)
    for stays in (False, True) * 5:
        rig.board.cable_stays = stays
        rig.tick()
    rig.run(1_000)
    assert rig.session.state == "paused_ev"
    rig.board.cable_stays = False
    rig.run(400)
    assert "TransactionFinished(EVDisconnected)" in rig.names
    assert rig.session.state == "idle"


def test_4_10_a_tethered_cable_is_always_there() -> None:
    rig = charging(ends=False, cable=True)
    rig.car(A)
    assert rig.session.state == "paused_ev"
    rig.car(C)
    assert rig.session.state == "charging"


def test_without_the_settings_a_car_that_leaves_ends_its_transaction() -> None:
    """Own: what nobody asked for is the safe way."""
    rig = Rig().charging()
    rig.car(A)
    assert rig.names == [
        *PLUG_FIRST,
        "StoppingCharging",
        "ChargingFinished",
        "TransactionFinished(EVDisconnected)",
        "SessionFinished",
    ]


def test_a_setting_taken_back_ends_what_waits() -> None:
    rig = charging(ends=False)
    rig.car(A)
    rig.session.set_departure(ends_transaction=True, frees_plug=True)
    rig.tick()
    assert "TransactionFinished(EVDisconnected)" in rig.names


def test_disabled_without_its_car_it_ends_as_disabled() -> None:
    rig = charging(ends=False)
    rig.car(A)
    rig.session.disable(0)
    rig.tick()
    assert "TransactionFinished(EVSEDisabled)" in rig.names


@pytest.mark.parametrize("frees", [True, False])
def test_a_car_at_the_cable_that_was_left_is_another_session(frees: bool) -> None:
    """Pitfall 20: replug begins anew, also with the same cable."""
    rig = charging(frees=frees)
    rig.car(A)
    rig.car(B)
    assert rig.session.state == "waiting_auth"
    assert rig.names.count("SessionStarted(EVConnected)") == 2
    assert rig.session.authorize(token("OTHER"))
    rig.car(C)
    assert rig.session.state == "charging"


def test_a_token_begins_anew_though_a_cable_was_left() -> None:
    """Pitfall 20: in Finishing without a car a start is possible."""
    rig = charging()
    rig.car(A)
    assert rig.session.has_room
    assert rig.session.authorize(token("OTHER"))
    assert rig.session.state == "idle"
    assert rig.names[-2:] == ["SessionStarted(Authorized)", "Authorized"]
    rig.car(C)
    assert rig.session.state == "charging"


def test_a_held_plug_takes_no_other_token() -> None:
    rig = charging(frees=False)
    rig.car(A)
    assert not rig.session.has_room
    assert not rig.session.authorize(token("OTHER"))


def test_3_5_4_after_a_deauthorization_the_token_frees_the_plug() -> None:
    """Errata 3.5."""
    rig = charging()
    rig.session.stop_transaction(stop_for(StopTransactionReason.DeAuthorized))
    rig.tick()
    assert rig.session.state == "finished"
    assert rig.board.lock is LockState.LOCKED
    assert rig.session.release_plug()
    rig.tick()
    assert rig.board.lock is LockState.UNLOCKED


def test_a_transaction_without_its_car_claims_nothing_of_the_fuse() -> None:
    rig = charging(ends=False)
    assert rig.session.claim().wants
    rig.car(A)
    assert not rig.session.claim().wants


def test_nothing_is_released_while_a_transaction_runs() -> None:
    assert not charging().session.release_plug()


def authorized_with(lock: LockState) -> Rig:
    rig = Rig(socket_evse())
    rig.board.locks_as = lock
    rig.tick()
    rig.car(B)
    assert rig.session.authorize(token())
    rig.tick()
    return rig


def test_tc_024_a_transaction_begins_once_the_plug_is_locked() -> None:
    """DESIGN: the guard closes with lock feedback only; until then there is nothing to bill."""
    rig = authorized_with(LockState.MOVING)
    assert rig.session.state == "waiting_auth"
    rig.board.locks_as = LockState.LOCKED
    rig.tick()
    assert rig.session.state == "preparing"


def test_tc_024_a_plug_that_can_not_be_locked_begins_nothing_and_shows_it() -> None:
    rig = authorized_with(LockState.MOVING)
    rig.board.locks_as = LockState.JAMMED
    rig.run(5_000)
    assert rig.session.state == "finished"
    assert rig.session.fault_model.blocked, "as long as it is plugged in"
    assert "TransactionStarted" not in rig.names
    rig.board.locks_as = LockState.LOCKED
    rig.car(A)
    assert rig.session.state == "idle"
    assert not rig.session.fault_model.blocked


# --- whatever happens, in whatever order ----------------------------------------------------------

ACTS = (
    "A",
    "B",
    "C",
    "cable out",
    "cable in",
    "swap",
    "token",
    "other token",
    "release",
    "unlock",
    "stop",
    "deauthorize",
    "disable",
    "enable",
    "outlive",
    "hold",
    "neither",
    "wait",
)


def act(rig: Rig, what: str) -> None:
    session = rig.session
    match what:
        case "A" | "B" | "C":
            rig.board.car = PilotState[what]
        case "cable out":
            rig.board.cable_stays = False
        case "cable in":
            rig.board.cable_stays = True
        case "swap":
            rig.board.plugs += 1
        case "token" | "other token":
            session.authorize(token("CARD" if what == "token" else "OTHER"))
        case "release":
            session.release_plug()
        case "unlock":
            session.force_unlock(1, lambda _done: None)
        case "stop":
            session.stop_transaction(stop_for(StopTransactionReason.Remote))
        case "deauthorize":
            session.stop_transaction(stop_for(StopTransactionReason.DeAuthorized))
        case "disable":
            session.disable(0)
        case "enable":
            session.enable(0)
        case "outlive" | "hold" | "neither":
            session.set_departure(ends_transaction=what != "outlive", frees_plug=what == "neither")
        case "wait":
            rig.run(1_000)
    rig.tick()


def sound(rig: Rig) -> None:
    """What holds after each act."""
    session, board = rig.session, rig.board
    assert not board.coil or (session.state == "charging" and session.board.plugged)
    assert not board.coil or board.lock is LockState.LOCKED
    offered = F_BP < board.duty_bp < X1_BP
    assert not offered or session.board.plugged
    names = [name.partition("(")[0] for name in rig.names]
    open_ = names.count("TransactionStarted") - names.count("TransactionFinished")
    assert open_ == int(session.record.transaction)
    sessions = names.count("SessionStarted") - names.count("SessionFinished")
    assert sessions == int(bool(session.record.uuid))


@given(st.lists(st.sampled_from(ACTS), max_size=25))
@settings(max_examples=40)
def test_a_car_that_leaves_in_any_order_of_things_leaves_a_sound_session(acts: list[str]) -> None:
    rig = Rig(socket_evse())
    rig.tick()
    for what in acts:
        act(rig, what)
        sound(rig)
    rig.session.set_departure(ends_transaction=True, frees_plug=True)
    rig.session.enable(0)
    rig.board.cable_stays = False
    rig.car(A)
    rig.run(6_000)
    rig.session.withdraw_authorization()
    rig.run(1_000)
    assert rig.session.state == "idle", "an empty socket is free in the end"
    assert rig.board.lock is LockState.UNLOCKED
    assert not rig.session.record.uuid
