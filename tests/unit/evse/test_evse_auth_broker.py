"""From a presented token to an EVSE, or to the end of a transaction (spec §A1.3, §C4)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from auth_rig import AuthRig, bad, good, of_group
from session_rig import token

from evse.authorization.outcome import REMEMBERED_MS
from evse.model import LockState
from evse.types.authorization import (
    AuthorizationType,
    IdToken,
    IdTokenType,
    MessageContent,
    WithdrawAuthorizationRequest,
)
from evse.types.session import StopTransactionReason, StopTransactionRequest

RESTLESS = {"stop_on_reswipe": False}
STOP_FIRST = {"prioritize_authorization_over_stopping_transaction": False}


def id_token(value: str = "CARD") -> IdToken:
    return IdToken(value=value, type=IdTokenType.ISO14443)


# --- one EVSE -------------------------------------------------------------------------------------


def test_plug_first_then_the_token() -> None:
    rig = AuthRig()
    rig.plug(1)
    assert rig.swipe() == "Processing"
    rig.door.answer(good())
    assert rig.running() == {1: "CARD"}
    assert rig.statuses == ["CARD Processing", "CARD Accepted", "CARD UsedToStart"]


def test_token_first_then_the_car() -> None:
    rig = AuthRig()
    rig.swipe()
    rig.door.answer(good())
    assert rig.statuses == ["CARD Processing", "CARD Accepted"]
    rig.run(20_000)
    rig.plug(1)
    assert rig.running() == {1: "CARD"}
    assert rig.statuses[-1] == "CARD UsedToStart"


@pytest.mark.parametrize("mode", ["free", "list", "door"])
def test_a_prevalidated_token_is_asked_of_nobody(mode: str) -> None:
    rig = AuthRig(mode=mode)
    assert rig.swipe(prevalidated=True) == "Accepted"
    assert rig.door.asked == []


def test_the_tariff_of_the_validator_reaches_the_display() -> None:
    rig = AuthRig()
    told: list[Any] = []
    publish = rig.broker._outcomes._publish
    rig.broker._outcomes._publish = lambda name, evse, value: (
        told.append(value.messages),
        publish(name, evse, value),
    )[1]
    rig.swipe()
    message = MessageContent(content="0.49 EUR/kWh")
    rig.door.answer(good(tariff_messages=(message,)))
    assert told[-1] == (message,)


def test_held_to_the_reader_again_while_it_is_validated_it_is_asked_once() -> None:
    rig = AuthRig()
    for value in ("CARD", "card", "CARD"):
        assert rig.swipe(value) == "Processing"
    assert len(rig.door.asked) == 1
    assert rig.statuses == ["CARD Processing"]


def test_held_to_the_reader_again_while_it_waits_for_its_car_it_stays_accepted() -> None:
    """Readers read twice; whoever wants it back has `authorization.withdraw`, or a minute."""
    rig = AuthRig()
    rig.swipe()
    rig.door.answer(good())
    assert rig.swipe("card") == "Accepted"
    assert rig.door.asked == []
    assert rig.authorized() == {1: "CARD"}
    assert rig.swipe("OTHER") == "Rejected"


def test_a_token_that_was_given_an_evse_while_it_was_validated_gets_no_second() -> None:
    rig = AuthRig(2)
    rig.plug(2)
    rig.swipe()
    rig.broker.respond(2, token(), good())
    rig.settle()
    rig.door.answer(good())
    assert rig.authorized() == {2: "CARD"}
    assert rig.says(2) == "it was given an EVSE meanwhile"


def test_a_token_that_names_no_evse_of_the_station_is_rejected() -> None:
    rig = AuthRig(2)
    assert rig.swipe(connectors=(7,)) == "Rejected"
    assert rig.door.asked == []
    rig.swipe(connectors=(7, 2))
    rig.door.answer(good())
    assert rig.authorized() == {2: "CARD"}


def test_nobody_is_asked_where_nothing_could_follow() -> None:
    rig = AuthRig()
    rig.rigs[1].session.disable(0)
    assert rig.swipe() == "Rejected"
    assert rig.door.asked == []
    assert rig.says() == "no EVSE is free for it"


def test_an_evse_that_is_gone_when_the_answer_comes_is_not_taken() -> None:
    rig = AuthRig()
    rig.swipe()
    rig.rigs[1].session.disable(0)
    rig.settle()
    rig.door.answer(good())
    assert rig.statuses[-1] == "CARD Rejected"
    assert rig.authorized() == {}


@pytest.mark.parametrize("ignored", [False, True])
def test_a_faulted_evse_is_passed_over_unless_faults_are_ignored(ignored: bool) -> None:
    rig = AuthRig(2, ignore_faults=ignored)
    rig.rigs[1].session.set_faulted()
    rig.settle()
    rig.swipe()
    rig.door.answer(good())
    assert rig.authorized() == ({1: "CARD"} if ignored else {2: "CARD"})


def test_after_a_stop_the_car_must_leave_before_a_token_starts_again() -> None:
    rig = AuthRig()
    rig.start(1)
    assert rig.swipe() == "UsedToStop"
    assert rig.state() == "finished"
    assert rig.swipe("NEXT") == "Rejected"
    rig.unplug(1)
    assert rig.swipe("NEXT") == "Processing"


# --- stopping -------------------------------------------------------------------------------------


def test_the_token_of_a_transaction_ends_it_without_being_asked_about() -> None:
    rig = AuthRig()
    rig.start(1)
    assert rig.swipe("card") == "UsedToStop"
    assert rig.reasons() == ["TransactionFinished(Local)"]
    assert rig.door.asked == []


def test_with_stop_on_reswipe_off_the_token_changes_nothing() -> None:
    rig = AuthRig(2, **RESTLESS)
    rig.start(1)
    assert rig.swipe() == "Rejected"
    assert rig.running() == {1: "CARD"}
    assert rig.says() == "a transaction runs on it already"


def test_a_remote_start_never_ends_a_transaction() -> None:
    rig = AuthRig()
    rig.start(1, "APP", "FLEET")
    remote = {"authorization_type": AuthorizationType.OCPP}
    for value in ("APP", "APP-2"):
        given = token(value, prevalidated=True, parent_id_token=of_group("FLEET"))
        assert rig.broker.present(msgspec.structs.replace(given, **remote)) == "Rejected"
    assert rig.running() == {1: "APP"}


def test_a_remote_start_of_the_group_starts_beside_it_where_stopping_goes_first() -> None:
    rig = AuthRig(2, **STOP_FIRST)
    rig.start(1, "ONE", "FLEET")
    rig.plug(2)
    given = token("APP", prevalidated=True, parent_id_token=of_group("FLEET"))
    given = msgspec.structs.replace(given, authorization_type=AuthorizationType.OCPP)
    assert rig.broker.present(given) == "Accepted"
    rig.settle()
    assert rig.running() == {1: "ONE", 2: "APP"}


def test_a_token_of_the_group_ends_the_transaction_where_no_evse_is_free() -> None:
    rig = AuthRig()
    rig.start(1, "ONE", "FLEET")
    assert rig.swipe("OTHER") == "Processing"
    rig.door.answer(good("elsewhere"))
    assert rig.running() == {1: "ONE"}
    rig.swipe("TWO")
    rig.door.answer(good("fleet"))
    assert rig.statuses[-1] == "TWO UsedToStop"
    assert rig.running() == {}


def test_tc_068_nobody_is_asked_about_a_token_that_could_end_nothing() -> None:
    """OCPP 1.6 §4.1 and TC_068_CS, TC_069_CS: only where the transaction's group is known."""
    rig = AuthRig()
    rig.start(1, "ONE")
    assert rig.swipe("OTHER") == "Rejected"
    assert rig.door.asked == []
    assert rig.broker.assignments.set_group(1, "one", "FLEET")
    assert rig.swipe("OTHER") == "Processing"
    rig.door.answer(good("FLEET"))
    assert rig.statuses[-1] == "OTHER UsedToStop"
    assert rig.reasons() == ["TransactionFinished(Local)"]


