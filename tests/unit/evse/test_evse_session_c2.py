"""Waking a car, telling it of a fault, switching phases, a swapped car (spec C2, C3, C7)."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from msgspec.structs import replace
from session_rig import PLUG_FIRST, Rig, limit_of, socket_evse, stop_for, token

from evse.config.evse import EvseTable, PhaseSwitchTable
from evse.model import F_BP, X1_BP, Capability, PilotState, Reason
from evse.types.evse_manager import SwitchThreePhasesWhileChargingResult as Result
from evse.types.session import StopTransactionReason

B, C = PilotState.B, PilotState.C
Mode = Literal["never", "oneway", "both"]


def preparing(rig: Rig) -> Rig:
    rig.tick()
    rig.car(B)
    assert rig.session.authorize(token())
    rig.tick()
    assert rig.session.state == "preparing"
    return rig


# --- the wake-up (C2 T_step_EF) -------------------------------------------------------------------


def test_a_sleepy_car_gets_one_pulse_of_f_for_4_s_and_x1_for_750_ms_then_the_offer_again() -> None:
    rig = preparing(Rig())
    offered_bp = rig.board.duty_bp
    rig.run(29_800)
    assert rig.board.duty_bp == offered_bp
    rig.run(300)
    assert rig.board.duty_bp == F_BP
    rig.run(3_600)
    assert rig.board.duty_bp == F_BP
    rig.run(500)
    assert rig.board.duty_bp == X1_BP
    rig.run(700)
    assert rig.board.duty_bp == offered_bp
    assert rig.names[-2:] == ["PrepareCharging", "PrepareCharging"]
    rig.car(C)
    assert rig.names[-1] == "ChargingStarted"


def test_the_pulse_is_given_once_and_again_after_the_car_has_charged() -> None:
    rig = preparing(Rig())
    rig.run(60_000)
    assert rig.names.count("PrepareCharging") == 2
    assert rig.names[-1] == "ChargingPausedEV"
    rig.run(300_000)
    assert rig.names.count("PrepareCharging") == 2, "one pulse for an attempt"
    rig.car(C)
    assert rig.session.state == "charging"
    rig.session.pause_charging()
    rig.car(B)
    rig.session.resume_charging()
    rig.run(31_000)
    assert rig.session.state == "waking"


def test_without_wake_up_a_car_that_is_late_pauses_after_40_s() -> None:
    rig = preparing(Rig(replace(socket_evse(), wake_up=False)))
    rig.run(39_700)
    assert rig.session.state == "preparing"
    rig.run(400)
    assert rig.session.state == "paused_ev"
    assert all(wish.duty_bp != F_BP for wish in rig.board.wishes)


def test_the_30_s_do_not_run_while_there_is_no_energy() -> None:
    rig = Rig()
    rig.session.set_external_limits(limit_of(0))
    preparing(rig)
    rig.run(120_000)
    assert rig.session.state == "preparing"
    rig.session.set_external_limits(limit_of(10))
    rig.run(29_000)
    assert rig.session.state == "preparing"
    rig.run(2_000)
    assert rig.session.state == "waking"


@pytest.mark.parametrize("how", ["stop", "disable", "fault"])
def test_the_wake_up_is_left_at_once(how: str) -> None:
    rig = preparing(Rig())
    rig.run(31_000)
    assert rig.session.state == "waking"
    if how == "stop":
        rig.session.stop_transaction(stop_for(StopTransactionReason.Remote))
    elif how == "disable":
        rig.session.disable(0)
    else:
        rig.board.trip = Reason.EMERGENCY_STOP
    rig.tick()
    assert rig.session.state in ("finished", "disabled", "paused_evse")
    rig.tick()
    assert rig.board.duty_bp == (F_BP if how == "disable" else X1_BP)


# --- the fault pulse (C3) -------------------------------------------------------------------------


def duties(rig: Rig, since: int) -> list[int]:
    found = [wish.duty_bp for wish in rig.board.wishes[since:]]
    return [bp for at, bp in enumerate(found) if at == 0 or bp != found[at - 1]]


def test_a_fault_while_charging_is_told_by_300_ms_of_f_then_x1() -> None:
    rig = Rig().charging()
    since = len(rig.board.wishes)
    rig.board.trip = Reason.EMERGENCY_STOP
    rig.run(200)
    assert rig.board.duty_bp == F_BP
    rig.run(2_000)
    assert duties(rig, since) == [F_BP, X1_BP]
    assert rig.names[len(PLUG_FIRST) :] == ["StoppingCharging", "ChargingPausedEVSE(Error)"]


def test_a_fault_before_the_car_charges_is_not_told_by_f() -> None:
    rig = preparing(Rig())
    since = len(rig.board.wishes)
    rig.board.trip = Reason.EMERGENCY_STOP
    rig.run(2_000)
    assert F_BP not in duties(rig, since)


def test_no_pulse_where_the_configuration_forbids_it() -> None:
    rig = Rig(replace(socket_evse(), fault_pulse_ms=0)).charging()
    since = len(rig.board.wishes)
    rig.board.trip = Reason.EMERGENCY_STOP
    rig.run(2_000)
    assert duties(rig, since) == [X1_BP]


# --- phases (C7) ----------------------------------------------------------------------------------


def switching(mode: Mode = "both", **more: Any) -> EvseTable:
    return replace(socket_evse(), phase_switch=PhaseSwitchTable(mode=mode, **more))


def with_contact(config: EvseTable) -> Rig:
    rig = Rig(config)
    rig.session.on_capabilities(Capability.PHASE_SWITCH)
    return rig


def test_phases_are_switched_behind_x1_with_the_contactor_open_and_after_the_delay() -> None:
    rig = with_contact(switching()).charging()
    assert rig.session.switch_three_phases(False) is Result.Success
    rig.run(500)
    assert rig.session.state == "switching"
    assert rig.board.duty_bp == X1_BP
    assert not rig.board.coil
    rig.run(9_000)
    assert rig.session.state == "switching"
    assert rig.board.phases == 3, "not before the delay is over"
    rig.run(1_000)
    assert rig.board.phases == 1
    assert rig.names[len(PLUG_FIRST) :] == [
        "SwitchingPhases",
        "PrepareCharging",
        "ChargingStarted",
    ]
    assert rig.session.phases_connected == 1


def test_while_a_switch_runs_only_its_target_changes() -> None:
    rig = with_contact(switching()).charging()
    rig.session.switch_three_phases(False)
    rig.run(3_000)
    assert rig.session.switch_three_phases(True) is Result.Success
    rig.run(10_000)
    assert rig.session.phases_connected == 3
    assert rig.names.count("SwitchingPhases") == 1


def test_switching_is_refused_in_the_pages_own_words() -> None:
    assert Rig().session.switch_three_phases(False) is Result.Error_NotSupported
    never = with_contact(switching("never")).charging()
    assert never.session.switch_three_phases(False) is Result.Error_NotSupported
    idle = with_contact(switching())
    assert idle.session.switch_three_phases(False) is Result.Error_NotCharging
    lost = with_contact(switching()).charging()
    lost.session.on_board_lost()
    assert lost.session.switch_three_phases(False) is Result.Error_Hardware
    there = with_contact(switching()).charging()
    assert there.session.switch_three_phases(True) is Result.Success
    there.run(1_000)
    assert "SwitchingPhases" not in there.names


def test_one_way_never_switches_back_and_a_session_has_so_many_switches() -> None:
    rig = with_contact(switching("oneway")).charging()
    assert rig.session.switch_three_phases(False) is Result.Success
    rig.run(12_000)
    assert rig.session.switch_three_phases(True) is Result.Error_NotSupported
    few = with_contact(switching(max_per_session=1)).charging()
    assert few.session.switch_three_phases(False) is Result.Success
    few.run(12_000)
    assert few.session.switch_three_phases(True) is Result.Error_NotSupported


def test_a_contact_that_does_not_move_is_given_up_and_charging_goes_on_as_before() -> None:
    rig = with_contact(switching()).charging()
    rig.board.phases_stuck = True
    rig.session.switch_three_phases(False)
    rig.run(14_000)
    assert rig.session.state == "switching"
    rig.run(2_000)
    assert rig.session.state == "charging"
    assert rig.session.phases_connected == 3
    rig.run(60_000)
    assert rig.names.count("SwitchingPhases") == 1


@pytest.mark.parametrize("how", ["unplug", "disable", "fault"])
def test_a_switch_is_left_at_once_and_the_contact_moves_all_the_same(how: str) -> None:
    rig = with_contact(switching()).charging()
    rig.session.switch_three_phases(False)
    rig.run(300)
    assert rig.session.state == "switching"
    if how == "unplug":
        rig.car(PilotState.A)
    elif how == "disable":
        rig.session.disable(0)
    else:
        rig.board.trip = Reason.EMERGENCY_STOP
    rig.run(300)
    assert rig.session.state in ("idle", "disabled", "paused_evse")


def test_the_next_session_begins_with_all_phases() -> None:
    rig = with_contact(switching()).charging()
    rig.session.switch_three_phases(False)
    rig.run(12_000)
    assert rig.board.phases == 1
    rig.car(PilotState.A)
    rig.run(500)
    assert rig.board.phases == 3


# --- a car swapped behind a dead link -------------------------------------------------------------


def test_another_car_than_before_the_silence_is_another_session() -> None:
    rig = Rig().charging()
    rig.board_answers = False
    rig.session.on_board_lost()
    rig.run(20_000)
    rig.board_answers = True
    rig.board.plugs += 1
    rig.board.car = B
    rig.run(3_000)
    ended = [name for name in rig.names if name.startswith("TransactionFinished")]
    assert ended == ["TransactionFinished(EVDisconnected)"]
    assert rig.names[-2:] == ["SessionStarted(EVConnected)", "AuthRequired"]
    assert rig.events[-1].uuid != rig.events[-3].uuid


def test_a_board_that_restarted_counts_anew_and_no_car_was_swapped() -> None:
    rig = Rig().charging()
    rig.board.plugs = 7
    rig.session.on_board_restarted()
    rig.board.plugs = 0
    rig.run(8_000)
    assert {event.uuid for event in rig.events if event.uuid} == {"session 1"}


def test_a_board_that_does_not_know_where_its_contact_is_announces_no_switch() -> None:
    rig = with_contact(switching()).charging()
    rig.board.phases = 0
    rig.board.phases_stuck = True
    rig.run(30_000)
    assert "SwitchingPhases" not in rig.names
    assert rig.session.state == "charging"
