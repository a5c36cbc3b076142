"""The guard with the product's times, clause by clause."""

from __future__ import annotations

import msgspec
import pytest
from guard_rig import GuardRig

from evse.board_faults import WARNINGS, BoardFault
from evse.guard.guard import (
    RULES,
    Guard,
    GuardState,
    Hardware,
    Inputs,
    Outputs,
    Seen,
    Timing,
    canonical,
    next_deadline_ms,
    observe,
    step,
)
from evse.guard.lock_drive import LockDrive
from evse.guard.phase_contact import PhaseContact, look
from evse.guard.state import TIMERS, Timer
from evse.model import (
    F_BP,
    X1_BP,
    Capability,
    CommandStatus,
    CommandVerb,
    LockState,
    LockTarget,
    Permit,
    PilotState,
    Reason,
    SelfTest,
)
from evse.pilot import PilotSample

ACK = CommandVerb.ACKNOWLEDGE
SOCKET = Hardware(lock=True, socket=True)
LOCKED = {"lock_locked": True, "pp_ohm": 220}
FULL = Hardware(
    lock=True,
    socket=True,
    rcd=True,
    rcd_self_test=True,
    fast_current=True,
    emergency_stop=True,
    temperature_trip_dc=900,
)
FULL_READINGS = {**LOCKED, "temperature_dc": 250, "current_ma": 16_000}


@pytest.fixture
def rig() -> GuardRig:
    return GuardRig()


@pytest.fixture
def full() -> GuardRig:
    rig = GuardRig(FULL)
    rig.readings = dict(FULL_READINGS)
    rig.lock = LockTarget.LOCK
    return rig


# --- closing --------------------------------------------------------------------------


def test_a6_seq_4_closes_within_3_s_of_c2(rig: GuardRig) -> None:
    rig.plug_in()
    rig.close, rig.duty_bp = True, 2_666
    rig.run(1_000)
    rig.level = "C"
    assert rig.until("coil", 3_000) == Timing().debounce_in_ms
    assert rig.status.reason is Reason.NONE


def test_a6_seq_1_2_a_simplified_car_is_served_within_3_s(full: GuardRig) -> None:
    full.run(3_000)
    full.level = "C"
    full.close, full.duty_bp = True, 2_666
    assert full.until("coil", 3_000) <= 3_000


def test_a_fully_fitted_board_charges(full: GuardRig) -> None:
    full.charge()
    assert full.status.coil
    assert full.status.cable_a == 32
    assert full.status.self_test is SelfTest.PASSED
    assert full.status.lock is LockState.LOCKED


@pytest.mark.parametrize(
    ("close", "duty_bp"), [(False, 2_666), (True, X1_BP), (True, F_BP), (True, 700), (True, 9_800)]
)
def test_nothing_closes_without_leave_and_offer(rig: GuardRig, close: bool, duty_bp: int) -> None:
    rig.plug_in()
    rig.close, rig.duty_bp = close, duty_bp
    rig.level = "C"
    rig.run(5_000)
    assert not rig.status.coil


def test_five_percent_is_an_offer(rig: GuardRig) -> None:
    rig.plug_in()
    rig.close, rig.duty_bp = True, 500
    rig.level = "C"
    rig.until("coil", 1_000)


def test_a_quick_return_to_c_waits_for_the_minimum_off_time(rig: GuardRig) -> None:
    rig.charge()
    rig.level = "B"
    rig.until_open(100)
    rig.level = "C"
    assert rig.until("coil", 3_000) == Timing().min_off_ms - 10


def test_an_unventilated_board_does_not_close_in_d_and_calls_it_no_fault(rig: GuardRig) -> None:
    rig.plug_in()
    rig.close, rig.duty_bp, rig.level = True, 2_666, "D"
    rig.run(5_000)
    assert (rig.status.coil, rig.status.reason) == (False, Reason.NONE)


def test_a_ventilated_board_opens_when_the_car_leaves_d() -> None:
    rig = GuardRig(Hardware(ventilation=True))
    rig.charge()
    rig.level = "B"
    assert rig.until_open(100) + 10 <= 50


def test_a_cable_that_reads_less_just_before_closing_is_read_anew_first() -> None:
    rig = GuardRig(SOCKET)
    rig.readings = dict(LOCKED)
    rig.plug_in()
    rig.close, rig.duty_bp, rig.level = True, 2_666, "C"
    rig.readings["pp_ohm"] = 1_500
    assert rig.until("coil", 3_000) == Timing().pp_ms
    assert rig.status.cable_a == 13


@pytest.mark.parametrize(
    ("temperature_dc", "closes"), [(800, True), (801, True), (899, True), (None, False)]
)
def test_it_closes_below_the_trip_temperature_and_never_without_one(
    full: GuardRig, temperature_dc: int | None, closes: bool
) -> None:
    full.plug_in()
    full.close, full.duty_bp, full.level = True, 2_666, "C"
    full.readings["temperature_dc"] = temperature_dc
    full.run(3_000)
    assert full.status.coil is closes


def test_d_closes_where_ventilated() -> None:
    rig = GuardRig(Hardware(ventilation=True))
    rig.charge()
    rig.level = "D"
    rig.run(2_000)
    assert rig.status.coil
    assert rig.status.pilot is PilotState.D


# --- opening at once ------------------------------------------------------------------


@pytest.mark.parametrize("level", ["B", "A", "E", "F", "INVALID"])
def test_a6_seq_8_and_2_2_leaving_c_is_detected_within_50_ms(rig: GuardRig, level: str) -> None:
    rig.charge()
    rig.level = level
    assert rig.until_open(100) + 10 <= 50


def test_leaving_c_by_the_car_is_no_trip(rig: GuardRig) -> None:
    rig.charge()
    rig.level = "A"
    rig.until_open(100)
    assert rig.status.reason is Reason.PILOT_LEFT_CD
    assert not rig.status.reason.is_trip


def test_samples_without_a_verdict_open_within_50_ms(rig: GuardRig) -> None:
    rig.charge()
    rig.level = None
    assert rig.until_open(100) + 10 <= 50
    assert rig.status.reason is Reason.SAMPLES_STALLED


def test_a_stall_is_acknowledged_only_when_the_samples_are_back(rig: GuardRig) -> None:
    rig.charge()
    rig.level = None
    rig.until_open(100)
    rig.run(1_000)
    assert rig.command(ACK) is CommandStatus.REFUSED
    rig.level = "C"
    rig.run(100)
    assert rig.command(ACK) is CommandStatus.DONE


@pytest.mark.parametrize("level", ["E", "F", "INVALID"])
def test_a_faulty_level_without_a_car_is_no_fault(rig: GuardRig, level: str) -> None:
    for first in (level, "A", level):
        rig.level = first
        rig.run(1_000)
        assert (rig.status.pilot.name, rig.status.reason) == (first, Reason.NONE)