def test_c01_fr_02_where_it_is_wanted_a_foreign_token_is_asked_about_and_ends_nothing() -> None:
    """OCPP 2.0.1 TC_C_04_CS."""
    rig = AuthRig()
    rig.start(1, "ONE")
    rig.broker.stopping.asks_foreign = True
    assert rig.swipe("OTHER") == "Processing"
    rig.door.answer(good("FLEET"))
    assert rig.statuses[-1] == "OTHER Rejected"
    assert rig.running() == {1: "ONE"}


def test_3_10_a_group_is_learnt_of_the_token_that_is_there_only() -> None:
    rig = AuthRig()
    assert not rig.broker.assignments.set_group(1, "ONE", "FLEET")
    rig.start(1, "ONE")
    assert not rig.broker.assignments.set_group(1, "OTHER", "FLEET")
    assert rig.swipe("OTHER") == "Rejected"


@pytest.mark.parametrize("value", ["CARD", "OTHER"])
def test_3_5_4_a_plug_locked_after_a_deauthorization_is_freed_by_its_token_or_group(
    value: str,
) -> None:
    """Errata 3.5 to OCPP 1.6: whoever comes with another token gets nothing."""
    rig = AuthRig()
    rig.start(1, "CARD", "FLEET")
    reason = StopTransactionReason.DeAuthorized
    rig.rigs[1].session.stop_transaction(StopTransactionRequest(reason=reason))
    rig.settle()
    assert rig.rigs[1].board.lock is LockState.LOCKED
    rig.swipe("STRANGER")
    rig.door.answer(good("elsewhere"))
    assert rig.statuses[-1] == "STRANGER Rejected"
    assert rig.rigs[1].board.lock is LockState.LOCKED
    if rig.swipe(value) == "Processing":
        rig.door.answer(good("FLEET"))
    rig.settle()
    assert rig.statuses[-1] == f"{value} UsedToStop"
    assert rig.rigs[1].board.lock is LockState.UNLOCKED
    rig.swipe(value)
    assert rig.statuses[-1] == f"{value} Rejected", "the car must leave first"


