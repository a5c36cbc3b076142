"""OCPP 2.0.1 on the same engine as 1.6: boot, variables, reports, transactions, remote acts."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from ocpp_rig import Rig

from evse.clock import VirtualClock
from hil.csms.brain import Misbehaviour
from hil.csms.brain201 import Brain201
from ocpp_link.device.settings import Settings


def rig_201(**options: Any) -> tuple[Rig, Brain201]:
    clock = VirtualClock()
    brain = Brain201(clock)
    options.setdefault("versions", ("2.0.1",))
    return Rig(brain=brain, clock=clock, **options), brain


def var(component: str, variable: str, **more: Any) -> dict[str, Any]:
    return {"component": {"name": component}, "variable": {"name": variable}, **more}


def test_b01_the_boot_names_its_reason_and_the_statuses_follow() -> None:
    rig, brain = rig_201(evses=2)
    rig.start()
    boot = brain.sent("BootNotification")
    assert [sent["reason"] for sent in boot] == ["PowerUp"]
    assert brain.statuses == {1: "Available", 2: "Available"}
    assert brain.complaints == []


def test_b02_before_it_is_accepted_only_what_is_allowed_is_answered() -> None:
    rig, brain = rig_201()
    brain.boot_script.append(("Pending", 600))
    rig.start()
    assert rig.ask("ClearCache", {})[0] == "SecurityError"
    start = {"idToken": {"idToken": "A", "type": "Central"}, "remoteStartId": 1}
    assert rig.ask("RequestStartTransaction", start)[1]["status"] == "Rejected"
    asked = {"getVariableData": [var("TxCtrlr", "EVConnectionTimeOut")]}
    assert rig.ask("GetVariables", asked)[1]["getVariableResult"][0]["attributeValue"] == "120"
    assert [action for action, _ in brain.log] == ["BootNotification"]


def test_b05_b06_each_item_stands_for_itself() -> None:
    rig, _ = rig_201()
    rig.start()
    set_ = [
        var("OCPPCommCtrlr", "HeartbeatInterval", attributeValue="77"),
        var("OCPPCommCtrlr", "HeartbeatInterval", attributeValue="-1"),
        var("TxCtrlr", "TxStartPoint", attributeValue="Authorized"),
        var("TxCtrlr", "Nonsense", attributeValue="1"),
        var("Nonsense", "Nonsense", attributeValue="1"),
        var("TxCtrlr", "StopTxOnInvalidId", attributeValue="true", attributeType="Target"),
    ]
    results = rig.ask("SetVariables", {"setVariableData": set_})[1]["setVariableResult"]
    assert [result["attributeStatus"] for result in results] == [
        "Accepted",
        "Rejected",
        "Rejected",
        "UnknownVariable",
        "UnknownComponent",
        "NotSupportedAttributeType",
    ]
    asked = {"getVariableData": [var("OCPPCommCtrlr", "HeartbeatInterval")]}
    found = rig.ask("GetVariables", asked)[1]["getVariableResult"][0]
    assert found["attributeValue"] == "77"


def test_b07_a_base_report_follows_its_answer_in_numbered_parts() -> None:
    rig, brain = rig_201(evses=2)
    rig.start()
    asked = {"requestId": 5, "reportBase": "FullInventory"}
    assert rig.ask("GetBaseReport", asked)[1] == {"status": "Accepted"}
    parts = brain.sent("NotifyReport")
    assert [part["seqNo"] for part in parts] == list(range(len(parts)))
    assert [part["tbc"] for part in parts] == [True] * (len(parts) - 1) + [False]
    places = [
        (entry["component"]["name"], str(entry["component"].get("evse")), str(entry["variable"]))
        for part in parts
        for entry in part["reportData"]
    ]
    assert len(places) == len(set(places)) > 60
    assert brain.complaints == []


def test_b08_a_report_of_what_matches_or_says_that_nothing_does() -> None:
    rig, brain = rig_201(evses=2)
    rig.start()
    asked = {"requestId": 6, "componentVariable": [{"component": {"name": "Connector"}}]}
    assert rig.ask("GetReport", asked)[1] == {"status": "Accepted"}
    told = [entry for part in brain.sent("NotifyReport") for entry in part["reportData"]]
    assert {entry["component"]["evse"]["id"] for entry in told} == {1, 2}
    asked["componentVariable"] = [{"component": {"name": "Nonsense"}}]
    assert rig.ask("GetReport", asked)[1] == {"status": "EmptyResultSet"}


def test_e01_e06_a_transaction_is_started_updated_and_ended_once_without_gaps() -> None:
    rig, brain = rig_201(settings=Settings(sample_interval_s=60))
    rig.start()
    rig.session(seconds=130)
    (told,) = brain.transactions.values()
    assert told.transaction_id == "s-1"
    assert told.types == ["Started", "Updated", "Updated", "Updated", "Ended"]
    reasons = [event["triggerReason"] for event in told.events]
    assert reasons == [
        "Authorized",
        "ChargingStateChanged",
        "MeterValuePeriodic",
        "MeterValuePeriodic",
        "EVCommunicationLost",
    ]
    states = [event["transactionInfo"]["chargingState"] for event in told.events]
    assert states == ["EVConnected", "Charging", "Charging", "Charging", "Idle"]
    assert told.events[0]["idToken"] == {"idToken": "CARD", "type": "ISO14443"}
    assert told.events[-1]["transactionInfo"]["stoppedReason"] == "EVDisconnected"
    assert told.energy_wh == pytest.approx(130 * 7_360 / 3_600, abs=1)
    assert brain.complaints == []


def test_e04_e12_what_happened_offline_says_so_and_comes_in_order() -> None:
    rig, brain = rig_201()
    rig.start()
    rig.disconnect()
    rig.session(seconds=130)
    rig.connect()
    (told,) = brain.transactions.values()
    assert all(event.get("offline") for event in told.events)
    assert told.types[0] == "Started"
    assert told.types[-1] == "Ended"
    assert brain.complaints == []


@pytest.mark.parametrize("how", [Misbehaviour.DROP, Misbehaviour.DROP_AFTER])
def test_e13_a_lost_answer_doubles_nothing(how: Misbehaviour) -> None:
    rig, brain = rig_201()
    rig.start()
    brain.misbehave("TransactionEvent", how)
    rig.plug_in()
    rig.start_transaction()
    rig.connect()
    rig.charge(70)
    rig.stop_transaction()
    (told,) = brain.transactions.values()
    assert told.numbers == list(range(len(told.events)))
    assert brain.complaints == []


def test_f01_a_remote_start_is_told_with_its_id() -> None:
    rig, brain = rig_201()
    rig.start()
    rig.plug_in()
    asked = {"idToken": {"idToken": "REMOTE", "type": "Central"}, "remoteStartId": 42, "evseId": 1}
    assert rig.ask("RequestStartTransaction", asked)[1]["status"] == "Accepted"
    assert rig.core.presented()[-1]["id_token"] == {"value": "REMOTE", "type": "Central"}
    rig.start_transaction(tag="REMOTE", authorization_type="OCPP")
    (told,) = brain.transactions.values()
    assert told.events[0]["transactionInfo"]["remoteStartId"] == 42


def test_f03_a_remote_stop_names_the_transaction() -> None:
    rig, _ = rig_201()
    rig.start()
    rig.plug_in()
    rig.start_transaction()
    assert rig.ask("RequestStopTransaction", {"transactionId": "other"})[1]["status"] == "Rejected"
    assert rig.ask("RequestStopTransaction", {"transactionId": "s-1"})[1]["status"] == "Accepted"
    assert rig.core.called("stop_transaction")


def test_f06_an_accepted_trigger_is_followed_by_its_message() -> None:
    rig, brain = rig_201()
    rig.start()
    asked = {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}}
    before = len(brain.sent("StatusNotification"))
    assert rig.ask("TriggerMessage", asked)[1]["status"] == "Accepted"
    assert len(brain.sent("StatusNotification")) == before + 1
    asked = {"requestedMessage": "BootNotification"}
    assert rig.ask("TriggerMessage", asked)[1]["status"] == "Rejected"  # F06.FR.17


def test_g03_g04_availability_of_an_evse_and_of_the_station() -> None:
    rig, _ = rig_201(evses=2)
    rig.start()
    asked: dict[str, Any] = {"operationalStatus": "Inoperative", "evse": {"id": 2}}
    assert rig.ask("ChangeAvailability", asked)[1]["status"] == "Accepted"
    assert [call["evse"] for call in rig.core.called("disable")] == [2]
    assert rig.ask("ChangeAvailability", {"operationalStatus": "Inoperative"})[1]["status"] == (
        "Accepted"
    )


def test_b12_a_reset_ends_what_runs_and_the_next_boot_says_why() -> None:
    rig, brain = rig_201()
    rig.start()
    rig.plug_in()
    rig.start_transaction()
    assert rig.ask("Reset", {"type": "OnIdle"})[1]["status"] == "Scheduled"
    assert not rig.core.called("stop_transaction")
    assert rig.ask("Reset", {"type": "Immediate", "evseId": 1})[1]["status"] == "Rejected"
    assert rig.ask("Reset", {"type": "Immediate"})[1]["status"] == "Accepted"
    rig.run(1)
    assert rig.core.called("stop_transaction")
    rig.stop_transaction(reason="SoftReset")
    (told,) = brain.transactions.values()
    assert told.events[-1]["transactionInfo"]["stoppedReason"] == "ImmediateReset"
    assert told.events[-1]["triggerReason"] == "ResetCommand"


@pytest.mark.parametrize("text", ["nonsense", "[]", "[2]", '[2,7,"Reset",{}]'])
def test_part4_4_2_3_what_can_not_be_read_is_answered_with_the_id_minus_one(text: str) -> None:
    rig, _ = rig_201()
    rig.start()
    rig.engine.on_frame(text)
    assert [frame.split(",")[:3] for frame in rig.engine.take_frames()] == [
        ["[4", '"-1"', '"RpcFrameworkError"']
    ]


def test_part4_4_1_3_an_unknown_message_type_is_answered_and_an_answer_never_is() -> None:
    rig, _ = rig_201()
    rig.start()
    rig.engine.on_frame('[7,"x",{}]')
    assert "MessageTypeNotSupported" in rig.engine.take_frames()[0]
    for text in ('[3,"x"]', '[3,"unknown",{}]', '[4,"x"]'):
        rig.engine.on_frame(text)
    assert rig.engine.take_frames() == []


def test_a_transaction_that_began_under_1_6_ends_under_2_0_1_with_all_its_numbers() -> None:
    """What was not delivered is rendered anew for whichever version the next connection speaks."""
    rig, brain = rig_201(versions=("2.0.1", "1.6"))
    rig.engine.on_core_connected()
    rig.session(seconds=70)
    rig.engine.on_connected("ocpp2.0.1")
    rig.flush()
    (told,) = brain.transactions.values()
    assert told.numbers == list(range(len(told.events)))


def test_another_version_is_another_registration() -> None:
    rig, brain = rig_201(versions=("2.0.1", "1.6"))
    rig.engine.on_core_connected()
    rig.engine.on_connected("ocpp2.0.1")
    rig.flush()
    rig.disconnect()
    rig.engine.on_connected("ocpp1.6")
    (boot,) = rig.engine.take_frames()
    assert "chargePointModel" in boot
    assert len(brain.sent("BootNotification")) == 1


def test_1_6_alone_imports_no_other_dialect() -> None:
    code = (
        "import sys; from ocpp_link.dialects import Dialects; Dialects().speak('ocpp1.6');"
        "print([name for name in sys.modules if name.startswith('ocpp_link.v2')])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
