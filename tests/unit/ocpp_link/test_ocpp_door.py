"""The interfaces `ocpp` and `ocpp_1_6_charge_point` at the link's door, method by method."""

from __future__ import annotations

import functools
from typing import Any

import msgspec
import pytest
from door_rig import DoorRig, json_of, key
from hypothesis import given
from hypothesis import strategies as st

from evse.clock import VirtualClock
from evse.door import jsonrpc
from evse.door.hub import MAX_FORWARDED
from evse.door.jsonrpc import RpcError
from evse.door.roles import Role
from evse.types.interfaces_ocpp import OCPP, OCPP_1_6_CHARGE_POINT
from evse.types.ocpp import GetConfigurationResponse
from hil.csms.brain import Misbehaviour
from hil.csms.brain201 import Brain201
from ocpp_link.device.model import WriteStatus
from ocpp_link.door.claims import MAX_CLAIMS
from ocpp_link.door.door import AT_THE_CORE, STANDING
from ocpp_link.door.following import VARIABLES
from ocpp_link.door.methods import TABLE
from ocpp_link.memory.database import Database
from ocpp_link.ports import CoreReply

PAGES = (OCPP, OCPP_1_6_CHARGE_POINT)
METHODS = [f"{page.name}.{command.name}" for page in PAGES for command in page.commands]
KEYS = "ocpp_1_6_charge_point"


@pytest.fixture
def rig() -> DoorRig:
    return DoorRig(evses=2).start()


# --- the pages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_every_command_of_the_pages_is_served_with_their_arguments(method: str) -> None:
    namespace, _, name = method.partition(".")
    (page,) = (page for page in PAGES if page.name == namespace)
    (command,) = (command for command in page.commands if command.name == name)
    assert list(TABLE[method][0].__struct_encode_fields__) == [a.name for a in command.arguments]


@pytest.mark.parametrize(
    "variable", [f"{page.name}.{variable.name}" for page in PAGES for variable in page.variables]
)
def test_every_variable_of_the_pages_can_be_followed_and_got(rig: DoorRig, variable: str) -> None:
    peer = rig.peer(Role.OBSERVER)
    assert peer.follow(variable) == peer.result("get", {"variable": variable})


def test_a_variable_that_no_page_has_is_refused_with_the_nearest(rig: DoorRig) -> None:
    code, message, field = rig.peer().error("subscribe", {"variable": "ocpp.is_conected"})
    assert (code, field) == (jsonrpc.INVALID_PARAMS, "variable")
    assert "ocpp.is_connected" in message
    assert rig.peer().error("get", {"variable": "ocpp.is_connected", "evse": 3})[2] == "evse"


WRONG: list[tuple[str, Any, str]] = [
    ("ocpp.stop", {"now": True}, "now"),
    ("ocpp.get_variables", {}, "requests"),
    ("ocpp.get_variables", {"requests": [{}]}, "requests[0].component_variable"),
    ("ocpp.get_variables", {"requests": [{"component_variable": key("x" * 51)}]}, "requests[0]"),
    ("ocpp.set_variables", {"requests": []}, "source"),
    ("ocpp.set_variables", {"requests": [{"value": 7}], "source": "me"}, "requests[0].value"),
    ("ocpp.change_availability", {"request": {}}, "request.operational_status"),
    ("ocpp.change_availability", {"request": {"operational_status": "On"}}, "request"),
    ("ocpp.monitor_variables", {"component_variables": [key("Nope")]}, "component_variables[0]"),
    ("ocpp.security_event", {"event": {"type": ""}}, "event.type"),
    ("ocpp.security_event", {"event": {"type": "x" * 51}}, "event.type"),
    (f"{KEYS}.get_configuration_key", {"keys": "HeartbeatInterval"}, "keys"),
    (f"{KEYS}.set_configuration_key", {"key": "HeartbeatInterval"}, "value"),
    (f"{KEYS}.monitor_configuration_keys", {"keys": ["Nope"]}, "keys[0]"),
    (f"{KEYS}.security_event", {"type": "x" * 51, "info": ""}, "type"),
]


