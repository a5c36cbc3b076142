# ruff: noqa: N802 - a case is named by its published id
"""Block B: boot, variables, reports."""

from __future__ import annotations

from typing import Any

import pytest
from conformance_v201 import HEARTBEAT_S, TAG, Bench201, token, variable

RETRY_S = 60
THRESHOLD = "OCPPCommCtrlr_OfflineThreshold"
OFFLINE = "AuthCtrlr_LocalAuthorizeOffline"
ACTUAL = {"attributeType": "Actual"}


def told_to_wait(bench: Bench201, status: str) -> None:
    bench.csms.script(
        "BootNotification",
        {"status": status, "interval": RETRY_S},
        {"status": "Accepted", "interval": HEARTBEAT_S},
    )
    bench.power_cycle()


def read(bench: Bench201, name: str, **more: Any) -> dict[str, Any]:
    return bench.get({**variable(name), **more})


def no_complaint(result: dict[str, Any]) -> bool:
    return result.get("attributeStatusInfo", {}).get("reasonCode", "NoError") == "NoError"


def test_TC_B_01_CS(bench: Bench201) -> None:
    """Cold boot, accepted."""
    bench.power_cycle()
    bench.reported(bench.boot(reason="PowerUp"))


def test_TC_B_02_CS(bench: Bench201) -> None:
    """Cold boot, held Pending: configured and read meanwhile, accepted on a trigger."""
    told_to_wait(bench, "Pending")
    first = bench.boot()
    bench.configure(**{THRESHOLD: 300})
    assert bench.value(THRESHOLD) == "300"
    bench.accepted("GetBaseReport", requestId=1, reportBase="FullInventory")
    assert bench.report(1)
    start = {"idToken": token(TAG), "remoteStartId": 1, "evseId": 1}
    bench.answered("Rejected", "RequestStartTransaction", **start)
    bench.accepted("TriggerMessage", requestedMessage="BootNotification")
    second = bench.boot(reason="Triggered")
    assert second.at_ms - first.at_ms < RETRY_S * 1000
    bench.reported(second)


def test_TC_B_03_CS(bench: Bench201) -> None:
    """Cold boot, rejected: silent until the interval is over."""
    told_to_wait(bench, "Rejected")
    first = bench.boot()
    second = bench.boot(within_s=RETRY_S + 10)
    assert second.order == first.order + 1, "something was sent while rejected"
    assert second.at_ms - first.at_ms >= RETRY_S * 1000
    bench.reported(second)


def test_TC_B_30_CS(bench: Bench201) -> None:
    """Rejected: a CALL gets a SecurityError."""
    told_to_wait(bench, "Rejected")
    bench.boot()
    reply = bench.ask("GetBaseReport", requestId=1, reportBase="FullInventory")
    assert reply.error == "SecurityError"
    bench.reported(bench.boot(within_s=RETRY_S + 10))


def test_TC_B_06_CS(bench: Bench201) -> None:
    """Get a single value."""
    bench.configure(**{THRESHOLD: 300})
    result = read(bench, THRESHOLD, **ACTUAL)
    assert result == {
        **variable(THRESHOLD),
        **ACTUAL,
        "attributeStatus": "Accepted",
        "attributeValue": "300",
    }


def test_TC_B_07_CS(bench: Bench201) -> None:
    """Get several values."""
    bench.configure(**{THRESHOLD: 300, OFFLINE: True})
    asked = [{**variable(name), **ACTUAL} for name in (THRESHOLD, OFFLINE)]
    results = bench.call("GetVariables", getVariableData=asked)["getVariableResult"]
    assert [result["attributeValue"] for result in results] == ["300", "true"]
    assert all(result["attributeStatus"] == "Accepted" for result in results)
    assert all(result["attributeType"] == "Actual" for result in results)


def test_TC_B_09_CS(bench: Bench201) -> None:
    """Set a single value."""
    result = bench.set_({**variable(THRESHOLD), **ACTUAL}, 300)
    assert result == {**variable(THRESHOLD), **ACTUAL, "attributeStatus": "Accepted"}


