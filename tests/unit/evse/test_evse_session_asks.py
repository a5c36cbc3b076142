"""What is asked of a session (spec §A1.3), and its lock, pilot and meter (§C1, §C6)."""

from __future__ import annotations

import pytest
from session_rig import PLUG_FIRST, Rig, cable_evse, socket_evse, stop_for, token

from evse.model import F_BP, CommandVerb, LockTarget, PilotState, Reason
from evse.session.record import Snapshot
from evse.session.state import BOOT_WAIT_MS, STOP_TIMEOUT_MS
from evse.types.session import (
    StopTransactionReason,
)

A, B, C, D = PilotState.A, PilotState.B, PilotState.C, PilotState.D


# --- A1.3: asks -----------------------------------------------------------------------------------


def test_the_first_stop_reason_wins() -> None:
    rig = Rig().charging()
    assert rig.session.stop_transaction(stop_for(StopTransactionReason.Remote))
    assert rig.session.stop_transaction(stop_for(StopTransactionReason.Local))
    rig.run(1_000)
    assert "TransactionFinished(Remote)" in rig.names
    assert not rig.session.stop_transaction(stop_for(StopTransactionReason.Local))


def test_a_late_accepted_answer_after_a_stop_is_ignored_until_unplug() -> None:
    rig = Rig().charging()
    rig.session.stop_transaction(stop_for(StopTransactionReason.Remote))
    rig.run(1_000)
    before = rig.names
    assert not rig.session.authorize(token("OTHER"))
    rig.run(1_000)
    assert rig.names == before


def test_the_same_token_again_is_silent_and_another_is_refused() -> None:
    rig = Rig()
    rig.tick()
    assert rig.session.authorize(token("card"))
    before = rig.names
    assert rig.session.authorize(token("CARD"))
    assert not rig.session.authorize(token("OTHER"))
    assert rig.names == before


def test_deauthorized_is_told_once_until_another_token_came() -> None:
    rig = Rig()
    rig.tick()
    rig.car(B)
    for _ in range(3):
        rig.session.withdraw_authorization()
    assert rig.names.count("Deauthorized") == rig.names.count("PluginTimeout") == 1
    assert rig.session.authorize(token()), "a later good token may come"


def test_a_withdrawal_never_ends_a_transaction() -> None:
    rig = Rig().charging()
    rig.session.withdraw_authorization()
    rig.run(1_000)
    assert rig.names == PLUG_FIRST


def test_a_token_is_not_taken_before_an_interrupted_session_is_closed() -> None:
    rig = Rig(snapshot=Snapshot(uuid="old", transaction=True, token=token(), boot_id="boot 1"))
    assert not rig.session.authorize(token("EARLY"))
    rig.tick()
    assert rig.names[0] == "SessionResumed"
    assert {e.uuid for e in rig.events} == {"old", ""}


def test_enable_of_the_evse_leaves_the_connectors_own_disablement() -> None:
    rig = Rig()
    rig.tick()
    assert rig.session.disable(1)
    assert not rig.session.enable(0)
    assert rig.session.state == "disabled"
    assert rig.session.enable(1)
    assert rig.session.disable(0)
    assert rig.session.enable(1), "the connector's own enable lifts both"
    addressed = [(e.event.value, e.connector_id or 0) for e in rig.events]
    assert addressed == [
        ("Enabled", 0),
        ("Disabled", 1),
        ("Enabled", 1),
        ("Disabled", 0),
        ("Enabled", 1),
    ]


def test_a_repeated_disable_is_true_and_tells_nothing_new() -> None:
    rig = Rig()
    rig.tick()
    assert [rig.session.disable(0), rig.session.disable(0)] == [True, True]
    assert rig.names == ["Enabled", "Disabled"]


def test_a_disablement_survives_a_restart() -> None:
    rig = Rig()
    rig.tick()
    rig.session.disable(1)
    again = Rig(snapshot=Snapshot.decode(rig.snapshots[-1]))
    again.tick()
    assert again.names == ["Disabled"]


def test_pause_and_resume_are_false_without_a_transaction_or_a_pause() -> None:
    rig = Rig()
    rig.tick()
    assert not rig.session.pause_charging()
    assert not rig.session.resume_charging()
    rig.charging()
    assert not rig.session.resume_charging(), "nothing of ours to resume"
    assert rig.session.pause_charging()
    assert rig.session.pause_charging()