@pytest.mark.parametrize(("method", "params", "field"), WRONG)
def test_bad_params_name_the_field_and_change_nothing(
    rig: DoorRig, method: str, params: Any, field: str
) -> None:
    before = (rig.engine.station.settings, rig.control.wanted, len(rig.core.calls))
    code, _, named = rig.peer().error(method, params)
    assert code == jsonrpc.INVALID_PARAMS
    assert named is not None
    assert named.startswith(field)
    assert (rig.engine.station.settings, rig.control.wanted, len(rig.core.calls)) == before


@pytest.mark.parametrize("method", sorted(TABLE))
def test_who_may_not_call_a_method_is_told_which_role_may(rig: DoorRig, method: str) -> None:
    """Deny by default: only what is listed here is for others than technicians and admins."""
    allowed = {Role.ADMIN, Role.TECHNICIAN}
    if method in ("ocpp.state", "ocpp.variable_sources"):
        allowed.add(Role.OBSERVER)
    if method in ("ocpp.security_event", f"{KEYS}.security_event", "data_transfer.send"):
        allowed.add(Role.PROVIDER)
    for role in Role:
        answer = rig.peer(role).call(method, {"no such": "param"})
        assert answer is not None
        refused = answer["error"]["code"] == jsonrpc.NOT_ALLOWED if "error" in answer else False
        assert refused is (role not in allowed), role


def test_the_core_hands_calls_on_to_the_same_table(rig: DoorRig) -> None:
    direct = rig.peer().result(f"{KEYS}.get_configuration_key", {"keys": ["HeartbeatInterval"]})
    handed_on = rig.through_the_core(
        f"{KEYS}.get_configuration_key", {"keys": ["HeartbeatInterval"]}
    )
    assert handed_on == direct
    error = rig.through_the_core("ocpp.get_variables", {"requests": 1})
    assert isinstance(error, RpcError)
    assert error.data == {"field": "requests"}
    for method in ("ocpp.no_such", "data_transfer.send", "subscribe"):
        unknown = rig.through_the_core(method, {})
        assert isinstance(unknown, RpcError)
        assert unknown.code == jsonrpc.METHOD_NOT_FOUND


# --- variables and keys ---------------------------------------------------------------------------


