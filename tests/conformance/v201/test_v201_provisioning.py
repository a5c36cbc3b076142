"""Provisioning: cold boot, variables, reports, reset."""

from __future__ import annotations

from typing import Any

import pytest
from conformance_csms import Received
from conformance_v201 import TAG, Bench201, id_token

RETRY_S = 60
RESTART_S = 120.0
LINK = "OCPPCommCtrlr"


def told_to_wait(bench: Bench201, status: str) -> Received:
    bench.csms.script("BootNotification", {"status": status, "interval": RETRY_S})
    bench.power_cycle()
    return bench.boot()


def test_TC_B_01_CS(bench: Bench201) -> None:
    """Cold boot."""
    bench.power_cycle()
    boot = bench.boot()
    bench.reported(boot)
    bench.of("SecurityEventNotification", {"type": "StartupOfTheDevice"})


def test_TC_B_02_CS(bench: Bench201) -> None:
    """Cold boot, held Pending: variables and reports, no remote start, and a boot on request."""
    told_to_wait(bench, "Pending")
    bench.configure(LINK, "OfflineThreshold", "300")
    assert bench.variable(LINK, "OfflineThreshold")["attributeValue"] == "300"
    assert bench.report("GetBaseReport", reportBase="FullInventory")
    bench.answered(
        "Rejected", "RequestStartTransaction", idToken=id_token(TAG), evseId=1, remoteStartId=1
    )
    bench.accepted("TriggerMessage", requestedMessage="BootNotification")
    boot = bench.expect("BootNotification", reason="Triggered")
    bench.reported(boot)


def test_TC_B_03_CS(bench: Bench201) -> None:
    """Cold boot: rejected at first, and silent until the interval is over."""
    first = told_to_wait(bench, "Rejected")
    second = bench.boot(within_s=RETRY_S + 10)
    assert second.order == first.order + 1, "something was sent while rejected"
    assert second.at_ms - first.at_ms >= RETRY_S * 1000
    bench.reported(second)


def test_TC_B_30_CS(bench: Bench201) -> None:
    """Cold boot: while rejected, a CALL is answered with SecurityError."""
    told_to_wait(bench, "Rejected")
    reply = bench.ask("GetBaseReport", requestId=1, reportBase="FullInventory")
    assert reply.error == "SecurityError"


def test_TC_B_06_CS(bench: Bench201) -> None:
    """Get one variable."""
    bench.configure(LINK, "OfflineThreshold", "300")
    result = bench.variable(LINK, "OfflineThreshold", attributeType="Actual")
    assert result.pop("attributeStatusInfo", {}).get("reasonCode", "NoError") == "NoError"
    assert result == {
        "attributeStatus": "Accepted",
        "attributeType": "Actual",
        "attributeValue": "300",
        "component": {"name": LINK},
        "variable": {"name": "OfflineThreshold"},
    }


def two(**more: str) -> list[dict[str, Any]]:
    """Two variables that every station has."""
    return [
        {"component": {"name": LINK}, "variable": {"name": "OfflineThreshold"}, **more},
        {"component": {"name": "AuthCtrlr"}, "variable": {"name": "AuthorizeRemoteStart"}, **more},
    ]


def test_TC_B_07_CS(bench: Bench201) -> None:
    """Get several variables."""
    bench.configure(LINK, "OfflineThreshold", "300")
    bench.configure("AuthCtrlr", "AuthorizeRemoteStart", "true")
    results = bench.call("GetVariables", getVariableData=two())["getVariableResult"]
    assert [row["attributeStatus"] for row in results] == ["Accepted", "Accepted"]
    told = {row["variable"]["name"]: row["attributeValue"] for row in results}
    assert told == {"OfflineThreshold": "300", "AuthorizeRemoteStart": "true"}


def test_TC_B_32_CS(bench: Bench201) -> None:
    """Get a variable of an unknown component."""
    result = bench.variable("UnknownComponent", "OfflineThreshold")
    assert result["attributeStatus"] == "UnknownComponent"
    assert result["component"] == {"name": "UnknownComponent"}


def test_TC_B_33_CS(bench: Bench201) -> None:
    """Get an unknown variable."""
    result = bench.variable(LINK, "UnknownVariable")
    assert result["attributeStatus"] == "UnknownVariable"
    assert result["variable"] == {"name": "UnknownVariable"}


def test_TC_B_34_CS(bench: Bench201) -> None:
    """Get an attribute that the variable does not have."""
    result = bench.variable(LINK, "OfflineThreshold", attributeType="Target")
    assert result["attributeStatus"] == "NotSupportedAttributeType"
    assert result["attributeType"] == "Target"


def test_TC_B_09_CS(bench: Bench201) -> None:
    """Set one variable."""
    bench.configure(LINK, "OfflineThreshold", "222")
    assert bench.variable(LINK, "OfflineThreshold")["attributeValue"] == "222"


def test_TC_B_10_CS(bench: Bench201) -> None:
    """Set several variables."""
    wanted = two()
    for row, value in zip(wanted, ("222", "false"), strict=True):
        row["attributeValue"] = value
    results = bench.call("SetVariables", setVariableData=wanted)["setVariableResult"]
    assert [row["attributeStatus"] for row in results] == ["Accepted", "Accepted"]
    assert bench.variable(LINK, "OfflineThreshold")["attributeValue"] == "222"
    assert bench.variable("AuthCtrlr", "AuthorizeRemoteStart")["attributeValue"] == "false"