def test_a_refused_token_of_the_group_ends_nothing() -> None:
    rig = AuthRig()
    rig.start(1, "ONE", "FLEET")
    rig.swipe("TWO", parent_id_token=of_group("FLEET"))
    rig.door.answer(bad())
    assert rig.running() == {1: "ONE"}


def test_the_group_that_a_token_came_with_counts_where_its_validator_names_none() -> None:
    rig = AuthRig()
    rig.start(1, "ONE", "FLEET")
    rig.swipe("TWO", parent_id_token=of_group("FLEET"))
    rig.door.answer(good())
    assert rig.running() == {}


@pytest.mark.parametrize(
    ("config", "running"), [({}, {1: "ONE", 2: "TWO"}), (STOP_FIRST, {})], ids=["start", "stop"]
)
def test_a_token_of_the_group_starts_first_or_stops_first(
    config: dict[str, Any], running: dict[int, str]
) -> None:
    rig = AuthRig(2, **config)
    rig.start(1, "ONE", "FLEET")
    rig.plug(2)
    rig.swipe("TWO")
    rig.door.answer(good("FLEET"))
    assert rig.running() == running


def test_c16_a_master_pass_ends_every_transaction_and_starts_none() -> None:
    rig = AuthRig(3, master_pass_group_id="MASTER")
    rig.start(1, "ONE")
    rig.start(2, "TWO")
    rig.plug(3)
    rig.swipe("KEY")
    rig.door.answer(good("master"))
    assert rig.reasons() == ["TransactionFinished(MasterPass)"] * 2
    assert rig.statuses[-1] == "KEY UsedToStop"
    assert rig.authorized() == {}
    rig.swipe("KEY")
    rig.door.answer(good("MASTER"))
    assert rig.statuses[-1] == "KEY Rejected"
    assert rig.authorized() == {}


# --- selection ------------------------------------------------------------------------------------


def test_a_waiting_car_goes_before_an_empty_evse() -> None:
    rig = AuthRig(3)
    rig.plug(3, 2)
    for value, chosen in (("A", 2), ("B", 3), ("C", 1)):
        rig.swipe(value)
        rig.door.answer(good())
        assert rig.authorized()[chosen] == value


@pytest.mark.parametrize(("selection", "order"), [("PlugEvents", "32"), ("PlugEventsLIFO", "23")])
def test_by_plug_events_cars_are_served_in_their_order(selection: str, order: str) -> None:
    rig = AuthRig(3, selection=selection)
    rig.plug(3, 2)
    for value, chosen in zip("AB", order, strict=True):
        rig.swipe(value)
        rig.door.answer(good())
        assert rig.running()[int(chosen)] == value


def test_by_plug_events_a_token_waits_for_the_next_car() -> None:
    rig = AuthRig(2, selection="PlugEvents")
    rig.swipe()
    rig.door.answer(good())
    assert rig.statuses[-1] == "CARD Accepted"
    assert rig.swipe() == "Accepted"
    assert rig.authorized() == {}
    rig.run(30_000)
    rig.plug(2)
    assert rig.running() == {2: "CARD"}
    rig.plug(1)
    assert rig.running() == {2: "CARD"}


def test_by_plug_events_a_token_that_no_car_comes_for_times_out() -> None:
    rig = AuthRig(2, selection="PlugEvents")
    rig.swipe()
    rig.door.answer(good())
    rig.run(59_999)
    assert rig.statuses[-1] == "CARD Accepted"
    rig.run(1)
    assert rig.statuses[-1] == "CARD TimedOut"
    rig.plug(1)
    assert rig.authorized() == {}