def read(rig: DoorRig, *wanted: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    requests = [{"component_variable": each, **more} for each in wanted]
    found: list[dict[str, Any]] = rig.peer().result("ocpp.get_variables", {"requests": requests})
    return found


def write(rig: DoorRig, wanted: dict[str, Any], value: str, **more: Any) -> str:
    request = {"component_variable": wanted, "value": value, **more}
    asked = {"requests": [request], "source": "tests"}
    (result,) = rig.peer().result("ocpp.set_variables", asked)
    assert result["component_variable"] == wanted
    status: str = result["status"]
    return status


def test_variables_are_read_in_the_order_of_the_requests(rig: DoorRig) -> None:
    wanted = [
        key("HeartbeatInterval"),
        {
            "component": {"name": "EVSE", "evse": {"id": 2}},
            "variable": {"name": "AvailabilityState"},
        },
        key("HeartbeatInterval", "OCPPCommCtrlr"),
        key("Nope", "OCPPCommCtrlr"),
        key("Nope", "NoCtrlr"),
        key("Nope"),
        key("numberofconnectors", "of no concern"),
    ]
    found = read(rig, *wanted)
    assert [result["component_variable"] for result in found] == wanted
    assert [(result["status"], result.get("value")) for result in found] == [
        ("Accepted", str(rig.engine.station.settings.heartbeat_interval_s)),
        ("Accepted", "Available"),
        ("Accepted", str(rig.engine.station.settings.heartbeat_interval_s)),
        ("UnknownVariable", None),
        ("UnknownComponent", None),
        ("UnknownVariable", None),
        ("Accepted", "2"),
    ]


@pytest.mark.parametrize("attribute", ["Target", "MinSet", "MaxSet"])
def test_attributes_other_than_the_actual_value_are_not_supported(
    rig: DoorRig, attribute: str
) -> None:
    (result,) = read(rig, key("HeartbeatInterval"), attribute_type=attribute)
    assert result["status"] == "NotSupportedAttributeType"
    assert result["attribute_type"] == attribute
    assert "value" not in result
    status = write(rig, key("HeartbeatInterval"), "7", attribute_type=attribute)
    assert status == "NotSupportedAttributeType"
    (result,) = read(rig, key("HeartbeatInterval"), attribute_type="Actual")
    assert (result["status"], result["attribute_type"]) == ("Accepted", "Actual")
    request = {"component_variable": key("HeartbeatInterval"), "value": "8"}
    asked = {"requests": [request | {"attribute_type": "Actual"}, request], "source": "tests"}
    first, second = rig.peer().result("ocpp.set_variables", asked)
    assert (first["attribute_type"], first["status"]) == ("Actual", "Accepted")
    assert "attribute_type" not in second


def test_a_variable_is_set_at_once_and_who_did_it_is_remembered() -> None:
    database = Database(":memory:")
    rig = DoorRig(database=database).start()
    assert write(rig, key("MeterValueSampleInterval"), "17") == "Accepted"
    assert rig.engine.station.settings.sample_interval_s == 17
    assert write(rig, key("MeterValueSampleInterval"), "-1") == "Rejected"
    assert write(rig, key("NumberOfConnectors"), "5") == "Rejected"
    assert write(rig, key("Nope", "NoCtrlr"), "5") == "UnknownComponent"
    assert rig.engine.station.settings.sample_interval_s == 17
    again = DoorRig(database=database).start()
    (source,) = again.peer().result("ocpp.variable_sources")
    assert source["source"] == "tests"
    assert source["component_variable"]["component"]["name"] == "SampledDataCtrlr"
    again.ask("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "18"})
    assert [s["source"] for s in again.peer().result("ocpp.variable_sources")] == ["csms"]
    asked = {"key": "MeterValueSampleInterval", "value": "19"}
    again.peer().result(f"{KEYS}.set_configuration_key", asked)
    assert [s["source"] for s in again.peer().result("ocpp.variable_sources")] == [KEYS]


def test_one_bad_request_of_several_does_not_keep_the_others_from_being_set(rig: DoorRig) -> None:
    requests = [
        {"component_variable": key("HeartbeatInterval"), "value": "0"},
        {"component_variable": key("WebSocketPingInterval"), "value": "9"},
    ]
    found = rig.peer().result("ocpp.set_variables", {"requests": requests, "source": "tests"})
    assert [result["status"] for result in found] == ["Rejected", "Accepted"]
    assert rig.engine.station.settings.ping_interval_s == 9


def test_a_secret_is_written_and_never_told() -> None:
    rig = DoorRig().start()
    rig.engine.model.guards["basic_auth_key"] = lambda _value: WriteStatus.ACCEPTED
    peer = rig.peer()
    found = peer.result(f"{KEYS}.get_configuration_key", {"keys": ["AuthorizationKey"]})
    assert found["configuration_keys"] == [{"key": "AuthorizationKey", "read_only": False}]
    (result,) = read(rig, key("AuthorizationKey"))
    assert result["status"] == "Rejected"
    peer.follow("ocpp.event_data")
    peer.result("ocpp.monitor_variables", {"component_variables": [key("AuthorizationKey")]})
    peer.result(f"{KEYS}.monitor_configuration_keys", {"keys": ["AuthorizationKey"]})
    secret = "0123456789abcdef0123"
    rig.ask("ChangeConfiguration", {"key": "AuthorizationKey", "value": secret})
    write(rig, key("AuthorizationKey"), secret)
    everything = str(peer.lines) + str(rig.core_door.told)
    everything += str(peer.result(f"{KEYS}.get_configuration_key", {"keys": []}))
    assert secret not in everything


def test_configuration_keys_are_read_all_or_by_name(rig: DoorRig) -> None:
    method = f"{KEYS}.get_configuration_key"
    found = rig.peer().result(method, {"keys": ["HeartbeatInterval", "Nope", "numberofconnectors"]})
    assert found["unknown_keys"] == ["Nope"]
    assert [k["key"] for k in found["configuration_keys"]] == [
        "HeartbeatInterval",
        "NumberOfConnectors",
    ]
    assert found["configuration_keys"][1] == {
        "key": "NumberOfConnectors",
        "read_only": True,
        "value": "2",
    }
    everything = rig.peer().result(method, {"keys": []})
    assert msgspec.convert(everything, GetConfigurationResponse).unknown_keys == ()
    named = {k["key"] for k in everything["configuration_keys"]}
    _, told = rig.ask("GetConfiguration", {})
    assert named == {k["key"] for k in told["configurationKey"]}


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("HeartbeatInterval", "33", "Accepted"),
        ("HeartbeatInterval", "soon", "Rejected"),
        ("NumberOfConnectors", "3", "Rejected"),
        ("Nope", "3", "NotSupported"),
    ],
)
def test_a_configuration_key_is_set(rig: DoorRig, name: str, value: str, status: str) -> None:
    method = f"{KEYS}.set_configuration_key"
    assert rig.peer().result(method, {"key": name, "value": value}) == status
    assert (rig.engine.station.settings.heartbeat_interval_s == 33) is (status == "Accepted")


