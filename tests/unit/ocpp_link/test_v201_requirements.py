"""Requirements of OCPP 2.0.1 part 2 that the published cases do not look at, or not closely."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from ocpp_rig import Rig, token
from test_v201_slice import rig_201, var

from hil.csms.brain import Misbehaviour
from hil.csms.brain201 import Brain201
from ocpp_link.device.catalogue import load
from ocpp_link.device.settings import Settings
from ocpp_link.ports import CoreReply

REGISTER = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"


def set_(rig: Rig, component: str, variable: str, value: str) -> dict[str, Any]:
    item = var(component, variable, attributeValue=value)
    (result,) = rig.ask("SetVariables", {"setVariableData": [item]})[1]["setVariableResult"]
    return dict(result)


def statuses(brain: Brain201, since: int = 0) -> list[tuple[int, str]]:
    told = brain.sent("StatusNotification")[since:]
    return [(each["evseId"], each["connectorStatus"]) for each in told]


# --- B: provisioning ------------------------------------------------------------------------------


@pytest.mark.parametrize(("gone_s", "told"), [(59, [1]), (61, [1, 2])])
def test_b04_fr_01_fr_02_all_statuses_after_the_threshold_else_only_changes(
    gone_s: int, told: list[int]
) -> None:
    rig, brain = rig_201(evses=2, settings=Settings(offline_threshold_s=60))
    rig.start()
    before = len(brain.sent("StatusNotification"))
    rig.disconnect()
    rig.plug_in()
    rig.run(gone_s)
    rig.connect()
    assert [evse for evse, _ in statuses(brain, before)] == told


def test_b04_counts_from_the_first_loss_of_a_connection_that_flaps() -> None:
    rig, brain = rig_201(settings=Settings(offline_threshold_s=60))
    rig.start()
    before = len(brain.sent("StatusNotification"))
    rig.disconnect()
    rig.run(40)
    rig.disconnect()
    rig.run(40)
    rig.connect()
    assert statuses(brain, before) == [(1, "Available")]


def test_b03_fr_08_a_rejected_station_answers_every_call_with_a_security_error() -> None:
    rig, brain = rig_201()
    brain.boot_script.append(("Rejected", 600))
    rig.start()
    for action, payload in (
        ("GetVariables", {"getVariableData": [var("TxCtrlr", "TxStartPoint")]}),
        ("TriggerMessage", {"requestedMessage": "BootNotification"}),
    ):
        assert rig.ask(action, payload)[0] == "SecurityError"
    assert [action for action, _ in brain.log] == ["BootNotification"]


@pytest.mark.parametrize(
    ("action", "field"),
    [
        ("GetVariables", "getVariableData"),
        ("SetVariables", "setVariableData"),
        ("GetReport", "componentVariable"),
    ],
)
def test_b05_fr_11_b06_fr_16_b08_fr_17_more_items_than_are_allowed_are_refused(
    action: str, field: str
) -> None:
    rig, _ = rig_201()
    rig.start()
    value = {"attributeValue": "77"} if action == "SetVariables" else {}
    item = var("OCPPCommCtrlr", "HeartbeatInterval", **value)
    asked: dict[str, Any] = {field: [item] * 101}
    if action == "GetReport":
        asked["requestId"] = 1
    before = rig.engine.station.settings
    assert rig.ask(action, asked)[0] == "OccurrenceConstraintViolation"
    assert rig.engine.station.settings == before
    (limit,) = {
        row.const
        for row in load()
        if row.variable == "ItemsPerMessage" and row.instance in ("GetVariables", "SetVariables")
    }
    assert limit == "100"


def test_b05_fr_07_fr_09_a_refusal_says_why() -> None:
    rig, _ = rig_201()
    rig.start()
    wrong = set_(rig, "OCPPCommCtrlr", "HeartbeatInterval", "soon")
    assert wrong["attributeStatusInfo"]["reasonCode"] == "InvalidValue"
    fixed = set_(rig, "TxCtrlr", "TxStartPoint", "Authorized")
    assert fixed["attributeStatusInfo"]["reasonCode"] == "ReadOnly"
    assert {wrong["attributeStatus"], fixed["attributeStatus"]} == {"Rejected"}


def test_b05_fr_07_a_measurand_that_2_0_1_can_not_tell_is_refused() -> None:
    rig, _ = rig_201()
    rig.start()
    result = set_(rig, "SampledDataCtrlr", "TxUpdatedMeasurands", f"{REGISTER},Temperature")
    assert result["attributeStatus"] == "Rejected"
    assert set_(rig, "SampledDataCtrlr", "TxUpdatedMeasurands", REGISTER)["attributeStatus"] == (
        "Accepted"
    )


@pytest.mark.parametrize(
    ("component", "variable", "only", "other"),
    [
        ("ClockCtrlr", "TimeSource", "Heartbeat", "NTP"),
        ("OCPPCommCtrlr", "NetworkConfigurationPriority", "1", "2,1"),
        ("OCPPCommCtrlr", "NetworkProfileConnectionAttempts", "1", "3"),
    ],
)
def test_b05_fr_10_what_can_have_one_value_alone_takes_that_and_no_other(
    component: str, variable: str, only: str, other: str
) -> None:
    rig, _ = rig_201()
    rig.start()
    assert set_(rig, component, variable, only)["attributeStatus"] == "Accepted"
    assert set_(rig, component, variable, other)["attributeStatus"] == "Rejected"


def test_b06_fr_14_an_instance_of_a_component_that_has_none_is_unknown() -> None:
    rig, _ = rig_201()
    rig.start()
    item = {
        "component": {"name": "TxCtrlr", "instance": "second"},
        "variable": {"name": "TxStartPoint"},
    }
    (result,) = rig.ask("GetVariables", {"getVariableData": [item]})[1]["getVariableResult"]
    assert result["attributeStatus"] == "UnknownComponent"


def test_b07_fr_10_no_part_of_a_report_is_too_large_for_a_frame() -> None:
    rig, brain = rig_201(evses=8)
    rig.start()
    long = msgspec.structs.replace(rig.engine.station.settings, default_price_texts="x" * 2_500)
    rig.engine.configure(long)
    rig.ask("GetBaseReport", {"requestId": 5, "reportBase": "FullInventory"})
    parts = brain.sent("NotifyReport")
    assert max(len(msgspec.json.encode(part)) for part in parts) < 60_000
    assert [part["seqNo"] for part in parts] == list(range(len(parts)))
    assert sum(len(part["reportData"]) for part in parts) == len(rig.engine.model.rows)


@pytest.mark.parametrize("busy", [False, True])
def test_b11_b12_a_reset_that_waits_is_a_scheduled_one(busy: bool) -> None:
    rig, _ = rig_201()
    rig.start()
    if busy:
        rig.plug_in()
        rig.start_transaction()
    status = rig.ask("Reset", {"type": "OnIdle"})[1]["status"]
    if busy:
        rig.stop_transaction()
    rig.run(5)
    kept = rig.database.load().items["boot"]["reason"]
    assert (status, kept) == (
        ("Scheduled", b'"ScheduledReset"') if busy else ("Accepted", b'"RemoteReset"')
    )


# --- D, H: local list, reservations ---------------------------------------------------------------


def test_d02_fr_01_d01_fr_04_an_emptied_list_keeps_its_version() -> None:
    rig, _ = rig_201()
    rig.start()
    assert rig.ask("GetLocalListVersion", {})[1] == {"versionNumber": 0}
    update = {"versionNumber": 6, "updateType": "Full"}
    assert rig.ask("SendLocalList", update)[1] == {"status": "Accepted"}
    assert rig.ask("GetLocalListVersion", {})[1] == {"versionNumber": 6}


@pytest.mark.parametrize("ended", ["Expired", "Removed", "Used"])
def test_h04_fr_03_a_reservation_that_ends_unused_is_told(ended: str) -> None:
    rig, brain = rig_201()
    rig.start()
    rig.core.replies["reservation.reserve_now"] = CoreReply(result="Accepted")
    booking = {
        "id": 9,
        "expiryDateTime": "2026-01-01T02:00:00Z",
        "idToken": {"idToken": "A", "type": "Central"},
    }
    assert rig.ask("ReserveNow", booking)[1] == {"status": "Accepted"}
    rig.engine.reservations.on_update(9, ended)
    rig.flush()
    told = any("ReservationStatusUpdate" in frame for frame in rig.sent)
    assert told == (ended != "Used")
    assert brain.complaints == []


# --- E, J: transactions and meter values ----------------------------------------------------------


def test_g01_a_connector_is_occupied_once_whatever_goes_on_there() -> None:
    rig, brain = rig_201()
    rig.start()
    before = len(brain.sent("StatusNotification"))
    rig.session(seconds=30)
    assert statuses(brain, before) == [(1, "Occupied"), (1, "Available")]


def test_g03_fr_05_what_is_to_be_switched_off_is_not_told_as_free_first() -> None:
    rig, brain = rig_201()
    rig.start()
    rig.plug_in()
    rig.start_transaction()
    rig.ask("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 1}})
    before = len(brain.sent("StatusNotification"))
    rig.stop_transaction()
    rig.plug_out()
    rig.event("Disabled")
    assert statuses(brain, before) == [(1, "Unavailable")]


def test_e09_a_car_that_was_unplugged_is_lost_and_idle() -> None:
    rig, brain = rig_201()
    rig.start()
    rig.session(seconds=10)
    (told,) = brain.transactions.values()
    last = told.events[-1]
    assert last["triggerReason"] == "EVCommunicationLost"
    assert last["transactionInfo"]["chargingState"] == "Idle"
    assert last["transactionInfo"]["stoppedReason"] == "EVDisconnected"


def contexts(event: dict[str, Any]) -> list[str]:
    return [value["sampledValue"][0]["context"] for value in event.get("meterValue", [])]


def measurands(event: dict[str, Any]) -> set[str]:
    return {
        sample["measurand"] for value in event["meterValue"] for sample in value["sampledValue"]
    }


def test_j02_e06_fr_11_the_end_has_measurands_and_an_interval_of_its_own() -> None:
    rig, brain = rig_201(settings=Settings(sample_interval_s=25))
    rig.start()
    set_(rig, "SampledDataCtrlr", "TxStartedMeasurands", REGISTER)
    set_(rig, "SampledDataCtrlr", "TxUpdatedMeasurands", POWER)
    set_(rig, "SampledDataCtrlr", "TxEndedMeasurands", f"{REGISTER},{POWER}")
    set_(rig, "SampledDataCtrlr", "TxEndedInterval", "10")
    rig.session(seconds=65)
    (told,) = brain.transactions.values()
    first, last = told.events[0], told.events[-1]
    updates = [e for e in told.events if e["triggerReason"] == "MeterValuePeriodic"]
    assert (contexts(first), measurands(first)) == (["Transaction.Begin"], {REGISTER})
    assert [measurands(update) for update in updates] == [{POWER}, {POWER}]
    assert contexts(last) == ["Sample.Periodic"] * 6 + ["Transaction.End"]
    assert measurands(last) == {REGISTER, POWER}
    assert told.numbers == list(range(len(told.events)))
    assert brain.complaints == []


def test_j01_fr_14_fr_22_the_grid_has_its_own_measurands_and_trigger() -> None:
    rig, brain = rig_201(evses=2, settings=Settings(sample_interval_s=0, aligned_interval_s=30))
    rig.start()
    rig.meter(2)
    rig.session(seconds=65)
    (told,) = brain.transactions.values()
    on_grid = [e for e in told.events if e["triggerReason"] == "MeterValueClock"]
    assert [contexts(event) for event in on_grid] == [["Sample.Clock"]] * 2
    assert measurands(on_grid[0]) == {REGISTER}
    assert {each["evseId"] for each in brain.sent("MeterValues")} >= {2}


def test_j02_fr_20_of_too_many_samples_every_second_goes_and_never_the_end() -> None:
    everything = (REGISTER, POWER, "Current.Import", "Voltage", "Current.Offered", "Power.Offered")
    settings = Settings(
        sample_interval_s=0, stop_sample_interval_s=10, stop_sampled_measurands=everything
    )
    rig, brain = rig_201(settings=settings)
    rig.start()
    rig.session(seconds=1_200)
    (told,) = brain.transactions.values()
    last = told.events[-1]
    assert len(msgspec.json.encode(last)) < 60_000
    assert contexts(last)[-1] == "Transaction.End"
    assert contexts(last).count("Sample.Periodic") > 10


def test_e01_without_any_measurand_of_the_end_its_register_is_told() -> None:
    rig, brain = rig_201()
    rig.start()
    rig.session(seconds=36)
    (told,) = brain.transactions.values()
    assert contexts(told.events[-1]) == ["Transaction.End"]
    assert measurands(told.events[-1]) == {REGISTER}


# --- F: remote control ----------------------------------------------------------------------------


def remote_start(rig: Rig, **more: Any) -> str:
    asked = {"idToken": {"idToken": "REMOTE", "type": "Central"}, "remoteStartId": 5, **more}
    return str(rig.ask("RequestStartTransaction", asked)[1]["status"])


def test_f01_fr_19_f02_fr_21_the_remote_start_is_the_trigger_whatever_came_last() -> None:
    rig, brain = rig_201()
    rig.start()
    assert remote_start(rig, evseId=1) == "Accepted"
    rig.event("Authorized")
    id_tag = {**token("REMOTE"), "authorization_type": "OCPP"}
    started = {"id_tag": id_tag, "meter_value": rig.meter()}
    rig.event("TransactionStarted", transaction_started=started)
    (told,) = brain.transactions.values()
    assert told.events[0]["triggerReason"] == "RemoteStart"
    assert told.events[0]["transactionInfo"]["remoteStartId"] == 5


def test_f01_fr_12_a_charging_profile_is_ignored_where_there_is_no_smart_charging() -> None:
    rig, _ = rig_201()
    rig.start()
    schedule = {
        "id": 1,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}],
    }
    profile = {
        "id": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [schedule],
    }
    assert remote_start(rig, chargingProfile=profile) == "Accepted"


def test_f06_fr_06_fr_07_meter_values_are_told_apart_from_the_transaction() -> None:
    rig, brain = rig_201()
    rig.start()
    rig.plug_in()
    rig.start_transaction()
    rig.meter()
    known = len(brain.sent("TransactionEvent"))
    asked = {"requestedMessage": "MeterValues", "evse": {"id": 1}}
    assert rig.ask("TriggerMessage", asked)[1]["status"] == "Accepted"
    (told,) = brain.sent("MeterValues")
    assert told["evseId"] == 1
    assert contexts(told) == ["Trigger"]
    assert measurands(told) == {REGISTER}
    assert len(brain.sent("TransactionEvent")) == known
    asked["requestedMessage"] = "TransactionEvent"
    assert rig.ask("TriggerMessage", asked)[1]["status"] == "Accepted"
    event = brain.sent("TransactionEvent")[-1]
    assert event["triggerReason"] == "Trigger"
    assert event["transactionInfo"]["chargingState"] == "Charging"
    assert contexts(event) == ["Trigger"]
    assert brain.complaints == []


def test_f06_fr_05_no_transaction_event_is_promised_where_none_runs() -> None:
    rig, _ = rig_201()
    rig.start()
    rig.meter()
    asked = {"requestedMessage": "TransactionEvent"}
    assert rig.ask("TriggerMessage", asked)[1]["status"] == "Rejected"


@pytest.mark.parametrize("message", ["LogStatusNotification", "FirmwareStatusNotification"])
def test_f06_fr_15_fr_16_where_nothing_goes_on_that_is_told(message: str) -> None:
    rig, _ = rig_201()
    rig.start()
    assert rig.ask("TriggerMessage", {"requestedMessage": message})[1]["status"] == "Accepted"
    assert any(message in frame and '"Idle"' in frame for frame in rig.sent)


def test_p01_a_vendor_that_is_not_known_is_said_to_be_unknown() -> None:
    rig, _ = rig_201()
    rig.start()
    assert rig.ask("DataTransfer", {"vendorId": "org.example"})[1]["status"] == "UnknownVendorId"


# --- C, E: what tokens may do where, what waited for the connection -------------------------------


def test_c01_fr_20_fr_21_a_token_may_be_good_on_some_evses_alone() -> None:
    rig, brain = rig_201(evses=2)
    brain.evses["SOME"] = [2]
    rig.start()
    (reply,) = rig.validate("SOME")
    assert reply.result["evse_ids"] == [2]
    rig.engine.configure(msgspec.structs.replace(rig.engine.station.settings, pre_authorize=True))
    (cached,) = rig.validate("SOME")
    assert cached.result["evse_ids"] == [2]
    assert "evse_ids" not in rig.validate("ANY")[0].result


def test_e11_fr_07_what_was_not_delivered_when_the_connection_went_is_offline() -> None:
    rig, brain = rig_201()
    rig.start()
    brain.misbehave("TransactionEvent", Misbehaviour.NO_ANSWER)
    rig.plug_in()
    rig.start_transaction()
    assert brain.transactions == {}
    rig.disconnect()
    rig.connect()
    rig.event("ChargingPausedEV", charging_state_changed_event={"meter_value": rig.meter()})
    (told,) = brain.transactions.values()
    assert [event.get("offline", False) for event in told.events] == [True, True, False]
    assert brain.complaints == []


def test_e11_fr_07_what_a_start_finds_on_its_disk_is_offline() -> None:
    rig, _ = rig_201()
    rig.start()
    rig.disconnect()
    rig.session(seconds=70)
    again, brain = rig_201(database=rig.database)
    again.seq = rig.seq
    again.start()
    (told,) = brain.transactions.values()
    assert all(event["offline"] for event in told.events)
    assert brain.complaints == []
