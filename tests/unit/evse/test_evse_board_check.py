"""The commissioning walk: what it finds, what it refuses, and that it leaves everything at rest."""

from __future__ import annotations

import json

import pytest
from board_rig import REFERENCE, Room, Technician
from hypothesis import given
from hypothesis import strategies as st

from drivers.board.profile import load_profile, profile_names
from drivers.errors import GpioUnavailable
from evse.board_check.fitting import HEADER_PINS, place
from evse.board_check.power import PULSE_MS
from evse.board_check.record import Finding, Record, summary, table, to_json, to_markdown
from evse.board_check.step import Phase, Step, StepRun, Verdict
from evse.board_check.steps import walk
from evse.cli.board_fitting import fitting_of
from evse.guard.facts import Inputs, Outputs
from evse.guard.lock_drive import LockDrive
from evse.model import X1_BP

SEEN = {
    "supply_sag": ("supply-12v", "should read +12 V"),
    "adc_stuck": ("evse1.pilot-x1", "shows no steady level"),
    "adc_rail": ("evse1.pilot-x1", "an end of the scale"),
    "pilot_short": ("evse1.pilot-x1", "should read +12 V"),
    "pilot_open": ("evse1.pilot-b", "CP reads +12.0 V, and should read +9 V"),
    "diode_short": ("evse1.pilot-b", "should read -12 V: a shorted diode"),
    "ventilation": ("evse1.pilot-c", "should read +6 V"),
    "emergency_stop": ("emergency-stop", "it reads pressed"),
    "pp_open": ("evse1.proximity", "and should be 13 A"),
    "pp_short": ("evse1.proximity", "PP 5 ohm: 0 A"),
    "over_temperature": ("evse1.temperature", "95.0 degrees"),
    "lock_jam": ("evse1.lock", "does not reach 'locked'"),
    "lock_feedback_lost": ("evse1.lock", "switches: neither"),
    "rcd_dc": ("evse1.rcd", "it reads tripped"),
    "rcd_test_dead": ("evse1.rcd", "the test does not trip it"),
    "phase_contact_stuck": ("evse1.phase-contact", "does not follow"),
    "phase_contact_open": ("evse1.phase-contact", "does not follow"),
    "contactor_weld": ("evse1.contactor", "a welded contact"),
    "contactor_stuck_closed": ("evse1.contactor", "reads closed already"),
    "contactor_stuck_open": ("evse1.contactor", "does not follow the coil"),
    "mirror_stuck_open": ("evse1.contactor", "does not follow the coil"),
    "mirror_stuck_closed": ("evse1.contactor", "reads closed already"),
}
"""Fault of the metal: the step that finds it, and a part of its sentence."""


@pytest.fixture(scope="module")
def sound() -> Room:
    room = Room()
    room.walk()
    return room


def test_a_sound_board_passes_every_step(sound: Room) -> None:
    assert [one for one in sound.walker.findings if one.verdict is not Verdict.PASS] == []
    assert [one.step for one in sound.walker.findings] == [step.name for step in sound.steps]
    assert sound.walker.complete


def test_two_evses_behind_peak_detectors_pass_too() -> None:
    room = Room(load_profile("pievse-peaks"), evses=2)
    found = room.walk()
    assert {one.verdict for one in found.values()} == {Verdict.PASS}
    assert {name.partition(".")[0] for name in found} == {"evse1", "evse2"}


def test_every_part_of_the_reference_profile_has_a_step(sound: Room) -> None:
    assert [step.name for step in sound.steps] == [
        "supply-12v",
        "supply-minus-12v",
        "emergency-stop",
        "mains",
        "tilt",
        "stop-button",
        "evse1.pilot-x1",
        "evse1.pilot-pwm",
        "evse1.pilot-f",
        "evse1.pilot-b",
        "evse1.pilot-c",
        "evse1.proximity",
        "evse1.temperature",
        "evse1.light-available",
        "evse1.light-charging",
        "evse1.light-faulted",
        "evse1.lock",
        "evse1.rcd",
        "evse1.phase-contact",
        "evse1.contactor",
        "evse1.interlock",
    ]


def test_the_record_keeps_what_was_read_on_the_way(sound: Room) -> None:
    found = {one.step: one for one in sound.walker.findings}
    assert found["evse1.pilot-b"].reading.startswith("CP +9.0 V / -12.0 V after ")
    assert "1500 ohm: 13 A" in found["evse1.proximity"].reading
    closed, _held, opened = found["evse1.contactor"].reading.split("; ")[1:]
    assert closed.startswith("mirror contact: closed after ")
    assert opened.startswith("mirror contact: open after ")
    dropped = found["evse1.interlock"].reading.split("; ")[2]
    assert 150 <= int(dropped.rpartition(" after ")[2].removesuffix(" ms")) <= 300


@pytest.mark.parametrize("fault", SEEN)
def test_each_fault_that_the_board_can_see_fails_its_step_with_a_sentence(fault: str) -> None:
    name, says = SEEN[fault]
    room = Room()
    room.plant.set_fault(fault)
    finding = room.walk(name)[name]
    assert finding.verdict is Verdict.FAIL
    assert says in finding.why
    assert not room.plant.driven.coil


