"""Reset."""

from __future__ import annotations

from conformance_v16 import Bench16

RESTART_S = 120.0
AFTER_A_SESSION = {1: ("Finishing", "Preparing")}


def unavailable_over_a_reset(bench: Bench16, kind: str) -> None:
    bench.inoperative(1)
    bench.accepted("Reset", type=kind)
    boot = bench.boot(within_s=RESTART_S)
    bench.reported(boot, {1: ("Unavailable",)})
    bench.quiet(30)
    bench.accepted("ChangeAvailability", connectorId=1, type="Operative")
    bench.status("Available")


def test_TC_013_CS(bench: Bench16) -> None:
    """Hard reset, idle: unavailable it was, and is."""
    unavailable_over_a_reset(bench, "Hard")


def test_TC_014_CS(bench: Bench16) -> None:
    """Soft reset, idle: unavailable it was, and is."""
    unavailable_over_a_reset(bench, "Soft")


def test_TC_015_CS(bench: Bench16) -> None:
    """Hard reset during a transaction: its stop says so, before or after the reboot."""
    started = bench.charging()
    bench.wait(30)
    bench.accepted("Reset", type="Hard")
    boot = bench.boot(within_s=RESTART_S)
    bench.expect(
        "StopTransaction", transactionId=started["transactionId"], reason="HardReset", within_s=60
    )
    bench.reported(boot, AFTER_A_SESSION)


def test_TC_016_CS(bench: Bench16) -> None:
    """Soft reset during a transaction: it ends, then the station reboots."""
    started = bench.charging()
    bench.wait(30)
    bench.accepted("Reset", type="Soft")
    stopped = bench.stopped(started, reason="SoftReset")
    boot = bench.boot(within_s=RESTART_S)
    assert stopped.order < boot.order
    bench.reported(boot, AFTER_A_SESSION)