def test_by_user_input_a_token_waits_for_the_choice() -> None:
    rig = AuthRig(3, selection="UserInput")
    rig.plug(2, 3)
    assert not rig.broker.select(2), "no token waits"
    for value in ("A", "B"):
        rig.swipe(value)
        rig.door.answer(good(evse_ids=(2, 3)))
    assert rig.authorized() == {}
    assert not rig.broker.select(1), "not allowed there"
    assert rig.broker.select(3, id_token("a"))
    assert rig.broker.select(2)
    assert rig.running() == {3: "A", 2: "B"}


def test_with_one_evse_there_is_nothing_to_choose() -> None:
    rig = AuthRig(selection="UserInput")
    rig.swipe()
    rig.door.answer(good())
    assert rig.authorized() == {1: "CARD"}


# --- timeouts -------------------------------------------------------------------------------------


def test_c4_no_car_within_the_connection_timeout_withdraws() -> None:
    rig = AuthRig(connection_timeout_s=30)
    rig.swipe()
    rig.door.answer(good())
    rig.run(29_999)
    assert rig.authorized() == {1: "CARD"}
    rig.run(1)
    assert rig.authorized() == {}
    assert rig.statuses[-1] == "CARD TimedOut"
    assert rig.says() == "no car came in time"
    assert rig.rigs[1].names[-3:] == ["Authorized", "Deauthorized", "SessionFinished"]


def test_c4_the_connection_timeout_ends_with_the_car() -> None:
    rig = AuthRig()
    rig.swipe()
    rig.door.answer(good())
    rig.run(50_000)
    rig.plug(1)
    rig.run(600_000)
    assert rig.running() == {1: "CARD"}


def test_c4_each_authorization_has_the_whole_time() -> None:
    """Also one that follows another at the same instant."""
    rig = AuthRig()
    rig.broker.respond(1, token("ONE"), good())
    rig.settle()
    rig.run(59_000)
    rig.broker.withdraw(WithdrawAuthorizationRequest())
    rig.broker.respond(1, token("TWO"), good())
    rig.settle()
    rig.run(59_000)
    assert rig.authorized() == {1: "TWO"}
    rig.run(1_000)
    assert rig.authorized() == {}


def test_the_back_office_sets_the_timeout_of_the_next_authorization() -> None:
    rig = AuthRig()
    rig.broker.set_connection_timeout(7)
    rig.swipe()
    rig.door.answer(good())
    rig.run(6_999)
    assert rig.authorized() == {1: "CARD"}
    rig.run(1)
    assert rig.authorized() == {}


@pytest.mark.parametrize(("evses", "on"), [(1, True), (2, False)])
def test_c4_a_car_may_wait_for_ever_at_one_evse_or_where_it_is_so_configured(
    evses: int, on: bool
) -> None:
    rig = AuthRig(evses, plug_in_timeout=on)
    rig.plug(1)
    rig.run(600_000)
    assert "PluginTimeout" not in rig.rigs[1].names


def test_c4_a_car_without_a_token_is_passed_over_after_the_plug_in_timeout() -> None:
    rig = AuthRig(2, plug_in_timeout=True)
    rig.plug(1)
    rig.run(60_000)
    assert rig.rigs[1].names[-2:] == ["Deauthorized", "PluginTimeout"]
    rig.swipe("OTHER")
    rig.door.answer(good())
    assert rig.authorized() == {2: "OTHER"}
    rig.swipe("LATE", connectors=(1,))
    rig.door.answer(good())
    assert rig.running() == {1: "LATE"}


def test_c4_a_car_that_left_and_came_back_is_no_longer_passed_over() -> None:
    rig = AuthRig(2, plug_in_timeout=True)
    rig.plug(1)
    rig.run(60_000)
    rig.unplug(1)
    rig.plug(1)
    rig.swipe()
    rig.door.answer(good())
    assert rig.running() == {1: "CARD"}


def test_c4_a_car_that_came_unseen_for_one_that_was_passed_over_is_not() -> None:
    rig = AuthRig(2, plug_in_timeout=True)
    rig.plug(1)
    rig.run(60_000)
    rig.rigs[1].board.plugs += 1
    rig.settle()
    assert rig.rigs[1].names[-2:] == ["SessionStarted(EVConnected)", "AuthRequired"]
    rig.swipe()
    rig.door.answer(good())
    assert rig.running() == {1: "CARD"}


