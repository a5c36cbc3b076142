"""Meter values."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from conformance_v16 import Bench16, time_of

INTERVAL_S = 20
DEFAULT = "Energy.Active.Import.Register"


def three(bench: Bench16) -> list[tuple[datetime, list[dict[str, Any]]]]:
    """The next three samples of the transaction: when, and what."""
    found = []
    while len(found) < 3:
        message = bench.of("MeterValues", {"connectorId": 1}, within_s=INTERVAL_S + 5)
        for value in message["meterValue"]:
            found.append((time_of(value["timestamp"]), value["sampledValue"]))
    return found[:3]


def judged(
    found: list[tuple[datetime, list[dict[str, Any]]]], measurands: str, context: str
) -> None:
    times = [moment for moment, _ in found]
    for former, later in pairwise(times):
        assert abs(later - former - timedelta(seconds=INTERVAL_S)) <= timedelta(seconds=1)
    for _, samples in found:
        told = {sample.get("measurand", DEFAULT) for sample in samples}
        assert told == set((measurands or DEFAULT).split(","))
        for sample in samples:
            assert sample.get("context", "Sample.Periodic") == context
            assert sample.get("format", "Raw") == "Raw"
            assert sample.get("location") != "EV" or sample["measurand"] == "SoC"


def test_TC_070_CS(bench: Bench16) -> None:
    """Sampled meter values."""
    bench.configure(MeterValueSampleInterval=INTERVAL_S, ClockAlignedDataInterval=0)
    bench.charging()
    found = three(bench)
    judged(found, bench.value("MeterValuesSampledData"), "Sample.Periodic")


def test_TC_071_CS(bench: Bench16) -> None:
    """Clock-aligned meter values."""
    bench.configure(MeterValueSampleInterval=0, ClockAlignedDataInterval=INTERVAL_S)
    bench.charging()
    bench.take("MeterValues")
    found = three(bench)
    judged(found, bench.value("MeterValuesAlignedData"), "Sample.Clock")
    for moment, _ in found:
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        assert (moment - midnight) % timedelta(seconds=INTERVAL_S) < timedelta(seconds=1)
