"""Start and stop a session."""

from __future__ import annotations

import pytest
from conformance_v16 import OTHER_TAG, PARENT, TAG, Bench16


def test_TC_003_CS(bench: Bench16) -> None:
    """Regular session, plug in first."""
    bench.plugged()
    bench.station.swipe(TAG)
    bench.expect("Authorize", idTag=TAG)
    bench.started()


def test_TC_004_1_CS(bench: Bench16) -> None:
    """Regular session, identify first."""
    bench.configure(MeterValueSampleInterval=60)
    bench.authorized()
    bench.station.plug()
    bench.started()


def test_TC_004_2_CS(bench: Bench16) -> None:
    """Identify first, nobody plugs in: the authorization lapses."""
    bench.configure(ConnectionTimeOut=30)
    bench.authorized()
    begin_s = bench.now_s
    bench.status("Available", within_s=45)
    assert bench.now_s - begin_s == pytest.approx(30, abs=2)
    bench.quiet(10)


def test_TC_005_1_CS(bench: Bench16) -> None:
    """EV side unplugged: the transaction ends, and the socket lets go."""
    bench.configure_if_present(MinimumStatusDuration=0)
    bench.configure(StopTransactionOnEVSideDisconnect=True, UnlockConnectorOnEVSideDisconnect=True)
    started = bench.charging()
    bench.station.unplug_at_ev()
    bench.stopped(started, reason="EVDisconnected")
    bench.station.unplug_at_station()
    bench.status("Available")


def test_TC_005_2_CS(bench: Bench16) -> None:
    """EV side unplugged: the transaction ends, and the plug stays locked until it is unlocked."""
    bench.configure_if_present(MinimumStatusDuration=0)
    bench.configure(StopTransactionOnEVSideDisconnect=True, UnlockConnectorOnEVSideDisconnect=False)
    started = bench.charging()
    bench.station.unplug_at_ev()
    bench.stopped(started, reason="EVDisconnected")
    bench.station.unplug_at_station()
    bench.quiet(20)
    bench.answered("Unlocked", "UnlockConnector", connectorId=1)
    bench.status("Available")


def test_TC_005_3_CS(bench: Bench16) -> None:
    """EV side unplugged: the transaction goes on until it is stopped remotely."""
    bench.configure_if_present(MinimumStatusDuration=0)
    bench.configure(
        StopTransactionOnEVSideDisconnect=False, UnlockConnectorOnEVSideDisconnect=False
    )
    started = bench.charging()
    bench.station.unplug_at_ev()
    bench.status("SuspendedEV")
    bench.quiet(20)
    bench.accepted("RemoteStopTransaction", transactionId=started["transactionId"])
    bench.stopped(started, reason="Remote")


def test_TC_068_CS(bench: Bench16) -> None:
    """Local stop with the starting tag; a foreign one does nothing."""
    started = bench.charging(TAG)
    bench.station.swipe(OTHER_TAG)
    bench.quiet(20)
    bench.station.swipe(TAG)
    stopped = bench.stopped(started, idTag=TAG)
    assert stopped.payload.get("reason", "Local") == "Local"


def test_TC_069_CS(bench: Bench16) -> None:
    """Local stop with a tag of the same parent, which the stop names."""
    bench.office.parents = {TAG: PARENT, OTHER_TAG: PARENT}
    started = bench.charging(TAG)
    bench.station.swipe(OTHER_TAG)
    bench.expect("Authorize", idTag=OTHER_TAG)
    stopped = bench.stopped(started, idTag=OTHER_TAG)
    assert stopped.payload.get("reason", "Local") == "Local"
