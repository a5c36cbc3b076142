"""Trips: a cause that was shown closes nothing until it may be forgotten.

Remembered from the cause, not from the guard's word for it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from evse.guard.facts import Heat
from evse.model import CommandVerb, PilotState, SelfTest
from hil.explore.moment import STOPPING, Invariant, Judgement, Moment, Tracker, When


def _weld_shown(m: Moment) -> bool:
    if m.before.coil or m.wrong_ms is None:
        return False
    if m.followed:
        return m.wrong_ms >= m.timing.mirror_glitch_ms
    return m.coil_ms >= m.timing.mirror_release_ms


def _not_followed(m: Moment) -> bool:
    """The coil went off in that step, so that a command that comes after it may forget it."""
    if not m.before.coil or m.wrong_ms is None or m.done is CommandVerb.ACKNOWLEDGE:
        return False
    if m.followed:
        return m.wrong_ms >= m.timing.mirror_glitch_ms
    return m.coil_ms >= m.timing.mirror_close_ms


def _astray(m: Moment) -> bool:
    lasted = m.astray_ms is not None and m.astray_ms >= m.timing.mirror_glitch_ms
    return lasted and m.sent_ms is not None and m.sent_ms >= m.timing.phase_ms


def _fault_level(m: Moment) -> bool:
    if m.verdict is None or not m.plugged:
        return False
    band, span_ms = m.verdict
    faulty = band in (PilotState.E, PilotState.INVALID) or (band is PilotState.F and not m.own_f)
    return faulty and span_ms >= m.timing.debounce_out_ms


def _ventilation_asked(m: Moment) -> bool:
    return m.before.coil and m.after.pilot.state is PilotState.D and not m.hardware.ventilation


def _rcd_tripped(m: Moment) -> bool:
    return m.seen.rcd_tripped and m.before.self_test.status is not SelfTest.RUNNING


def _latch(name: str, cause: Callable[[Moment], bool], until_unplugged: bool) -> Tracker:
    """Remembers a cause until an acknowledgement that may forget it."""
    bit = LATCHES[name]

    def advance(memory: bool, m: Moment) -> Hashable:
        if memory:
            m.latches |= bit
            may_forget = m.after.pilot.state is PilotState.A or not until_unplugged
            if m.done is not CommandVerb.ACKNOWLEDGE or not may_forget:
                return True
        return cause(m)

    return Tracker(name, False, advance)


_LATCHES = (
    (
        "weld",
        "A welded contactor is never energised again before it opened and was acknowledged.",
        ("coil", "mirror"),
        _weld_shown,
        False,
    ),
    (
        "mirror",
        "A contactor that did not follow its coil is not energised before it was acknowledged.",
        ("coil", "mirror"),
        _not_followed,
        False,
    ),
    (
        "pilot_fault",
        "E, F or no state with a car plugged in forbids closing until acknowledged.",
        ("verdict", "session", "own_f"),
        _fault_level,
        False,
    ),
    (
        "ventilation",
        "A car that asked for missing ventilation is not served until acknowledged.",
        (),
        _ventilation_asked,
        False,
    ),
    (
        "rcd",
        "An RCD trip is not retried while the car stays plugged in.",
        (),
        _rcd_tripped,
        True,
    ),
    (
        "diode",
        "A bad diode is not retried while the car stays plugged in.",
        ("session", "pwm_age", "low_bad"),
        lambda m: m.low_bad,
        True,
    ),
    (
        "failed_self_test",
        "A failed self-test forbids closing until acknowledged, even if a later one passes.",
        (),
        lambda m: m.after.self_test.status is SelfTest.FAILED,
        False,
    ),
    (
        "hot",
        "After over-temperature nothing closes until acknowledged.",
        (),
        lambda m: m.seen.heat is Heat.HOT,
        False,
    ),
    (
        "emergency",
        "After an emergency stop nothing closes until acknowledged.",
        (),
        lambda m: m.seen.emergency_stop,
        False,
    ),
    (
        "phase_contact",
        "After a phase contact that did not follow nothing closes until acknowledged.",
        ("sent", "astray"),
        _astray,
        False,
    ),
    (
        "board_fault",
        "After a fault of the board nothing closes until acknowledged.",
        (),
        lambda m: bool(m.seen.faults and m.seen.faults & STOPPING),
        False,
    ),
)
LATCHES = {f"{row[0]}_latch": 1 << index for index, row in enumerate(_LATCHES)}
"""Name of a latch's tracker -> its bit in `Moment.latches`."""
LATCH_TRACKERS = tuple(
    _latch(f"{name}_latch", cause, until_unplugged)
    for name, _, _, cause, until_unplugged in _LATCHES
)


def _closes_not_while(bit: int) -> Judgement:
    return lambda m: not m.latches & bit


LATCHED = tuple(
    Invariant(
        f"{name}_is_latched",
        says,
        (*needs, f"{name}_latch"),
        _closes_not_while(LATCHES[f"{name}_latch"]),
        When.CLOSES,
    )
    for name, says, needs, _, _ in _LATCHES
)