# --- monitors -------------------------------------------------------------------------------------


def change(rig: DoorRig, name: str, value: str) -> None:
    _, said = rig.ask("ChangeConfiguration", {"key": name, "value": value})
    assert said == {"status": "Accepted"}


def test_only_monitored_keys_that_the_back_office_changed_are_told(rig: DoorRig) -> None:
    peer = rig.peer()
    peer.follow(f"{KEYS}.configuration_key")
    peer.result(f"{KEYS}.monitor_configuration_keys", {"keys": ["HeartbeatInterval"]})
    change(rig, "WebSocketPingInterval", "11")
    assert peer.told(f"{KEYS}.configuration_key") == []
    change(rig, "HeartbeatInterval", "44")
    told = {"key": "HeartbeatInterval", "read_only": False, "value": "44"}
    assert peer.told(f"{KEYS}.configuration_key") == [told]
    assert rig.core_door.values(f"{KEYS}.configuration_key") == [told]
    peer.result(f"{KEYS}.set_configuration_key", {"key": "HeartbeatInterval", "value": "45"})
    request = {"component_variable": key("HeartbeatInterval"), "value": "46"}
    peer.result("ocpp.set_variables", {"requests": [request], "source": "csms"})
    assert len(peer.told(f"{KEYS}.configuration_key")) == 1, "the door itself set it"
    change(rig, "HeartbeatInterval", "47")
    assert [told["value"] for told in peer.told(f"{KEYS}.configuration_key")] == ["44", "47"]


def test_monitors_are_added_to_those_there_are_and_outlive_the_process() -> None:
    database = Database(":memory:")
    rig = DoorRig(database=database).start()
    for name in ("HeartbeatInterval", "WebSocketPingInterval"):
        rig.peer().result("ocpp.monitor_variables", {"component_variables": [key(name)]})
        rig.peer().result(f"{KEYS}.monitor_configuration_keys", {"keys": [name]})
    again = DoorRig(database=database).start()
    peer = again.peer()
    peer.follow("ocpp.event_data")
    peer.follow(f"{KEYS}.configuration_key")
    change(again, "HeartbeatInterval", "44")
    change(again, "WebSocketPingInterval", "11")
    first, second = peer.told("ocpp.event_data")
    assert first["component_variable"]["variable"] == {"name": "HeartbeatInterval"}
    assert (first["actual_value"], second["actual_value"]) == ("44", "11")
    assert (first["event_id"], second["event_id"]) == (1, 2)
    assert [told["value"] for told in peer.told(f"{KEYS}.configuration_key")] == ["44", "11"]
    assert set(first) == {
        "component_variable",
        "event_id",
        "timestamp",
        "trigger",
        "actual_value",
        "event_notification_type",
    }, "on 1.6 there is no more than the required fields"


