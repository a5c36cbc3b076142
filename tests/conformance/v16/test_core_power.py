"""Power failure."""

from __future__ import annotations

import pytest
from conformance_v16 import TAG, Bench16

AFTER_A_SESSION = {1: ("Finishing", "Preparing", "Charging")}


@pytest.mark.look(backup_supply=True)
def test_TC_032_1_CS(bench: Bench16) -> None:
    """Power loss with backup supply: the stop is told before the light goes out."""
    started = bench.charging()
    bench.wait(30)
    bench.station.power_cut()
    bench.stopped(started, reason="PowerLoss")
    bench.wait(60)
    bench.station.power_restore()
    boot = bench.boot()
    bench.reported(boot, {1: ("Finishing", "Preparing")})


def test_TC_032_2_CS(bench: Bench16) -> None:
    """Power loss without backup supply: what was interrupted is closed or resumed afterwards."""
    started = bench.charging()
    bench.wait(30)
    bench.power_cycle()
    boot = bench.boot()
    bench.reported(boot, AFTER_A_SESSION)
    bench.wait(30)
    resumed = bench.sent("StatusNotification", connectorId=1)[-1]["status"] == "Charging"
    if resumed:
        bench.station.swipe(TAG)
    stopped = bench.expect("StopTransaction", transactionId=started["transactionId"], within_s=60)
    assert stopped.payload.get("reason", "Local") == ("Local" if resumed else "PowerLoss")
    assert stopped["meterStop"] > started["meterStart"]
    bench.take("StatusNotification")


def test_TC_034_CS(bench: Bench16) -> None:
    """Power loss while Unavailable: unavailable it was, and is."""
    bench.accepted("ChangeAvailability", connectorId=0, type="Inoperative")
    for connector in (0, *bench.connectors):
        bench.status("Unavailable", connector)
    bench.power_cycle()
    boot = bench.boot()
    bench.reported(boot, dict.fromkeys((0, *bench.connectors), ("Unavailable",)))
    bench.quiet(30)
