"""OCPP 1.6 §5: requests of the back office, answered in its terms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ocpp_rig import Rig, token

from evse.authorization.validators import VALIDATION_TIMEOUT_MS
from hil.csms.brain import Misbehaviour
from ocpp_link.device.settings import Settings
from ocpp_link.memory.database import Database
from ocpp_link.ports import CoreReply
from ocpp_link.rpc.schemas import Schemas
from ocpp_link.v16.actions import HANDLERS

ACCEPTED = ("result", {"status": "Accepted"})
REJECTED = ("result", {"status": "Rejected"})
STRICT = Schemas(strict=True)


def started(rig: Rig) -> list[tuple[str, bool, list[int] | None]]:
    """Tokens presented to the core: value, good without asking, and the EVSE they name."""
    return [
        (token["id_token"]["value"], token.get("prevalidated", False), token.get("connectors"))
        for token in rig.core.presented()
    ]


def verdict(replies: list[CoreReply]) -> str:
    """The status, or the words where there is none."""
    (reply,) = replies
    return reply.error or str(reply.result["authorization_status"])


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


@pytest.mark.parametrize("reply", [CoreReply(result="Rejected"), CoreReply(error="core: away")])
def test_5_11_a_start_that_comes_to_nothing_was_accepted_all_the_same(
    reply: CoreReply, rig: Rig
) -> None:
    """The answer says that the start is attempted; what came of it the statuses tell."""
    rig.core.replies["auth_token_provider.present"] = reply
    assert rig.ask("RemoteStartTransaction", {"idTag": "APP"}) == ACCEPTED


@pytest.mark.parametrize("payload", [{"connectorId": 0}, {"connectorId": 2}, {"idTag": "x" * 21}])
def test_5_11_what_cannot_start_is_rejected(payload: dict[str, Any], rig: Rig) -> None:
    status, _ = reply = rig.ask("RemoteStartTransaction", {"idTag": "APP", **payload})
    assert reply == REJECTED or status == "PropertyConstraintViolation"
    assert started(rig) == []


def test_5_11_an_occupied_disabled_or_authorized_connector_is_rejected(rig: Rig) -> None:
    start = {"idTag": "APP", "connectorId": 1}
    rig.plug_in()
    rig.start_transaction()
    assert rig.ask("RemoteStartTransaction", start) == REJECTED
    rig.stop_transaction()
    assert rig.ask("RemoteStartTransaction", start) == REJECTED, "the car must leave first"
    rig.plug_out()
    rig.event("Disabled", uuid="")
    assert rig.ask("RemoteStartTransaction", start) == REJECTED
    rig.event("Enabled", uuid="")
    assert rig.ask("RemoteStartTransaction", start) == ACCEPTED
    rig.event("Authorized")
    assert rig.ask("RemoteStartTransaction", start) == REJECTED


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


def test_9_1_connection_timeout_is_told_to_the_core_at_once_and_after_its_restart() -> None:
    rig = Rig(settings=Settings(connection_timeout_s=70)).start()
    assert rig.core.connection_timeouts_s() == [70]
    rig.ask("ChangeConfiguration", {"key": "ConnectionTimeOut", "value": "45"})
    assert rig.core.connection_timeouts_s() == [70, 45]
    rig.ask("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "45"})
    rig.engine.on_core_lost()
    rig.engine.on_core_connected()
    assert rig.core.connection_timeouts_s() == [70, 45, 45]


@pytest.mark.parametrize("value", ["0", "3601", "-1", "soon"])
def test_9_1_an_authorization_never_waits_for_ever(value: str, rig: Rig) -> None:
    change = {"key": "ConnectionTimeOut", "value": value}
    assert rig.ask("ChangeConfiguration", change) == REJECTED


def test_9_1_a_timeout_of_an_older_release_is_brought_into_its_bounds() -> None:
    rig = Rig(settings=Settings(connection_timeout_s=0)).start()
    assert rig.core.connection_timeouts_s() == [1]


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


def test_5_2_inoperative_now_and_operative_again(rig: Rig) -> None:
    change = {"connectorId": 1, "type": "Inoperative"}
    assert rig.ask("ChangeAvailability", change) == ACCEPTED
    assert rig.ask("ChangeAvailability", change) == ACCEPTED
    assert rig.ask("ChangeAvailability", {**change, "type": "Operative"}) == ACCEPTED
    wanted = ("enable", "disable")
    commands = [name.rpartition(".")[2] for name, _ in rig.core.calls if name.endswith(wanted)]
    assert commands == ["disable", "disable", "enable"]
    assert rig.ask("ChangeAvailability", {**change, "connectorId": 3}) == REJECTED


def test_5_2_with_a_transaction_it_is_scheduled_for_its_end(rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    change = {"connectorId": 0, "type": "Inoperative"}
    assert rig.ask("ChangeAvailability", change) == ("result", {"status": "Scheduled"})
    assert rig.core.called("disable") == []
    rig.stop_transaction()
    assert rig.core.called("disable") == [{"evse": 1, "connector_id": 0, "source": "CSMS"}]
    assert rig.brain.statuses[0] == "Unavailable"


def test_5_2_operative_takes_a_scheduled_change_back(rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    rig.ask("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
    assert rig.ask("ChangeAvailability", {"connectorId": 1, "type": "Operative"}) == ACCEPTED
    rig.stop_transaction()
    assert rig.core.called("disable") == []


def test_5_2_a_core_that_cannot_is_a_rejection(rig: Rig) -> None:
    rig.core.replies["evse_manager.disable"] = CoreReply(result=False)
    assert rig.ask("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}) == REJECTED


def test_5_2_out_of_operation_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "link.db"
    rig = Rig(database=Database(path)).start()
    rig.ask("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"})
    rig.database.close()
    again = Rig(database=Database(path)).start()
    assert again.core.called("disable") == [{"evse": 1, "connector_id": 0, "source": "CSMS"}]
    assert again.brain.statuses[0] == "Unavailable"


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


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("HeartbeatInterval", "600", "Accepted"),
        ("heartbeatinterval", " 600 ", "Accepted"),
        ("HeartbeatInterval", "0", "Rejected"),
        ("HeartbeatInterval", "-1", "Rejected"),
        ("HeartbeatInterval", "1.5", "Rejected"),
        ("HeartbeatInterval", "", "Rejected"),
        ("HeartbeatInterval", "99999999999", "Rejected"),
        ("HeartbeatInterval", "٣", "Rejected"),
        ("WebSocketPingInterval", "0", "Accepted"),
        ("WebSocketPingInterval", "-5", "Rejected"),
        ("AuthorizeRemoteTxRequests", "True", "Accepted"),
        ("AuthorizeRemoteTxRequests", "yes", "Rejected"),
        ("NumberOfConnectors", "2", "Rejected"),
        ("AuthorizationKey", "00", "NotSupported"),
        ("MeterValuesSampledData", "Voltage, Current.Import.L1", "Accepted"),
        ("MeterValuesSampledData", "Voltage.L1-N,voltage", "Accepted"),
        ("MeterValuesSampledData", "", "Accepted"),
        ("MeterValuesSampledData", "Voltage,SoC", "Rejected"),
        ("MeterValuesSampledData", "Voltage.L4", "Rejected"),
        ("MeterValuesSampledData", "Voltage,,Current.Import", "Rejected"),
        ("MeterValuesSampledData", ",".join(["Voltage"] * 23), "Rejected"),
    ],
)
def test_5_3_change_configuration(key: str, value: str, status: str, rig: Rig) -> None:
    before = rig.engine.station.settings
    answer = rig.ask("ChangeConfiguration", {"key": key, "value": value})
    assert answer == ("result", {"status": status})
    if status != "Accepted":
        assert rig.engine.station.settings == before


def test_5_8_get_configuration_answers_with_canonical_names(rig: Rig) -> None:
    _, payload = rig.ask("GetConfiguration", {"key": ["numberofconnectors", "Nonsense"]})
    assert payload == {
        "configurationKey": [{"key": "NumberOfConnectors", "readonly": True, "value": "1"}],
        "unknownKey": ["Nonsense"],
    }
    _, everything = rig.ask("GetConfiguration", {})
    assert "SupportedFeatureProfiles" in {row["key"] for row in everything["configurationKey"]}
    assert rig.ask("GetConfiguration", {"key": []})[1] == everything
    STRICT.response("GetConfiguration", everything)


def test_5_3_settings_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "link.db"
    rig = Rig(database=Database(path)).start()
    rig.ask("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "7"})
    rig.database.close()
    assert Rig(database=Database(path)).engine.station.settings.sample_interval_s == 7


@pytest.mark.parametrize(
    ("message", "action"),
    [
        ("Heartbeat", "Heartbeat"),
        ("BootNotification", "BootNotification"),
        ("StatusNotification", "StatusNotification"),
        ("MeterValues", "MeterValues"),
    ],
)
def test_5_17_a_trigger_is_answered_and_then_sent(message: str, action: str, rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    rig.meter()
    before = len(rig.brain.sent(action))
    rig.sent.clear()
    assert rig.ask("TriggerMessage", {"requestedMessage": message, "connectorId": 1}) == ACCEPTED
    assert rig.sent[0].startswith("[3")
    assert len(rig.brain.sent(action)) == before + 1


def test_4_2_while_pending_a_trigger_is_the_only_way_to_send() -> None:
    rig = Rig()
    rig.brain.boot_script.append(("Pending", 400))
    rig.start()
    for message in ("Heartbeat", "StatusNotification"):
        assert rig.ask("TriggerMessage", {"requestedMessage": message}) == ACCEPTED
    assert rig.ask("TriggerMessage", {"requestedMessage": "MeterValues"}) == REJECTED
    assert [action for action, _ in rig.brain.log] == [
        "BootNotification",
        "Heartbeat",
        "StatusNotification",
        "StatusNotification",
    ]


def test_5_17_meter_values_outside_a_transaction_carry_no_transaction_id(rig: Rig) -> None:
    trigger = {"requestedMessage": "MeterValues", "connectorId": 0}
    assert rig.ask("TriggerMessage", trigger) == REJECTED, "there is no meter value yet"
    rig.meter()
    assert rig.ask("TriggerMessage", trigger) == ACCEPTED
    (sent,) = rig.brain.sent("MeterValues")
    assert "transactionId" not in sent
    assert sent["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"


def test_5_17_what_is_not_implemented_is_said_so(rig: Rig) -> None:
    trigger = {"requestedMessage": "FirmwareStatusNotification"}
    assert rig.ask("TriggerMessage", trigger) == ("result", {"status": "NotImplemented"})
    trigger = {"requestedMessage": "Heartbeat", "connectorId": 4}
    assert rig.ask("TriggerMessage", trigger) == REJECTED


@pytest.mark.parametrize(
    "action", ["Reset", "SendLocalList", "UpdateFirmware", "GetDiagnostics", "CertificateSigned"]
)
def test_4_2_3_a_known_action_that_is_not_here_is_not_supported(action: str, rig: Rig) -> None:
    payloads: dict[str, dict[str, Any]] = {
        "Reset": {"type": "Soft"},
        "SendLocalList": {"listVersion": 1, "updateType": "Full"},
        "UpdateFirmware": {"location": "ftp://x", "retrieveDate": "2026-01-01T00:00:00Z"},
        "GetDiagnostics": {"location": "ftp://x"},
        "CertificateSigned": {"certificateChain": "x"},
    }
    assert rig.ask(action, payloads[action]) == ("NotSupported", {})


def test_data_transfer_knows_no_vendor(rig: Rig) -> None:
    assert rig.ask("DataTransfer", {"vendorId": "org.x"})[1] == {"status": "UnknownVendorId"}


def test_every_answer_is_strictly_valid(rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    requests: dict[str, dict[str, Any]] = {
        "RemoteStartTransaction": {"idTag": "A"},
        "RemoteStopTransaction": {"transactionId": 1},
        "ChangeAvailability": {"connectorId": 1, "type": "Operative"},
        "UnlockConnector": {"connectorId": 1},
        "ClearChargingProfile": {},
        "GetCompositeSchedule": {"connectorId": 1, "duration": 60},
        "GetConfiguration": {},
        "ChangeConfiguration": {"key": "HeartbeatInterval", "value": "5"},
        "ClearCache": {},
        "DataTransfer": {"vendorId": "v"},
        "TriggerMessage": {"requestedMessage": "Heartbeat"},
    }
    assert set(requests) | {"SetChargingProfile"} == set(HANDLERS)
    for action, payload in requests.items():
        status, answer = rig.ask(action, payload)
        assert status == "result", action
        STRICT.response(action, answer)
    assert rig.brain.complaints == []


# Tokens (§4.1, §3.4)


def test_4_1_a_token_is_asked_about_and_its_verdict_told_to_the_core(rig: Rig) -> None:
    rig.brain.parents["CARD"] = "FLEET"
    (reply,) = rig.validate()
    assert rig.brain.sent("Authorize") == [{"idTag": "CARD"}]
    assert reply.error == ""
    assert reply.result == {
        "authorization_status": "Accepted",
        "tariff_messages": [],
        "parent_id_token": {"value": "FLEET", "type": "Central"},
    }


@pytest.mark.parametrize("status", ["Blocked", "Expired", "Invalid", "ConcurrentTx"])
def test_4_1_a_refusal_is_told_too(status: str, rig: Rig) -> None:
    rig.brain.refused["CARD"] = status
    assert verdict(rig.validate()) == status


def test_a_token_asked_about_twice_at_once_costs_one_question_and_both_are_answered(
    rig: Rig,
) -> None:
    replies: list[CoreReply] = []
    rig.engine.validate(token("CARD"), replies.append)
    rig.engine.validate(token("card"), replies.append)
    assert replies == []
    rig.flush()
    assert len(rig.brain.sent("Authorize")) == 1
    assert [reply.result["authorization_status"] for reply in replies] == ["Accepted"] * 2


@pytest.mark.parametrize("value", ["x" * 21, ""])
def test_a_token_that_is_no_id_tag_is_refused_here(value: str, rig: Rig) -> None:
    assert verdict(rig.validate(value)) == "Invalid"
    assert rig.brain.sent("Authorize") == []


@pytest.mark.parametrize("sent", [{}, None, {"id_token": "CARD"}])
def test_a_token_that_can_not_be_read_is_answered_in_words(sent: Any, rig: Rig) -> None:
    replies: list[CoreReply] = []
    rig.engine.validate(sent, replies.append)
    assert "can not be read" in replies[0].error
    assert rig.engine.rejected_inputs == 1


def test_3_4_offline_what_was_said_here_before_holds(tmp_path: Path) -> None:
    path = tmp_path / "link.db"
    rig = Rig(database=Database(path)).start()
    rig.brain.refused["BAD"] = "Blocked"
    for value in ("GOOD", "BAD"):
        rig.validate(value)
    rig.database.close()
    again = Rig(database=Database(path))
    again.engine.on_core_connected()
    assert [verdict(again.validate(value)) for value in ("good", "BAD")] == ["Accepted", "Blocked"]
    unknown = verdict(again.validate("UNKNOWN"))
    assert unknown == "the back office is out of reach, and the token is not known here"


def test_3_4_an_expired_token_and_a_cleared_cache_start_nothing(rig: Rig) -> None:
    from evse.types.authorization import AuthorizationStatus
    from ocpp_link.records import Verdict

    known = rig.engine.authorization.known
    known.remember("OLD", Verdict(AuthorizationStatus.Accepted, expiry="2025-12-31T00:00:00Z"))
    known.remember("ODD", Verdict(AuthorizationStatus.Accepted, expiry="soon"))
    known.remember("NEW", Verdict(AuthorizationStatus.Accepted, expiry="2026-12-31T00:00:00Z"))
    found = [known.offline(name) for name in ("OLD", "ODD", "new")]
    assert [one.status.value for one in found if one] == ["Expired", "Expired", "Accepted"]
    rig.ask("ClearCache", {})
    assert known.offline("NEW") is None


@pytest.mark.parametrize("how", [Misbehaviour.CALLERROR, Misbehaviour.NO_ANSWER, Misbehaviour.DROP])
def test_no_usable_answer_counts_as_offline(how: Misbehaviour, rig: Rig) -> None:
    rig.brain.misbehave("Authorize", how)
    replies = rig.validate()
    rig.run(30)
    expected = "the back office gave no answer, and the token is not known here"
    assert verdict(replies) == expected


def test_the_core_waits_longer_for_a_verdict_than_the_back_office_may_take(rig: Rig) -> None:
    rig.brain.misbehave("Authorize", Misbehaviour.NO_ANSWER)
    replies = rig.validate()
    asked_ms = rig.clock.now_ms()
    while not replies:
        rig.run(1)
    assert rig.clock.now_ms() - asked_ms < VALIDATION_TIMEOUT_MS


def test_without_local_authorize_offline_nobody_starts(rig: Rig) -> None:
    assert verdict(rig.validate()) == "Accepted"
    rig.ask("ChangeConfiguration", {"key": "LocalAuthorizeOffline", "value": "false"})
    rig.disconnect()
    assert "nobody starts without it" in verdict(rig.validate())


def test_the_known_tokens_are_bounded(rig: Rig) -> None:
    for number in range(600):
        rig.validate(f"T{number}")
    assert len(rig.engine.authorization.known._verdicts) == 500