# --- taken back -----------------------------------------------------------------------------------


def ask(**fields: Any) -> WithdrawAuthorizationRequest:
    return WithdrawAuthorizationRequest(**fields)


def test_withdraw_takes_back_what_no_transaction_uses() -> None:
    rig = AuthRig(2)
    rig.start(1, "ONE")
    assert rig.broker.withdraw(ask(evse_id=2)) == "AuthorizationNotFound"
    assert rig.broker.withdraw(ask(evse_id=9)) == "EvseNotFound"
    assert rig.broker.withdraw(ask(evse_id=1)) == "Rejected"
    rig.swipe("TWO")
    rig.door.answer(good())
    assert rig.broker.withdraw(ask(evse_id=2, id_token=id_token("ONE"))) == "AuthorizationNotFound"
    assert rig.broker.withdraw(ask(id_token=id_token("two"))) == "Accepted"
    assert rig.statuses[-1] == "TWO Withdrawn"
    assert rig.authorized() == {1: "ONE"}


def test_withdraw_stops_a_token_on_its_way() -> None:
    rig = AuthRig(2, selection="PlugEvents")
    rig.swipe("WAITS")
    rig.door.answer(good())
    rig.swipe("ASKED")
    assert rig.broker.withdraw(ask()) == "Accepted"
    assert set(rig.statuses[-2:]) == {"ASKED Withdrawn", "WAITS Withdrawn"}
    rig.door.answer(good())
    rig.plug(1, 2)
    assert rig.authorized() == {}
    assert rig.broker.next_deadline_ms is None


@pytest.mark.parametrize("how", ["disable", "withdraw_authorization"])
def test_a_display_hears_that_the_session_itself_dropped_the_token(how: str) -> None:
    rig = AuthRig()
    rig.swipe()
    rig.door.answer(good())
    session = rig.rigs[1].session
    _ = session.disable(0) if how == "disable" else session.withdraw_authorization()
    rig.settle()
    assert rig.statuses[-1] == "CARD Withdrawn"


# --- authorize_response, free mode, outcomes ------------------------------------------------------


def test_a13_a_verdict_for_an_evse_is_taken_from_whoever_chose_it() -> None:
    rig = AuthRig(2)
    rig.plug(1)
    rig.broker.respond(2, token(), good("FLEET", reservation_id=5))
    rig.settle()
    assert rig.authorized() == {2: "CARD"}
    assert rig.rigs[2].session.record.reservation_id == 5
    rig.plug(2)
    rig.swipe("TWO")
    rig.door.answer(good("FLEET"))
    assert rig.running() == {1: "TWO", 2: "CARD"}


def test_a13_the_same_verdict_again_is_told_once() -> None:
    rig = AuthRig()
    for _ in range(2):
        rig.broker.respond(1, token(), good())
        rig.settle()
    assert rig.statuses == ["CARD Accepted"]


def test_a13_a_refusal_for_an_evse_changes_nothing_and_is_remembered() -> None:
    rig = AuthRig()
    rig.plug(1)
    rig.broker.respond(1, token(), bad("NoCredit"))
    assert rig.state() == "waiting_auth"
    assert rig.says() == "it was refused (NoCredit)"
    rig.broker.respond(1, token(), good())
    rig.broker.respond(1, token("LATE"), good())
    rig.settle()
    assert rig.running() == {1: "CARD"}


def test_a13_after_an_external_stop_late_answers_are_ignored() -> None:
    rig = AuthRig()
    rig.start(1)
    rig.swipe()
    rig.broker.respond(1, token("LATE"), good())
    assert rig.authorized() == {}


def test_free_mode_takes_every_car_and_any_token() -> None:
    rig = AuthRig(2, mode="free")
    rig.plug(1)
    assert rig.running() == {1: "FREESERVICE"}
    assert rig.swipe() == "Accepted"
    assert rig.authorized()[2] == "CARD"


def test_pitfall_48_the_token_of_free_service_is_chosen_by_the_configuration() -> None:
    rig = AuthRig(mode="free", free_token="DE-HOUSE-1")
    rig.plug(1)
    assert rig.running() == {1: "DE-HOUSE-1"}


def test_an_outcome_explains_for_ten_minutes() -> None:
    rig = AuthRig()
    assert rig.broker.last_outcome(1) is None
    rig.swipe()
    rig.door.answer(bad())
    rig.run(REMEMBERED_MS)
    assert rig.says() != ""
    rig.run(1)
    assert rig.broker.last_outcome(1) is None