def test_a_list_with_an_unknown_variable_monitors_none_of_it(rig: DoorRig) -> None:
    peer = rig.peer()
    peer.follow("ocpp.event_data")
    both = {"component_variables": [key("HeartbeatInterval"), key("Nope")]}
    assert peer.error("ocpp.monitor_variables", both)[2] == "component_variables[1]"
    change(rig, "HeartbeatInterval", "44")
    assert peer.told("ocpp.event_data") == []


# --- commands -------------------------------------------------------------------------------------


@pytest.mark.parametrize("namespace", AT_THE_CORE)
def test_stop_and_restart_tell_whether_there_was_anything_to_do(
    rig: DoorRig, namespace: str
) -> None:
    peer = rig.peer()
    said = [
        peer.result(f"{namespace}.{act}")
        for act in ("restart", "stop", "stop", "restart", "restart")
    ]
    assert said == [False, True, False, True, False]


def availability(rig: DoorRig, status: str, **evse: Any) -> dict[str, Any]:
    request = {"operational_status": status, **evse}
    found: dict[str, Any] = rig.peer().result("ocpp.change_availability", {"request": request})
    return found


def test_availability_is_changed_as_if_the_back_office_had_asked(rig: DoorRig) -> None:
    assert availability(rig, "Inoperative", evse={"id": 2, "connector_id": 1}) == {
        "status": "Accepted"
    }
    (asked,) = rig.core.called("disable")
    assert asked["evse"] == 2
    assert availability(rig, "Inoperative") == {"status": "Accepted"}
    assert {asked["evse"] for asked in rig.core.called("disable")} == {1, 2}
    assert availability(rig, "Inoperative", evse={"id": 3})["status_info"] == {
        "reason_code": "UnknownEvse"
    }
    assert availability(rig, "Inoperative", evse={"id": 1, "connector_id": 2})["status_info"] == {
        "reason_code": "UnknownConnectorId"
    }


def test_availability_waits_for_a_transaction_and_for_the_core(rig: DoorRig) -> None:
    rig.plug_in()
    rig.start_transaction()
    assert availability(rig, "Inoperative", evse={"id": 1}) == {"status": "Scheduled"}
    rig.core.replies["evse_manager.disable"] = None
    peer = rig.peer()
    request = {"operational_status": "Inoperative", "evse": {"id": 2}}
    assert peer.call("ocpp.change_availability", {"request": request}) is None
    rig.core.pending.pop()(CoreReply(result=True))
    assert peer.lines[-1]["result"] == {"status": "Accepted"}


def security_notes(rig: DoorRig) -> list[dict[str, Any]]:
    frames = [msgspec.json.decode(frame) for frame in rig.sent]
    return [f[3] for f in frames if f[0] == 2 and f[2] == "SecurityEventNotification"]


def test_a_critical_security_event_goes_to_the_back_office_and_others_do_not(
    rig: DoorRig,
) -> None:
    """Page ocpp, security_event: `critical` is the caller's, else the type's, to say."""
    peer = rig.peer()
    peer.follow("ocpp.security_event")
    before = len(security_notes(rig))
    for event in (
        {"type": "TamperDetectionActivated", "info": "the lid is open"},
        {"type": "TamperDetectionActivated", "info": "again", "critical": False},
        {"type": "MaintenanceLoginFailed"},
        {"type": "ParrotInTheCabinet", "critical": True, "timestamp": "2025-12-31T23:00:00Z"},
    ):
        assert peer.result("ocpp.security_event", {"event": event}) is None
        rig.flush()
    told = security_notes(rig)[before:]
    assert [(e["type"], e.get("techInfo")) for e in told] == [
        ("TamperDetectionActivated", "the lid is open"),
        ("ParrotInTheCabinet", None),
    ]
    assert told[1]["timestamp"] == "2025-12-31T23:00:00Z"
    assert len(peer.told("ocpp.security_event")) == 4
    assert len(rig.core_door.values(f"{KEYS}.security_event")) >= 4