def test_a_contactor_that_a_predecessor_left_closed_has_its_release_time_to_open() -> None:
    rig = GuardRig()
    rig.mirror = True
    rig.run(Timing().mirror_release_ms)
    assert rig.status.reason is Reason.NONE
    rig.step()
    assert rig.status.reason is Reason.WELD


def test_a_flickering_pilot_can_not_hide_behind_missing_verdicts(rig: GuardRig) -> None:
    rig.charge()
    start_ms = rig.now_ms
    for level in (None, None, None, "B", "A", "B", None, "A"):
        rig.level = level
        if not rig.step().coil:
            break
    assert not rig.outputs.coil
    assert rig.now_ms - start_ms <= 50


TRIPS = [
    ("E", {}, Reason.PILOT_FAULT),
    ("INVALID", {}, Reason.PILOT_FAULT),
    ("F", {}, Reason.PILOT_FAULT),
    ("D", {}, Reason.VENTILATION),
    ("C", {"emergency_stop": True}, Reason.EMERGENCY_STOP),
    ("C", {"rcd_tripped": True}, Reason.RCD),
    ("C", {"temperature_dc": 900}, Reason.OVER_TEMPERATURE),
    ("C", {"temperature_dc": None}, Reason.OVER_TEMPERATURE),
    ("C", {"mirror_closed": False}, Reason.MIRROR),
    ("C", {"lock_locked": False}, Reason.LOCK),
    ("C", {"pp_ohm": None}, Reason.PROXIMITY),
    ("C", {"pp_ohm": 40}, Reason.PROXIMITY),
    ("C", {"faults": BoardFault.TILT}, Reason.BOARD_FAULT),
]


@pytest.mark.parametrize(("level", "readings", "reason"), TRIPS)
def test_a_trip_opens_takes_the_offer_away_and_stays(
    full: GuardRig, level: str, readings: dict[str, object], reason: Reason
) -> None:
    full.charge()
    full.level = level
    full.readings |= readings
    full.until_open(5_100)
    assert full.status.reason is reason
    assert full.status.duty_bp == X1_BP
    full.level = "C"
    full.readings |= FULL_READINGS
    for name in ("emergency_stop", "rcd_tripped", "mirror_closed", "faults"):
        full.readings.pop(name, None)
    full.run(10_000)
    assert not full.status.coil
    assert full.status.reason is reason
    expected = CommandStatus.REFUSED if reason is Reason.RCD else CommandStatus.DONE
    assert full.command(ACK) is expected
    assert full.command(ACK) is expected


@pytest.mark.parametrize(
    "readings",
    [
        {"emergency_stop": True},
        {"rcd_tripped": True},
        {"temperature_dc": 900},
        {"faults": BoardFault.WATER_INGRESS},
    ],
)
def test_level_reasons_open_in_the_same_step(full: GuardRig, readings: dict[str, object]) -> None:
    full.charge()
    full.readings |= readings
    assert not full.step().coil


def test_a_contactor_that_does_not_close_opens_after_its_time(rig: GuardRig) -> None:
    rig.plug_in()
    rig.close, rig.duty_bp, rig.mirror = True, 2_666, False
    rig.level = "C"
    rig.until("coil", 3_000)
    assert rig.until_open(1_000) == Timing().mirror_close_ms - 10
    assert rig.status.reason is Reason.MIRROR


def test_a_bouncing_mirror_is_forgiven(rig: GuardRig) -> None:
    rig.charge()
    for closed in (False, True, False, True):
        rig.mirror = closed
        rig.step()
    assert rig.outputs.coil


def test_closing_and_releasing_have_their_own_times() -> None:
    timing = Timing(mirror_close_ms=100, mirror_release_ms=400)
    rig = GuardRig(timing=timing)
    rig.charge()
    rig.level, rig.mirror = "B", True
    rig.until_open(100)
    rig.run(390)
    assert rig.status.reason is Reason.PILOT_LEFT_CD
    rig.run(20)
    assert rig.status.reason is Reason.WELD
    assert rig.guard.state.trips == 1 << Reason.WELD, "and is no other fault as well"
    rig = GuardRig(timing=timing)
    rig.mirror = False
    rig.plug_in()
    rig.close, rig.duty_bp, rig.level = True, 2_666, "C"
    rig.until("coil", 3_000)
    assert rig.until_open(1_000) == 90


def test_a_weld_is_told_and_never_energised_until_open_and_acknowledged(rig: GuardRig) -> None:
    rig.charge()
    rig.mirror = True
    rig.level = "B"
    rig.until_open(100)
    rig.run(Timing().mirror_release_ms)
    assert rig.status.reason is Reason.WELD
    rig.level = "C"
    rig.run(5_000)
    assert not rig.status.coil
    assert rig.command(ACK) is CommandStatus.REFUSED
    rig.mirror = None
    rig.run(100)
    assert not rig.status.coil
    assert rig.command(ACK) is CommandStatus.DONE
    rig.until("coil", 1_000)


def test_a_shorted_diode_trips_before_closing_and_until_unplugged(rig: GuardRig) -> None:
    rig.plug_in()
    rig.diode = False
    rig.close, rig.duty_bp = True, 2_666
    rig.run(200)
    assert rig.status.reason is Reason.DIODE
    rig.diode = True
    rig.level = "C"
    rig.run(5_000)
    assert rig.command(ACK) is CommandStatus.REFUSED
    rig.level = "A"
    rig.run(100)
    assert rig.command(ACK) is CommandStatus.DONE
    rig.level = "C"
    rig.until("coil", 3_000)


def test_the_low_half_wave_is_judged_only_once_the_pwm_has_settled(rig: GuardRig) -> None:
    rig.plug_in()
    rig.duty_bp, rig.diode = 2_666, False
    rig.run(-rig.now_ms % 100 + 10)
    assert rig.outputs.duty_bp == 2_666
    start_ms = rig.now_ms
    while rig.step().duty_bp == 2_666:
        assert rig.now_ms - start_ms < 1_000
    timing = Timing()
    assert rig.now_ms - 10 - start_ms == timing.pwm_settle_ms + timing.diode_ms
    assert rig.status.reason is Reason.DIODE


def test_a_doubt_about_the_diode_does_not_outlast_the_pwm(rig: GuardRig) -> None:
    rig.plug_in()
    rig.duty_bp = 2_666
    rig.run(1_000)
    rig.diode = False
    rig.run(20)
    rig.duty_bp = X1_BP
    rig.renew()
    rig.run(1_000)
    rig.duty_bp = 2_666
    rig.renew()
    rig.run(50)
    rig.diode = True
    rig.run(1_000)
    assert (rig.status.reason, rig.status.duty_bp) == (Reason.NONE, 2_666)


