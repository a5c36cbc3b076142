"""The exact order of a session's events (spec §C9), and how it recovers from a restart."""

from __future__ import annotations

import pytest
from session_rig import PLUG_FIRST, Rig, limit_of, stop_for, token

from evse.model import F_BP, X1_BP, PilotState, Reason
from evse.session.record import Snapshot
from evse.types.session import (
    StopTransactionReason,
    StopTransactionRequest,
    TransactionFinished,
)

A, B, C, D = PilotState.A, PilotState.B, PilotState.C, PilotState.D


# --- C9: the exact order of events ----------------------------------------------------------------


def test_plug_first_the_car_finishes_and_leaves() -> None:
    rig = Rig().charging()
    rig.run(5_000)
    rig.car(B)
    rig.car(A)
    assert rig.names == [
        *PLUG_FIRST,
        "ChargingPausedEV",
        "StoppingCharging",
        "ChargingFinished",
        "TransactionFinished(EVDisconnected)",
        "SessionFinished",
    ]


def test_unplugged_straight_from_c() -> None:
    rig = Rig().charging()
    rig.car(A)
    assert rig.names == [
        *PLUG_FIRST,
        "StoppingCharging",
        "ChargingFinished",
        "TransactionFinished(EVDisconnected)",
        "SessionFinished",
    ]


@pytest.mark.parametrize("reason", ["Remote", "Local", "DeAuthorized", "PowerLoss"])
def test_stopped_by_the_back_office_or_a_token_and_unplugged_later(reason: str) -> None:
    rig = Rig().charging()
    assert rig.session.stop_transaction(stop_for(StopTransactionReason(reason)))
    rig.run(5_000)
    stopped = [
        *PLUG_FIRST,
        "StoppingCharging",
        "ChargingFinished",
        f"TransactionFinished({reason})",
    ]
    assert rig.names == stopped
    rig.car(A)
    assert rig.names == [*stopped, "SessionFinished"]


def test_stopped_by_a_token_the_token_is_told() -> None:
    rig = Rig().charging()
    rig.session.stop_transaction(
        StopTransactionRequest(reason=StopTransactionReason.Local, id_tag=token())
    )
    rig.run(1_000)
    finished = rig.events[-1].transaction_finished
    assert isinstance(finished, TransactionFinished)
    assert (finished.reason, finished.id_tag) == (StopTransactionReason.Local, token())


def test_token_first() -> None:
    rig = Rig()
    rig.tick()
    assert rig.session.authorize(token())
    rig.run(1_000)
    rig.car(B)
    assert rig.names == [
        "Enabled",
        "SessionStarted(Authorized)",
        "Authorized",
        "AuthRequired",
        "TransactionStarted",
        "PrepareCharging",
    ]
    started = rig.events[1].session_started
    assert started
    assert started.id_tag == token()


def test_token_first_and_no_car_comes() -> None:
    rig = Rig()
    rig.tick()
    rig.session.authorize(token())
    rig.session.withdraw_authorization()
    rig.tick()
    assert rig.names == [
        "Enabled",
        "SessionStarted(Authorized)",
        "Authorized",
        "Deauthorized",
        "SessionFinished",
    ]
    assert rig.session.state == "idle"


def test_a_car_and_no_token_times_out_and_keeps_the_session_until_unplug() -> None:
    rig = Rig()
    rig.tick()
    rig.car(B)
    rig.session.withdraw_authorization()
    rig.run(1_000)
    waited = [
        "Enabled",
        "SessionStarted(EVConnected)",
        "AuthRequired",
        "Deauthorized",
        "PluginTimeout",
    ]
    assert rig.names == waited
    rig.car(A)
    assert rig.names == [*waited, "SessionFinished"]


def test_pause_by_the_user_and_resume() -> None:
    rig = Rig().charging()
    assert rig.session.pause_charging()
    rig.run(1_000)
    assert not rig.board.coil
    assert rig.session.resume_charging()
    rig.run(1_000)
    assert rig.names == [
        *PLUG_FIRST,
        "StoppingCharging",
        "ChargingPausedEVSE(UserPause)",
        "PrepareCharging",
        "ChargingStarted",
    ]