def test_a_pause_of_the_user_holds_against_a_car_that_resumes() -> None:
    rig = Rig().charging()
    rig.car(B)
    rig.session.pause_charging()
    rig.car(C)
    assert rig.names[-1] == "ChargingPausedEVSE(UserPause)"
    assert not rig.board.coil


# --- force_unlock ---------------------------------------------------------------------------------


def test_a_forced_unlock_ends_the_transaction_then_unlocks_then_answers() -> None:
    rig = Rig().charging()
    answers: list[bool] = []
    rig.session.force_unlock(1, answers.append)
    assert CommandVerb.FORCE_UNLOCK not in rig.commands
    rig.run(1_000)
    assert "TransactionFinished(UnlockCommand)" in rig.names
    assert answers == [True]


def test_a_forced_unlock_waits_for_an_open_contactor_and_gives_up_in_words() -> None:
    rig = Rig().charging()
    rig.board.stuck_closed = True
    answers: list[bool] = []
    rig.session.force_unlock(0, answers.append)
    rig.run(30_000)
    assert CommandVerb.FORCE_UNLOCK not in rig.commands
    assert answers == [False]


@pytest.mark.parametrize("connector_id", [-1, 2, 99])
def test_a_forced_unlock_of_an_unknown_connector_is_refused(connector_id: int) -> None:
    rig = Rig().charging()
    answers: list[bool] = []
    rig.session.force_unlock(connector_id, answers.append)
    assert answers == [False]
    assert rig.session.record.transaction, "and changes nothing"


def test_a_forced_unlock_without_a_lock_or_beside_another_is_refused() -> None:
    answers: list[bool] = []
    tethered = Rig(cable_evse())
    tethered.session.force_unlock(0, answers.append)
    rig = Rig().charging()
    rig.board.stuck_closed = True
    rig.session.force_unlock(0, answers.append)
    rig.session.force_unlock(0, answers.append)
    assert answers == [False, False]


def test_a_forced_unlock_has_a_deadline_as_long_as_it_waits() -> None:
    rig = Rig().charging()
    rig.board.stuck_closed = True
    answers: list[bool] = []
    rig.session.force_unlock(0, answers.append)
    rig.tick()
    rig.board_answers = rig.meter_answers = False
    for _ in range(50):
        if answers:
            break
        deadline_ms = rig.session.next_deadline_ms(rig.clock.now_ms())
        assert deadline_ms is not None
        rig.clock.advance_to(deadline_ms)
        rig.session.poll()
    assert answers == [False]


# --- lock, pilot, meter ---------------------------------------------------------------------------


def test_the_plug_locks_in_b_before_authorization_and_unlocks_after_a_stop() -> None:
    rig = Rig()
    rig.tick()
    rig.car(B)
    assert rig.board.wishes[-1][2] is LockTarget.LOCK
    rig.charging()
    rig.session.stop_transaction(stop_for(StopTransactionReason.Remote))
    rig.run(1_000)
    assert rig.board.wishes[-1][2] is LockTarget.UNLOCK


@pytest.mark.parametrize(
    ("reason", "unlock_after_stop"),
    [(StopTransactionReason.DeAuthorized, True), (StopTransactionReason.Remote, False)],
)
def test_the_plug_stays_locked_after_a_deauthorization_or_by_configuration(
    reason: StopTransactionReason, unlock_after_stop: bool
) -> None:
    rig = Rig(socket_evse(unlock_after_stop=unlock_after_stop)).charging()
    rig.session.stop_transaction(stop_for(reason))
    rig.run(5_000)
    assert rig.board.wishes[-1][2] is LockTarget.LOCK
    rig.car(A)
    assert rig.board.wishes[-1][2] is LockTarget.UNLOCK


def test_a_trip_that_only_an_unplugged_car_clears_is_acknowledged_behind_x1() -> None:
    """Behind F ring 1 can not see the car leave: an RCD trip would then last for ever."""
    rig = Rig().charging()
    rig.board.trip = Reason.RCD
    rig.run(1_000)
    rig.session.disable(0)
    rig.run(3_000)
    rig.session.enable(0)
    rig.run(3_000)
    assert rig.session.state == "idle"
    assert rig.board.trip is Reason.RCD, "not retried while the car stays plugged in"
    rig.car(A)
    rig.run(3_000)
    assert rig.board.trip is Reason.NONE
    rig.car(B)
    assert rig.session.state == "waiting_auth"


