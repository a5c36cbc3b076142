"""OCPP 1.6 §5.11, §5.12, §5.18: starts, stops and unlocks from afar."""

from __future__ import annotations

from typing import Any

import pytest
from ocpp_rig import Rig, token

from hil.csms.brain import Misbehaviour
from ocpp_link.device.settings import Settings
from ocpp_link.ports import CoreReply

ACCEPTED = ("result", {"status": "Accepted"})
REJECTED = ("result", {"status": "Rejected"})
START = "RemoteStartTransaction"
PRESENT = "auth_token_provider.present"
PROFILE = {
    "chargingProfileId": 5,
    "stackLevel": 1,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7}],
    },
}


def started(rig: Rig) -> list[tuple[str, bool, list[int] | None]]:
    """Tokens presented to the core: value, good without asking, and the EVSE they name."""
    return [
        (token["id_token"]["value"], token.get("prevalidated", False), token.get("connectors"))
        for token in rig.core.presented()
    ]


def test_5_11_a_remote_start_is_presented_as_good_without_asking(rig: Rig) -> None:
    rig.plug_in()
    assert rig.ask("RemoteStartTransaction", {"idTag": "APP", "connectorId": 1}) == ACCEPTED
    assert started(rig) == [("APP", True, (1,))]
    assert rig.core.presented()[0]["authorization_type"] == "OCPP"
    assert rig.brain.sent("Authorize") == []


def test_5_11_with_authorize_remote_the_core_is_left_to_ask(rig: Rig) -> None:
    rig.ask("ChangeConfiguration", {"key": "AuthorizeRemoteTxRequests", "value": "TRUE"})
    rig.plug_in()
    assert rig.ask("RemoteStartTransaction", {"idTag": "APP"}) == ACCEPTED
    assert started(rig) == [("APP", False, None)]


@pytest.mark.parametrize("payload", [{"connectorId": 0}, {"connectorId": 2}, {"idTag": "x" * 21}])
def test_5_11_what_cannot_start_is_rejected(payload: dict[str, Any], rig: Rig) -> None:
    status, _ = reply = rig.ask("RemoteStartTransaction", {"idTag": "APP", **payload})
    assert reply == REJECTED or status == "PropertyConstraintViolation"
    assert started(rig) == []


def test_5_11_without_a_connector_the_core_chooses() -> None:
    rig = Rig(evses=2).start()
    rig.plug_in(evse=2)
    assert rig.ask("RemoteStartTransaction", {"idTag": "APP"}) == ACCEPTED
    assert started(rig) == [("APP", True, None)]


def test_5_11_a_profile_without_a_connector_goes_where_a_car_waits() -> None:
    rig = Rig(evses=2).start()
    rig.plug_in(evse=2)
    profile = {
        "chargingProfileId": 5,
        "stackLevel": 1,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7}],
        },
    }
    start = {"idTag": "APP", "chargingProfile": profile}
    assert rig.ask("RemoteStartTransaction", start) == ACCEPTED
    assert started(rig) == [("APP", True, (2,))]


def test_5_11_the_profile_of_a_remote_start_binds_to_its_transaction(rig: Rig) -> None:
    body = {
        "chargingProfileId": 5,
        "stackLevel": 1,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7}],
        },
    }
    start = {"idTag": "APP", "chargingProfile": {**body, "transactionId": 4}}
    assert rig.ask("RemoteStartTransaction", start) == REJECTED
    start["chargingProfile"] = {**body, "chargingProfilePurpose": "TxDefaultProfile"}
    assert rig.ask("RemoteStartTransaction", start) == REJECTED
    start["chargingProfile"] = body
    assert rig.ask("RemoteStartTransaction", start) == ACCEPTED
    rig.plug_in()
    rig.start_transaction(tag="APP")
    update = {**body, "chargingProfileId": 6, "transactionId": 1}
    payload = {"connectorId": 1, "csChargingProfiles": update}
    assert rig.ask("SetChargingProfile", payload) == ACCEPTED
    assert rig.ask("ClearChargingProfile", {"id": 5})[1] == {"status": "Unknown"}, "errata 3.41"