def test_a_watchdog_that_does_not_let_go_fails_the_interlock() -> None:
    finding = Room(watchdog_ms=None).walk("evse1.interlock")["evse1.interlock"]
    assert finding.verdict is Verdict.FAIL
    assert "does not let go" in finding.why


@pytest.mark.parametrize("name", ["evse1.contactor", "evse1.interlock"])
@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ("car", "take car and adapter away"),
        ("emergency_stop", "the emergency stop is pressed"),
        ("rcd_dc", "residual-current device has tripped"),
        ("mirror_stuck_closed", "reads closed already"),
        ("adc_stuck", "nobody can tell that no car is there"),
        ("TILT", "the board says"),
    ],
)
def test_the_contactor_stays_off_unless_all_is_proved(name: str, trouble: str, says: str) -> None:
    room = Room()
    if trouble == "car":
        room.plant.car.plug(variant="sleepy")
    elif trouble.isupper():
        room.plant.set_board_fault(trouble)
    else:
        room.plant.set_fault(trouble)
    on: list[bool] = []
    room.desk.pi.header.watch(17, on.append)
    finding = room.walk(name)[name]
    assert finding.verdict is Verdict.FAIL
    assert finding.why.startswith("the contactor is not switched: ")
    assert says in finding.why
    assert on == []


@pytest.mark.parametrize(
    ("answer", "begun"), [("mains", True), ("MAINS ", True), ("yes", False), ("", False)]
)
def test_the_contactor_wants_the_word_and_nothing_else(answer: str, begun: bool) -> None:
    room = Room(answers={"Type the word": answer, "not ": "q"})
    on: list[bool] = []
    room.desk.pi.header.watch(17, on.append)
    room.walk("evse1.contactor")
    assert (True in on) is begun
    assert not room.plant.driven.coil


def test_an_open_station_without_mains_is_no_reason_against_the_contactor() -> None:
    room = Room()
    room.plant.set_board_fault("POWER_LOSS")
    assert room.walk("evse1.contactor")["evse1.contactor"].verdict is Verdict.PASS


def test_without_leave_for_the_interlock_no_contactor_moves() -> None:
    room = Room()
    room.walker._yes = False
    on: list[bool] = []
    room.desk.pi.header.watch(17, on.append)
    found = room.walk("evse1.contactor", "evse1.interlock")
    assert {one.verdict for one in found.values()} == {Verdict.SKIP}
    assert on == []


def test_the_contactor_is_on_for_about_a_second_and_once() -> None:
    room = Room()
    edges: list[tuple[bool, int]] = []
    room.desk.pi.header.watch(17, lambda high: edges.append((high, room.clock.now_ms())))
    room.walk("evse1.contactor")
    (up, on_ms), (down, off_ms) = edges
    assert (up, down) == (True, False)
    assert 700 <= off_ms - on_ms <= PULSE_MS


@pytest.mark.parametrize("end", [KeyboardInterrupt(), SystemExit(129), EOFError(), RuntimeError()])
@pytest.mark.parametrize("name", ["evse1.contactor", "evse1.pilot-pwm", "evse1.lock", "evse1.rcd"])
def test_whatever_happens_in_the_middle_leaves_every_output_at_rest(
    name: str, end: BaseException
) -> None:
    room = Room()
    moved = {"evse1.contactor": 17, "evse1.lock": 20, "evse1.rcd": 16, "evse1.pilot-pwm": None}[
        name
    ]

    def cut() -> None:
        duty_bp = room.desk.pi.wires[1].duty_bp
        moving = duty_bp != X1_BP if moved is None else room.desk.pi.header.level(moved)
        if moving:
            room.technician.on_turn = lambda: None
            raise end

    room.technician.on_turn = cut
    if isinstance(end, EOFError):
        room.walk(name)
        assert not room.walker.complete
    else:
        with pytest.raises(type(end)):
            room.walk(name)
    assert room.desk.pi.wires[1]._outputs() == Outputs(duty_bp=X1_BP, phases=1)
    assert all(room.desk.pi.header.pad(gpio).driven is None for gpio in (17, 20, 21, 16, 13, 23))


def test_a_car_that_comes_while_the_contactor_is_on_opens_it_at_once() -> None:
    room = Room()
    came: list[int] = []

    def come() -> None:
        if room.plant.driven.coil and not came:
            came.append(room.clock.now_ms())
            room.plant.advance(room.clock.now_ms())
            room.plant.car.plug(variant="sleepy")

    off: list[int] = []
    room.desk.pi.header.watch(17, lambda high: None if high else off.append(room.clock.now_ms()))
    room.technician.on_turn = come
    finding = room.walk("evse1.contactor")["evse1.contactor"]
    assert finding.verdict is Verdict.FAIL
    assert "take car and adapter away" in finding.why
    assert off[0] - came[0] <= 30


