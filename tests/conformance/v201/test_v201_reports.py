"""Custom reports, and what every inventory must hold."""

from __future__ import annotations

from typing import Any

from conformance_v201 import Bench201

STATES = "Available,Occupied,Reserved,Unavailable,Faulted"
EVSE_1 = {
    "component": {"name": "EVSE", "evse": {"id": 1}},
    "variable": {"name": "AvailabilityState"},
}
CHOICES = ("OptionList", "SequenceList", "MemberList")


def custom(bench: Bench201, **criteria: Any) -> list[dict[str, Any]]:
    rows = bench.report("GetReport", **criteria)
    assert all(row["variableCharacteristics"] for row in rows)
    return rows


def items(instance: str = "") -> dict[str, Any]:
    named = {"instance": instance} if instance else {}
    return {
        "component": {"name": "DeviceDataCtrlr"},
        "variable": {"name": "ItemsPerMessage", **named},
    }


def test_TC_B_16_CS(bench: Bench201) -> None:
    """Custom report of what meets a criterion."""
    rows = custom(bench, componentCriteria=["Enabled"])
    every = bench.report("GetBaseReport", reportBase="FullInventory")
    enabled = [
        row["component"]
        for row in every
        if row["variable"]["name"] == "Enabled" and row["variableAttribute"][0]["value"] == "true"
    ]
    assert [row["component"] for row in rows] == enabled
    for row in rows:
        assert row["variable"] == {"name": "Enabled"}
        read = bench.variable(row["component"]["name"], "Enabled")
        assert (read["attributeStatus"], read["attributeValue"]) == ("Accepted", "true")


def state_of_evse_1(rows: list[dict[str, Any]]) -> None:
    (row,) = rows
    assert {"component": row["component"], "variable": row["variable"]} == EVSE_1
    shown = row["variableCharacteristics"]
    assert (shown["dataType"], shown["valuesList"]) == ("OptionList", STATES)
    (attribute,) = row["variableAttribute"]
    assert (attribute["type"], attribute["mutability"]) == ("Actual", "ReadOnly")


def test_TC_B_17_CS(bench: Bench201) -> None:
    """Custom report of one variable."""
    state_of_evse_1(custom(bench, componentVariable=[EVSE_1]))


def test_TC_B_18_CS(bench: Bench201) -> None:
    """Custom report of one variable that meets a criterion, and of one that does not."""
    state_of_evse_1(custom(bench, componentCriteria=["Available"], componentVariable=[EVSE_1]))
    empty = {"componentCriteria": ["Problem"], "componentVariable": [EVSE_1]}
    bench.answered("EmptyResultSet", "GetReport", requestId=12, **empty)
    bench.quiet(10)


def test_TC_B_54_CS(bench: Bench201) -> None:
    """Custom report without an instance: all of them."""
    rows = custom(bench, componentVariable=[items()])
    assert {row["variable"]["name"] for row in rows} == {"ItemsPerMessage"}
    assert {"GetReport", "GetVariables"} <= {row["variable"]["instance"] for row in rows}


def test_TC_B_55_CS(bench: Bench201) -> None:
    """Custom report of one instance."""
    (row,) = custom(bench, componentVariable=[items("GetReport")])
    assert row["variable"] == {"name": "ItemsPerMessage", "instance": "GetReport"}


def test_TC_B_56_CS(bench: Bench201) -> None:
    """Custom report without an EVSE: all of them."""
    named = {"component": {"name": "EVSE"}, "variable": {"name": "AvailabilityState"}}
    rows = custom(bench, componentVariable=[named])
    assert [row["component"]["evse"]["id"] for row in rows] == list(bench.evses)


