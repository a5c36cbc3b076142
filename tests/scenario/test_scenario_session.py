"""A whole session from plug to unplug, in the order of events that the interface page promises."""

from __future__ import annotations

from hil.bench.bench import Bench


def test_plugged_charged_unplugged_and_billed(bench: Bench) -> None:
    bench.ev.plug(draw_a=16.0)
    bench.clock.run_until(lambda: bench.probe.metal().current_a > 15.9, within=15)
    bench.clock.run_for(60)
    bench.ev.unplug()
    bench.clock.run_until(lambda: bench.probe.state() == "idle", within=10)
    assert [heard.name for heard in bench.probe.events()] == [
        "Enabled",
        "SessionStarted",
        "AuthRequired",
        "Authorized",
        "TransactionStarted",
        "PrepareCharging",
        "ChargingStarted",
        "StoppingCharging",
        "ChargingFinished",
        "TransactionFinished",
        "SessionFinished",
    ]