def test_an_rcd_trip_is_not_acknowledged_while_the_car_stays() -> None:
    rig = Rig().charging()
    rig.board.trip = Reason.RCD
    rig.run(10_000)
    assert CommandVerb.ACKNOWLEDGE not in rig.commands


def test_an_idle_station_whose_meter_is_lost_shows_f() -> None:
    rig = Rig()
    rig.tick()
    rig.meter_answers = False
    rig.session.on_meter_lost()
    rig.tick()
    assert rig.board.duty_bp == F_BP


def test_no_transaction_begins_without_a_fresh_reading() -> None:
    rig = Rig()
    rig.tick()
    rig.meter_answers = False
    rig.run(6_000)
    rig.car(B)
    rig.session.authorize(token())
    rig.run(3_000)
    assert rig.session.state == "waiting_auth"
    rig.meter_answers = True
    rig.tick()
    assert rig.session.state == "preparing"


def test_no_transaction_begins_before_the_cables_rating_is_known() -> None:
    rig = Rig()
    rig.board.cable_a = 0
    rig.tick()
    rig.car(B)
    rig.session.authorize(token())
    rig.run(3_000)
    assert rig.session.state == "waiting_auth"
    rig.board.cable_a = 13
    rig.tick()
    assert rig.session.limit().limit_a == 13


def test_the_last_reading_is_taken_after_the_contactor_opened() -> None:
    rig = Rig().charging()
    rig.run(5_000)
    rig.meter_answers = False
    rig.energy_wh += 50
    rig.session.stop_transaction(stop_for(StopTransactionReason.Remote))
    rig.tick()
    assert rig.session.state == "stopping"
    rig.meter_answers = True
    rig.tick()
    finished = rig.events[-1].transaction_finished
    assert finished
    assert finished.meter_value.energy_Wh_import.total == pytest.approx(rig.energy_wh, abs=1)


def test_the_end_of_a_transaction_does_not_wait_for_a_dead_meter() -> None:
    rig = Rig().charging()
    rig.meter_answers = False
    rig.session.stop_transaction(stop_for(StopTransactionReason.Remote))
    rig.run(3_000)
    assert rig.names[-1] == "TransactionFinished(Remote)"


def test_a_contactor_that_never_opens_does_not_hold_the_bill_for_ever() -> None:
    rig = Rig().charging()
    rig.board.stuck_closed = True
    rig.session.stop_transaction(stop_for(StopTransactionReason.Remote))
    rig.run(STOP_TIMEOUT_MS - 200)
    assert rig.session.state == "stopping"
    rig.run(400)
    assert rig.names[-1] == "TransactionFinished(Remote)"
    assert rig.board.wishes[-1][2] is LockTarget.LOCK, "never unlock with closed contacts"


def test_a_lost_board_ends_a_transaction_with_a_reading_from_after_its_own_opening() -> None:
    rig = Rig().charging()
    rig.run(2_000)
    rig.board_answers = False
    rig.session.on_board_lost()
    rig.session.stop_transaction(stop_for(StopTransactionReason.Remote))
    rig.run(6_800)
    assert rig.session.state == "stopping", "it may still be closed: 0.5 s of lease and 6 s"
    rig.meter_answers = False
    rig.tick(300)
    assert rig.session.state == "stopping", "the reading is from before"
    rig.meter_answers = True
    rig.tick()
    assert rig.names[-1] == "TransactionFinished(Remote)"


def test_a_lost_board_pauses_with_error_and_its_return_resumes() -> None:
    rig = Rig().charging()
    rig.board_answers = False
    rig.session.on_board_lost()
    rig.run(8_000)
    assert rig.names[-1] == "ChargingPausedEVSE(Error)"
    rig.board_answers = True
    rig.run(1_000)
    assert rig.names[-1] == "ChargingStarted"


def test_the_start_goes_on_without_a_board_after_its_wait() -> None:
    rig = Rig()
    rig.board_answers = False
    rig.run(BOOT_WAIT_MS - 200)
    assert rig.session.state == "booting"
    rig.run(400)
    assert rig.names == ["Enabled"]


def test_a_checkpoint_is_written_while_a_transaction_runs_and_not_after() -> None:
    rig = Rig().charging()
    written = len(rig.snapshots)
    rig.run(61_000)
    assert len(rig.snapshots) == written + 1
    assert Snapshot.decode(rig.snapshots[-1]).meter is not None
    rig.car(A)
    written = len(rig.snapshots)
    rig.run(61_000)
    assert len(rig.snapshots) == written
