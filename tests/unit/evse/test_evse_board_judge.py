"""What the walk makes of a reading, at its limits and wire by wire."""

from __future__ import annotations

from typing import Any

import pytest

from evse.board_check import judge
from evse.board_check.step import Watch
from evse.faults import of_wiring
from evse.guard.facts import Inputs
from evse.model import BoardFault, PilotState, Wiring
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
