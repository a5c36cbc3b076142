"""Cars that leave or do not draw, and events that the back office does not take."""

from __future__ import annotations

from itertools import pairwise

import pytest
from conformance_csms import Fault, Received
from conformance_v201 import START, TAG, Bench201

ATTEMPTS, INTERVAL_S, TIMEOUT_S = 3, 10, 30


def unplugged_at_the_car(bench: Bench201, *, unlock: bool, suspended: bool = True) -> None:
    bench.configure("TxCtrlr", "StopTxOnEVSideDisconnect", "true")
    bench.configure("OCPPCommCtrlr", "UnlockOnEVSideDisconnect", str(unlock).lower())
    id_ = bench.charging()
    if suspended:
        bench.wait(10)
        bench.station.suspend()
        bench.event("Updated", "ChargingStateChanged", chargingState="SuspendedEV")
    bench.station.unplug_at_ev()
    last = bench.stopped("EVCommunicationLost", "EVDisconnected", id_)
    assert last["transactionInfo"]["chargingState"] == "Idle"
    if not unlock:
        bench.wait(5)
        bench.station.swipe(TAG)
        bench.wait(5)
    bench.station.unplug_at_station()
    bench.status("Available")


def test_TC_E_17_CS(bench: Bench201) -> None:
    """Unplugged at the car: the transaction ends, and the plug stays until its card comes."""
    unplugged_at_the_car(bench, unlock=False, suspended=False)


def test_TC_E_24_CS(bench: Bench201) -> None:
    """Unplugged at a car that drew no more: the transaction ends, and the plug is let go."""
    unplugged_at_the_car(bench, unlock=True)


def test_TC_E_25_CS(bench: Bench201) -> None:
    """Unplugged at a car that drew no more: likewise."""
    unplugged_at_the_car(bench, unlock=False)


def attempts_fail(bench: Bench201, *answers: Fault) -> list[Received]:
    """How often the first event of a transaction comes, with these answers."""
    bench.configure("SampledDataCtrlr", "TxUpdatedInterval", "0")
    retries = {"MessageAttempts": ATTEMPTS, "MessageAttemptInterval": INTERVAL_S}
    for name, value in retries.items():
        variable = {"name": name, "instance": "TransactionEvent"}
        item = {
            "component": {"name": "OCPPCommCtrlr"},
            "variable": variable,
            "attributeValue": str(value),
        }
        (result,) = bench.call("SetVariables", setVariableData=[item])["setVariableResult"]
        assert result["attributeStatus"] == "Accepted"
    bench.connected()
    bench.csms.script("TransactionEvent", *answers)
    bench.authorized()
    for _ in range(20):  # the back office is there, and asks for signs of life
        bench.wait(15)
        bench.call("GetLocalListVersion")
    events = [e for e in bench.take("TransactionEvent") if e["eventType"] == "Started"]
    assert all(event.payload == events[0].payload for event in events)
    return events


def waits_s(events: list[Received]) -> list[float]:
    return [(later.at_ms - former.at_ms) / 1000 for former, later in pairwise(events)]


def expected_s(attempts: int, lost_s: float) -> list[float]:
    """E13.FR.03: the interval, times what was sent of it before."""
    return [INTERVAL_S * n + lost_s for n in range(1, attempts)]


def test_TC_E_41_CS(bench: Bench201) -> None:
    """An event that is never answered is given up after the configured attempts."""
    events = attempts_fail(bench, *[Fault.SILENCE] * ATTEMPTS)
    assert len(events) == ATTEMPTS
    assert waits_s(events) == pytest.approx(expected_s(ATTEMPTS, TIMEOUT_S), abs=2)


def test_TC_E_50_CS(bench: Bench201) -> None:
    """An event that is answered with errors is given up after the configured attempts."""
    events = attempts_fail(bench, *[Fault.CALLERROR] * ATTEMPTS)
    assert len(events) == ATTEMPTS
    assert waits_s(events) == pytest.approx(expected_s(ATTEMPTS, 0), abs=2)


def test_TC_E_42_CS(bench: Bench201) -> None:
    """An event that is not answered at first comes a second time, and no more."""
    events = attempts_fail(bench, Fault.SILENCE)
    assert waits_s(events) == pytest.approx(expected_s(2, TIMEOUT_S), abs=2)


def test_TC_E_51_CS(bench: Bench201) -> None:
    """An event that is answered with an error at first comes a second time, and no more."""
    events = attempts_fail(bench, Fault.CALLERROR)
    assert waits_s(events) == pytest.approx(expected_s(2, 0), abs=2)


def test_TC_F_10_CS(bench: Bench201) -> None:
    """Unlock of a connector that is not there."""
    bench.answered("UnknownConnector", "UnlockConnector", evseId=1, connectorId=999)


def test_TC_F_17_CS(bench: Bench201) -> None:
    """The firmware's status on request; an EVSE that is named does not matter."""
    asked = {"requestedMessage": "FirmwareStatusNotification", "evse": {"id": 1}}
    bench.accepted("TriggerMessage", **asked)
    bench.expect("FirmwareStatusNotification", status="Idle")


def test_TC_P_01_CS(bench: Bench201) -> None:
    """Data of a vendor that nobody knows."""
    wanted = {"vendorId": "org.openchargealliance.octt", "messageId": "unused"}
    answer = bench.call("DataTransfer", **wanted)
    assert answer["status"] in ("UnknownVendorId", "UnknownMessageId", "Rejected")


def test_TC_P_03_CS(bench: Bench201) -> None:
    """Custom data disturbs nothing."""
    custom = {"customData": {"vendorId": "org.example", "what": [1, {"ever": True}]}}
    named = {
        "component": {"name": "OCPPCommCtrlr", **custom},
        "variable": {"name": "OfflineThreshold", **custom},
        "attributeType": "Actual",
        **custom,
    }
    bench.accepted_results("SetVariables", [{**named, "attributeValue": "200"}], **custom)
    (read,) = bench.accepted_results("GetVariables", [named], **custom)
    assert read["attributeValue"] == "200"


def test_TC_E_38_CS(bench: Bench201) -> None:
    """A car that does not draw is told of as such."""
    bench.authorized()
    bench.status("Occupied")
    bench.station.plug()
    bench.station.suspend()
    bench.event("Started", START)
    bench.event("Updated", "ChargingStateChanged", within_s=90, chargingState="SuspendedEV")
