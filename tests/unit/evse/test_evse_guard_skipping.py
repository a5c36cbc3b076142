"""Skipping quiet time gives the same trace as ticking through it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from guard_rig import PERIOD_MS, RENEWAL_MS, GuardRig
from hypothesis import given, settings
from hypothesis import strategies as st

from evse.board_faults import BoardFault
from evse.guard.guard import Guard, Hardware, Inputs, Outputs, Timing
from evse.guard.state import canonical
from evse.model import BoardStatus, CommandVerb, LockTarget

HARDWARE = Hardware(
    lock=True,
    socket=True,
    rcd=True,
    rcd_self_test=True,
    fast_current=True,
    emergency_stop=True,
    temperature_trip_dc=900,
    phase_switch=True,
    phase_feedback=True,
)


PLUGGED_IN = {"lock_locked": True, "pp_ohm": 220, "temperature_dc": 250, "current_ma": 16_000}
GO = (True, 2_666, LockTarget.LOCK)


class Stretch(NamedTuple):
    """Something happens, and then nothing but permits for a while."""

    periods: int
    level: str | None = "C"
    alive: bool = True
    permit: tuple[bool, int, LockTarget] = GO
    phases: int = 3
    diode: bool = True
    mirror: bool | None = None
    rcd: bool | None = None
    readings: Mapping[str, Any] = MappingProxyType({})
    command: CommandVerb | None = None


PERIODS = st.sampled_from((1, 2, 3, 5, 12, 30, 60, 250, 700))
READINGS = st.sampled_from(
    (
        {"lock_locked": False},
        {"lock_locked": False, "lock_unlocked": True},
        {"pp_ohm": None},
        {"pp_ohm": 680},
        {"emergency_stop": True},
        {"temperature_dc": None},
        {"temperature_dc": 950},
        {"current_ma": 500},
        {"phase_feedback": False},
        {"phase_feedback": None},
        {"faults": BoardFault.TILT},
        {"faults": BoardFault.CABLE_HOT},
    )
)
PERMITS = st.tuples(st.booleans(), st.sampled_from((2_666, 10_000, 0)), st.sampled_from(LockTarget))


def stretch(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Stretch]:
    """All else as in an ordinary charge."""
    return st.fixed_dictionaries({"periods": PERIODS, **fields}).map(lambda d: Stretch(**d))


STRETCHES = st.lists(
    st.one_of(
        stretch(level=st.sampled_from("BC"), alive=st.booleans()),
        stretch(level=st.sampled_from(("A", "B", "C", "D", "E", "F", None))),
        stretch(alive=st.booleans(), permit=PERMITS),
        stretch(alive=st.booleans(), readings=READINGS),
        stretch(phases=st.sampled_from((1, 3)), permit=PERMITS),
        stretch(diode=st.just(False)),
        stretch(mirror=st.booleans()),
        stretch(level=st.sampled_from("AB"), rcd=st.booleans()),
        stretch(level=st.sampled_from("AC"), command=st.sampled_from(CommandVerb)),
    ),
    min_size=1,
    max_size=8,
)
CHARGING = (Stretch(30, "A"), Stretch(250, "B"), Stretch(30))


class EveryPeriod(Guard):
    """Decides anew in every period: no quiet span is taken on trust."""

    def step(self, now_ms: int, inputs: Inputs) -> Outputs:
        self._settled = False
        return super().step(now_ms, inputs)


def ticking_rig() -> GuardRig:
    rig = GuardRig(HARDWARE)
    rig.guard = EveryPeriod(HARDWARE, Timing())
    return rig


Trace = list[tuple[int, Outputs, BoardStatus]]


def apply(rig: GuardRig, stretch: Stretch) -> None:
    rig.level, rig.diode, rig.mirror = stretch.level, stretch.diode, stretch.mirror
    rig.rcd, rig.readings = stretch.rcd, PLUGGED_IN | stretch.readings
    rig.alive = stretch.alive
    rig.close, rig.duty_bp, rig.lock = stretch.permit
    rig.phases = stretch.phases
    if stretch.command is not None:
        rig.command(stretch.command)


def turn(rig: GuardRig, trace: Trace) -> None:
    now_ms = rig.now_ms
    outputs = rig.step()
    if not trace or trace[-1][1:] != (outputs, rig.status):
        trace.append((now_ms, outputs, rig.status))


def tick_through(rig: GuardRig, stretch: Stretch, trace: Trace) -> int:
    apply(rig, stretch)
    for _ in range(stretch.periods):
        turn(rig, trace)
    return stretch.periods


def skip_through(rig: GuardRig, stretch: Stretch, trace: Trace) -> int:
    end_ms = rig.now_ms + stretch.periods * PERIOD_MS
    apply(rig, stretch)
    steps = 0
    while rig.now_ms < end_ms:
        driven = rig.outputs
        turn(rig, trace)
        steps += 1
        if rig.outputs != driven:  # mirror and RCD answer: an input changes next period
            continue
        due_ms = end_ms if rig.guard.next_deadline_ms is None else rig.guard.next_deadline_ms
        if rig.alive:
            due_ms = min(due_ms, -(-rig.now_ms // RENEWAL_MS) * RENEWAL_MS)
        rig.now_ms = max(rig.now_ms, -(-due_ms // PERIOD_MS) * PERIOD_MS)
    rig.now_ms = end_ms
    return steps


@settings(max_examples=300)
@given(STRETCHES)
def test_skipping_and_ticking_give_the_same_trace(stretches: list[Stretch]) -> None:
    ticking, skipping = ticking_rig(), GuardRig(HARDWARE)
    ticked: Trace = []
    skipped: Trace = []
    for stretch in (*CHARGING, *stretches):
        tick_through(ticking, stretch, ticked)
        skip_through(skipping, stretch, skipped)
        assert skipped == ticked
    assert any(outputs.coil for _, outputs, _ in ticked)
    now_ms = ticking.now_ms
    assert canonical(Timing(), skipping.guard.state, now_ms) == canonical(
        Timing(), ticking.guard.state, now_ms
    )


def test_a_quiet_hour_costs_a_handful_of_steps() -> None:
    rig = GuardRig(HARDWARE)
    assert skip_through(rig, Stretch(360_000, "B", alive=False), []) < 25


def test_a_settled_guard_without_timers_never_needs_a_step() -> None:
    rig = GuardRig(Hardware())
    rig.alive = False
    rig.run(10_000)
    assert rig.guard.next_deadline_ms is None