def test_an_error_pauses_and_its_end_resumes() -> None:
    rig = Rig().charging()
    rig.board.trip = Reason.EMERGENCY_STOP
    rig.run(1_000)
    assert not rig.board.coil
    rig.board.trip = Reason.NONE
    rig.run(1_000)
    assert rig.names == [
        *PLUG_FIRST,
        "StoppingCharging",
        "ChargingPausedEVSE(Error)",
        "PrepareCharging",
        "ChargingStarted",
    ]


def test_no_energy_at_the_start_is_no_pause() -> None:
    rig = Rig()
    rig.session.set_external_limits(limit_of(0))
    rig.tick()
    rig.car(B)
    rig.session.authorize(token())
    rig.run(60_000)
    rig.car(C)
    assert rig.names == PLUG_FIRST[:-1]
    assert rig.board.duty_bp == X1_BP
    rig.session.set_external_limits(limit_of(10))
    rig.run(1_000)
    assert rig.names == PLUG_FIRST


def test_disabled_while_charging_ends_the_session_before_disabled() -> None:
    rig = Rig().charging()
    assert rig.session.disable(0)
    rig.run(1_000)
    assert rig.names == [
        *PLUG_FIRST,
        "StoppingCharging",
        "ChargingFinished",
        "TransactionFinished(EVSEDisabled)",
        "SessionFinished",
        "Disabled",
    ]
    assert rig.board.duty_bp == F_BP


def test_a_plugged_car_is_a_new_session_after_enable() -> None:
    rig = Rig().charging()
    rig.session.disable(0)
    rig.run(1_000)
    rig.session.enable(0)
    rig.run(1_000)
    assert rig.names[-3:] == ["Enabled", "SessionStarted(EVConnected)", "AuthRequired"]
    assert rig.events[-1].uuid == "session 2"


def test_a_car_that_never_asks_for_power_is_announced_as_pausing() -> None:
    rig = Rig()
    rig.tick()
    rig.car(B)
    rig.session.authorize(token())
    rig.run(30_000 + 4_750 + 10_000 - 300)
    assert rig.session.state == "preparing"
    rig.run(600)
    assert rig.names[-3:] == ["PrepareCharging", "PrepareCharging", "ChargingPausedEV"]
    assert F_BP < rig.board.duty_bp < X1_BP, "the offer stands, so that the car may still come"


def test_another_reason_to_pause_is_announced_once() -> None:
    rig = Rig().charging()
    rig.session.pause_charging()
    rig.run(500)
    rig.session.set_external_limits(limit_of(3))
    rig.run(500)
    rig.session.resume_charging()
    rig.run(500)
    assert rig.names[len(PLUG_FIRST) :] == [
        "StoppingCharging",
        "ChargingPausedEVSE(UserPause)",
        "ChargingPausedEVSE(NoEnergy,UserPause)",
        "ChargingPausedEVSE(NoEnergy)",
    ]


# --- recovery at session level --------------------------------------------------------------------


@pytest.mark.parametrize(("boot_id", "reason"), [("boot 1", "Reboot"), ("boot 2", "PowerLoss")])
def test_an_interrupted_transaction_ends_by_the_computers_boot_id(
    boot_id: str, reason: str
) -> None:
    rig = Rig().charging()
    again = Rig(snapshot=Snapshot.decode(rig.snapshots[-1]), boot_id=boot_id)
    again.tick()
    assert again.names == [
        "SessionResumed",
        "ChargingFinished",
        f"TransactionFinished({reason})",
        "SessionFinished",
        "Enabled",
    ]
    assert {e.uuid for e in again.events[:-1]} == {"session 1"}


def test_a_crash_in_the_middle_of_a_recovery_keeps_the_power_loss() -> None:
    rig = Rig().charging()
    snapshot = rig.snapshots[-1]
    for _ in range(3):  # each start dies after its SessionResumed was written
        again = Rig(snapshot=Snapshot.decode(snapshot), boot_id="boot 2")
        again.tick()
        snapshot = again.snapshots[0]
    assert "TransactionFinished(PowerLoss)" in again.names