def test_a_failed_step_can_be_done_again_when_it_is_mended() -> None:
    room = Room(answers={"Enter goes on": "r"})
    room.plant.set_fault("supply_sag")
    room.technician.on_turn = lambda: room.plant.set_fault(
        "supply_sag", not any("FAIL" in line for line in room.technician.said)
    )
    assert room.walk("supply-12v")["supply-12v"].verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("answers", "verdict", "why"),
    [
        ({"Does the scope": "n"}, Verdict.FAIL, "no"),
        ({"Enter begins": "s"}, Verdict.SKIP, "left out"),
        ({"Does the scope": "s"}, Verdict.SKIP, "left out"),
        ({"Does the scope": "f"}, Verdict.FAIL, "the technician says"),
    ],
)
def test_the_technicians_word_counts(answers: dict[str, str], verdict: Verdict, why: str) -> None:
    finding = Room(answers=answers).walk("evse1.pilot-pwm")["evse1.pilot-pwm"]
    assert finding.verdict is verdict
    assert why in finding.why


def test_a_walk_that_is_broken_off_says_so_and_keeps_what_was_found() -> None:
    room = Room(answers={"evse1.pilot-x1": "q"})
    found = room.walk()
    assert not room.walker.complete
    assert list(found) == [step.name for step in room.steps[: len(found)]]


def test_pins_that_are_gone_for_good_end_the_walk_with_their_error() -> None:
    room = Room(answers={"Enter begins": "nothing"})
    room.technician.on_turn = lambda: room.desk.pi.header.lose()
    with pytest.raises(GpioUnavailable):
        room.walk("tilt")
    room.desk.pi.header.find()
    room.board.close()


# steps as data


@pytest.mark.parametrize("profile", profile_names())
def test_every_step_ends_at_rest_and_switches_the_contactor_under_watch_only(profile: str) -> None:
    loaded = load_profile(profile)
    steps = walk(fitting_of(loaded, len(loaded.evse), ""))
    assert len({step.name for step in steps}) == len(steps)
    for step in steps:
        last = step.phases[-1]
        assert (last.drive.coil, last.drive.rcd_test, last.fed) == (False, False, True)
        assert last.drive.lock_drive is LockDrive.OFF
        for phase in step.phases:
            if phase.drive.coil:
                assert step.word
                assert step.moves_contactor
                assert phase.never is not None
                assert phase.within_ms + phase.steady_ms <= PULSE_MS


@given(readings=st.lists(st.booleans(), min_size=1, max_size=300))
def test_no_reading_keeps_a_pulse_longer_than_its_time(readings: list[bool]) -> None:
    """A phase is over after within_ms, or steady_ms of the right reading begun before."""
    on = Phase(lambda i: None if i.mirror_closed else "no", 250, 30, Outputs(coil=True))
    off = Phase(lambda _i: None)
    step = Step("x", "", 1, "", "", "", (on, off), lambda _i: "")
    run = StepRun(step, 0)
    on_ms = 0
    for period in range(400):
        mirror = readings[period % len(readings)]
        turn = run.turn(Inputs(mirror_closed=mirror), period * 10)
        if turn.verdict is not None:
            break
        on_ms += 10 if turn.outputs.coil else 0
    assert turn.verdict is not None
    assert on_ms <= 300
    assert not turn.outputs.coil


def test_the_headers_places_are_a_permutation_of_its_gpio_pins() -> None:
    power = {1, 2, 4, 6, 9, 14, 17, 20, 25, 30, 34, 39}
    assert sorted(HEADER_PINS) == sorted(set(range(1, 41)) - power)
    assert place(17, 4) == "GPIO17 (header pin 11), GPIO4 (header pin 7)"


# the record


FOUND = (
    Finding("a", "first", Verdict.PASS, "+12 V", ""),
    Finding("b", "second", Verdict.FAIL, "0 V", "a | b"),
)


def record(*, complete: bool = True) -> Record:
    return Record(
        date="2026-11-21T18:00:00+00:00",
        station="PIEVSE-1",
        profile=REFERENCE,
        software="pievse",
        computer="a Pi",
        simulated=False,
        interlock="relay K1",
        notes=("look",),
        complete=complete,
        findings=FOUND,
    )


def test_a_record_is_a_page_or_json_with_all_answers() -> None:
    page = to_markdown(record(complete=False))
    assert "| b: second | fail | 0 V |  | a \\| b |" in page
    assert "broken off" in page
    assert "relay K1" in page
    told = json.loads(to_json(record()))
    assert told["findings"][1]["verdict"] == "fail"
    assert told["complete"] is True
    assert record().failed


def test_the_table_says_why_below_what_failed() -> None:
    assert table(FOUND).splitlines() == ["PASS  a  +12 V", "FAIL  b  0 V", "      a | b"]
    assert summary(FOUND) == "1 pass, 1 fail, 0 skip"


def test_a_technician_types_only_what_he_is_asked_for(sound: Room) -> None:
    assert isinstance(sound.technician, Technician)
    asked = [line for line in sound.technician.said if line.startswith("  >")]
    assert len(asked) >= 15