@pytest.mark.parametrize("hi_mv", [12_000, 0])
def test_the_low_half_wave_of_a_burst_that_shows_no_car_is_not_judged(hi_mv: int) -> None:
    rig = GuardRig(timing=Timing(debounce_out_ms=200))
    rig.plug_in()
    rig.duty_bp = 2_666
    rig.run(1_000)
    rig.readings["sample"] = PilotSample(hi_mv, -5_000)
    rig.run(100)
    del rig.readings["sample"]
    rig.run(1_000)
    assert (rig.status.reason, rig.status.duty_bp) == (Reason.NONE, 2_666)


def test_the_low_half_wave_is_not_judged_before_the_car_is_believed_to_be_back() -> None:
    rig = GuardRig(timing=Timing(debounce_in_ms=300))
    rig.plug_in()
    rig.duty_bp, rig.level = F_BP, "F"
    rig.run(1_000)
    rig.duty_bp, rig.level, rig.diode = 2_666, "B", False
    rig.run(200)
    rig.diode = True
    rig.run(1_000)
    assert (rig.status.reason, rig.status.duty_bp) == (Reason.NONE, 2_666)


def test_a_diode_that_fails_while_charging_opens_within_50_ms(rig: GuardRig) -> None:
    rig.charge()
    rig.diode = False
    assert rig.until_open(100) + 10 <= 50
    assert rig.status.reason is Reason.DIODE


def test_no_low_half_wave_closes_nothing(rig: GuardRig) -> None:
    rig.plug_in()
    rig.close, rig.duty_bp = True, 2_666
    rig.level = "C"
    rig.readings["sample"] = PilotSample(6_000)
    rig.run(5_000)
    assert not rig.status.coil
    assert rig.status.reason is Reason.NONE


def test_an_rcd_trip_is_not_retried_while_the_car_stays(full: GuardRig) -> None:
    full.charge()
    full.rcd = True
    assert not full.step().coil
    full.rcd = None
    full.run(5_000)
    assert full.command(ACK) is CommandStatus.REFUSED
    full.level = "A"
    full.run(1_000)
    assert full.command(ACK) is CommandStatus.DONE
    full.level = "C"
    full.until("coil", 3_500)


def test_the_first_reason_is_kept_and_no_trip_is_forgotten(full: GuardRig) -> None:
    full.charge()
    full.readings["emergency_stop"] = True
    full.step()
    full.rcd = True
    full.run(100)
    full.rcd = None
    full.readings["emergency_stop"] = False
    full.run(100)
    assert full.status.reason is Reason.EMERGENCY_STOP
    assert full.command(ACK) is CommandStatus.REFUSED
    full.level = "A"
    full.run(100)
    assert full.command(ACK) is CommandStatus.DONE
    assert full.status.reason is Reason.NONE


def test_a_hot_station_is_acknowledged_only_when_it_has_cooled(full: GuardRig) -> None:
    full.charge()
    full.readings["temperature_dc"] = 905
    full.step()
    for temperature_dc, answer in ((899, CommandStatus.REFUSED), (800, CommandStatus.DONE)):
        full.readings["temperature_dc"] = temperature_dc
        full.run(20)
        assert full.command(ACK) is answer


# --- the two-stage lease --------------------------------------------------------------


def test_a_lost_lease_takes_pwm_after_half_a_second_and_opens_6_s_later(rig: GuardRig) -> None:
    rig.charge()
    rig.run(-rig.now_ms % 100 + 10)
    rig.alive = False
    rig.run(480)
    assert rig.status.duty_bp == 2_666
    rig.run(20)
    assert (rig.status.duty_bp, rig.status.coil, rig.status.lease_live) == (X1_BP, True, False)
    assert rig.until_open(7_000) == Timing().c1_open_ms - 10
    assert rig.status.reason is Reason.LEASE_LOST


def test_a_lost_lease_opens_when_the_car_lets_go(rig: GuardRig) -> None:
    rig.charge()
    rig.alive = False
    rig.run(2_000)
    rig.level = "B"
    assert rig.until_open(100) <= 40
    assert rig.status.reason is Reason.LEASE_LOST


def test_a_lost_lease_opens_under_one_amp(full: GuardRig) -> None:
    full.charge()
    full.alive = False
    full.run(2_000)
    assert full.status.coil
    full.readings["current_ma"] = 999
    assert full.until_open(1_000) == Timing().low_current_ms
    assert full.status.reason is Reason.LEASE_LOST


def test_under_one_amp_alone_opens_nothing(full: GuardRig) -> None:
    full.charge()
    full.readings["current_ma"] = 0
    full.run(5_000)
    assert full.status.coil


def test_a_permit_that_returns_within_6_s_keeps_the_contactor_closed(rig: GuardRig) -> None:
    rig.charge()
    rig.alive = False
    rig.run(6_000)
    assert rig.status.coil
    rig.alive = True
    rig.run(10_000)
    assert (rig.status.coil, rig.status.duty_bp) == (True, 2_666)


def test_a6_seq_9_1_and_10_2_a_withdrawn_offer_opens_after_6_s(rig: GuardRig) -> None:
    rig.charge()
    rig.run(-rig.now_ms % 100)
    rig.close = False
    rig.step()
    assert (rig.status.duty_bp, rig.status.coil) == (X1_BP, True)
    assert rig.until_open(7_000) == Timing().c1_open_ms - 10
    assert rig.status.reason is Reason.OFFER_WITHDRAWN


def test_leave_without_an_offer_is_no_leave(rig: GuardRig) -> None:
    rig.charge()
    rig.run(-rig.now_ms % 100)
    rig.duty_bp = X1_BP
    assert rig.until_open(7_000) == Timing().c1_open_ms
    assert rig.status.reason is Reason.OFFER_WITHDRAWN


def test_a_benign_reason_goes_with_the_next_closing(rig: GuardRig) -> None:
    rig.charge()
    rig.close = False
    rig.run(200)
    rig.level = "B"
    rig.run(200)
    assert rig.status.reason is Reason.OFFER_WITHDRAWN
    rig.close, rig.level = True, "C"
    rig.until("coil", 3_000)
    assert rig.status.reason is Reason.NONE


def test_without_a_core_nothing_is_offered(rig: GuardRig) -> None:
    rig.alive = False
    rig.level = "C"
    rig.run(10_000)
    assert (rig.status.coil, rig.status.duty_bp) == (False, X1_BP)


def test_an_old_or_repeated_permit_renews_nothing() -> None:
    guard = Guard(Hardware(), Timing())
    assert guard.permit(Permit(2**32 - 1, True, 2_666), 0)
    assert guard.permit(Permit(0, True, 2_666), 10)
    assert not guard.permit(Permit(0, True, 2_666), 400)
    assert not guard.permit(Permit(2**32 - 1, True, 2_666), 400)
    assert guard.stale_permits == 2
    guard.step(510, Inputs())
    assert not guard.status().lease_live


