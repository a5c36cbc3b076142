"""Rows of the guard's rules at their edges, where one word more or less would be another rule."""

from __future__ import annotations

import pytest
from guard_rig import GuardRig

from evse.guard.guard import Hardware, Timing
from evse.guard.lock_drive import LockDrive
from evse.model import CommandStatus, CommandVerb, LockState, LockTarget, Reason, SelfTest

ACK = CommandVerb.ACKNOWLEDGE
SOCKET = Hardware(lock=True, socket=True)
PLUGGED_IN = {"lock_locked": True, "pp_ohm": 220}


@pytest.fixture
def socket() -> GuardRig:
    rig = GuardRig(SOCKET)
    rig.readings = dict(PLUGGED_IN)
    rig.lock = LockTarget.LOCK
    return rig


def about_to_close(rig: GuardRig) -> None:
    """Everything is there but the car's S2."""
    rig.plug_in()
    rig.close, rig.duty_bp = True, 2_666
    rig.run(1_000)


# --- trips ----------------------------------------------------------------------------


@pytest.mark.parametrize(("close_ms", "release_ms"), [(100, 400), (400, 100)])
def test_a_mirror_has_one_time_to_close_and_another_to_open(close_ms: int, release_ms: int) -> None:
    timing = Timing(mirror_close_ms=close_ms, mirror_release_ms=release_ms)
    rig = GuardRig(timing=timing)
    about_to_close(rig)
    rig.level, rig.mirror = "C", False
    rig.until("coil", 1_000)
    assert rig.until_open(1_000) == close_ms - 10
    rig = GuardRig(timing=timing)
    rig.charge()
    rig.level, rig.mirror = "B", True
    rig.until_open(100)
    rig.run(release_ms - 10)
    assert rig.status.reason is Reason.PILOT_LEFT_CD
    rig.run(10)
    assert rig.status.reason is Reason.WELD


def test_a_weld_is_a_weld_and_nothing_beside() -> None:
    rig = GuardRig()
    rig.charge()
    rig.level, rig.mirror = "B", True
    rig.run(2_000)
    assert rig.guard.state.trips == 1 << Reason.WELD


@pytest.mark.parametrize("level", ["E", "F", "INVALID"])
def test_a_faulty_level_without_a_car_is_no_trip(level: str) -> None:
    rig = GuardRig()
    rig.run(1_000)
    rig.level = level
    rig.run(1_000)
    assert rig.status.reason is Reason.NONE


def test_a_stall_is_not_acknowledged_while_there_is_no_verdict() -> None:
    rig = GuardRig()
    rig.charge()
    rig.level = None
    rig.run(100)
    assert rig.command(ACK) is CommandStatus.REFUSED
    rig.level = "C"
    rig.run(100)
    assert rig.command(ACK) is CommandStatus.DONE


def test_a_car_that_asks_for_missing_ventilation_from_the_start_is_not_served_and_no_trip() -> None:
    rig = GuardRig()
    about_to_close(rig)
    rig.level = "D"
    rig.run(5_000)
    assert (rig.status.coil, rig.status.reason) == (False, Reason.NONE)


def test_where_it_is_ventilated_a_car_back_in_b_is_let_go() -> None:
    rig = GuardRig(Hardware(ventilation=True))
    about_to_close(rig)
    rig.level = "D"
    rig.until("coil", 1_000)
    rig.run(1_000)
    rig.level = "B"
    assert rig.until_open(100) <= 40


def test_a_feedback_may_lag_behind_a_phase_contact_that_moves() -> None:
    rig = GuardRig(Hardware(phase_switch=True, phase_feedback=True))
    rig.run(3_000)
    rig.phases, rig.readings["phase_feedback"] = 1, True
    rig.run(400)
    del rig.readings["phase_feedback"]
    rig.run(1_000)
    assert (rig.status.phases, rig.status.reason) == (1, Reason.NONE)


# --- closing --------------------------------------------------------------------------


@pytest.mark.parametrize(("temperature_dc", "closes"), [(899, True), (900, False), (None, False)])
def test_a_warm_station_closes_and_one_that_is_hot_or_blind_does_not(
    temperature_dc: int | None, closes: bool
) -> None:
    rig = GuardRig(Hardware(temperature_trip_dc=900))
    rig.readings["temperature_dc"] = 250
    about_to_close(rig)
    rig.level, rig.readings["temperature_dc"] = "C", temperature_dc
    rig.run(1_000)
    assert rig.status.coil is closes


def test_a_permit_that_wants_the_plug_unlocked_closes_nothing(socket: GuardRig) -> None:
    about_to_close(socket)
    socket.lock, socket.level = LockTarget.UNLOCK, "C"
    socket.run(5_000)
    assert not socket.status.coil


def test_nothing_closes_in_the_step_in_which_an_unlocking_pulse_still_runs(
    socket: GuardRig,
) -> None:
    about_to_close(socket)
    socket.lock, socket.level = LockTarget.UNLOCK, "C"
    while socket.now_ms % 100 or socket.outputs.lock_drive is not LockDrive.UNLOCK:
        socket.step()
    socket.lock = LockTarget.LOCK
    assert not socket.step().coil
    assert socket.outputs.lock_drive is not LockDrive.UNLOCK


