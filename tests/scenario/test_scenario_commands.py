"""What people and links ask for at the door, and what the metal then does."""

from __future__ import annotations

from typing import Any

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

from hil.bench.bench import Bench
from hil.bench.station import TOKENS
from hil.errors import DutRefused


def test_pause_and_resume_tell_why_and_keep_the_transaction(bench: Bench) -> None:
    charging(bench)
    seq = last_seq(bench)
    assert bench.dut.call("evse_manager.pause_charging") is True
    opens(bench, within=6.2)
    stays_open(bench, 60)
    assert bench.probe.state() == "paused_evse"
    assert "paused by request" in bench.probe.why()
    assert bench.dut.call("evse_manager.resume_charging") is True
    carrying_current(bench)
    assert names(bench, seq) == [
        "StoppingCharging",
        "ChargingPausedEVSE",
        "PrepareCharging",
        "ChargingStarted",
    ]
    reasons = last(bench, "ChargingPausedEVSE").event.charging_paused_evse.reasons
    assert [reason.value for reason in reasons] == ["UserPause"]


def test_pause_and_resume_are_idempotent(bench: Bench) -> None:
    charging(bench)
    assert [bench.dut.call("evse_manager.pause_charging") for _ in range(3)] == [True] * 3
    bench.clock.run_for(10)
    results = [bench.dut.call("evse_manager.resume_charging") for _ in range(3)]
    assert results == [True, False, False]
    carrying_current(bench)


def test_without_a_transaction_nothing_is_paused_resumed_or_stopped(bench: Bench) -> None:
    bench.clock.run_for(5)
    assert bench.dut.call("evse_manager.pause_charging") is False
    assert bench.dut.call("evse_manager.resume_charging") is False
    assert bench.dut.call("evse_manager.stop_transaction", request={"reason": "Remote"}) is False
    charging(bench)


def test_the_car_pauses_and_goes_on_with_the_offer_standing(bench: Bench) -> None:
    charging(bench)
    seq = last_seq(bench)
    duty_bp = bench.probe.metal().duty_bp
    bench.ev.pause()
    opens(bench, within=10)
    bench.clock.run_for(600)
    assert bench.probe.metal().duty_bp == duty_bp
    assert bench.probe.state() == "paused_ev"
    bench.ev.resume()
    carrying_current(bench)
    told = names(bench, seq)
    assert "ChargingPausedEV" in told
    assert told[-1] == "ChargingStarted"


def test_stopped_remotely_it_stays_stopped_until_unplugged(bench: Bench) -> None:
    charging(bench)
    seq = last_seq(bench)
    assert bench.dut.call("evse_manager.stop_transaction", request={"reason": "Remote"}) is True
    opens(bench, within=6.2)
    bench.clock.run_until(lambda: "TransactionFinished" in names(bench, seq), within=5)
    assert names(bench, seq) == ["StoppingCharging", "ChargingFinished", "TransactionFinished"]
    finished = last(bench, "TransactionFinished").event.transaction_finished
    assert finished.reason.value == "Remote"
    stays_open(bench, 300)
    bench.ev.unplug()
    bench.clock.run_until(lambda: names(bench, seq)[-1] == "SessionFinished", within=10)
    charging(bench)


@pytest.mark.station(unlock_after_stop=True)
def test_stopped_the_plug_is_freed_once_the_contactor_is_open(bench: Bench) -> None:
    charging(bench)
    bench.dut.call("evse_manager.stop_transaction", request={"reason": "Remote"})
    opens(bench, within=6.2)
    bench.clock.run_until(lambda: bench.probe.metal().lock == "unlocked", within=6)


@pytest.mark.station(unlock_after_stop=False)
def test_stopped_the_plug_stays_locked_until_unplugged_where_so_configured(bench: Bench) -> None:
    charging(bench)
    bench.dut.call("evse_manager.stop_transaction", request={"reason": "Remote"})
    opens(bench, within=6.2)
    bench.clock.run_for(60)
    assert bench.probe.metal().lock == "locked"
    bench.ev.unplug()
    bench.clock.run_until(lambda: not bench.probe.metal().cable_in, within=5)


def test_after_a_de_authorization_the_plug_stays_locked(bench: Bench) -> None:
    charging(bench)
    bench.dut.call("evse_manager.stop_transaction", request={"reason": "DeAuthorized"})
    opens(bench, within=6.2)
    bench.clock.run_for(60)
    assert bench.probe.metal().lock == "locked"
    assert bench.dut.call("evse_manager.force_unlock", connector_id=1) is True
    assert bench.probe.metal().lock == "unlocked"


@pytest.mark.station(authorization="list")
def test_the_same_token_again_ends_the_transaction(bench: Bench) -> None:
    bench.ev.plug()
    bench.clock.run_for(5)
    assert not closed(bench)
    assert bench.dut.swipe("NOBODY") == "Rejected"
    assert bench.dut.swipe(TOKENS[0]) == "Accepted"
    carrying_current(bench)
    assert bench.dut.swipe(TOKENS[1]) == "Rejected"
    bench.clock.run_for(5)
    assert closed(bench)
    assert bench.dut.swipe(TOKENS[0].lower()) == "UsedToStop"
    opens(bench, within=6.2)
    bench.clock.run_for(3)
    assert last(bench, "TransactionFinished").event.transaction_finished.reason.value == "Local"