def test_a_security_event_of_the_1_6_page_is_told_whatever_it_is(rig: DoorRig) -> None:
    before = len(security_notes(rig))
    params = {"type": "MaintenanceLoginFailed", "info": "wrong PIN"}
    assert rig.peer().result(f"{KEYS}.security_event", params) is None
    rig.flush()
    (told,) = security_notes(rig)[before:]
    assert (told["type"], told["techInfo"]) == ("MaintenanceLoginFailed", "wrong PIN")


# --- what is told ---------------------------------------------------------------------------------


def test_a_transaction_is_told_from_start_to_end_and_with_each_answer(rig: DoorRig) -> None:
    peer = rig.peer()
    peer.follow("ocpp.ocpp_transaction_event")
    peer.follow("ocpp.ocpp_transaction_event_response")
    rig.plug_in()
    rig.start_transaction()
    rig.stop_transaction()
    rig.plug_out()
    (id_,) = (str(number) for number in rig.brain.bill)
    whose = {"session_id": "s-1", "evse": {"id": 1}}
    started = {"transaction_event": "Started", **whose}
    updated = {"transaction_event": "Updated", **whose, "transaction_id": id_}
    ended = {"transaction_event": "Ended", **whose, "transaction_id": id_}
    assert peer.told("ocpp.ocpp_transaction_event") == [started, updated, ended]
    answers = peer.told("ocpp.ocpp_transaction_event_response")
    first, last = answers[0], answers[-1]
    assert first["original_transaction_event"] == started | {"transaction_id": id_}
    assert last["original_transaction_event"] == ended
    assert rig.core_door.values("ocpp.ocpp_transaction_event") == [started, updated, ended]


def test_a_transaction_that_nobody_was_told_of_yet_has_no_id(rig: DoorRig) -> None:
    rig.disconnect()
    peer = rig.peer()
    peer.follow("ocpp.ocpp_transaction_event")
    rig.plug_in()
    rig.start_transaction()
    rig.stop_transaction()
    told = peer.told("ocpp.ocpp_transaction_event")
    assert [event["transaction_event"] for event in told] == ["Started", "Ended"]
    assert all("transaction_id" not in event for event in told)
    rig.connect()
    assert peer.told("ocpp.ocpp_transaction_event")[-1]["transaction_event"] == "Updated"


def test_in_2_0_1_a_transaction_has_the_id_that_the_station_gave_it() -> None:
    clock = VirtualClock()
    rig = DoorRig(versions=("2.0.1",), clock=clock, brain=Brain201(clock)).start()
    rig.session()
    told = rig.core_door.values("ocpp.ocpp_transaction_event")
    assert [event["transaction_event"] for event in told] == ["Started", "Updated", "Ended"]
    assert [event.get("transaction_id") for event in told] == [None, "s-1", "s-1"]
    answers = rig.core_door.values("ocpp.ocpp_transaction_event_response")
    kinds = [answer["original_transaction_event"]["transaction_event"] for answer in answers]
    assert (kinds[0], kinds[-1]) == ("Started", "Ended")
    assert set(kinds[1:-1]) == {"Updated"}


def test_each_answer_to_a_boot_is_told(rig: DoorRig) -> None:
    (told,) = rig.core_door.values("ocpp.boot_notification_response")
    assert told["status"] == "Accepted"
    assert told["interval"] > 0
    assert told["current_time"].endswith("Z")
    assert rig.peer().result("get", {"variable": "ocpp.boot_notification_response"}) == told


def test_the_schedules_of_all_connectors_are_told_when_they_change(rig: DoorRig) -> None:
    """Page ocpp, charging_schedules: the whole station first, then each EVSE."""
    rig.run(1)
    peer = rig.peer()
    before = peer.follow("ocpp.charging_schedules")
    assert [schedule["evse"] for schedule in before["schedules"]] == [0, 1, 2]
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "startSchedule": "2026-01-01T00:00:00Z",
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 9.0}],
        },
    }
    asked = {"connectorId": 2, "csChargingProfiles": profile}
    assert rig.ask("SetChargingProfile", asked)[1] == {"status": "Accepted"}
    rig.run(1)
    (now,) = peer.told("ocpp.charging_schedules")
    limits = [s["charging_schedule_period"][0]["limit"] for s in now["schedules"]]
    assert limits[2] == 9.0
    assert limits[1] > 9.0
    assert rig.core_door.values("ocpp.charging_schedules")[-1] == now