def test_a_new_link_session_counts_from_anew() -> None:
    guard = Guard(Hardware(), Timing())
    assert guard.permit(Permit(1_000, True, 2_666), 0)
    assert not guard.permit(Permit(1, True, 2_666), 10)
    guard.permit_reset()
    assert guard.permit(Permit(1, True, 2_666), 20)


# --- the pilot output -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked_bp", "driven_bp"),
    [(F_BP, F_BP), (500, 500), (1_000, 1_000), (9_600, 9_600), (999, X1_BP), (-5, X1_BP)],
)
def test_nonsense_becomes_x1(rig: GuardRig, asked_bp: int, driven_bp: int) -> None:
    rig.duty_bp = asked_bp
    rig.run(50)
    assert rig.status.duty_bp == driven_bp


def test_our_own_f_is_no_fault(rig: GuardRig) -> None:
    rig.plug_in()
    rig.duty_bp, rig.level = F_BP, "F"
    rig.run(4_000)
    assert rig.status.pilot is PilotState.F
    rig.duty_bp = X1_BP
    rig.run(100)
    rig.level = "B"
    rig.run(500)
    assert (rig.status.pilot, rig.status.reason) == (PilotState.B, Reason.NONE)


def test_an_f_after_our_own_is_over_is_a_fault_again(rig: GuardRig) -> None:
    rig.plug_in()
    for duty_bp, level in ((F_BP, "F"), (X1_BP, "B"), (X1_BP, "F")):
        rig.duty_bp, rig.level = duty_bp, level
        rig.run(1_000)
    assert rig.status.reason is Reason.PILOT_FAULT


def test_the_end_of_a_short_f_pulse_of_our_own_is_no_fault(rig: GuardRig) -> None:
    rig.plug_in()
    rig.run(-rig.now_ms % 100)
    rig.duty_bp, rig.level = F_BP, "B"
    rig.step()
    rig.duty_bp, rig.level = X1_BP, "F"
    rig.renew()
    rig.run(50)
    assert (rig.status.pilot, rig.status.reason) == (PilotState.F, Reason.NONE)


def test_f_may_be_shown_beside_a_trip(full: GuardRig) -> None:
    full.readings["emergency_stop"] = True
    full.duty_bp = F_BP
    full.run(200)
    assert full.status.duty_bp == F_BP


# --- lock -----------------------------------------------------------------------------


def test_the_plug_is_locked_before_closing() -> None:
    rig = GuardRig(SOCKET)
    rig.readings = {"lock_unlocked": True, "pp_ohm": 220}
    rig.plug_in()
    rig.close, rig.duty_bp, rig.level = True, 2_666, "C"
    rig.run(3_000)
    assert not rig.status.coil
    rig.lock = LockTarget.LOCK
    rig.run(100)
    assert rig.outputs.lock_drive is LockDrive.LOCK
    rig.readings = dict(LOCKED)
    rig.until("coil", 100)
    assert rig.outputs.lock_drive is LockDrive.OFF


def test_nothing_closes_while_the_plug_is_asked_to_unlock_though_it_is_stuck() -> None:
    rig = GuardRig(SOCKET)
    rig.readings = dict(LOCKED)
    rig.plug_in()
    rig.lock = LockTarget.UNLOCK
    rig.close, rig.duty_bp, rig.level = True, 2_666, "C"
    rig.run(5_000)
    assert (rig.status.coil, rig.status.lock) == (False, LockState.JAMMED)


def test_nothing_closes_in_the_step_in_which_an_unlocking_pulse_is_taken_back() -> None:
    rig = GuardRig(SOCKET)
    rig.readings = dict(LOCKED)
    rig.plug_in()
    rig.lock = LockTarget.UNLOCK
    rig.close, rig.duty_bp, rig.level = True, 2_666, "C"
    rig.run(300)
    assert rig.outputs.lock_drive is LockDrive.UNLOCK
    rig.lock = LockTarget.LOCK
    rig.renew()
    rig.step()
    assert (rig.outputs.coil, rig.outputs.lock_drive) == (False, LockDrive.OFF)
    assert rig.step().coil


def test_the_coil_vetoes_unlocking_also_while_the_mirror_still_reads_open() -> None:
    rig = GuardRig(SOCKET, Timing(mirror_close_ms=1_000))
    rig.readings, rig.mirror = dict(LOCKED), False
    rig.plug_in()
    rig.close, rig.duty_bp, rig.level = True, 2_666, "C"
    rig.until("coil", 3_000)
    rig.run(500)
    assert rig.status.coil
    assert rig.command(CommandVerb.FORCE_UNLOCK) is CommandStatus.REFUSED


def test_a_lock_without_reserve_waits_for_it_and_does_not_jam() -> None:
    rig = GuardRig(SOCKET)
    rig.readings = {"faults": BoardFault.LOCK_CAPACITOR, "lock_unlocked": True, "pp_ohm": 220}
    rig.plug_in()
    rig.lock = LockTarget.LOCK
    rig.run(10_000)
    assert rig.outputs.lock_drive is LockDrive.OFF
    assert rig.status.lock is LockState.UNLOCKED
    rig.readings = {"lock_unlocked": True, "pp_ohm": 220}
    rig.run(20)
    assert rig.outputs.lock_drive is LockDrive.LOCK


def test_unlocking_is_vetoed_until_the_contactor_is_confirmed_open() -> None:
    rig = GuardRig(SOCKET)
    rig.readings = dict(LOCKED)
    rig.charge()
    rig.lock = LockTarget.UNLOCK
    rig.run(500)
    assert rig.status.vetoed_unlock
    assert rig.outputs.lock_drive is LockDrive.OFF
    assert rig.command(CommandVerb.FORCE_UNLOCK) is CommandStatus.REFUSED
    rig.level = "B"
    rig.until_open(100)
    rig.run(Timing().mirror_release_ms - 10)
    assert rig.outputs.lock_drive is LockDrive.OFF
    rig.run(20)
    assert rig.outputs.lock_drive is LockDrive.UNLOCK
    assert not rig.status.vetoed_unlock


def test_a_weld_vetoes_unlocking_for_ever() -> None:
    rig = GuardRig(SOCKET)
    rig.readings = dict(LOCKED)
    rig.charge()
    rig.mirror = True
    rig.lock, rig.level = LockTarget.UNLOCK, "A"
    rig.run(20_000)
    assert rig.status.vetoed_unlock
    assert rig.outputs.lock_drive is LockDrive.OFF