def test_TC_B_10_CS(bench: Bench201) -> None:
    """Set several values."""
    values = {THRESHOLD: "300", OFFLINE: "true"}
    asked = [
        {**variable(name), **ACTUAL, "attributeValue": value} for name, value in values.items()
    ]
    results = bench.call("SetVariables", setVariableData=asked)["setVariableResult"]
    assert [result["variable"]["name"] for result in results] == [
        "OfflineThreshold",
        "LocalAuthorizeOffline",
    ]
    assert all(result["attributeStatus"] == "Accepted" for result in results)
    assert all(result["attributeType"] == "Actual" for result in results)


VALUES = ("300", "300.1", "true", "2030-01-01T00:00:00Z", "abc")


@pytest.mark.parametrize(
    ("name", "good"),
    [
        (THRESHOLD, {"300"}),
        ("AuthCtrlr_AuthorizeRemoteStart", {"true"}),
        ("ClockCtrlr_NextTimeOffsetTransitionDateTime", {"2030-01-01T00:00:00Z"}),
    ],
)
def test_TC_B_11_CS(bench: Bench201, name: str, good: set[str]) -> None:
    """Set values of the wrong type."""
    for value in VALUES:
        result = bench.set_(variable(name), value)
        wanted = "Accepted" if value in good else "Rejected"
        assert (value, result["attributeStatus"]) == (value, wanted)
        assert result["attributeType"] == "Actual"
        reason = result.get("attributeStatusInfo", {"reasonCode": "InvalidValue"})["reasonCode"]
        assert reason == "InvalidValue" or no_complaint(result)


REQUIRED = {
    # Part 2, "Referenced Components and Variables": those that are required of every station, and
    # of those with the functional blocks that this one has.
    "OCPPCommCtrlr_MessageTimeout_Default",
    "OCPPCommCtrlr_FileTransferProtocols",
    "DeviceDataCtrlr_ItemsPerMessage_GetReport",
    "DeviceDataCtrlr_ItemsPerMessage_GetVariables",
    "DeviceDataCtrlr_ItemsPerMessage_SetVariables",
    "DeviceDataCtrlr_BytesPerMessage_GetReport",
    "DeviceDataCtrlr_BytesPerMessage_GetVariables",
    "DeviceDataCtrlr_BytesPerMessage_SetVariables",
    "ClockCtrlr_DateTime",
    "SecurityCtrlr_CertificateEntries",
    "SecurityCtrlr_SecurityProfile",
    "LocalAuthListCtrlr_Entries",
    "LocalAuthListCtrlr_ItemsPerMessage",
    "LocalAuthListCtrlr_BytesPerMessage",
    "TxCtrlr_TxStartPoint",
    "TxCtrlr_TxStopPoint",
    "ChargingStation_Available",
    "ChargingStation_AvailabilityState",
    "ChargingStation_SupplyPhases",
    "EVSE_Available",
    "EVSE_AvailabilityState",
    "EVSE_SupplyPhases",
    "EVSE_Power",
    "Connector_Available",
    "Connector_AvailabilityState",
    "Connector_ConnectorType",
    "Connector_SupplyPhases",
}
REQUIRED_WRITABLE = {
    "OCPPCommCtrlr_NetworkConfigurationPriority",
    "OCPPCommCtrlr_NetworkProfileConnectionAttempts",
    "OCPPCommCtrlr_OfflineThreshold",
    "OCPPCommCtrlr_MessageAttempts_TransactionEvent",
    "OCPPCommCtrlr_MessageAttemptInterval_TransactionEvent",
    "OCPPCommCtrlr_UnlockOnEVSideDisconnect",
    "OCPPCommCtrlr_ResetRetries",
    "OCPPCommCtrlr_RetryBackOffRepeatTimes",
    "OCPPCommCtrlr_RetryBackOffRandomRange",
    "OCPPCommCtrlr_RetryBackOffWaitMinimum",
    "OCPPCommCtrlr_WebSocketPingInterval",
    "ClockCtrlr_TimeSource",
    "SecurityCtrlr_OrganizationName",
    "AuthCtrlr_AuthorizeRemoteStart",
    "AuthCtrlr_LocalAuthorizeOffline",
    "AuthCtrlr_LocalPreAuthorize",
    "TxCtrlr_EVConnectionTimeOut",
    "TxCtrlr_StopTxOnEVSideDisconnect",
    "TxCtrlr_StopTxOnInvalidId",
    "SampledDataCtrlr_TxStartedMeasurands",
    "SampledDataCtrlr_TxUpdatedMeasurands",
    "SampledDataCtrlr_TxUpdatedInterval",
    "SampledDataCtrlr_TxEndedMeasurands",
    "SampledDataCtrlr_TxEndedInterval",
    "AlignedDataCtrlr_Measurands",
    "AlignedDataCtrlr_Interval",
    "AlignedDataCtrlr_TxEndedMeasurands",
    "AlignedDataCtrlr_TxEndedInterval",
}
CHOICES = ("OptionList", "SequenceList", "MemberList")