def test_the_connection_is_told_under_both_names(rig: DoorRig) -> None:
    peer = rig.peer()
    rig.door.connection_changed(True)
    for namespace in AT_THE_CORE:
        assert peer.result("get", {"variable": f"{namespace}.is_connected"}) is True
        assert rig.core_door.values(f"{namespace}.is_connected") == [True]


def test_a_core_that_comes_back_is_told_what_stands_and_no_old_news(rig: DoorRig) -> None:
    rig.plug_in()
    rig.start_transaction()
    rig.run(1)
    stands = {variable for variable, _, stands in rig.core_door.told if stands}
    news = {variable for variable, _, stands in rig.core_door.told if not stands}
    assert stands == {"ocpp.charging_schedules", "ocpp.boot_notification_response"}
    assert "ocpp.ocpp_transaction_event" in news
    assert not STANDING & news


def test_what_is_told_reads_as_its_type(rig: DoorRig) -> None:
    """Whatever the link publishes, the core's door takes."""
    rig.peer().result("ocpp.monitor_variables", {"component_variables": [key("HeartbeatInterval")]})
    change(rig, "HeartbeatInterval", "44")
    rig.session()
    rig.run(1)
    rig.peer().result("ocpp.security_event", {"event": {"type": "ResetOrReboot"}})
    told = {variable for variable, _, _ in rig.core_door.told}
    assert told >= {f"ocpp.{v.name}" for v in OCPP.variables} - {"ocpp.is_connected"}
    for variable, value, _ in rig.core_door.told:
        assert json_of(msgspec.convert(value, VARIABLES[variable])) == value


# --- vendors --------------------------------------------------------------------------------------

VENDOR = {"vendorId": "com.example.lamp", "messageId": "Glow", "data": '{"colour": "red"}'}


def test_a_vendor_that_a_peer_has_claimed_is_asked_and_its_answer_goes_back(rig: DoorRig) -> None:
    """OCPP 1.6 §4.3: UnknownVendorId where nobody has it; else what its server says."""
    assert rig.ask("DataTransfer", VENDOR)[1] == {"status": "UnknownVendorId"}
    peer = rig.peer(Role.PROVIDER)
    assert peer.result("data_transfer.claim", {"vendor_id": "com.example.Lamp"}) is True
    rig.engine.on_frame(rig.csms.call("DataTransfer", VENDOR))
    (request,) = peer.asked("data_transfer.data_transfer")
    assert request["params"]["request"] == {
        "vendor_id": "com.example.lamp",
        "message_id": "Glow",
        "data": '{"colour": "red"}',
    }
    peer.reply(request, {"status": "Accepted", "data": "glows"})
    rig.flush()
    assert rig.csms.replies[-1][1] == {"status": "Accepted", "data": "glows"}


def test_a_vendor_that_does_not_answer_is_answered_for(rig: DoorRig) -> None:
    peer = rig.peer(Role.PROVIDER)
    peer.result("data_transfer.claim", {"vendor_id": "com.example.lamp"})
    rig.engine.on_frame(rig.csms.call("DataTransfer", VENDOR))
    rig.run(16)
    assert rig.csms.replies[-1][1] == {"status": "Rejected"}
    (request,) = peer.asked("data_transfer.data_transfer")
    peer.reply(request, {"status": "Accepted"})
    rig.flush()
    assert [status for status, _ in rig.csms.replies].count("result") == len(rig.csms.replies)