def test_a_forced_unlock_forbids_closing_until_unplugged() -> None:
    rig = GuardRig(SOCKET)
    rig.readings = dict(LOCKED)
    rig.lock = LockTarget.LOCK
    rig.plug_in()
    assert rig.command(CommandVerb.FORCE_UNLOCK) is CommandStatus.DONE
    rig.step()
    assert rig.outputs.lock_drive is LockDrive.UNLOCK
    rig.readings = {"lock_unlocked": True, "pp_ohm": 220}
    rig.run(1_000)
    rig.readings = dict(LOCKED)
    rig.close, rig.duty_bp, rig.level = True, 2_666, "C"
    rig.run(5_000)
    assert not rig.status.coil
    assert rig.status.forced_unlock
    rig.readings = {"lock_unlocked": True}
    rig.level = "A"
    rig.run(1_000)
    assert not rig.status.forced_unlock
    rig.readings = dict(LOCKED)
    rig.level = "C"
    rig.until("coil", 3_000)


def test_a_forced_unlock_is_forgotten_at_a_once_it_has_come_to_its_end() -> None:
    rig = GuardRig(SOCKET)
    rig.readings = dict(LOCKED)
    rig.lock = LockTarget.LOCK
    rig.plug_in()
    assert rig.command(CommandVerb.FORCE_UNLOCK) is CommandStatus.DONE
    rig.level = "A"
    rig.run(Timing().lock_pulse_ms + 100)
    assert (rig.outputs.lock_drive, rig.status.forced_unlock) == (LockDrive.OFF, True)
    while rig.status.lock is not LockState.JAMMED:
        assert rig.status.forced_unlock
        rig.step()
    rig.run(20)
    assert not rig.status.forced_unlock


def test_a_jam_is_told_and_closes_nothing() -> None:
    rig = GuardRig(SOCKET)
    rig.readings = {"pp_ohm": 220}
    rig.lock = LockTarget.LOCK
    rig.plug_in()
    rig.close, rig.duty_bp, rig.level = True, 2_666, "C"
    rig.run(5_000)
    assert rig.status.lock is LockState.JAMMED
    assert not rig.status.coil


def test_a6_seq_2_1_a_dead_core_frees_the_plug_within_5_s_of_a() -> None:
    rig = GuardRig(SOCKET)
    rig.readings = dict(LOCKED)
    rig.lock = LockTarget.LOCK
    rig.plug_in()
    rig.alive = False
    rig.run(60_000)
    assert rig.outputs.lock_drive is LockDrive.OFF
    rig.level = "A"
    start_ms = rig.now_ms
    while rig.step().lock_drive is not LockDrive.UNLOCK:
        assert rig.now_ms - start_ms < 5_000
    assert rig.now_ms - start_ms + Timing().lock_pulse_ms <= 5_000


def test_a6_seq_2_1_the_patience_with_a_dead_core_begins_with_its_death() -> None:
    rig = GuardRig(SOCKET)
    rig.readings = dict(LOCKED)
    rig.lock = LockTarget.LOCK
    rig.run(60_000)
    rig.alive = False
    rig.run(Timing().unlock_after_a_ms)
    assert rig.outputs.lock_drive is LockDrive.OFF
    rig.run(Timing().lease_ms + 100)
    assert rig.outputs.lock_drive is LockDrive.UNLOCK


def test_a_dead_core_waits_at_a_until_the_mirror_has_opened() -> None:
    rig = GuardRig(SOCKET)
    rig.readings = dict(LOCKED)
    rig.alive = False
    rig.mirror = True
    rig.run(10_000)
    rig.mirror = False
    rig.run(Timing().unlock_after_a_ms)
    assert rig.outputs.lock_drive is LockDrive.OFF
    rig.run(20)
    assert rig.outputs.lock_drive is LockDrive.UNLOCK


def test_a_dead_core_frees_the_plug_after_5_s_of_f() -> None:
    rig = GuardRig(SOCKET)
    rig.readings = dict(LOCKED)
    rig.plug_in()
    rig.alive = False
    rig.run(1_000)
    rig.level = "F"
    rig.run(Timing().f_unlock_ms)
    assert rig.outputs.lock_drive is LockDrive.OFF
    rig.run(100)
    assert rig.outputs.lock_drive is LockDrive.UNLOCK


# --- self-test ------------------------------------------------------------------------


def test_the_rcd_is_tested_once_a_session(full: GuardRig) -> None:
    driven = []
    for level in ("A", "B", "C", "B", "A", "B"):
        full.level = level
        for _ in range(300):
            driven.append(full.step().rcd_test)
    begins = sum(now and not before for before, now in zip([False, *driven], driven, strict=False))
    assert begins == 2
    assert full.status.self_test is SelfTest.PASSED


def test_an_answer_that_a_dead_predecessor_is_owed_is_no_trip(full: GuardRig) -> None:
    full.rcd, full.level = True, "B"
    full.run(1_500)
    assert full.status.reason is Reason.NONE
    assert full.status.self_test is SelfTest.RUNNING
    full.rcd = None
    full.charge()
    assert full.status.coil


