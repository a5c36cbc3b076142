"""Remote start and stop."""

from __future__ import annotations

import pytest
from conformance_v16 import TAG, Bench16


def test_TC_010_CS(bench: Bench16) -> None:
    """Remote start, cable first."""
    bench.plugged()
    bench.remote_start(TAG)
    bench.started(TAG)


def test_TC_011_1_CS(bench: Bench16) -> None:
    """Remote start, then plug in."""
    bench.remote_start(TAG)
    bench.status("Preparing")
    bench.quiet(10)
    bench.station.plug()
    bench.started(TAG)


def test_TC_011_2_CS(bench: Bench16) -> None:
    """Remote start, nobody plugs in."""
    bench.configure(ConnectionTimeOut=30)
    bench.remote_start(TAG)
    bench.status("Preparing")
    begin_s = bench.now_s
    bench.status("Available", within_s=45)
    assert bench.now_s - begin_s == pytest.approx(30, abs=2)
    bench.station.plug()
    bench.status("Preparing")
    bench.quiet(30)


def test_TC_012_CS(bench: Bench16) -> None:
    """Remote stop."""
    started = bench.charging()
    bench.accepted("RemoteStopTransaction", transactionId=started["transactionId"])
    bench.stopped(started, reason="Remote")
