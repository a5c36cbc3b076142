"""Skipping quiet time gives the same trace as ticking through it."""

from __future__ import annotations

from typing import Any, NamedTuple

from guard_rig import PERIOD_MS, GuardRig
from hypothesis import given, settings
from hypothesis import strategies as st

from evse.guard import Hardware, Outputs, Timing
from evse.guard_state import canonical
from evse.model import BoardStatus, CommandVerb, LockTarget

HARDWARE = Hardware(
    lock=True,
    socket=True,
    rcd=True,
    rcd_self_test=True,
    fast_current=True,
    emergency_stop=True,
    temperature_trip_dc=900,
)


class Stretch(NamedTuple):
    """Something happens, and then nothing from outside for a while."""

    periods: int
    level: str | None
    diode: bool
    mirror: bool | None
    rcd: bool | None
    readings: dict[str, Any]
    permit: tuple[bool, int, LockTarget] | None
    command: CommandVerb | None


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from((usual,) * 4 + others)


READINGS = st.fixed_dictionaries(
    {
        "lock_locked": mostly(True, False),
        "pp_ohm": mostly(220, None, 100),
        "emergency_stop": mostly(False, False, True),
        "temperature_dc": mostly(250, None, 850, 950),
        "current_ma": st.sampled_from((16_000, 500)),
    }
)
STRETCHES = st.builds(
    Stretch,
    periods=st.sampled_from((1, 2, 3, 5, 12, 30, 60, 250, 700)),
    level=mostly("C", "B", "B", "A", "D", "E", "F", None),
    diode=mostly(True, False),
    mirror=mostly(None, True, False),
    rcd=mostly(None, True, False),
    readings=READINGS,
    permit=st.one_of(
        st.just((True, 2_666, LockTarget.LOCK)),
        st.tuples(st.booleans(), st.sampled_from((2_666, 10_000, 0)), st.sampled_from(LockTarget)),
        st.none(),
    ),
    command=mostly(None, *CommandVerb),
)

Trace = list[tuple[int, Outputs, BoardStatus]]


def apply(rig: GuardRig, stretch: Stretch) -> None:
    rig.level, rig.diode, rig.mirror = stretch.level, stretch.diode, stretch.mirror
    rig.rcd, rig.readings = stretch.rcd, stretch.readings
    if stretch.permit is not None:
        rig.close, rig.duty_bp, rig.lock = stretch.permit
        rig.renew()
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
        turn(rig, trace)
        steps += 1
        due_ms = rig.guard.next_deadline_ms
        if due_ms is None:
            break
        rig.now_ms = max(rig.now_ms, -(-due_ms // PERIOD_MS) * PERIOD_MS)
    rig.now_ms = end_ms
    return steps


def mute() -> GuardRig:
    rig = GuardRig(HARDWARE)
    rig.alive = False
    return rig


@settings(max_examples=150)
@given(st.lists(STRETCHES, min_size=1, max_size=12))
def test_skipping_and_ticking_give_the_same_trace(stretches: list[Stretch]) -> None:
    ticking, skipping = mute(), mute()
    ticked: Trace = []
    skipped: Trace = []
    for stretch in stretches:
        tick_through(ticking, stretch, ticked)
        skip_through(skipping, stretch, skipped)
        assert skipped == ticked
    now_ms = ticking.now_ms
    assert canonical(Timing(), skipping.guard.state, now_ms) == canonical(
        Timing(), ticking.guard.state, now_ms
    )


def test_a_quiet_hour_costs_a_handful_of_steps() -> None:
    rig = mute()
    quiet = Stretch(360_000, "B", True, None, None, {"pp_ohm": 220}, None, None)
    assert skip_through(rig, quiet, []) < 25


def test_a_settled_guard_without_timers_never_needs_a_step() -> None:
    rig = GuardRig(Hardware())
    rig.alive = False
    rig.run(10_000)
    assert rig.guard.next_deadline_ms is None