def test_nothing_closes_on_a_coding_that_reads_less_than_the_cable_was_rated(
    socket: GuardRig,
) -> None:
    about_to_close(socket)
    socket.level = "C"
    socket.run(90)
    socket.readings["pp_ohm"] = 680
    socket.run(100)
    assert (socket.status.coil, socket.status.cable_a) == (False, 32)
    socket.readings["pp_ohm"] = 220
    assert socket.step().coil


def test_a_permit_for_no_phases_closes_nothing_over_a_contact_that_was_never_sent() -> None:
    rig = GuardRig(Hardware(phase_switch=True))
    rig.phases = 0
    about_to_close(rig)
    rig.level = "C"
    rig.run(5_000)
    assert (rig.status.coil, rig.status.phases) == (False, 0)


@pytest.mark.parametrize("phases", [1, 3])
def test_a_contact_found_where_the_permit_wants_it_is_at_rest(phases: int) -> None:
    rig = GuardRig(Hardware(phase_switch=True, phase_feedback=True))
    rig.phases, rig.readings["phase_feedback"] = phases, phases == 3
    seen = set()
    for _ in range(100):
        rig.step()
        seen.add(rig.status.phases)
    assert seen == {phases}


# --- unlocking ------------------------------------------------------------------------


def test_a_coil_that_is_on_vetoes_by_itself(socket: GuardRig) -> None:
    socket.charge()
    socket.lock = LockTarget.UNLOCK
    socket.run(-socket.now_ms % 100 + 10)
    socket.mirror = False
    assert socket.step().lock_drive is LockDrive.OFF
    assert socket.status.vetoed_unlock
    assert socket.outputs.coil


# --- the diode ------------------------------------------------------------------------


def test_the_low_half_wave_is_judged_from_the_settling_of_pwm_on() -> None:
    rig = GuardRig(timing=Timing(diode_ms=10, pwm_settle_ms=100))
    rig.plug_in()
    rig.duty_bp, rig.diode = 2_666, False
    rig.run(-rig.now_ms % 100 + 10)
    assert rig.status.duty_bp == 2_666
    rig.run(110)
    assert rig.status.reason is Reason.NONE
    rig.step()
    assert rig.status.reason is Reason.DIODE


def test_a_low_half_wave_that_was_wrong_only_while_pwm_settled_is_no_fault() -> None:
    rig = GuardRig(timing=Timing(diode_ms=10, pwm_settle_ms=100))
    rig.plug_in()
    rig.duty_bp, rig.diode = 2_666, False
    rig.run(-rig.now_ms % 100 + 90)
    rig.diode = True
    rig.run(1_000)
    assert rig.status.reason is Reason.NONE


def test_beside_a_faulty_level_the_diode_is_not_judged() -> None:
    rig = GuardRig(timing=Timing(diode_ms=10))
    rig.charge()
    rig.level, rig.diode = "E", False
    rig.until_open(100)
    assert rig.status.reason is Reason.PILOT_FAULT


def test_before_a_level_is_believed_the_diode_is_not_judged() -> None:
    rig = GuardRig(timing=Timing(diode_ms=10))
    rig.plug_in()
    rig.duty_bp, rig.level = 0, "F"
    rig.run(1_000)
    rig.run(-rig.now_ms % 100)
    rig.duty_bp, rig.level, rig.diode = 2_666, "C", False
    rig.run(90)
    rig.diode = True
    rig.run(1_000)
    assert rig.status.reason is Reason.NONE


def test_a_doubt_about_the_diode_does_not_outlive_the_pwm_it_arose_on() -> None:
    rig = GuardRig(timing=Timing(diode_ms=200))
    rig.plug_in()
    rig.duty_bp = 2_666
    rig.run(500)
    rig.diode = False
    rig.run(100)
    rig.duty_bp = 10_000
    rig.run(200)
    rig.duty_bp = 2_666
    rig.run(200)
    assert rig.status.reason is Reason.NONE
    rig.run(200)
    assert rig.status.reason is Reason.DIODE


# --- the end of things ----------------------------------------------------------------


def test_a_self_test_that_was_asked_for_without_a_car_keeps_its_result() -> None:
    rig = GuardRig(Hardware(rcd=True, rcd_self_test=True))
    rig.run(1_000)
    assert rig.command(CommandVerb.RCD_SELF_TEST) is CommandStatus.DONE
    rig.run(5_000)
    assert rig.status.self_test is SelfTest.PASSED


def test_a_forced_unlock_is_over_when_the_car_is_gone_and_the_lock_has_done_what_it_can(
    socket: GuardRig,
) -> None:
    socket.plug_in()
    assert socket.command(CommandVerb.FORCE_UNLOCK) is CommandStatus.DONE
    socket.run(100)
    socket.level = "A"
    tries_ms = Timing().lock_tries * (Timing().lock_pulse_ms + Timing().lock_pause_ms)
    socket.run(tries_ms - Timing().lock_pause_ms - 200)
    assert socket.status.forced_unlock
    socket.run(1_000)
    assert (socket.status.forced_unlock, socket.status.lock) == (False, LockState.LOCKED)


def test_a_forced_unlock_lasts_while_the_car_stays(socket: GuardRig) -> None:
    socket.plug_in()
    socket.command(CommandVerb.FORCE_UNLOCK)
    socket.run(100)
    socket.readings = {"lock_unlocked": True, "pp_ohm": 220}
    socket.run(10_000)
    assert socket.status.forced_unlock
    socket.level = "A"
    socket.run(100)
    assert not socket.status.forced_unlock