REQUIRED = [
    "OCPPCommCtrlr.MessageTimeout.Default",
    "OCPPCommCtrlr.FileTransferProtocols",
    "OCPPCommCtrlr.NetworkConfigurationPriority",
    "OCPPCommCtrlr.NetworkProfileConnectionAttempts",
    "OCPPCommCtrlr.OfflineThreshold",
    "OCPPCommCtrlr.MessageAttempts.TransactionEvent",
    "OCPPCommCtrlr.MessageAttemptInterval.TransactionEvent",
    "OCPPCommCtrlr.UnlockOnEVSideDisconnect",
    "OCPPCommCtrlr.ResetRetries",
    "OCPPCommCtrlr.RetryBackOffRepeatTimes",
    "OCPPCommCtrlr.RetryBackOffRandomRange",
    "OCPPCommCtrlr.RetryBackOffWaitMinimum",
    "OCPPCommCtrlr.WebSocketPingInterval",
    "DeviceDataCtrlr.ItemsPerMessage.GetReport",
    "DeviceDataCtrlr.BytesPerMessage.GetReport",
    "DeviceDataCtrlr.ItemsPerMessage.GetVariables",
    "DeviceDataCtrlr.BytesPerMessage.GetVariables",
    "DeviceDataCtrlr.ItemsPerMessage.SetVariables",
    "DeviceDataCtrlr.BytesPerMessage.SetVariables",
    "ClockCtrlr.DateTime",
    "ClockCtrlr.TimeSource",
    "SecurityCtrlr.OrganizationName",
    "SecurityCtrlr.CertificateEntries",
    "SecurityCtrlr.SecurityProfile",
    "AuthCtrlr.AuthorizeRemoteStart",
    "AuthCtrlr.LocalAuthorizeOffline",
    "AuthCtrlr.LocalPreAuthorize",
    "LocalAuthListCtrlr.Entries",
    "LocalAuthListCtrlr.ItemsPerMessage",
    "LocalAuthListCtrlr.BytesPerMessage",
    "TxCtrlr.EVConnectionTimeOut",
    "TxCtrlr.StopTxOnEVSideDisconnect",
    "TxCtrlr.StopTxOnInvalidId",
    "TxCtrlr.TxStartPoint",
    "TxCtrlr.TxStopPoint",
    "SampledDataCtrlr.TxStartedMeasurands",
    "SampledDataCtrlr.TxUpdatedMeasurands",
    "SampledDataCtrlr.TxUpdatedInterval",
    "SampledDataCtrlr.TxEndedMeasurands",
    "SampledDataCtrlr.TxEndedInterval",
    "AlignedDataCtrlr.Measurands",
    "AlignedDataCtrlr.Interval",
    "AlignedDataCtrlr.TxEndedMeasurands",
    "AlignedDataCtrlr.TxEndedInterval",
    "ChargingStation.Available",
    "ChargingStation.AvailabilityState",
    "ChargingStation.SupplyPhases",
    "EVSE.Available",
    "EVSE.AvailabilityState",
    "EVSE.SupplyPhases",
    "EVSE.Power",
    "Connector.Available",
    "Connector.AvailabilityState",
    "Connector.SupplyPhases",
    "Connector.ConnectorType",
]
"""Part 2, Referenced Components and Variables: of every station, and of the blocks that this one
has."""


def name_of(row: dict[str, Any]) -> str:
    variable = row["variable"]
    parts = row["component"]["name"], variable["name"], variable.get("instance", "")
    return ".".join(filter(None, parts))


def test_TC_B_53_CS(bench: Bench201) -> None:
    """What is required is there, and no value is one that is not listed."""
    rows = bench.report("GetBaseReport", reportBase="FullInventory")
    assert set(REQUIRED) - {name_of(row) for row in rows} == set()
    for row in rows:
        shown = row["variableCharacteristics"]
        for attribute in row["variableAttribute"]:
            written_only = attribute.get("mutability") == "WriteOnly"
            assert not (written_only and "value" in attribute), row
            if shown["dataType"] in CHOICES and attribute.get("value"):
                listed = shown["valuesList"].split(",")
                assert set(attribute["value"].split(",")) <= set(listed), row