@pytest.mark.station(authorization="list")
def test_token_first_then_the_car(bench: Bench) -> None:
    assert bench.dut.swipe(TOKENS[0]) == "Accepted"
    bench.clock.run_for(20)
    charging(bench)
    assert names(bench)[1:6] == [
        "SessionStarted",
        "Authorized",
        "AuthRequired",
        "TransactionStarted",
        "PrepareCharging",
    ]


@pytest.mark.station(authorization="list")
def test_token_first_and_no_car_lapses_after_the_connection_timeout(bench: Bench) -> None:
    bench.dut.swipe(TOKENS[0])
    bench.clock.run_until(lambda: "SessionFinished" in names(bench), within=61)
    assert names(bench)[1:] == ["SessionStarted", "Authorized", "Deauthorized", "SessionFinished"]
    bench.ev.plug()
    bench.clock.run_for(30)
    assert not closed(bench)


def test_disabled_while_charging_everything_ends_in_order(bench: Bench) -> None:
    charging(bench)
    seq = last_seq(bench)
    assert bench.dut.call("evse_manager.disable", connector_id=0) is True
    opens(bench, within=6.2)
    bench.clock.run_until(lambda: bench.probe.state() == "disabled", within=5)
    assert names(bench, seq) == [
        "StoppingCharging",
        "ChargingFinished",
        "TransactionFinished",
        "SessionFinished",
        "Disabled",
    ]
    finished = last(bench, "TransactionFinished").event.transaction_finished
    assert finished.reason.value == "EVSEDisabled"
    stays_open(bench, 60)
    assert bench.dut.call("evse_manager.enable", connector_id=0) is True
    carrying_current(bench)


def test_a_disabled_connector_survives_the_enabling_of_its_evse(bench: Bench) -> None:
    bench.dut.call("evse_manager.disable", connector_id=1)
    bench.dut.call("evse_manager.disable", connector_id=0)
    assert bench.dut.call("evse_manager.enable", connector_id=0) is False
    assert bench.dut.call("evse_manager.enable", connector_id=1) is True


def test_force_unlock_ends_the_transaction_first_and_never_unlocks_under_load(
    bench: Bench,
) -> None:
    charging(bench)
    assert bench.dut.call("evse_manager.force_unlock", connector_id=1) is True
    assert not closed(bench)
    assert bench.probe.metal().lock == "unlocked"
    bench.clock.run_for(3)
    finished = last(bench, "TransactionFinished").event.transaction_finished
    assert finished.reason.value == "UnlockCommand"
    stays_open(bench, 60)


@pytest.mark.needs("metal_faults")
def test_force_unlock_with_a_jammed_bolt_says_false(bench: Bench) -> None:
    charging(bench)
    bench.faults.set("lock_jam")
    assert bench.dut.call("evse_manager.force_unlock", connector_id=1) is False
    assert bench.probe.metal().lock == "locked"
    assert not closed(bench)


@pytest.mark.station(connector="cable")
def test_force_unlock_of_a_tethered_cable_says_false(bench: Bench) -> None:
    charging(bench)
    assert bench.dut.call("evse_manager.force_unlock", connector_id=1) is False
    assert closed(bench), "and it ended nothing"


@pytest.mark.parametrize(
    ("method", "params", "field"),
    [
        ("evse_manager.enable", {"connector_id": 2}, "connector_id"),
        ("evse_manager.enable", {"connector_id": "one"}, "connector_id"),
        ("evse_manager.pause_charging", {"evse": 7}, "evse"),
        ("evse_manager.stop_transaction", {"request": {"reason": "Boredom"}}, "request.reason"),
        ("evse_manager.set_external_limits", {"value": {"schedule_import": 3}}, "schedule_import"),
    ],
)
def test_a_bad_call_names_the_field_and_changes_nothing(
    bench: Bench, method: str, params: dict[str, Any], field: str
) -> None:
    charging(bench)
    seq = last_seq(bench)
    with pytest.raises(DutRefused) as refused:
        bench.dut.call(method, **params)
    assert field in str(refused.value.error)
    bench.clock.run_for(10)
    assert names(bench, seq) == []
    assert closed(bench)


def test_the_bill_is_the_plants_energy(bench: Bench) -> None:
    for _ in range(3):
        charging(bench)
        bench.clock.run_for(300)
        bench.ev.unplug()
        bench.clock.run_until(lambda: bench.probe.state() == "idle", within=10)
        bench.clock.run_for(5)
    assert billed_wh(bench) == pytest.approx(bench.probe.metal().energy_wh, abs=0.01)


@pytest.mark.needs("metal_faults")
def test_force_unlock_tries_anew_where_the_bolt_had_jammed(bench: Bench) -> None:
    charging(bench)
    bench.faults.set("lock_jam")
    bench.dut.call("evse_manager.stop_transaction", request={"reason": "Remote"})
    bench.clock.run_for(60)
    assert "connector_lock" not in bench.probe.why(), "a plug that stays in blocks nothing"
    bench.faults.clear("lock_jam")
    bench.clock.run_for(60)
    assert bench.probe.metal().lock == "locked", "not tried for ever"
    assert bench.dut.call("evse_manager.force_unlock", connector_id=1) is True
    assert bench.probe.metal().lock == "unlocked"


@pytest.mark.needs("metal_faults")
def test_a_bolt_that_jammed_on_unlocking_does_not_refuse_the_next_car(bench: Bench) -> None:
    """The jam was of another wish: that the plug can not be locked is not known yet."""
    charging(bench)
    bench.faults.set("lock_jam")
    bench.ev.unplug()
    bench.clock.run_for(60)
    bench.faults.clear("lock_jam")
    charging(bench)