def test_a_vendor_has_one_server_and_none_once_that_has_left(rig: DoorRig) -> None:
    peer = rig.peer(Role.PROVIDER)
    peer.result("data_transfer.claim", {"vendor_id": "com.example.lamp"})
    second = rig.peer(Role.PROVIDER).error("data_transfer.claim", {"vendor_id": "COM.example.lamp"})
    assert (second[0], second[2]) == (jsonrpc.NOT_ALLOWED, "vendor_id")
    rig.engine.on_frame(rig.csms.call("DataTransfer", VENDOR))
    rig.door.hub.disconnect(peer.connection)
    rig.flush()
    assert rig.csms.replies[-1][1] == {"status": "Rejected"}
    assert rig.ask("DataTransfer", VENDOR)[1] == {"status": "UnknownVendorId"}


def test_a_vendor_that_is_flooded_holds_nothing_without_end(rig: DoorRig) -> None:
    """Each message is answered, however late; nobody has to."""
    peer = rig.peer(Role.PROVIDER)
    peer.result("data_transfer.claim", {"vendor_id": "com.example.lamp"})
    for _ in range(600):
        rig.engine.on_frame(rig.csms.call("DataTransfer", VENDOR))
    assert len(peer.connection.forwarded) <= MAX_FORWARDED
    rig.run(30)
    assert len(rig.csms.replies) == 600
    assert peer.result("hello")["role"] == "provider"


def test_a_peer_claims_no_more_vendors_than_anybody_has(rig: DoorRig) -> None:
    peer = rig.peer(Role.PROVIDER)
    for number in range(MAX_CLAIMS):
        peer.result("data_transfer.claim", {"vendor_id": f"com.example.{number}"})
    assert peer.error("data_transfer.claim", {"vendor_id": "one.more"})[0] == jsonrpc.NOT_ALLOWED


@pytest.mark.parametrize("answer", [None, 7, {"status": "Perhaps"}, {"status": "Offline"}, {}])
def test_an_answer_that_is_none_is_a_rejection(rig: DoorRig, answer: Any) -> None:
    peer = rig.peer(Role.PROVIDER)
    peer.result("data_transfer.claim", {"vendor_id": "com.example.lamp"})
    rig.engine.on_frame(rig.csms.call("DataTransfer", VENDOR))
    peer.reply(peer.asked("data_transfer.data_transfer")[0], answer)
    rig.flush()
    assert rig.csms.replies[-1][1] == {"status": "Rejected"}


def test_a_message_goes_to_the_back_office_while_that_is_there(rig: DoorRig) -> None:
    request = {"request": {"vendor_id": "com.example.lamp", "message_id": "Glows", "data": "red"}}
    peer = rig.peer(Role.PROVIDER)
    assert peer.call("data_transfer.send", request) is None
    rig.flush()
    sent = msgspec.json.decode(rig.sent[-1])
    assert sent[2:] == [
        "DataTransfer",
        {"vendorId": "com.example.lamp", "messageId": "Glows", "data": "red"},
    ]
    assert peer.lines[-1]["result"]["status"] in ("Accepted", "UnknownVendorId")
    rig.disconnect()
    assert peer.result("data_transfer.send", request) == {"status": "Offline"}


def test_a_message_that_fails_is_told_as_that(rig: DoorRig) -> None:
    request = {"request": {"vendor_id": "com.example.lamp"}}
    peer = rig.peer(Role.PROVIDER)
    rig.brain.misbehave("DataTransfer", Misbehaviour.CALLERROR, Misbehaviour.DROP)
    assert peer.call("data_transfer.send", request) is None
    rig.flush()
    assert peer.lines[-1]["result"] == {"status": "Rejected"}
    assert peer.call("data_transfer.send", request) is None
    rig.flush()
    assert peer.lines[-1]["error"]["code"] == jsonrpc.NOT_AVAILABLE


# --- nobody can hurt it ---------------------------------------------------------------------------


@functools.cache
def _any_rig() -> DoorRig:
    return DoorRig().start()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(st.sampled_from(sorted(set(TABLE) - {"ocpp.stop"})), _JSON)
def test_any_params_are_answered_once(method: str, params: Any) -> None:
    peer = _any_rig().peer()
    answer = peer.call(method, params)
    assert answer is not None or method == "data_transfer.send"
    peer.hub.disconnect(peer.connection)
