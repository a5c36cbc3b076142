"""Cold boot."""

from __future__ import annotations

from itertools import pairwise

import pytest
from conformance_v16 import Bench16

RETRY_S = 60
HEARTBEAT_S = 20


def told_to_wait(bench: Bench16, status: str) -> None:
    bench.csms.script(
        "BootNotification",
        {"status": status, "interval": RETRY_S},
        {"status": "Accepted", "interval": HEARTBEAT_S},
    )
    bench.power_cycle()


def heartbeats_every(bench: Bench16, interval_s: float) -> None:
    beats_ms = [bench.expect("Heartbeat", within_s=interval_s + 5).at_ms for _ in range(3)]
    spans_s = [(later - former) / 1000 for former, later in pairwise(beats_ms)]
    assert spans_s == pytest.approx([interval_s, interval_s], abs=1)


def test_TC_001_CS(bench: Bench16) -> None:
    """Cold boot: rejected at first, and silent until the interval is over."""
    told_to_wait(bench, "Rejected")
    first = bench.boot()
    second = bench.boot(within_s=RETRY_S + 10)
    assert second.order == first.order + 1, "something was sent while rejected"
    assert (second.at_ms - first.at_ms) / 1000 == pytest.approx(RETRY_S, abs=1)
    assert second.at_ms - first.at_ms >= RETRY_S * 1000
    bench.reported(second)
    heartbeats_every(bench, HEARTBEAT_S)


def test_TC_002_CS(bench: Bench16) -> None:
    """Cold boot, held Pending: the configuration can be read and changed."""
    told_to_wait(bench, "Pending")
    first = bench.boot()
    bench.call("GetConfiguration", key=["HeartbeatInterval"])
    bench.configure(MeterValueSampleInterval=77)
    second = bench.boot(within_s=RETRY_S + 10)
    assert second.order == first.order + 1, "something was sent while pending"
    assert (second.at_ms - first.at_ms) / 1000 == pytest.approx(RETRY_S, abs=1)
    bench.reported(second)
    heartbeats_every(bench, HEARTBEAT_S)
    assert bench.value("MeterValueSampleInterval") == "77"
