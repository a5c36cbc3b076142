"""What the walk makes of a reading, at its limits and wire by wire; and how a step goes on."""

from __future__ import annotations

from typing import Any

import pytest

from evse.board_check import judge
from evse.board_check.step import Phase, Step, StepRun, Turn, Verdict, Watch
from evse.board_faults import WARNINGS, BoardFault, Wiring
from evse.faults import of_wiring
from evse.guard.facts import Inputs, Outputs
from evse.model import PilotState
from evse.pilot import PilotSample

FREE = PilotSample(12_000, None)
OF_THE_PILOT = (
    Wiring.ADC_SILENT,
    Wiring.ADC_ALL_ONES,
    Wiring.ADC_ALL_ZEROS,
    Wiring.ADC_RAIL,
    Wiring.PILOT_NO_PLATEAU,
    Wiring.PWM_GONE,
    Wiring.PWM_ALTERED,
    Wiring.GPIO_GONE,
)
OF_THE_CONVERTER = OF_THE_PILOT[:3]
SUPPLY = judge.supply_is(lambda inputs: inputs.supply_12v_mv, 1)
MINUS = judge.supply_is(lambda inputs: inputs.supply_minus_12v_mv, -1)
WIRES: list[tuple[Watch, tuple[Wiring, ...], dict[str, Any]]] = [
    (judge.pilot_is(PilotState.A), OF_THE_PILOT, {"sample": FREE}),
    (SUPPLY, OF_THE_CONVERTER, {}),
    (judge.cable_is(32), OF_THE_CONVERTER, {"pp_ohm": 220}),
    (judge.emergency_stop_is(False), (Wiring.INPUT_FLOATING, Wiring.GPIO_GONE), {}),
    (judge.fault_is(BoardFault.TILT, False), (Wiring.INPUT_FLOATING, Wiring.GPIO_GONE), {}),
    (judge.was_pressed, (Wiring.INPUT_FLOATING, Wiring.GPIO_GONE), {"presses": 1}),
    (judge.contactor_is(False, "x"), (Wiring.MIRROR_FLOATING, Wiring.GPIO_GONE), {}),
    (judge.rcd_is(False, "x"), (Wiring.RCD_FLOATING, Wiring.GPIO_GONE), {}),
    (
        judge.lock_is(True),
        (Wiring.LOCK_FLOATING, Wiring.LOCK_CONTRADICTS, Wiring.GPIO_GONE),
        {"lock_locked": True},
    ),
    (
        judge.wired(judge.OF_TEMPERATURE, judge.temperature_is_a_rooms),
        (Wiring.TEMPERATURE_SILENT, Wiring.TEMPERATURE_RANGE),
        {"temperature_dc": 250},
    ),
    (
        judge.may_not_be_on,
        (*OF_THE_PILOT, Wiring.MIRROR_FLOATING, Wiring.RCD_FLOATING),
        {"sample": FREE},
    ),
]


@pytest.mark.parametrize(("watch", "flags", "sound"), WIRES)
def test_a_wire_that_fails_explains_what_it_is_for_and_no_other_wire_does(
    watch: Watch, flags: tuple[Wiring, ...], sound: dict[str, Any]
) -> None:
    assert watch(Inputs(**sound)) is None
    for flag in Wiring:
        told = watch(Inputs(**sound, wiring=flag))
        if flag in flags:
            assert told == f"{of_wiring(flag).says}. {of_wiring(flag).hint}"
        else:
            assert told is None, flag


@pytest.mark.parametrize(
    ("mv", "sound"),
    [
        (11_399, False),
        (11_400, True),
        (12_600, True),
        (12_601, False),
        (0, False),
        (-12_000, False),
    ],
)
def test_a_supply_is_sound_within_the_generators_tolerance(mv: int, sound: bool) -> None:
    assert (SUPPLY(Inputs(supply_12v_mv=mv)) is None) is sound
    assert (MINUS(Inputs(supply_minus_12v_mv=-mv)) is None) is sound


@pytest.mark.parametrize(
    ("dc", "sound"),
    [(-201, False), (-200, True), (600, True), (601, False), (None, False)],
)
def test_a_temperature_is_that_of_a_room(dc: int | None, sound: bool) -> None:
    assert (judge.temperature_is_a_rooms(Inputs(temperature_dc=dc)) is None) is sound


@pytest.mark.parametrize(
    ("ohm", "sound"),
    [(None, True), (4_501, True), (4_500, False), (2_500, False), (220, False), (0, False)],
)
def test_nothing_is_plugged_in_above_4500_ohm_alone(ohm: int | None, sound: bool) -> None:
    assert (judge.nothing_at_pp(Inputs(pp_ohm=ohm)) is None) is sound


@pytest.mark.parametrize(
    ("sample", "shown"),
    [
        (None, "CP: no reading"),
        (PilotSample(12_000, None), "CP +12.0 V"),
        (PilotSample(12_000, 12_000), "CP +12.0 V"),
        (PilotSample(9_000, -12_000), "CP +9.0 V / -12.0 V"),
    ],
)
def test_the_pilot_is_shown_by_its_levels(sample: PilotSample | None, shown: str) -> None:
    assert judge.pilot_shows(Inputs(sample=sample)) == shown


