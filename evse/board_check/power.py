"""The steps of what moves: lock, residual-current test, phase contact, contactor, interlock. Pure.

The contactor is switched with nobody at the outlet and no car: every period in which its coil is on
is one in which `judge.may_not_be_on` has nothing to say, and no phase is longer than PULSE_MS.
"""

from __future__ import annotations

from collections.abc import Iterator

from evse.board_check import judge
from evse.board_check.fitting import BoardFitting, EvseFitting
from evse.board_check.step import Phase, Step
from evse.guard.facts import Outputs, Timing
from evse.guard.lock_drive import LockDrive
from evse.guard.phase_contact import ALL_PHASES, L1_ALONE

PULSE_MS = 1_000
"""How long the contactor is on, in all."""
INTERLOCK_MS = 200
"""What the coil supply's watchdog is built for (drivers/gpio/heartbeat.py)."""
LETS_GO_MS = 100
"""For the contactor itself after that."""
BOUNCES_MS = 30
"""A mirror contact that has just moved trembles."""
CHARGES_MS = 60_000
"""A capacitor that is empty at first."""
WORD = "mains"
_TIMES = Timing()
_REST, _ON = Outputs(), Outputs(coil=True)
_WARNING = (
    "MAINS at the outlet for a second: nobody touches it, nothing is plugged in. Hold the pilot "
    "gate's test button, where there is one"
)
_STAYS_OPEN = (
    "the mirror contact does not follow the coil within 250 ms: coil supply (is its watchdog "
    "fed?), contactor, or the mirror contact's wiring"
)
_STAYS_CLOSED = (
    "the mirror contact still reads closed 250 ms after the coil is off: a welded contact, or a "
    "coil that something else holds. Switch the station off at the fuse"
)
_LET_GO = "the contactor opened by itself while its coil was on"
_HELD = (
    "the contactor stayed closed though the heartbeat had stopped: the coil supply's watchdog does "
    "not let go. Do not charge with this board"
)


def power_steps(fitted: EvseFitting, board: BoardFitting) -> Iterator[Step]:
    yield from _lock(fitted)
    yield from _rcd(fitted)
    yield from _phase_contact(fitted)
    yield _contactor(fitted)
    if board.heartbeat:
        yield _interlock(fitted, board.heartbeat)


def _lock(fitted: EvseFitting) -> Iterator[Step]:
    if not fitted.lock:
        return
    pulses = []
    for drive, locked in ((LockDrive.LOCK, True), (LockDrive.UNLOCK, False)):
        there = judge.lock_is(locked)
        pulses.append(Phase(there, _TIMES.lock_pulse_ms, drive=Outputs(lock_drive=drive)))
        pulses.append(Phase(there, 1_000, _TIMES.lock_pause_ms))
    reserve = Phase(judge.reserve_is_charged, CHARGES_MS)
    yield Step(
        name=f"evse{fitted.evse}.lock",
        title="the connector lock",
        evse=fitted.evse,
        happens=f"{fitted.lock}: the bolt goes in, then out, 0.6 s at most each",
        measure=f"look at the bolt; switches at {fitted.lock_switches}",
        expect="locked, then unlocked, never both switches at once",
        phases=(reserve, *pulses) if fitted.lock_reserve else tuple(pulses),
        shows=judge.lock_shows,
    )


def _rcd(fitted: EvseFitting) -> Iterator[Step]:
    if not fitted.rcd:
        return
    quiet = judge.rcd_is(
        False, "it reads tripped: its supply, its wire (it conducts while all is well), or a leak"
    )
    trips = judge.rcd_is(
        True, "the test does not trip it within 0.5 s: the test wire, or a device that is dead"
    )
    clears = judge.rcd_is(False, "it stays tripped for more than 2 s after the test")
    tested = (
        Phase(trips, _TIMES.self_test_trip_ms, drive=Outputs(rcd_test=True)),
        Phase(clears, _TIMES.self_test_clear_ms),
    )
    yield Step(
        name=f"evse{fitted.evse}.rcd",
        title="the residual-current device",
        evse=fitted.evse,
        happens=f"its test input ({fitted.rcd_test}) is driven, the contactor stays off"
        if fitted.rcd_test
        else "nothing moves; its output is read",
        measure=f"{fitted.rcd}; the outputs Fault and Test must not be swapped",
        expect="not tripped; tripped within 0.5 s of the test; free again within 2 s"
        if fitted.rcd_test
        else "not tripped",
        phases=(Phase(quiet, 3_000, 500), *(tested if fitted.rcd_test else ())),
        shows=judge.rcd_shows,
    )