def test_what_never_clears_after_a_start_is_a_trip_until_unplugged(full: GuardRig) -> None:
    full.rcd, full.level = True, "C"
    full.close, full.duty_bp = True, 2_666
    limit_ms = Timing().self_test_clear_ms
    for _ in range(limit_ms // 10):
        assert not full.step().coil
    assert full.status.reason is Reason.NONE
    full.step()
    assert full.status.reason is Reason.RCD
    full.rcd = None
    full.run(3_000)
    assert full.command(ACK) is CommandStatus.REFUSED
    assert not full.status.coil


def test_a_pulse_left_by_a_dead_predecessor_may_rise_after_the_first_look(full: GuardRig) -> None:
    full.rcd, full.level = False, "B"
    full.run(Timing().self_test_trip_ms - 50)
    full.rcd = True
    full.run(1_500)
    assert full.status.reason is Reason.NONE
    assert full.status.self_test is SelfTest.RUNNING
    full.rcd = None
    full.charge()
    assert full.status.coil


def test_once_nothing_more_is_owed_a_started_guard_believes_every_trip(full: GuardRig) -> None:
    full.run(Timing().self_test_trip_ms + 10)
    full.rcd = True
    full.step()
    assert full.status.reason is Reason.RCD


def test_a_predecessor_that_was_charging_owes_no_answer(full: GuardRig) -> None:
    full.rcd, full.mirror, full.level = True, True, "C"
    full.step()
    assert full.status.reason is Reason.RCD
    full.rcd, full.mirror = None, None
    full.run(3_000)
    assert full.command(ACK) is CommandStatus.REFUSED


def test_no_self_test_is_begun_for_a_command_while_an_answer_is_owed(full: GuardRig) -> None:
    full.run(100)
    assert full.command(CommandVerb.RCD_SELF_TEST) is CommandStatus.REFUSED


def test_no_self_test_while_the_mirror_reads_closed(full: GuardRig) -> None:
    full.mirror = True
    full.plug_in()
    assert full.status.self_test is SelfTest.NOT_RUN
    assert full.command(CommandVerb.RCD_SELF_TEST) is CommandStatus.REFUSED


def test_a_dead_rcd_fails_its_test_and_trips(full: GuardRig) -> None:
    full.rcd = False
    full.plug_in()
    assert full.status.self_test is SelfTest.FAILED
    assert full.status.reason is Reason.RCD_SELF_TEST
    full.rcd = None
    assert full.command(CommandVerb.RCD_SELF_TEST) is CommandStatus.DONE
    full.run(1_000)
    assert full.status.self_test is SelfTest.PASSED
    full.close, full.duty_bp, full.level = True, 2_666, "C"
    full.run(3_000)
    assert not full.status.coil
    assert full.command(ACK) is CommandStatus.DONE
    full.until("coil", 1_000)


def test_the_self_test_is_refused_while_closed(full: GuardRig) -> None:
    full.charge()
    assert full.command(CommandVerb.RCD_SELF_TEST) is CommandStatus.REFUSED
    full.run(100)
    assert full.status.coil


def test_a_self_test_that_is_asked_for_without_a_car_gives_its_result(full: GuardRig) -> None:
    full.run(3_000)
    assert full.command(CommandVerb.RCD_SELF_TEST) is CommandStatus.DONE
    full.run(1_000)
    assert full.status.self_test is SelfTest.PASSED


def test_asking_twice_for_the_self_test_runs_one(full: GuardRig) -> None:
    full.run(1_000)
    assert full.command(CommandVerb.RCD_SELF_TEST) is CommandStatus.DONE
    full.step()
    assert full.command(CommandVerb.RCD_SELF_TEST) is CommandStatus.DONE
    assert full.status.self_test is SelfTest.RUNNING


@pytest.mark.parametrize("verb", [CommandVerb.FORCE_UNLOCK, CommandVerb.RCD_SELF_TEST])
def test_a_command_for_what_is_not_fitted_is_unknown(rig: GuardRig, verb: CommandVerb) -> None:
    rig.run(10)
    assert rig.command(verb) is CommandStatus.UNKNOWN


@pytest.mark.parametrize("verb", CommandVerb)
def test_before_the_first_step_everything_is_refused(rig: GuardRig, verb: CommandVerb) -> None:
    assert rig.command(verb) is CommandStatus.REFUSED


# --- what is fitted -------------------------------------------------------------------


def test_what_is_not_fitted_is_not_believed(rig: GuardRig) -> None:
    rig.readings = {"rcd_tripped": True, "emergency_stop": True, "temperature_dc": 2_000}
    rig.charge()
    assert rig.status.coil
    assert rig.status.lock is LockState.ABSENT
    assert rig.status.self_test is SelfTest.NOT_FITTED
    assert not rig.status.rcd_tripped


def test_of_what_is_not_fitted_nothing_is_seen() -> None:
    everything = Inputs(
        rcd_tripped=True,
        lock_locked=True,
        pp_ohm=220,
        emergency_stop=True,
        temperature_dc=2_000,
        current_ma=0,
        phase_feedback=True,
    )
    assert observe(Hardware(), everything, PilotState.A) == observe(
        Hardware(), Inputs(), PilotState.A
    )


def test_nothing_read_is_nothing_seen_and_nothing_is_driven_before_the_first_step() -> None:
    seen = observe(Hardware(), Inputs(), PilotState.A)
    assert seen == Seen()
    assert [name for name in seen.__struct_fields__ if getattr(seen, name)] == []
    assert [name for name in Inputs.__struct_fields__ if getattr(Inputs(), name) is True] == []
    assert Inputs().supply_12v_mv == 12_000, "a board that does not measure it has no fault of it"
    assert Outputs() == Outputs(False, X1_BP, LockDrive.OFF, False, 0)


@pytest.mark.parametrize(
    ("current_ma", "low"), [(0, True), (999, True), (1_000, False), (None, False)]
)
def test_a6_seq_7_low_current_is_one_that_is_known_to_be_under_1_a(
    current_ma: int | None, low: bool
) -> None:
    inputs = Inputs(current_ma=current_ma)
    assert observe(Hardware(fast_current=True), inputs, PilotState.C).low_current is low


def test_a_lock_that_is_not_fitted_is_not_driven(rig: GuardRig) -> None:
    rig.lock = LockTarget.LOCK
    rig.run(1_000)
    assert rig.outputs.lock_drive is LockDrive.OFF


def test_capabilities_are_what_is_fitted() -> None:
    assert Hardware().capabilities() is Capability.OPENS_ON_LOST_LEASE
    everything = Hardware(
        lock=True,
        socket=True,
        rcd=True,
        rcd_self_test=True,
        ventilation=True,
        fast_current=True,
        emergency_stop=True,
        temperature_trip_dc=900,
        phase_switch=True,
    )
    assert everything.capabilities() == Capability(1_023)


@pytest.mark.parametrize("timing", [Timing(), Timing.small()], ids=["product", "exploration"])
def test_every_time_is_whole_periods_so_that_none_lasts_one_period_longer(timing: Timing) -> None:
    times_ms = {n: getattr(timing, n) for n in Timing.__struct_fields__ if n.endswith("_ms")}
    assert {name: ms for name, ms in times_ms.items() if ms <= 0 or ms % 10} == {}


def test_a_self_test_needs_an_output_to_watch() -> None:
    with pytest.raises(ValueError, match="rcd_self_test needs rcd"):
        Hardware(rcd_self_test=True)


def test_a_phase_feedback_needs_a_contact_to_watch() -> None:
    with pytest.raises(ValueError, match="phase_feedback needs phase_switch"):
        Hardware(phase_feedback=True)


@pytest.mark.parametrize("phases", [0, 2])
def test_a_phase_contact_that_was_never_sent_anywhere_closes_nothing(phases: int) -> None:
    rig = GuardRig(Hardware(phase_switch=True))
    rig.phases = phases
    rig.plug_in()
    rig.close, rig.duty_bp, rig.level = True, 2_666, "C"
    rig.run(10_000)
    assert (rig.status.coil, rig.outputs.phases) == (False, 0)


@pytest.mark.parametrize("phases", [1, 3])
def test_a_phase_contact_that_is_found_where_it_belongs_is_not_waited_for(phases: int) -> None:
    rig = GuardRig(Hardware(phase_switch=True, phase_feedback=True), Timing(phase_ms=60_000))
    rig.readings["phase_feedback"] = phases == 3
    rig.phases = phases
    rig.charge()
    assert (rig.status.phases, rig.outputs.phases) == (phases, phases)


def test_the_phase_contact_waits_for_the_release_also_where_the_mirror_had_not_closed_yet() -> None:
    rig = GuardRig(Hardware(phase_switch=True), Timing(mirror_close_ms=2_000))
    rig.plug_in()
    rig.mirror = False
    rig.close, rig.duty_bp, rig.level = True, 2_666, "C"
    rig.until("coil", 3_000)
    rig.run(1_000)
    rig.level, rig.close, rig.phases = "B", False, 1
    rig.until_open(100)
    rig.run(Timing().mirror_release_ms)
    assert rig.outputs.phases == 3
    rig.run(100)
    assert rig.outputs.phases == 1


def test_a_phase_contact_that_was_never_sent_contradicts_nothing() -> None:
    assert look(PhaseContact(), 1, 5) == PhaseContact()


def test_a_phase_contact_on_its_way_is_no_fault() -> None:
    rig = GuardRig(Hardware(phase_switch=True, phase_feedback=True), Timing(phase_ms=1_000))
    rig.plug_in()
    rig.phases, rig.readings["phase_feedback"] = 1, True
    rig.run(1_000)
    assert (rig.outputs.phases, rig.status.reason) == (1, Reason.NONE)
    rig.run(200)
    assert rig.status.reason is Reason.PHASE_CONTACT


# --- faults of the board itself -------------------------------------------------------


@pytest.mark.parametrize("fault", [fault for fault in BoardFault if fault not in WARNINGS])
def test_every_board_fault_but_a_warning_opens_and_stays_while_it_shows(fault: BoardFault) -> None:
    rig = GuardRig()
    rig.charge()
    rig.readings["faults"] = fault
    assert not rig.step().coil
    assert (rig.status.reason, rig.status.faults) == (Reason.BOARD_FAULT, fault)
    assert rig.command(ACK) is CommandStatus.REFUSED
    rig.readings["faults"] = BoardFault(0)
    rig.run(100)
    assert rig.command(ACK) is CommandStatus.DONE
    rig.until("coil", 3_000)


def test_warnings_of_the_board_only_travel(rig: GuardRig) -> None:
    rig.charge()
    rig.readings["faults"] = WARNINGS
    rig.run(5_000)
    assert (rig.status.coil, rig.status.faults) == (True, WARNINGS)


def test_a_warning_beside_a_fault_does_not_hide_it(rig: GuardRig) -> None:
    rig.charge()
    rig.readings["faults"] = WARNINGS | BoardFault.CUT_CABLE
    assert not rig.step().coil


def test_the_kind_of_a_residual_current_is_no_fault_during_the_self_test(full: GuardRig) -> None:
    full.run(1_000)
    full.level = "B"
    full.rcd = False
    full.run(200)
    assert full.status.self_test is SelfTest.RUNNING
    full.readings["faults"] = BoardFault.RCD_DC
    full.run(100)
    assert full.status.reason is Reason.NONE
    full.readings["faults"] = BoardFault.RCD_DC | BoardFault.RCD_VENDOR_ERROR
    full.step()
    assert full.status.reason is Reason.BOARD_FAULT


# --- counting plug-ins ----------------------------------------------------------------


def test_each_plug_in_counts_once_and_none_before_the_first(rig: GuardRig) -> None:
    seen = []
    for level in ("A", "B", "C", "B", "A", "C", "A"):
        rig.level = level
        rig.run(1_000)
        seen.append(rig.status.plugs)
    assert seen == [0, 1, 1, 1, 1, 2, 2]


@pytest.mark.parametrize("level", ["B", "C", "D"])
def test_a_car_is_plugged_in_whatever_it_asks_for_first(rig: GuardRig, level: str) -> None:
    for shown in ("A", level):
        rig.level = shown
        rig.run(1_000)
    assert rig.status.plugs == 1


@pytest.mark.parametrize("first", ["E", "F", "INVALID", "B"])
def test_a_car_that_was_there_at_the_start_does_not_count(rig: GuardRig, first: str) -> None:
    for level in (first, "B", "C"):
        rig.level = level
        rig.run(1_000)
    assert rig.status.plugs == 0


def test_a_car_that_shows_again_after_our_own_f_is_the_same_car(rig: GuardRig) -> None:
    rig.plug_in()
    for duty_bp, level in ((F_BP, "F"), (X1_BP, "B"), (F_BP, "F"), (X1_BP, "C")):
        rig.duty_bp, rig.level = duty_bp, level
        rig.run(2_000)
    assert (rig.status.plugs, rig.status.reason) == (1, Reason.NONE)


def test_a_socket_found_empty_in_f_makes_the_next_car_another_one() -> None:
    rig = GuardRig(SOCKET)
    rig.readings = dict(LOCKED)
    rig.plug_in()
    rig.duty_bp, rig.level = F_BP, "F"
    rig.run(1_000)
    rig.readings = {"lock_unlocked": True}
    rig.run(1_000)
    assert (rig.status.cable_a, rig.status.reason) == (0, Reason.NONE)
    rig.readings = {"lock_unlocked": True, "pp_ohm": 680}
    rig.run(1_000)
    rig.duty_bp, rig.level = X1_BP, "B"
    rig.run(1_000)
    assert (rig.status.plugs, rig.status.cable_a, rig.status.reason) == (2, 20, Reason.NONE)


@pytest.mark.parametrize(
    ("duty_bp", "level", "pp_ohm", "lost_ms"),
    [
        (F_BP, "F", 220, 1_000),
        (F_BP, "F", None, 10),
        (F_BP, "B", None, 1_000),
        (X1_BP, "F", None, 1_000),
    ],
    ids=["cable there", "lost for a moment", "not in F", "an F that is not ours"],
)
def test_only_our_own_f_on_a_socket_without_a_cable_ends_a_session(
    duty_bp: int, level: str, pp_ohm: int | None, lost_ms: int
) -> None:
    rig = GuardRig(SOCKET)
    rig.readings = dict(LOCKED)
    rig.plug_in()
    rig.duty_bp, rig.level = duty_bp, level
    rig.run(1_000)
    rig.readings["pp_ohm"] = pp_ohm
    rig.run(lost_ms)
    rig.readings["pp_ohm"] = 220
    rig.run(1_000)
    rig.duty_bp, rig.level = X1_BP, "B"
    rig.run(1_000)
    assert rig.status.plugs == 1


def test_a_car_plugged_in_during_f_counts_when_it_shows(rig: GuardRig) -> None:
    rig.run(1_000)
    rig.duty_bp, rig.level = F_BP, "F"
    rig.run(1_000)
    rig.duty_bp, rig.level = X1_BP, "B"
    rig.run(1_000)
    assert rig.status.plugs == 1


def test_a_coding_lost_outside_f_is_still_a_trip_and_no_new_car() -> None:
    rig = GuardRig(SOCKET)
    rig.readings = dict(LOCKED)
    rig.plug_in()
    rig.readings = {"lock_locked": True}
    rig.run(1_000)
    assert rig.status.reason is Reason.PROXIMITY
    rig.readings = dict(LOCKED)
    rig.run(1_000)
    assert rig.status.plugs == 1


def test_the_count_of_plug_ins_turns_over() -> None:
    rig = GuardRig()
    rig.run(1_000)
    seen = observe(Hardware(), rig.inputs(), PilotState.A)
    state = msgspec.structs.replace(rig.guard.state, plugs=2**16 - 1)
    for now_ms in (2_000, 2_100):
        plugged = msgspec.structs.replace(seen, band=PilotState.B)
        state = step(Hardware(), Timing(), RULES, state, now_ms, plugged)
    assert (state.session, state.plugs) == (True, 0)


# --- what ages ------------------------------------------------------------------------


def aged(part: str | None, field: str, since_ms: int) -> GuardState:
    state = GuardState()
    if part is None:
        return msgspec.structs.replace(state, **{field: since_ms})
    owner = msgspec.structs.replace(getattr(state, part), **{field: since_ms})
    return msgspec.structs.replace(state, **{part: owner})


@pytest.mark.parametrize("timer", TIMERS, ids=lambda timer: f"{timer.part}.{timer.field}")
def test_a_moment_is_a_deadline_at_each_time_it_is_compared_with_and_then_no_more(
    timer: Timer,
) -> None:
    timing, state = Timing(), aged(timer.part, timer.field, 1_000)
    found, due_ms = [], next_deadline_ms(timing, state, 1_000)
    while due_ms is not None:
        found.append(due_ms - 1_000)
        assert next_deadline_ms(timing, state, due_ms - 1) == due_ms
        due_ms = next_deadline_ms(timing, state, due_ms)
    assert found == sorted({getattr(timing, limit) for limit in timer.limits})


def test_of_several_moments_the_soonest_deadline_counts() -> None:
    state = msgspec.structs.replace(GuardState(), soft_since_ms=0, low_since_ms=5_000)
    assert next_deadline_ms(Timing(), state, 5_000) == 5_200
    assert next_deadline_ms(Timing(), state, 5_200) == 6_000
    assert next_deadline_ms(Timing(), GuardState(), 0) is None
    slow_release = Timing(mirror_release_ms=400)
    assert next_deadline_ms(slow_release, aged(None, "coil_since_ms", 0), 250) == 400


@pytest.mark.parametrize("timer", TIMERS, ids=lambda timer: f"{timer.part}.{timer.field}")
def test_states_of_equal_ages_are_one_and_past_the_last_time_no_age_counts(timer: Timer) -> None:
    timing = Timing()
    last_ms = max(getattr(timing, limit) for limit in timer.limits)
    state = aged(timer.part, timer.field, 700)
    assert canonical(timing, state, 1_700) == aged(timer.part, timer.field, -min(1_000, last_ms))
    assert canonical(timing, state, 700 + last_ms) == aged(timer.part, timer.field, -last_ms)
    assert canonical(timing, state, 900_000) == aged(timer.part, timer.field, -last_ms)
    assert canonical(timing, state, 700) == aged(timer.part, timer.field, 0)


def test_two_moments_of_one_part_age_together_and_plug_ins_do_not_count() -> None:
    contact = PhaseContact(1, since_ms=100, wrong_since_ms=990)
    state = msgspec.structs.replace(GuardState(), phases=contact, plugs=7)
    aged_contact = PhaseContact(1, since_ms=-900, wrong_since_ms=-10)
    expected = msgspec.structs.replace(GuardState(), phases=aged_contact)
    assert canonical(Timing(phase_ms=2_000), state, 1_000) == expected


# --- commands and status --------------------------------------------------------------


def unlocking_pulses(rig: GuardRig, span_ms: int) -> int:
    """How many begin within that time."""
    begun, driven = 0, rig.outputs.lock_drive
    for _ in range(span_ms // 10):
        before, driven = driven, rig.step().lock_drive
        begun += driven is LockDrive.UNLOCK and before is not LockDrive.UNLOCK
    return begun


def test_a_forced_unlock_gives_a_jammed_lock_all_its_tries_again() -> None:
    rig = GuardRig(SOCKET)
    rig.lock = LockTarget.UNLOCK
    assert unlocking_pulses(rig, 10_000) == 3
    assert rig.status.lock is LockState.JAMMED
    assert rig.command(CommandVerb.FORCE_UNLOCK) is CommandStatus.DONE
    assert rig.status.lock is LockState.MOVING
    assert unlocking_pulses(rig, 10_000) == 3
    assert rig.status.lock is LockState.JAMMED


def test_a_forced_unlock_on_the_way_gives_no_tries_beyond_the_rest() -> None:
    rig = GuardRig(SOCKET)
    rig.lock = LockTarget.UNLOCK
    assert unlocking_pulses(rig, 1_000) == 1
    rig.command(CommandVerb.FORCE_UNLOCK)
    assert unlocking_pulses(rig, 10_000) == 2


def test_no_self_test_beside_a_coil_that_is_on_or_an_output_that_is_tripped(full: GuardRig) -> None:
    full.charge()
    full.level = "B"
    full.until_open(100)
    full.run(3_000)
    full.mirror, full.level = False, "C"
    full.until("coil", 1_000)
    assert full.command(CommandVerb.RCD_SELF_TEST) is CommandStatus.REFUSED
    full.level, full.mirror = "A", None
    full.run(3_000)
    full.rcd = True
    full.step()
    assert full.command(CommandVerb.RCD_SELF_TEST) is CommandStatus.REFUSED
    full.rcd = None
    full.run(100)
    assert full.command(CommandVerb.RCD_SELF_TEST) is CommandStatus.DONE


def test_a_veto_is_told_only_of_an_unlock_that_is_wanted_and_has_yet_to_be_done() -> None:
    rig = GuardRig(SOCKET)
    rig.readings = dict(LOCKED)
    rig.lock = LockTarget.LOCK
    rig.charge()
    assert not rig.status.vetoed_unlock
    rig.lock = LockTarget.UNLOCK
    rig.run(200)
    assert rig.status.vetoed_unlock
    rig.level, rig.mirror, rig.readings = "A", True, {"lock_unlocked": True}
    rig.run(1_000)
    assert not rig.status.vetoed_unlock


def test_a_board_without_a_lock_vetoes_nothing(rig: GuardRig) -> None:
    rig.lock, rig.mirror = LockTarget.UNLOCK, True
    rig.run(1_000)
    assert not rig.status.vetoed_unlock


def test_the_status_tells_what_was_read_and_whether_there_is_leave(full: GuardRig) -> None:
    full.run(1_000)
    assert (full.status.mirror_closed, full.status.rcd_tripped) == (False, False)
    assert full.status.lease_live
    full.mirror, full.rcd, full.alive = True, True, False
    full.run(600)
    assert (full.status.mirror_closed, full.status.rcd_tripped) == (True, True)
    assert not full.status.lease_live