def test_the_low_half_of_an_offer_has_to_be_there() -> None:
    watch = judge.pilot_is(PilotState.B, pwm=True)
    assert watch(Inputs(sample=PilotSample(9_000, -12_000))) is None
    for low_mv, says in ((None, "reads nothing,"), (-9_000, "reads -9.0 V,")):
        told = watch(Inputs(sample=PilotSample(9_000, low_mv)))
        assert told is not None
        assert says in told


def test_contacts_are_told_as_they_read() -> None:
    tilt = BoardFault.TILT
    assert judge.fault_is(tilt, True)(Inputs(faults=tilt)) is None
    assert str(judge.fault_is(tilt, True)(Inputs())).startswith("it does not say ")
    assert str(judge.fault_is(tilt, False)(Inputs(faults=tilt))).startswith("it says ")
    assert judge.emergency_stop_is(True)(Inputs()) == "it reads not pressed"
    assert judge.emergency_stop_is(False)(Inputs(emergency_stop=True)) == "it reads pressed"
    assert judge.was_pressed(Inputs()) == "no press was counted"


@pytest.mark.parametrize(
    ("locked", "unlocked", "shown"),
    [
        (True, False, "switches: locked"),
        (False, True, "switches: unlocked"),
        (True, True, "switches: locked, unlocked"),
        (False, False, "switches: neither"),
    ],
)
def test_a_lock_is_where_both_its_switches_say(locked: bool, unlocked: bool, shown: str) -> None:
    inputs = Inputs(lock_locked=locked, lock_unlocked=unlocked)
    assert judge.lock_shows(inputs) == shown
    found = {wanted: judge.lock_is(wanted)(inputs) for wanted in (True, False)}
    assert (found[True] is None) is (locked and not unlocked)
    assert (found[False] is None) is (unlocked and not locked)
    assert "'locked'" in (found[True] or "'locked'")
    assert "'unlocked'" in (found[False] or "'unlocked'")


def test_the_cable_is_shown_with_its_rating() -> None:
    assert judge.cable_shows(Inputs()) == "PP open: 0 A"
    assert judge.cable_shows(Inputs(pp_ohm=680)) == "PP 680 ohm: 20 A"


def test_who_works_inside_is_no_reason_against_the_contactor() -> None:
    assert judge.may_not_be_on(Inputs(sample=FREE, faults=judge.OF_A_WORKSHOP)) is None
    assert judge.may_not_be_on(Inputs(sample=FREE, faults=BoardFault.HIGH_TEMPERATURE)) is None
    assert judge.may_not_be_on(Inputs(sample=FREE, faults=BoardFault.WATER_INGRESS)) is not None


@pytest.mark.parametrize("flag", list(BoardFault))
def test_any_other_fault_of_the_board_keeps_the_contactor_off(flag: BoardFault) -> None:
    told = judge.may_not_be_on(Inputs(sample=FREE, faults=flag))
    workshop = (BoardFault.ENCLOSURE_OPEN, BoardFault.POWER_LOSS, BoardFault.LOCK_CAPACITOR)
    assert (told is None) is (flag in workshop or flag in WARNINGS)


def test_a_contactor_that_reads_closed_is_not_switched() -> None:
    assert judge.may_not_close(Inputs(sample=FREE)) is None
    told = judge.may_not_close(Inputs(sample=FREE, mirror_closed=True))
    assert told is not None
    assert "reads closed already" in told
    assert judge.phases_may_not_move(Inputs()) is None
    assert judge.phases_may_not_move(Inputs(mirror_closed=True)) is not None


def test_a_reserve_is_charged_until_the_board_says_otherwise() -> None:
    assert judge.reserve_is_charged(Inputs()) is None
    assert judge.reserve_is_charged(Inputs(faults=BoardFault.LOCK_CAPACITOR)) is not None


@pytest.mark.parametrize(
    ("feedback", "shown"),
    [(None, "no feedback"), (True, "L2 and L3 connected"), (False, "L1 alone")],
)
def test_the_phase_contact_is_where_its_feedback_says(feedback: bool | None, shown: str) -> None:
    inputs = Inputs(phase_feedback=feedback)
    assert judge.phases_show(inputs) == f"phase contact: {shown}"
    for three in (True, False):
        assert (judge.phases_are(three)(inputs) is None) is (feedback is three)


# the machine of a step


def closed(inputs: Inputs) -> str | None:
    return None if inputs.mirror_closed else "open"


def tripped(inputs: Inputs) -> str | None:
    return "tripped" if inputs.rcd_tripped else None


ON = Outputs(coil=True)
DRIVEN = Phase(closed, 100, 30, ON, fed=False, never=tripped)
BY_HAND = Phase(closed, 100, do="close it", action="close")