def test_5_12_a_remote_stop_needs_the_id_of_a_running_transaction(rig: Rig) -> None:
    assert rig.ask("RemoteStopTransaction", {"transactionId": 1}) == REJECTED
    rig.plug_in()
    rig.start_transaction()
    assert rig.ask("RemoteStopTransaction", {"transactionId": 2}) == REJECTED
    assert rig.ask("RemoteStopTransaction", {"transactionId": 1}) == ACCEPTED
    assert rig.core.called("stop_transaction") == [{"evse": 1, "request": {"reason": "Remote"}}]
    rig.stop_transaction(reason="Remote")
    assert rig.ask("RemoteStopTransaction", {"transactionId": 1}) == REJECTED


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (CoreReply(result=True), "Unlocked"),
        (CoreReply(result=False), "UnlockFailed"),
        (CoreReply(error="gone"), "UnlockFailed"),
    ],
)
def test_5_18_unlock_tells_the_real_outcome(reply: CoreReply, status: str, rig: Rig) -> None:
    rig.core.replies["evse_manager.force_unlock"] = None
    rig.engine.on_frame(rig.csms.call("UnlockConnector", {"connectorId": 1}))
    rig.flush()
    assert rig.csms.replies == [], "the answer waits for the lock"
    rig.core.pending[0](reply)
    rig.flush()
    assert rig.csms.replies == [("result", {"status": status})]


def test_5_18_an_unknown_connector_is_not_supported(rig: Rig) -> None:
    for connector in (0, 2):
        assert rig.ask("UnlockConnector", {"connectorId": connector}) == (
            "result",
            {"status": "NotSupported"},
        )


def test_a_core_that_never_replies_does_not_leave_the_back_office_waiting(rig: Rig) -> None:
    rig.core.replies["evse_manager.force_unlock"] = None
    rig.engine.on_frame(rig.csms.call("UnlockConnector", {"connectorId": 1}))
    rig.run(30)
    assert rig.csms.replies == [("InternalError", {})]


def asks_remote() -> Settings:
    """AuthorizeRemoteTxRequests."""
    return Settings(authorize_remote=True)


@pytest.mark.parametrize("reply", [CoreReply(result="Rejected"), CoreReply(error="core: away")])
def test_5_11_what_the_core_can_not_start_is_rejected(reply: CoreReply, rig: Rig) -> None:
    """OCPP 1.6 §5.11: the answer says whether a start is attempted: pitfall 20, a connector in
    Finishing is the core's to judge."""
    rig.core.replies[PRESENT] = reply
    assert rig.ask(START, {"idTag": "APP"}) == REJECTED
    rig.core.replies[PRESENT] = CoreReply(result="Accepted")
    assert rig.ask(START, {"idTag": "APP"}) == ACCEPTED, "a start that failed is over"


def test_5_11_an_occupied_or_disabled_connector_is_rejected(rig: Rig) -> None:
    """TC_026_CS."""
    start = {"idTag": "APP", "connectorId": 1}
    rig.plug_in()
    rig.start_transaction()
    assert rig.ask(START, start) == REJECTED
    rig.stop_transaction()
    rig.plug_out()
    rig.event("Disabled", uuid="")
    assert rig.ask(START, start) == REJECTED
    assert started(rig) == []
    rig.event("Enabled", uuid="")
    assert rig.ask(START, start) == ACCEPTED
    rig.event("Authorized")
    assert rig.ask(START, {**start, "idTag": "OTHER"}) == REJECTED


@pytest.mark.parametrize("connector", [{}, {"connectorId": 1}])
def test_5_11_a_second_start_is_rejected_while_the_first_is_under_way(
    connector: dict[str, int],
) -> None:
    """Pitfall 21: before the core tells of the authorization, too."""
    rig = Rig(settings=asks_remote()).start()
    rig.core.replies[PRESENT] = CoreReply(result="Processing")
    assert rig.ask(START, {"idTag": "APP", **connector}) == ACCEPTED
    assert rig.ask(START, {"idTag": "APP", **connector}) == REJECTED
    assert rig.ask(START, {"idTag": "OTHER", **connector}) == REJECTED
    rig.run(46)
    assert rig.ask(START, {"idTag": "OTHER", **connector}) == ACCEPTED, "forgotten in time"


def test_5_11_two_starts_that_name_nothing_need_two_free_connectors() -> None:
    rig = Rig(evses=2).start()
    for tag, answer in (("A", ACCEPTED), ("B", ACCEPTED), ("C", REJECTED)):
        assert rig.ask(START, {"idTag": tag}) == answer
    rig.event("Authorized", evse=2)
    assert rig.ask(START, {"idTag": "C", "connectorId": 2}) == REJECTED
    assert rig.ask(START, {"idTag": "C", "connectorId": 1}) == REJECTED, "B is under way"