def name_of(entry: dict[str, Any]) -> str:
    parts = entry["component"]["name"], entry["variable"]["name"]
    instance = entry["variable"].get("instance")
    return "_".join((*parts, instance) if instance else parts)


def inventory(bench: Bench201, base: str) -> list[dict[str, Any]]:
    answer = bench.accepted("GetBaseReport", requestId=9, reportBase=base)
    assert answer.get("statusInfo", {}).get("reasonCode", "NoError") == "NoError"
    told = bench.report(9)
    for entry in told:
        shown = entry["variableCharacteristics"]
        assert shown["dataType"] not in CHOICES or shown["valuesList"], entry
    return told


def mutabilities(told: list[dict[str, Any]]) -> set[str]:
    return {each.get("mutability") for entry in told for each in entry["variableAttribute"]}


def test_TC_B_12_CS(bench: Bench201) -> None:
    """ConfigurationInventory."""
    told = inventory(bench, "ConfigurationInventory")
    assert mutabilities(told) <= {"ReadWrite", "WriteOnly"}
    assert REQUIRED_WRITABLE - {name_of(entry) for entry in told} == set()


def test_TC_B_13_CS(bench: Bench201) -> None:
    """FullInventory."""
    told = inventory(bench, "FullInventory")
    assert (REQUIRED | REQUIRED_WRITABLE) - {name_of(entry) for entry in told} == set()
    places = [str((entry["component"], entry["variable"])) for entry in told]
    assert len(places) == len(set(places))


def test_TC_B_14_CS(bench: Bench201) -> None:
    """SummaryInventory."""
    told = inventory(bench, "SummaryInventory")
    states = {
        (entry["component"]["name"], entry["component"].get("evse", {}).get("id", 0))
        for entry in told
        if entry["variable"]["name"] == "AvailabilityState"
    }
    assert states >= {("ChargingStation", 0)} | {("EVSE", evse) for evse in bench.evses}


def test_TC_B_53_CS(bench: Bench201) -> None:
    """FullInventory: what is required is there, and values are among those that are listed."""
    for entry in inventory(bench, "FullInventory"):
        shown = entry["variableCharacteristics"]
        for attribute in entry["variableAttribute"]:
            value = attribute.get("value", "")
            assert attribute.get("mutability") != "WriteOnly" or "value" not in attribute
            if shown["dataType"] in CHOICES and value:
                assert set(value.split(",")) <= set(shown["valuesList"].split(",")), entry


def asked(bench: Bench201, request_id: int, **criteria: Any) -> list[dict[str, Any]]:
    bench.accepted("GetReport", requestId=request_id, **criteria)
    return bench.report(request_id)


def test_TC_B_16_CS(bench: Bench201) -> None:
    """A report by criterion."""
    told = asked(bench, 3, componentCriteria=["Enabled"])
    for entry in told:
        assert entry["variable"]["name"] == "Enabled"
        assert entry["variableAttribute"][0]["value"] == "true"
        named = {"component": entry["component"], "variable": entry["variable"]}
        assert bench.get(named)["attributeValue"] == "true"
    every = inventory(bench, "FullInventory")
    enabled = [
        entry
        for entry in every
        if entry["variable"]["name"] == "Enabled"
        and entry["variableAttribute"][0]["value"] == "true"
    ]
    assert [name_of(entry) for entry in told] == [name_of(entry) for entry in enabled]


STATES = "Available,Occupied,Reserved,Unavailable,Faulted"