def run_of(*phases: Phase, question: str = "") -> StepRun:
    step = Step("s", "", 1, "", "", "", phases, lambda _inputs: "", question=question)
    return StepRun(step, 1_000)


def test_a_phase_drives_until_its_reading_has_stood_and_says_how_long_it_took() -> None:
    run = run_of(DRIVEN)
    assert run.turn(Inputs(), 1_010) == Turn(ON, fed=False)
    assert run.turn(Inputs(mirror_closed=True), 1_050) == Turn(ON, fed=False)
    assert run.turn(Inputs(mirror_closed=True), 1_079) == Turn(ON, fed=False)
    assert run.turn(Inputs(mirror_closed=True), 1_080) == Turn(ON, verdict=Verdict.PASS)
    assert run.took_ms == [50]


def test_a_reading_that_goes_away_begins_anew() -> None:
    run = run_of(DRIVEN)
    run.turn(Inputs(mirror_closed=True), 1_010)
    run.turn(Inputs(), 1_020)
    run.turn(Inputs(mirror_closed=True), 1_030)
    assert run.turn(Inputs(mirror_closed=True), 1_050).verdict is None
    assert run.turn(Inputs(mirror_closed=True), 1_060).verdict is Verdict.PASS


def test_a_phase_whose_reading_does_not_come_fails_with_its_sentence_and_drives_nothing() -> None:
    run = run_of(DRIVEN)
    assert run.turn(Inputs(), 1_100).verdict is None
    assert run.turn(Inputs(), 1_101) == Turn(Outputs(), verdict=Verdict.FAIL, why="open")


def test_what_may_never_be_ends_it_at_once() -> None:
    found = run_of(DRIVEN).turn(Inputs(mirror_closed=True, rcd_tripped=True), 1_010)
    assert found == Turn(Outputs(), verdict=Verdict.FAIL, why="tripped")


def test_a_hand_has_all_the_time_until_its_enter() -> None:
    run = run_of(BY_HAND)
    assert run.turn(Inputs(), 60_000) == Turn(Outputs(), do="close it", action="close")
    assert run.turn(Inputs(), 60_010, done=True) == Turn(Outputs())
    assert run.turn(Inputs(), 60_110).verdict is None
    assert run.turn(Inputs(), 60_111).why == "open"


def test_what_a_hand_has_done_counts_without_its_enter_when_it_stands() -> None:
    run = run_of(BY_HAND)
    assert run.turn(Inputs(mirror_closed=True), 5_000).verdict is None
    assert run.turn(Inputs(mirror_closed=True), 5_299).verdict is None
    assert run.turn(Inputs(mirror_closed=True), 5_300).verdict is Verdict.PASS


def test_the_next_phase_has_a_time_of_its_own() -> None:
    run = run_of(Phase(judge.is_rest), DRIVEN)
    assert run.turn(Inputs(), 9_000) == Turn(ON, fed=False)
    assert run.turn(Inputs(), 9_100).verdict is None
    assert run.turn(Inputs(), 9_101).verdict is Verdict.FAIL


def test_a_question_is_asked_with_the_last_phases_drive_and_answered_by_a_person() -> None:
    run = run_of(Phase(judge.is_rest, drive=Outputs(duty_bp=5_333)), question="Is it so?")
    assert run.turn(Inputs(), 1_010) == Turn(Outputs(duty_bp=5_333), asks=True)
    assert run.turn(Inputs(), 1_020) == Turn(Outputs(duty_bp=5_333), asks=True)
    assert run.answered(yes=True) == Turn(Outputs(), verdict=Verdict.PASS, why="Is it so? yes")
    assert run.answered(yes=False) == Turn(Outputs(), verdict=Verdict.FAIL, why="Is it so? no")


def test_presses_count_from_the_steps_begin() -> None:
    run = run_of(Phase(judge.was_pressed))
    assert run.turn(Inputs(presses=65_535), 1_010).verdict is None
    assert run.turn(Inputs(presses=65_535), 1_020).verdict is None
    assert run.turn(Inputs(presses=0), 1_030).verdict is Verdict.PASS


def test_two_presses_over_the_counters_end_are_two() -> None:
    run = run_of(Phase(lambda inputs: None if inputs.presses == 2 else "another number"))
    assert run.turn(Inputs(presses=65_535), 1_010).verdict is None
    assert run.turn(Inputs(presses=1), 1_020).verdict is Verdict.PASS


def test_a_second_enter_gives_no_more_time() -> None:
    run = run_of(BY_HAND)
    run.turn(Inputs(), 1_010, done=True)
    run.turn(Inputs(), 1_090, done=True)
    assert run.turn(Inputs(), 1_111).verdict is Verdict.FAIL


def test_each_hand_has_its_own_enter() -> None:
    run = run_of(Phase(judge.is_rest), BY_HAND)
    run.turn(Inputs(), 1_010, done=True)
    assert run.turn(Inputs(), 9_000) == Turn(Outputs(), do="close it", action="close")
    assert run_of().turn(Inputs(), 1_010) == Turn(Outputs(), verdict=Verdict.PASS)