def test_5_11_the_answer_goes_out_before_the_authorize_that_it_causes() -> None:
    """Pitfall 21: the core asks the link about the token before it answers the link."""
    rig = Rig(settings=asks_remote()).start()
    rig.core.replies[PRESENT] = None
    rig.engine.on_frame(rig.csms.call(START, {"idTag": "APP"}))
    assert rig.engine.take_frames() == [], "nobody has said yet whether it can start"
    replies: list[CoreReply] = []
    rig.engine.validate(token("APP"), replies.append)
    first, second = rig.engine.take_frames()
    assert '"Accepted"' in first
    assert '"Authorize"' in second
    rig.core.pending[0](CoreReply(result="Processing"))
    assert rig.engine.take_frames() == [], "it is answered once"


def test_tc_023_5_a_refused_tag_leaves_the_connector_free_for_the_next() -> None:
    rig = Rig(settings=asks_remote()).start()
    rig.brain.refused["BAD"] = "Invalid"
    rig.core.replies[PRESENT] = CoreReply(result="Processing")
    assert rig.ask(START, {"idTag": "BAD", "connectorId": 1}) == ACCEPTED
    (reply,) = rig.validate("BAD")
    assert reply.result["authorization_status"] == "Invalid"
    assert rig.ask(START, {"idTag": "GOOD", "connectorId": 1}) == ACCEPTED


@pytest.mark.parametrize("how", ["at once", "by the back office", "unanswered"])
def test_the_profile_of_a_start_that_failed_is_gone(how: str) -> None:
    """OCPP 1.6 §5.16.2: it is for that start's transaction and no other."""
    rig = Rig(settings=asks_remote()).start()
    rig.core.replies[PRESENT] = CoreReply(result="Rejected" if how == "at once" else "Processing")
    answer = rig.ask(START, {"idTag": "BAD", "chargingProfile": PROFILE})
    if how == "at once":
        assert answer == REJECTED
    else:
        assert answer == ACCEPTED
        if how == "unanswered":
            rig.brain.misbehave("Authorize", Misbehaviour.NO_ANSWER)
        rig.brain.refused["BAD"] = "Blocked"
        rig.validate("BAD")
        rig.run(31)
    assert rig.ask("ClearChargingProfile", {"id": 5}) == ("result", {"status": "Unknown"})


def test_5_11_what_is_known_of_the_group_goes_with_the_token(rig: Rig) -> None:
    """OCPP 1.6 §3.10: a card of the group may end what was started from afar."""
    rig.brain.parents["APP"] = "FLEET"
    rig.validate("APP")
    rig.ask(START, {"idTag": "APP"})
    (presented,) = rig.core.presented()
    assert presented["prevalidated"] is True
    assert presented["parent_id_token"]["value"] == "FLEET"


def test_5_13_a_group_that_opens_a_reservation_is_asked_for(rig: Rig) -> None:
    """TC_053_2_CS: also where remote starts are not asked about."""
    rig.core.replies["reservation.reserve_now"] = CoreReply(result="Accepted")
    booking = {
        "connectorId": 1,
        "expiryDate": "2026-02-01T00:00:00Z",
        "idTag": "A",
        "parentIdTag": "P",
        "reservationId": 7,
    }
    assert rig.ask("ReserveNow", booking) == ACCEPTED
    rig.ask(START, {"idTag": "B", "connectorId": 1})
    assert started(rig) == [("B", False, (1,))]
    rig.run(46)
    rig.brain.parents["B"] = "P"
    rig.validate("B")
    rig.ask(START, {"idTag": "B", "connectorId": 1})
    assert started(rig)[1:] == [("B", True, (1,))], "by now the group is known here"


def test_tc_017_2_a_fixed_cable_has_nothing_to_unlock() -> None:
    rig = Rig(has_lock=False).start()
    rig.plug_in()
    rig.start_transaction()
    answer = rig.ask("UnlockConnector", {"connectorId": 1})
    assert answer == ("result", {"status": "NotSupported"})
    assert rig.core.called("force_unlock") == [], "TC_018_2_CS: and the session goes on"
