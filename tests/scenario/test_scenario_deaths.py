"""Core, guard, link, disk, supply fail: the contactor opens by its lease, the bill stays whole."""

from __future__ import annotations

import pytest
from scenario_steps import (
    billed_wh,
    carrying_current,
    charging,
    closed,
    last,
    last_seq,
    names,
    opens,
    stays_open,
)

from evse.model import X1_BP
from hil.bench.bench import Bench, Process
from hil.trace import Lane

LEASE_S = 0.6
"""0.5 s of lease, at most 0.1 s older when it was last renewed."""
FORCED_S = 6.0
WATCHDOG_S = 0.3
"""Ring 0 drops the coil 0.2 s after ring 1 last fed it; then it opens."""


def _bill_is_whole(bench: Bench) -> None:
    bench.ev.unplug()
    bench.clock.run_until(lambda: bench.probe.state() == "idle", within=20)
    bench.clock.run_for(5)
    assert billed_wh(bench) == pytest.approx(bench.probe.metal().energy_wh, abs=0.05)
    told = names(bench)
    assert told.count("SessionStarted") == told.count("SessionFinished")
    assert told.count("TransactionStarted") == told.count("TransactionFinished")


@pytest.mark.needs("kill_core")
def test_core_killed_the_offer_ends_by_the_lease_and_a_good_car_lets_go(bench: Bench) -> None:
    charging(bench)
    begin_ms = bench.clock.now_ms()
    bench.faults.kill(Process.CORE)
    bench.clock.run_until(lambda: bench.probe.metal().duty_bp == X1_BP, within=LEASE_S)
    opens(bench, within=LEASE_S + 3.1)
    currents = bench.probe.trace().between(begin_ms, bench.clock.now_ms(), Lane.CURRENT, bench.evse)
    opened_ms = bench.probe.first_ms(Lane.CONTACTOR, "open", begin_ms)
    assert opened_ms is not None
    assert any(e.value == 0 and e.t_ms <= opened_ms for e in currents), "opened without load"
    stays_open(bench, 60)


@pytest.mark.needs("kill_core", "car_variants")
def test_core_killed_a_rude_car_is_opened_6_s_after_the_lease(bench: Bench) -> None:
    charging(bench, variant="rude")
    bench.faults.kill(Process.CORE)
    took_s = opens(bench, within=LEASE_S + FORCED_S + 0.1)
    assert took_s >= FORCED_S + 0.4, "the car had its 6 s"
    stays_open(bench, 60)


@pytest.mark.needs("kill_core")
def test_core_back_within_the_lease_ends_the_session_and_the_bill_is_whole(bench: Bench) -> None:
    charging(bench)
    bench.clock.run_for(60)
    seq = last_seq(bench)
    bench.faults.kill(Process.CORE)
    bench.clock.run_for(0.2)
    bench.faults.restart(Process.CORE)
    bench.clock.run_until(lambda: "TransactionFinished" in names(bench, seq), within=20)
    assert names(bench, seq)[:4] == [
        "SessionResumed",
        "ChargingFinished",
        "TransactionFinished",
        "SessionFinished",
    ]
    assert last(bench, "TransactionFinished").event.transaction_finished.reason.value == "Reboot"
    carrying_current(bench)
    _bill_is_whole(bench)


@pytest.mark.needs("kill_core")
@pytest.mark.parametrize(
    "state", ["idle", "waiting_auth", "preparing", "charging", "paused_evse", "finished"]
)
@pytest.mark.station(authorization="list")
def test_core_killed_in_any_state_the_bill_is_whole(bench: Bench, state: str) -> None:
    _reach(bench, state)
    bench.faults.kill(Process.CORE)
    bench.clock.run_for(20)
    assert not closed(bench)
    bench.faults.restart(Process.CORE)
    bench.clock.run_for(20)
    _bill_is_whole(bench)
    bench.ev.plug()
    bench.clock.run_for(3)
    bench.dut.swipe("04A1B2C3")
    carrying_current(bench)


def _reach(bench: Bench, state: str) -> None:
    if state == "idle":
        return
    bench.ev.plug()
    bench.clock.run_for(2)
    if state == "waiting_auth":
        return
    bench.dut.swipe("04A1B2C3")
    if state != "preparing":
        carrying_current(bench)
    if state == "paused_evse":
        bench.dut.call("evse_manager.pause_charging")
        bench.clock.run_for(10)
    if state == "finished":
        bench.dut.call("evse_manager.stop_transaction", request={"reason": "Remote"})
        bench.clock.run_for(15)
    assert bench.probe.state() == state


@pytest.mark.needs("kill_guard")
def test_guard_killed_the_coil_watchdog_opens(bench: Bench) -> None:
    charging(bench)
    bench.faults.kill(Process.GUARD)
    opens(bench, within=WATCHDOG_S)
    stays_open(bench, 60)
    assert "board" in bench.probe.why()


@pytest.mark.needs("kill_guard")
@pytest.mark.parametrize("dead_s", [0.05, 0.3, 5.0, 60.0])
def test_guard_back_it_charges_on_in_the_same_transaction(bench: Bench, dead_s: float) -> None:
    charging(bench)
    bench.clock.run_for(60)
    seq = last_seq(bench)
    bench.faults.kill(Process.GUARD)
    bench.clock.run_for(dead_s)
    bench.faults.restart(Process.GUARD)
    bench.clock.run_for(10)
    carrying_current(bench)
    assert "TransactionFinished" not in names(bench, seq)
    _bill_is_whole(bench)