def test_TC_B_35_CS(bench: Bench201) -> None:
    """Set a variable of an unknown component."""
    result = bench.write("UnknownComponent", "OfflineThreshold", "300")
    assert result["attributeStatus"] == "UnknownComponent"


def test_TC_B_36_CS(bench: Bench201) -> None:
    """Set an unknown variable."""
    assert bench.write(LINK, "UnknownVariable", "300")["attributeStatus"] == "UnknownVariable"


def test_TC_B_37_CS(bench: Bench201) -> None:
    """Set an attribute that the variable does not have."""
    result = bench.write(LINK, "OfflineThreshold", "300", attributeType="Target")
    assert result["attributeStatus"] == "NotSupportedAttributeType"
    assert result["attributeType"] == "Target"


@pytest.mark.parametrize("value", ["300", "300.1", "true", "2026-01-01T00:00:00Z", "abc"])
def test_TC_B_11_CS(bench: Bench201, value: str) -> None:
    """Set variables to what their type does not have."""
    for component, name, good in (
        (LINK, "OfflineThreshold", "300"),
        ("AuthCtrlr", "AuthorizeRemoteStart", "true"),
    ):
        before = bench.variable(component, name)["attributeValue"]
        status = bench.write(component, name, value)["attributeStatus"]
        assert status == ("Accepted" if value == good else "Rejected")
        after = bench.variable(component, name)["attributeValue"]
        assert after == (value if value == good else before)


def test_TC_B_39_CS(bench: Bench201) -> None:
    """Set a variable that can only be read."""
    wanted = {
        "component": {"name": LINK},
        "variable": {"name": "MessageTimeout", "instance": "Default"},
        "attributeValue": "10",
    }
    (result,) = bench.call("SetVariables", setVariableData=[wanted])["setVariableResult"]
    assert result["attributeStatus"] == "Rejected"
    assert result["variable"] == {"name": "MessageTimeout", "instance": "Default"}


def judged(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        characteristics = row["variableCharacteristics"]
        if characteristics["dataType"] in ("OptionList", "SequenceList", "MemberList"):
            assert characteristics["valuesList"], row


def test_TC_B_12_CS(bench: Bench201) -> None:
    """Configuration inventory: what can be written, and nothing else."""
    rows = bench.report("GetBaseReport", reportBase="ConfigurationInventory")
    judged(rows)
    names = {row["variable"]["name"] for row in rows}
    assert {"HeartbeatInterval", "OfflineThreshold", "AuthorizeRemoteStart"} <= names
    for row in rows:
        for attribute in row["variableAttribute"]:
            assert attribute.get("mutability", "ReadWrite") in ("ReadWrite", "WriteOnly"), row


def test_TC_B_13_CS(bench: Bench201) -> None:
    """Full inventory."""
    rows = bench.report("GetBaseReport", reportBase="FullInventory")
    judged(rows)
    components = {row["component"]["name"] for row in rows}
    assert {"ChargingStation", "EVSE", "Connector", LINK, "AuthCtrlr", "TxCtrlr"} <= components


def test_TC_B_14_CS(bench: Bench201) -> None:
    """Summary inventory: what can be used now."""
    rows = bench.report("GetBaseReport", reportBase="SummaryInventory")
    judged(rows)
    states = [row for row in rows if row["variable"]["name"] == "AvailabilityState"]
    told = {row["component"]["name"] for row in states}
    assert {"ChargingStation", "EVSE", "Connector"} <= told


def reset(bench: Bench201, status: str, type_: str) -> None:
    bench.answered(status, "Reset", type=type_)


def test_TC_B_20_CS(bench: Bench201) -> None:
    """Reset, idle."""
    reset(bench, "Accepted", "OnIdle")
    bench.reported(bench.boot(within_s=RESTART_S))


def test_TC_B_21_CS(bench: Bench201) -> None:
    """Reset when idle: the transaction ends first, by its own token."""
    id_ = bench.charging()
    reset(bench, "Scheduled", "OnIdle")
    bench.quiet(60, "TransactionEvent")
    bench.take("TransactionEvent")
    bench.station.swipe(TAG)
    bench.stopped("StopAuthorized", "Local", id_)
    boot = bench.boot(within_s=RESTART_S)
    assert boot["reason"] == "ScheduledReset"
    bench.reported(boot, {1: "Occupied"})


def test_TC_B_22_CS(bench: Bench201) -> None:
    """Reset at once: the transaction ends by it."""
    id_ = bench.charging()
    bench.wait(20)
    reset(bench, "Accepted", "Immediate")
    last = bench.stopped("ResetCommand", "ImmediateReset", id_)
    assert last["transactionInfo"]["chargingState"] == "EVConnected"
    assert "idToken" not in last.payload
    boot = bench.boot(within_s=RESTART_S)
    assert boot["reason"] == "RemoteReset"
    bench.reported(boot, {1: "Occupied"})


def test_TC_B_23_CS(bench: Bench201) -> None:
    """Unavailable it was before a reset, and is afterwards."""
    bench.inoperative()
    reset(bench, "Accepted", "OnIdle")
    boot = bench.boot(within_s=RESTART_S)
    assert boot["reason"] == "RemoteReset"
    bench.reported(boot, {1: "Unavailable"})


def test_TC_B_28_CS(bench: Bench201) -> None:
    """Reset of one EVSE, where that is not possible."""
    bench.answered("Rejected", "Reset", type="OnIdle", evseId=1)
    bench.quiet(60)
