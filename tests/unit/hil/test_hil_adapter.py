"""The guard on simulated metal: a session, each fault and each car, and no rule broken."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evse.board_faults import BoardFault
from evse.guard.facts import Hardware, Timing
from evse.guard.guard import Guard
from evse.model import (
    X1_BP,
    CommandStatus,
    CommandVerb,
    LockTarget,
    Permit,
    PilotState,
    Reason,
    SelfTest,
)
from hil.plant.adapter import driven, inputs
from hil.plant.ev import VARIANTS
from hil.plant.faults import FAULTS
from hil.plant.model import NEVER_MS, PlantConfig, Violation
from hil.plant.plant import Plant
from hil.trace import Lane, Trace

PERIOD_MS = 10
HARDWARE = Hardware(
    lock=True,
    socket=True,
    rcd=True,
    rcd_self_test=True,
    fast_current=True,
    emergency_stop=True,
    temperature_trip_dc=850,
    phase_switch=True,
    phase_feedback=True,
)
STUCK = ("contactor_weld", "contactor_stuck_closed")
"""No guard opens such contacts: what stays energised is then not its doing."""


KNOWING = ("unlocked_under_load", "phases_switched_under_load")
"""What even a stuck contact excuses only where the guard cannot know of it."""


def excused(violation: Violation) -> bool:
    """A stuck contact excuses being energised, and what follows if the guard cannot know."""
    if not any(fault in violation.faults for fault in STUCK):
        return False
    unseen = "mirror_stuck_open" in violation.faults
    by_itself = "contactor_stuck_closed" in violation.faults
    return violation.rule not in KNOWING or unseen or by_itself


class Board:
    """Guard and plant in lock-step, under a permit that is renewed each 100 ms."""

    def __init__(self, seed: int = 1, timing: Timing | None = None, *, skips: bool = False) -> None:
        watchdog_ms = None if skips else 200
        config = PlantConfig(coil_watchdog_ms=watchdog_ms, phase_switch=True)
        self.trace = Trace()
        self.plant = Plant(config, seed=seed, trace=self.trace)
        self.steps = 0
        self._skips = skips
        self.guard = Guard(HARDWARE, timing or Timing())
        self.close = False
        self.duty_bp = X1_BP
        self.lock = LockTarget.KEEP
        self.phases = 3
        self.alive = True
        self._seq = 0

    def run(self, span_ms: int) -> None:
        """Let time pass; a board that skips steps only where something may have changed."""
        due_ms = self.plant.now_ms
        for now_ms in range(self.plant.now_ms, self.plant.now_ms + span_ms, PERIOD_MS):
            if self.alive and now_ms % 100 == 0:
                self._seq += 1
                permit = Permit(self._seq, self.close, self.duty_bp, self.lock, self.phases)
                self.guard.permit(permit, now_ms)
                due_ms = now_ms
            if now_ms >= due_ms or not self._skips:
                due_ms = self._step(now_ms)
        self.plant.advance(now_ms + PERIOD_MS)

    def _step(self, now_ms: int) -> int:
        self.steps += 1
        sensed = self.plant.sense(now_ms)
        self.plant.drive(driven(self.guard.step(now_ms, inputs(sensed))), now_ms)
        deadlines = (self.plant.next_change_ms, self.guard.next_deadline_ms)
        return min((ms for ms in deadlines if ms is not None), default=NEVER_MS)

    def offer(self, duty_bp: int = 2666) -> None:
        self.close, self.duty_bp, self.lock = True, duty_bp, LockTarget.LOCK

    def charge(self, variant: str = "normal") -> None:
        self.run(1000)
        self.plant.car.plug(variant=variant)
        self.offer()
        self.run(10_000)

    def unexcused(self) -> list[Violation]:
        return [v for v in self.plant.violations if not (excused(v) or self._moved_by_itself(v))]

    def _moved_by_itself(self, violation: Violation) -> bool:
        """The phase contact fell open, or came back, quicker than anybody opens a contactor."""
        begins_ms = violation.t_ms - 200
        return violation.rule == "phases_switched_under_load" and any(
            str(entry.value).endswith("phase_contact_open")
            for entry in self.trace.changes(Lane.FAULT)
            if begins_ms <= entry.t_ms <= violation.t_ms
        )


def test_a_session_from_plug_to_unplug() -> None:
    board = Board()
    board.charge()
    status = board.guard.status()
    assert status.pilot is PilotState.C
    assert status.self_test is SelfTest.PASSED
    assert status.cable_a == 32
    assert board.plant.current_a == 15.996
    board.close, board.duty_bp = False, X1_BP
    board.run(4000)
    assert not board.plant.energised
    board.lock = LockTarget.UNLOCK
    board.plant.car.unplug()
    board.run(2000)
    assert board.guard.status().pilot is PilotState.A
    assert board.plant.sense(board.plant.now_ms).pp_ohm is None
    assert board.plant.violations == []


@pytest.mark.parametrize("variant", VARIANTS)
def test_seq_10_2_every_car_is_off_within_the_time_after_a_stop(variant: str) -> None:
    board = Board()
    board.charge(variant)
    board.close, board.duty_bp = False, X1_BP
    board.run(6100)
    assert not board.plant.energised
    assert board.unexcused() == []


def test_two_stage_lease_when_permits_stop() -> None:
    board = Board()
    board.charge("rude")
    board.alive = False
    board.run(500 + 6000 + 100)
    assert not board.plant.energised
    assert board.guard.status().reason is Reason.LEASE_LOST
    assert board.plant.violations == []


OPENS = {
    "diode_short": Reason.DIODE,
    "pilot_short": Reason.PILOT_FAULT,
    "pilot_open": Reason.PILOT_LEFT_CD,
    "ventilation": Reason.VENTILATION,
    "pp_open": Reason.PROXIMITY,
    "pp_short": Reason.PROXIMITY,
    "rcd_dc": Reason.RCD,
    "leak_dc": Reason.RCD,
    "contactor_stuck_open": Reason.MIRROR,
    "mirror_stuck_open": Reason.MIRROR,
    "lock_feedback_lost": Reason.LOCK,
    "over_temperature": Reason.OVER_TEMPERATURE,
    "emergency_stop": Reason.EMERGENCY_STOP,
    "adc_stuck": Reason.SAMPLES_STALLED,
    "adc_rail": Reason.PILOT_FAULT,
    "phase_contact_open": Reason.PHASE_CONTACT,
}


@pytest.mark.parametrize("fault", OPENS)
def test_a_fault_while_charging_opens_and_says_why(fault: str) -> None:
    board = Board()
    board.charge()
    board.plant.set_fault(fault)
    board.run(2000)
    assert not board.plant.energised
    assert board.guard.status().reason is OPENS[fault]
    assert board.unexcused() == []


def test_a_fault_of_the_board_opens_and_a_warning_does_not() -> None:
    board = Board()
    board.charge()
    board.plant.set_board_fault("HIGH_TEMPERATURE")
    board.run(2000)
    assert board.plant.energised
    board.plant.set_board_fault("TILT")
    board.run(100)
    assert not board.plant.energised
    status = board.guard.status()
    assert status.reason is Reason.BOARD_FAULT
    assert status.faults == BoardFault.TILT | BoardFault.HIGH_TEMPERATURE


def test_a_car_goes_from_three_phases_to_one_and_back_without_an_arc() -> None:
    board = Board()
    board.charge()
    for phases, flowing in ((1, (15.996, 0.0, 0.0)), (3, (15.996, 15.996, 15.996))):
        board.close, board.duty_bp, board.phases = False, X1_BP, phases
        board.run(10_000)
        assert not board.plant.energised
        assert board.guard.status().phases == phases
        board.offer()
        board.run(10_000)
        assert board.plant.meter(board.plant.now_ms).current_a == flowing
    assert board.plant.violations == []


def test_a_wish_for_other_phases_while_charging_moves_no_metal() -> None:
    board = Board()
    board.charge()
    board.phases = 1
    board.run(10_000)
    assert board.plant.energised
    assert board.plant.phases == 3
    assert board.plant.violations == []


def test_a_stuck_phase_contact_is_told_and_the_way_back_is_open() -> None:
    board = Board()
    board.charge()
    board.plant.set_fault("phase_contact_stuck")
    board.close, board.duty_bp, board.phases = False, X1_BP, 1
    board.run(10_000)
    status = board.guard.status()
    assert (status.reason, status.phases) == (Reason.PHASE_CONTACT, 3)
    board.phases = 3
    board.run(1_000)
    assert board.guard.command(CommandVerb.ACKNOWLEDGE, board.plant.now_ms) is CommandStatus.DONE
    board.offer()
    board.run(10_000)
    assert board.plant.energised
    assert board.plant.violations == []


def test_seq_8_1_a_guard_that_debounces_too_long_is_found_out() -> None:
    board = Board(timing=Timing(debounce_out_ms=100, stall_ms=200))
    board.charge()
    board.plant.car.pause()
    board.run(3000)
    assert [violation.rule for violation in board.plant.violations] == ["energised_without_demand"]


BOARD_FAULTS = sorted(BoardFault.__members__)
EVENTS = st.one_of(
    st.tuples(st.just("fault"), st.sampled_from(sorted(FAULTS))),
    st.tuples(st.just("heal"), st.sampled_from(sorted(FAULTS))),
    st.tuples(st.just("plug"), st.sampled_from(sorted(VARIANTS))),
    st.tuples(st.just("phases"), st.sampled_from(["1", "3"])),
    st.tuples(st.sampled_from(["board fault", "board heal"]), st.sampled_from(BOARD_FAULTS)),
    st.tuples(st.just("offer"), st.sampled_from(["1000", "2666", "5333"])),
    st.tuples(
        st.sampled_from(["stop", "unlock", "unplug", "pull", "pause", "resume", "die", "live"]),
        st.just(""),
    ),
)


def act(board: Board, name: str, what: str) -> None:
    car = board.plant.car
    if name in ("fault", "heal"):
        board.plant.set_fault(what, name == "fault")
    elif name == "plug":
        if car.drivetrain is None:
            car.plug(variant=what)
    elif name == "phases":
        board.phases = int(what)
    elif name in ("board fault", "board heal"):
        board.plant.set_board_fault(what, name == "board fault")
    elif name == "offer":
        board.offer(int(what))
    elif name == "stop":
        board.close, board.duty_bp = False, X1_BP
    elif name == "unlock":
        board.lock = LockTarget.UNLOCK
    elif name in ("die", "live"):
        board.alive = name == "live"
    else:
        pull = car.pull_at_station
        {"unplug": car.unplug, "pull": pull, "pause": car.pause, "resume": car.resume}[name]()


SCRIPTS = st.lists(st.tuples(st.integers(1, 300).map(lambda n: n * 10), EVENTS), max_size=15)
Script = list[tuple[int, tuple[str, str]]]


def play(board: Board, script: Script) -> Board:
    board.charge()
    for wait_ms, (name, what) in script:
        act(board, name, what)
        board.run(wait_ms)
    board.run(10_000)
    return board


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 99), SCRIPTS)
def test_no_script_makes_the_guard_break_a_rule(seed: int, script: Script) -> None:
    assert play(Board(seed), script).unexcused() == []


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 99), SCRIPTS)
def test_a_board_that_skips_quiet_time_leaves_the_same_trace(seed: int, script: Script) -> None:
    ticking, skipping = play(Board(seed), script), play(Board(seed, skips=True), script)
    assert ticking.plant.trace is not None
    assert skipping.plant.trace is not None
    assert ticking.plant.trace.lines() == skipping.plant.trace.lines()
    assert ticking.guard.status() == skipping.guard.status()
    assert skipping.steps < ticking.steps / 2
