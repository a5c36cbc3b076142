"""Interruptions of the connection, and resets that meet something."""

from __future__ import annotations

from conformance_v201 import OTHER_TAG, TAG, Bench201

LINK = "OCPPCommCtrlr"
THRESHOLD_S = 60
RESTART_S = 120.0


def plugged_while_away(bench: Bench201, away_s: float) -> list[int]:
    """Returns the EVSEs of which a status came afterwards, with their one status."""
    bench.configure(LINK, "OfflineThreshold", str(THRESHOLD_S))
    bench.offline()
    bench.station.plug()
    bench.wait(away_s)
    bench.online()
    bench.wait(20)
    told = bench.take("StatusNotification")
    for message in told:
        wanted = "Occupied" if message["evseId"] == 1 else "Available"
        assert message["connectorStatus"] == wanted
    return sorted(message["evseId"] for message in told)


def test_TC_B_51_CS(bench: Bench201) -> None:
    """Status change during a long interruption: every connector is told."""
    assert plugged_while_away(bench, THRESHOLD_S + 30) == list(bench.evses)


def test_TC_B_52_CS(bench: Bench201) -> None:
    """Status change during a short interruption: only that one is told."""
    assert plugged_while_away(bench, THRESHOLD_S / 4) == [1]


def test_TC_B_57_CS(bench: Bench201) -> None:
    """Back after the configured wait, and after twice that where it was turned away."""
    wait_s = 10.0
    bench.configure(LINK, "RetryBackOffRepeatTimes", "2")
    bench.configure(LINK, "RetryBackOffRandomRange", "0")
    bench.configure(LINK, "RetryBackOffWaitMinimum", str(round(wait_s)))
    begin_s = bench.now_s
    bench.csms.hang_up()
    bench.disconnected()
    bench.reconnected()
    assert bench.now_s - begin_s >= wait_s
    bench.wait(5)
    begin_s = bench.now_s
    bench.stop_csms()
    bench.disconnected()
    bench.wait(wait_s * 2.5)
    bench.start_csms(bench.csms.rules)
    bench.reconnected()
    assert bench.now_s - begin_s >= 3 * wait_s


def reset(bench: Bench201, status: str, type_: str) -> None:
    bench.answered(status, "Reset", type=type_)


def test_TC_B_24_CS(bench: Bench201) -> None:
    """Reserved it was before a reset, and is afterwards."""
    bench.reserved()
    reset(bench, "Accepted", "OnIdle")
    boot = bench.boot(within_s=RESTART_S)
    assert boot["reason"] == "RemoteReset"
    bench.reported(boot, {1: "Reserved"})


def test_TC_B_29_CS(bench: Bench201) -> None:
    """Reset of one EVSE during a transaction, where that is not possible."""
    bench.charging()
    bench.answered("Rejected", "Reset", type="OnIdle", evseId=1)
    bench.quiet(60)


def test_TC_B_41_CS(bench: Bench201) -> None:
    """Reset when idle: all transactions end first."""
    ids = {1: bench.charging(TAG, 1), 2: bench.charging(OTHER_TAG, 2)}
    reset(bench, "Scheduled", "OnIdle")
    bench.wait(10)
    for evse, tag in ((1, TAG), (2, OTHER_TAG)):
        bench.station.swipe(tag, evse)
        bench.stopped("StopAuthorized", "Local", ids[evse])
    boot = bench.boot(within_s=RESTART_S)
    assert boot["reason"] == "ScheduledReset"
    bench.reported(boot, {1: "Occupied", 2: "Occupied"})