def _phase_contact(fitted: EvseFitting) -> Iterator[Step]:
    if not fitted.phase_contact:
        return
    never = judge.phases_may_not_move

    def phase(phases: int) -> Phase:
        wanted = judge.phases_are(phases == ALL_PHASES) if fitted.phase_feedback else judge.is_rest
        steady_ms = 200 if fitted.phase_feedback else _TIMES.phase_ms
        drive = Outputs(phases=phases)
        return Phase(wanted, _TIMES.phase_ms + steady_ms, steady_ms, drive, never=never)

    yield Step(
        name=f"evse{fitted.evse}.phase-contact",
        title="the phase contact",
        evse=fitted.evse,
        happens=f"{fitted.phase_contact} connects L2 and L3, then leaves L1 alone; no voltage, "
        "the main contactor stays open",
        measure=f"feedback at {fitted.phase_feedback}"
        if fitted.phase_feedback
        else "ohmmeter across its contacts, mains off",
        expect="it follows within 0.5 s, twice",
        phases=(phase(L1_ALONE), phase(ALL_PHASES), phase(L1_ALONE)),
        shows=judge.phases_show,
        question="" if fitted.phase_feedback else "Did it close and open again?",
    )


def _closing(then: Phase) -> tuple[Phase, ...]:
    """Refused, closed, `then`; and off for good, whatever was found."""
    never = judge.may_not_be_on
    closed = judge.contactor_is(True, _STAYS_OPEN)
    return (
        Phase(judge.may_not_close, 1_500, 300),
        Phase(closed, _TIMES.mirror_close_ms, BOUNCES_MS, _ON, never=never),
        then,
        Phase(judge.contactor_is(False, _STAYS_CLOSED), _TIMES.mirror_release_ms, drive=_REST),
    )


def _contactor(fitted: EvseFitting) -> Step:
    stays = judge.contactor_is(True, _LET_GO)
    held_ms = PULSE_MS - _TIMES.mirror_close_ms
    on = Phase(stays, 0, held_ms, _ON, never=judge.may_not_be_on)
    return Step(
        name=f"evse{fitted.evse}.contactor",
        title="the contactor",
        evse=fitted.evse,
        happens=f"{fitted.coils} closes it for a second. {_WARNING}",
        measure=f"its mirror contact at {fitted.mirrors}; listen",
        expect="the mirror contact follows within 250 ms, both ways",
        phases=_closing(on),
        shows=judge.contactor_shows,
        question="Did it close and open once, with a clean sound?",
        word=WORD,
        moves_contactor=True,
    )


def _interlock(fitted: EvseFitting, heartbeat: str) -> Step:
    drops = Phase(
        judge.contactor_is(False, _HELD),
        INTERLOCK_MS + LETS_GO_MS,
        drive=_ON,
        fed=False,
        never=judge.may_not_be_on,
    )
    return Step(
        name=f"evse{fitted.evse}.interlock",
        title="the interlock: the coil supply's watchdog",
        evse=fitted.evse,
        happens="the contactor is closed, then the heartbeat stops while its coil stays on. "
        f"{_WARNING}",
        measure=f"heartbeat at {heartbeat}: 50 Hz, then silence; the contactor by ear and mirror",
        expect="the contactor opens by itself within 0.3 s of the last edge",
        phases=_closing(drops),
        shows=judge.contactor_shows,
        question="Did the contactor close once and open by itself?",
        word=WORD,
        moves_contactor=True,
    )