def availability_of_evse_1(told: list[dict[str, Any]]) -> None:
    (entry,) = told
    assert entry["component"] == {"name": "EVSE", "evse": {"id": 1}}
    assert entry["variable"] == {"name": "AvailabilityState"}
    assert entry["variableCharacteristics"]["dataType"] == "OptionList"
    assert entry["variableCharacteristics"]["valuesList"] == STATES
    (attribute,) = entry["variableAttribute"]
    assert (attribute["mutability"], attribute["type"]) == ("ReadOnly", "Actual")


EVSE_1_STATE = {
    "component": {"name": "EVSE", "evse": {"id": 1}},
    "variable": {"name": "AvailabilityState"},
}


def test_TC_B_17_CS(bench: Bench201) -> None:
    """A report of one variable."""
    availability_of_evse_1(asked(bench, 4, componentVariable=[EVSE_1_STATE]))


def test_TC_B_18_CS(bench: Bench201) -> None:
    """A report of one variable, by criterion; and one that is empty."""
    told = asked(bench, 5, componentCriteria=["Available"], componentVariable=[EVSE_1_STATE])
    availability_of_evse_1(told)
    empty = {"componentCriteria": ["Problem"], "componentVariable": [EVSE_1_STATE]}
    bench.answered("EmptyResultSet", "GetReport", requestId=6, **empty)


ITEMS = variable("DeviceDataCtrlr_ItemsPerMessage")


def test_TC_B_54_CS(bench: Bench201) -> None:
    """A report without an instance names all of them."""
    told = asked(bench, 7, componentVariable=[ITEMS])
    instances = {entry["variable"].get("instance") for entry in told}
    assert instances >= {"GetReport", "GetVariables"}
    assert {entry["variable"]["name"] for entry in told} == {"ItemsPerMessage"}


def test_TC_B_55_CS(bench: Bench201) -> None:
    """A report of one instance."""
    (entry,) = asked(
        bench, 8, componentVariable=[variable("DeviceDataCtrlr_ItemsPerMessage_GetReport")]
    )
    assert entry["variable"] == {"name": "ItemsPerMessage", "instance": "GetReport"}


def test_TC_B_56_CS(bench: Bench201) -> None:
    """A report without an EVSE names all of them."""
    told = asked(bench, 9, componentVariable=[variable("EVSE_AvailabilityState")])
    assert [entry["component"]["evse"]["id"] for entry in told] == list(bench.evses)


def unknown(result: dict[str, Any], item: dict[str, Any], status: str) -> None:
    assert result["attributeStatus"] == status
    assert result["component"] == item["component"]
    assert result["variable"] == item["variable"]
    assert result["attributeType"] == item.get("attributeType", "Actual")
    assert "attributeValue" not in result


NO_COMPONENT = variable("UnknownComponent_OfflineThreshold")
NO_VARIABLE = variable("OCPPCommCtrlr_UnknownVariable")
NO_ATTRIBUTE = {**variable(THRESHOLD), "attributeType": "Target"}


def test_TC_B_32_CS(bench: Bench201) -> None:
    """Get: unknown component."""
    unknown(bench.get(NO_COMPONENT), NO_COMPONENT, "UnknownComponent")


def test_TC_B_33_CS(bench: Bench201) -> None:
    """Get: unknown variable."""
    unknown(bench.get(NO_VARIABLE), NO_VARIABLE, "UnknownVariable")


def test_TC_B_34_CS(bench: Bench201) -> None:
    """Get: attribute type that is not there."""
    unknown(bench.get(NO_ATTRIBUTE), NO_ATTRIBUTE, "NotSupportedAttributeType")


def test_TC_B_35_CS(bench: Bench201) -> None:
    """Set: unknown component."""
    unknown(bench.set_(NO_COMPONENT, 300), NO_COMPONENT, "UnknownComponent")


def test_TC_B_36_CS(bench: Bench201) -> None:
    """Set: unknown variable."""
    unknown(bench.set_(NO_VARIABLE, 300), NO_VARIABLE, "UnknownVariable")


def test_TC_B_37_CS(bench: Bench201) -> None:
    """Set: attribute type that is not there."""
    unknown(bench.set_(NO_ATTRIBUTE, 300), NO_ATTRIBUTE, "NotSupportedAttributeType")


def test_TC_B_39_CS(bench: Bench201) -> None:
    """Set: read-only."""
    item = variable("OCPPCommCtrlr_MessageTimeout_Default")
    unknown(bench.set_(item, 300), item, "Rejected")
