"""Readings on the clock's grid in and for a transaction, and two more ways to reserve."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any

from conformance_v201 import OTHER_TAG, TAG, Bench201

INTERVAL_S = 20
REGISTER = "Energy.Active.Import.Register"


def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def judged(values: list[dict[str, Any]], measurands: str) -> None:
    """Meter values of the grid, an interval apart, with what is configured."""
    times = [time_of(value["timestamp"]) for value in values]
    assert len(times) >= 3
    assert {(b - a).total_seconds() for a, b in pairwise(times)} == {INTERVAL_S}
    for value in values:
        assert {sample["context"] for sample in value["sampledValue"]} == {"Sample.Clock"}
        told = {sample.get("measurand", REGISTER) for sample in value["sampledValue"]}
        assert told == set(measurands.split(","))


def test_TC_J_02_CS(bench: Bench201) -> None:
    """On the grid during a transaction: by its events, and by readings of the other EVSEs."""
    bench.configure("AlignedDataCtrlr", "Interval", str(INTERVAL_S))
    bench.configure("SampledDataCtrlr", "TxUpdatedInterval", "0")
    measurands = bench.variable("AlignedDataCtrlr", "Measurands")["attributeValue"]
    bench.charging()
    bench.csms.messages.clear()
    bench.wait(4 * INTERVAL_S)
    events = bench.sent("TransactionEvent", triggerReason="MeterValueClock")
    judged([value for event in events for value in event["meterValue"]], measurands)
    readings = bench.sent("MeterValues", evseId=2)
    judged([value for reading in readings for value in reading["meterValue"]], measurands)
    assert not bench.sent("MeterValues", evseId=1)
    bench.csms.messages.clear()


def test_TC_J_03_CS(bench: Bench201) -> None:
    """On the grid, for a transaction's end."""
    bench.configure("AlignedDataCtrlr", "TxEndedInterval", str(INTERVAL_S))
    bench.configure("AlignedDataCtrlr", "TxEndedMeasurands", f"{REGISTER},Power.Active.Import")
    bench.configure("SampledDataCtrlr", "TxEndedMeasurands", "")
    id_ = bench.charging()
    bench.wait(4.5 * INTERVAL_S)
    bench.station.swipe(TAG)
    last = bench.stopped("StopAuthorized", "Local", id_)
    judged(last["meterValue"], f"{REGISTER},Power.Active.Import")


def test_TC_H_24_CS(bench: Bench201) -> None:
    """Reserved for a group: another one of it may charge."""
    bench.office.groups = {TAG: "FAMILY", OTHER_TAG: "FAMILY"}
    group = {"groupIdToken": {"idToken": "FAMILY", "type": "Central"}}
    bench.accepted("ReserveNow", **bench.reservation(TAG, 1), **group)
    bench.status("Reserved")
    bench.authorized(OTHER_TAG)
    bench.status("Occupied")
    bench.station.plug()
    bench.started(OTHER_TAG)


def test_TC_H_15_CS(bench: Bench201) -> None:
    """Reserved by the type of its connector."""
    wanted = bench.reservation(TAG, None)
    bench.accepted("ReserveNow", **wanted, connectorType="sType2")
    bench.wait(5)
    bench.take("StatusNotification")
    bench.authorized()
    bench.status("Occupied")
    bench.station.plug()
    bench.started()
    bench.take("StatusNotification")


def test_TC_H_16_CS(bench: Bench201) -> None:
    """As many are reserved by their type as there are: there is no further one."""
    for number, _evse in enumerate(bench.evses):
        wanted = bench.reservation(f"GUEST{number}", None, id_=20 + number)
        bench.accepted("ReserveNow", **wanted, connectorType="sType2")
    bench.wait(5)
    bench.take("StatusNotification")
    wanted = bench.reservation(TAG, None, id_=30)
    bench.answered("Occupied", "ReserveNow", **wanted, connectorType="sType2")
