"""Offline behaviour."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from conformance_v16 import TAG, UNKNOWN_TAG, Bench16, time_of

SAMPLE_S = 20


def knows_offline(bench: Bench16, tag: str) -> None:
    """The station may start this tag without a back office."""
    bench.configure(LocalAuthorizeOffline=True)
    bench.configure_if_present(
        LocalAuthListEnabled=True,
        AuthorizationCacheEnabled=True,
        AllowOfflineTxForUnknownId=True,
    )
    bench.lapsed(tag)
    if "LocalAuthListManagement" in bench.value("SupportedFeatureProfiles"):
        bench.listed(tag)


def knows_nobody_offline(bench: Bench16, *, stop: bool) -> None:
    bench.configure(LocalAuthorizeOffline=True, AllowOfflineTxForUnknownId=True)
    bench.configure(StopTransactionOnInvalidId=stop)
    bench.configure_if_present(MaxEnergyOnInvalidId=0)
    bench.office.refused[UNKNOWN_TAG] = "Invalid"


def start_offline(bench: Bench16, tag: str) -> str:
    """Returns the wall time at which it was certainly charging."""
    bench.offline()
    bench.station.plug()
    bench.wait(5)
    bench.station.swipe(tag)
    bench.wait(60)
    return bench.after(0)


def test_TC_036_CS(bench: Bench16) -> None:
    """Connection lost during a transaction: no sample is missing, and each is in its place."""
    bench.configure(MeterValueSampleInterval=SAMPLE_S)
    started = bench.charging()
    bench.wait(2.5 * SAMPLE_S)
    bench.offline()
    bench.wait(4 * SAMPLE_S)
    bench.online()
    bench.wait(4 * SAMPLE_S)
    values = [
        value
        for message in bench.sent("MeterValues", transactionId=started["transactionId"])
        for value in message["meterValue"]
    ]
    times = [time_of(value["timestamp"]) for value in values]
    assert len(times) >= 9
    for former, later in pairwise(times):
        assert abs(later - former - timedelta(seconds=SAMPLE_S)) <= timedelta(seconds=1)
    for value in values:
        for sample in value["sampledValue"]:
            assert sample.get("format", "Raw") == "Raw"
            assert sample.get("context", "Sample.Periodic") == "Sample.Periodic"


def test_TC_037_1_CS(bench: Bench16) -> None:
    """Offline start, valid tag: told with the time at which it was, and no Authorize first."""
    knows_offline(bench, TAG)
    charging_at = start_offline(bench, TAG)
    bench.online()
    started = bench.started(TAG)
    assert time_of(started["timestamp"]) < time_of(charging_at)


def test_TC_037_2_CS(bench: Bench16) -> None:
    """Offline start, tag refused later: no more energy, and the transaction stays open."""
    knows_nobody_offline(bench, stop=False)
    start_offline(bench, UNKNOWN_TAG)
    bench.online()
    bench.expect("StartTransaction", idTag=UNKNOWN_TAG)
    bench.status_through("SuspendedEVSE", "Charging")
    bench.quiet(60)


def test_TC_037_3_CS(bench: Bench16) -> None:
    """Offline start, tag refused later: the transaction ends."""
    knows_nobody_offline(bench, stop=True)
    start_offline(bench, UNKNOWN_TAG)
    bench.online()
    bench.expect("StartTransaction", idTag=UNKNOWN_TAG)
    transaction_id = 1000 + bench.office.transactions
    bench.expect("StopTransaction", transactionId=transaction_id, reason="DeAuthorized")
    bench.status_through("Finishing", "Charging", "SuspendedEVSE")


def test_TC_038_CS(bench: Bench16) -> None:
    """Offline stop."""
    started = bench.charging()
    bench.offline()
    bench.station.swipe(TAG)
    bench.wait(30)
    bench.online()
    stopped = bench.stopped(started)
    assert stopped.payload.get("reason", "Local") == "Local"


def test_TC_039_CS(bench: Bench16) -> None:
    """Whole transaction offline."""
    knows_offline(bench, TAG)
    start_offline(bench, TAG)
    bench.station.swipe(TAG)
    bench.wait(10)
    bench.station.unplug_at_station()
    bench.wait(20)
    bench.online()
    started = bench.expect("StartTransaction", idTag=TAG)
    stopped = bench.expect("StopTransaction", transactionId=1000 + bench.office.transactions)
    assert started.order < stopped.order
    assert time_of(started["timestamp"]) < time_of(stopped["timestamp"])
    assert stopped.payload.get("reason", "Local") == "Local"
    bench.quiet(30)
