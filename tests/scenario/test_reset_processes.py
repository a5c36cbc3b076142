"""OCPP 1.6 §5.14 on real processes: what a Reset of the back office begins anew."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ocpp.v16.call import Reset
from proc_station import Station

from hil.bench.plugin import FAILED

pytestmark = pytest.mark.proc


@pytest.fixture
def station(request: pytest.FixtureRequest) -> Iterator[Station]:
    station = Station()
    try:
        station.charge()
        yield station
        if not request.node.stash.get(FAILED, False):
            station.nothing_broken()
    finally:
        station.close()


@pytest.mark.parametrize(
    ("how", "reason", "begins_anew"),
    [
        ("Soft", "SoftReset", {"core", "ocpp"}),
        ("Hard", "HardReset", {"guard", "core", "ocpp"}),
    ],
)
def test_5_14_a_reset_ends_the_transaction_tells_it_and_restarts(
    station: Station, how: str, reason: str, begins_anew: set[str]
) -> None:
    """TC_015, TC_016: the contactor has opened, the bill is whole, the boot is told."""
    bench, brain = station.bench, station.csms.brain
    before = bench.rig.processes()
    (identity,) = station.csms.identities
    assert station.csms.call(identity, Reset(type=how)).status == "Accepted"
    station.until(lambda: len(brain.sent("BootNotification")) == 2, 30, "another boot")
    station.until(lambda: brain.sent("StopTransaction"), 30, "the end of the transaction")
    (stop,) = brain.sent("StopTransaction")
    assert stop["reason"] == reason
    bench.rig.wait_for_core()
    after = bench.rig.processes()
    anew = {name for name in after if after[name]["restarts"] > before[name]["restarts"]}
    assert anew == begins_anew
    station.until(lambda: not bench.probe.metal().closed, 10, "an open contactor")
    station.until(lambda: brain.statuses.get(1) in ("Preparing", "Finishing"), 10, "a status")
    assert brain.complaints == []