@pytest.mark.needs("kill_guard")
@pytest.mark.parametrize("dead_s", [0.05, 0.3, 5.0])
@pytest.mark.station(default_a=None, max_current_a=32.0)
def test_guard_back_it_offers_nothing_before_it_has_read_the_cable(
    bench: Bench, dead_s: float
) -> None:
    charging(bench, cable_a=20, draw_a=32.0)
    bench.faults.kill(Process.GUARD)
    bench.clock.run_for(dead_s)
    bench.faults.restart(Process.GUARD)
    bench.clock.run_for(10)
    carrying_current(bench)
    assert not bench.probe.violations()
    assert bench.probe.metal().duty_bp == 3333


@pytest.mark.needs("kill_guard", "kill_core")
def test_both_killed_and_started_again(bench: Bench) -> None:
    charging(bench)
    bench.clock.run_for(60)
    bench.faults.kill(Process.GUARD)
    bench.faults.kill(Process.CORE)
    opens(bench, within=WATCHDOG_S)
    bench.clock.run_for(30)
    bench.faults.restart(Process.CORE)
    bench.clock.run_for(1)
    bench.faults.restart(Process.GUARD)
    carrying_current(bench)
    _bill_is_whole(bench)


@pytest.mark.needs("cut_link")
def test_link_cut_opens_by_the_lease_and_mended_it_goes_on(bench: Bench) -> None:
    charging(bench)
    seq = last_seq(bench)
    bench.faults.cut_link()
    bench.clock.run_until(lambda: bench.probe.metal().duty_bp == X1_BP, within=LEASE_S)
    opens(bench, within=4)
    bench.clock.run_for(30)
    assert "board" in bench.probe.why()
    bench.faults.mend_link()
    carrying_current(bench)
    assert "TransactionFinished" not in names(bench, seq)
    _bill_is_whole(bench)


@pytest.mark.needs("cut_link")
def test_link_cut_for_less_than_the_lease_is_not_noticed_by_the_car(bench: Bench) -> None:
    charging(bench)
    begin_ms = bench.clock.now_ms()
    bench.faults.cut_link()
    bench.clock.run_for(0.3)
    bench.faults.mend_link()
    bench.clock.run_for(30)
    assert bench.probe.first_ms(Lane.CONTACTOR, "open", begin_ms) is None
    assert bench.probe.first_ms(Lane.DUTY, X1_BP, begin_ms) is None


@pytest.mark.needs("disk_stall")
def test_a_stalled_disk_drops_no_permit_no_event_and_no_contactor(bench: Bench) -> None:
    charging(bench)
    seq = last_seq(bench)
    begin_ms = bench.clock.now_ms()
    bench.faults.stall_disk(True)
    bench.dut.call("evse_manager.pause_charging")
    bench.clock.run_for(0.5)
    bench.dut.call("evse_manager.resume_charging")
    bench.clock.run_for(1.5)
    assert names(bench, seq) == [], "nothing is told before it is on disk"
    bench.faults.stall_disk(False)
    bench.clock.run_for(10)
    carrying_current(bench)
    assert names(bench, seq)[0] == "StoppingCharging"
    assert names(bench, seq)[-1] == "ChargingStarted"
    assert bench.probe.first_ms(Lane.STATE, "no core", begin_ms) is None
    _bill_is_whole(bench)


@pytest.mark.needs("disk_stall")
def test_a_stalled_disk_while_charging_changes_nothing(bench: Bench) -> None:
    charging(bench)
    seq = last_seq(bench)
    begin_ms = bench.clock.now_ms()
    bench.faults.stall_disk(True)
    bench.clock.run_for(2)
    bench.faults.stall_disk(False)
    bench.clock.run_for(10)
    assert names(bench, seq) == []
    assert bench.probe.trace().between(begin_ms, bench.clock.now_ms(), Lane.DUTY) == []
    assert bench.probe.first_ms(Lane.CONTACTOR, "open", begin_ms) is None


@pytest.mark.needs("disk_stall", "kill_core")
def test_killed_with_a_stalled_disk_no_session_is_billed_twice(bench: Bench) -> None:
    charging(bench)
    bench.clock.run_for(60)
    bench.faults.stall_disk(True)
    bench.dut.call("evse_manager.stop_transaction", request={"reason": "Remote"})
    bench.clock.run_for(10)
    bench.faults.kill(Process.CORE)
    bench.clock.run_for(10)
    bench.faults.restart(Process.CORE)
    carrying_current(bench)
    _bill_is_whole(bench)


@pytest.mark.needs("metal_faults", "kill_core", "kill_guard")
def test_a_power_cut_ends_the_transaction_with_its_reason(bench: Bench) -> None:
    charging(bench)
    bench.clock.run_for(60)
    bench.mains.cut()
    opens(bench, within=0.1)
    bench.clock.run_for(60)
    bench.mains.restore()
    bench.clock.run_until(lambda: bench.probe.state() != "booting", within=20)
    bench.clock.run_for(1)
    assert last(bench, "TransactionFinished").event.transaction_finished.reason.value == "PowerLoss"
    carrying_current(bench)
    _bill_is_whole(bench)
