"""Meter values."""

from __future__ import annotations

from typing import Any

from conformance_v201 import TAG, Bench201

INTERVAL_S = 60
DEFAULT = "Energy.Active.Import.Register"


def judged(values: list[dict[str, Any]], measurands: str, context: str) -> None:
    for value in values:
        told = {sample.get("measurand", DEFAULT) for sample in value["sampledValue"]}
        assert told == set((measurands or DEFAULT).split(",")), (told, measurands)
        assert {s.get("context", "Sample.Periodic") for s in value["sampledValue"]} == {context}


def measurands(bench: Bench201, component: str, name: str) -> str:
    return str(bench.variable(component, name)["attributeValue"])


def test_TC_J_01_CS(bench: Bench201) -> None:
    """Clock-aligned meter values without a transaction."""
    bench.configure("AlignedDataCtrlr", "Interval", str(INTERVAL_S))
    for evse in bench.evses:
        message = bench.of("MeterValues", {"evseId": evse}, within_s=INTERVAL_S + 5)
        wanted = measurands(bench, "AlignedDataCtrlr", "Measurands")
        judged(message["meterValue"], wanted, "Sample.Clock")


def test_TC_J_07_CS(bench: Bench201) -> None:
    """What the meter reads when a transaction starts."""
    bench.connected()
    bench.authorized()
    first = bench.started()
    wanted = measurands(bench, "SampledDataCtrlr", "TxStartedMeasurands")
    judged(first["meterValue"], wanted, "Transaction.Begin")


def test_TC_J_09_CS(bench: Bench201) -> None:
    """Samples while a transaction runs."""
    bench.configure("SampledDataCtrlr", "TxUpdatedInterval", str(INTERVAL_S))
    bench.charging()
    wanted = measurands(bench, "SampledDataCtrlr", "TxUpdatedMeasurands")
    for _ in range(3):
        sample = bench.event("Updated", "MeterValuePeriodic", within_s=INTERVAL_S + 5)
        judged(sample["meterValue"], wanted, "Sample.Periodic")


def test_TC_J_10_CS(bench: Bench201) -> None:
    """What the meter reads when a transaction ends."""
    bench.configure("SampledDataCtrlr", "TxUpdatedInterval", "0")
    id_ = bench.charging()
    bench.wait(60)
    bench.station.swipe(TAG)
    last = bench.stopped("StopAuthorized", "Local", id_)
    wanted = measurands(bench, "SampledDataCtrlr", "TxEndedMeasurands")
    judged(last["meterValue"][-1:], wanted, "Transaction.End")
