"""What the guard promises, as observers that stand beside it and remember on their own.

Responsibility: judge the guard from outside. A tracker remembers what an onlooker saw (permits,
samples, coil, mirror); an invariant is a sentence over that. Neither looks at the guard's memory,
only at what it was given, what it drives and what it reports (pilot state, reason, self-test).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from evse.guard import GuardState, Hardware, Timing
from evse.guard_types import Heat, Seen
from evse.lock_drive import LockDrive
from evse.model import (
    F_BP,
    X1_BP,
    CommandStatus,
    CommandVerb,
    LockState,
    LockTarget,
    Permit,
    PilotState,
    Reason,
    SelfTest,
)

PERIOD_MS = 10
_PLUGGED = (PilotState.B, PilotState.C, PilotState.D)


def _pwm(duty_bp: int) -> bool:
    return duty_bp == 500 or 1_000 <= duty_bp <= 9_600


class Moment:
    """One step as seen from outside, and what the trackers make of it."""

    leave: Permit | None
    unwanted_ms: int | None
    low_ms: int | None
    verdict: tuple[PilotState, int] | None
    proofless_ms: int | None
    coil_ms: int
    followed: bool
    wrong_ms: int | None
    pwm_ms: int | None
    low_bad: bool
    low_seen: bool
    tested: bool
    forced: bool
    opening: bool
    unlocked_ms: int | None
    pulse_ms: int
    pause_broken: bool
    idle_ms: int | None
    uncoded_ms: int | None
    coded: bool
    blind_ms: int | None
    own_f: bool

    def __init__(
        self,
        hardware: Hardware,
        timing: Timing,
        seen: Seen,
        permit: Permit | None,
        before: GuardState,
        after: GuardState,
        answer: tuple[CommandVerb, CommandStatus] | None,
    ) -> None:
        self.hardware = hardware
        self.timing = timing
        self.seen = seen
        self.permit = permit
        self.before = before
        self.after = after
        self.done = answer[0] if answer and answer[1] is CommandStatus.DONE else None
        self.rising = after.coil and not before.coil
        self.was_plugged = False
        self.plugged = False

    @property
    def powered_band(self) -> bool:
        band = self.seen.band
        return band is PilotState.C or (band is PilotState.D and self.hardware.ventilation)


Advance = Callable[[Any, Moment], Hashable]
Judgement = Callable[[Moment], bool]


class Tracker(NamedTuple):
    name: str
    start: Hashable
    advance: Advance
    """Memory before -> memory after; may set attributes of the moment for the invariants."""


class Invariant(NamedTuple):
    name: str
    says: str
    needs: tuple[str, ...]
    """Trackers it looks at."""
    holds: Judgement


def _since(now_so: bool, age_ms: int | None, cap_ms: int) -> int | None:
    """Age of a condition: None while it is not so, 0 when first seen."""
    if not now_so:
        return None
    return 0 if age_ms is None else min(age_ms + PERIOD_MS, cap_ms)


# --- trackers ------------------------------------------------------------------------------------


def _lease(memory: tuple[int, Permit] | None, m: Moment) -> Hashable:
    if m.permit is not None:
        memory = (0, m.permit)
    elif memory is not None:
        age_ms = memory[0] + PERIOD_MS
        memory = (age_ms, memory[1]) if age_ms < m.timing.lease_ms else None
    m.leave = memory[1] if memory else None
    return memory


def _wanted(m: Moment) -> bool:
    leave = m.leave
    return leave is not None and leave.close and _pwm(leave.duty_bp)


def _unwanted(memory: int | None, m: Moment) -> Hashable:
    m.unwanted_ms = _since(m.before.coil and not _wanted(m), memory, m.timing.c1_open_ms)
    return m.unwanted_ms if m.after.coil else None


def _low_current(memory: int | None, m: Moment) -> Hashable:
    low = m.before.coil and not _wanted(m) and m.seen.low_current
    m.low_ms = _since(low, memory, m.timing.low_current_ms)
    return m.low_ms if m.after.coil else None


def _verdict(memory: tuple[PilotState, int] | None, m: Moment) -> Hashable:
    """Equal verdicts in a row, and how far they span."""
    band = m.seen.band
    if memory is not None and band in (None, memory[0]):
        memory = (memory[0], min(memory[1] + PERIOD_MS, m.timing.debounce_in_ms))
    elif band is not None:
        memory = (band, 0)
    m.verdict = memory if band is not None else None
    return memory


def _proofless(memory: int | None, m: Moment) -> Hashable:
    """How long the samples have not shown C or D."""
    proof = m.seen.band in (PilotState.C, PilotState.D)
    m.proofless_ms = _since(not proof, memory, m.timing.stall_ms)
    return m.proofless_ms


def _coil(memory: int | None, m: Moment) -> Hashable:
    """Time since the coil last changed, as of before this step's decision."""
    cap_ms = max(m.timing.min_off_ms, m.timing.mirror_close_ms, m.timing.mirror_release_ms)
    m.coil_ms = 0 if memory is None else min(memory + PERIOD_MS, cap_ms)
    return m.coil_ms if m.before.coil is m.after.coil else 0


def _mirror(memory: tuple[bool, int | None], m: Moment) -> Hashable:
    """(has followed the coil since its last change, how long it disagrees)."""
    disagrees = m.seen.mirror_closed is not m.before.coil
    cap_ms = max(m.timing.mirror_close_ms, m.timing.mirror_glitch_ms)
    followed, wrong_ms = memory
    followed = followed or not disagrees
    wrong_ms = _since(disagrees, wrong_ms, cap_ms)
    m.followed, m.wrong_ms = followed, wrong_ms
    changed = m.before.coil is not m.after.coil
    return (False, None) if changed else (followed, wrong_ms)


def _session(memory: bool, m: Moment) -> Hashable:
    """A car is plugged in, by the reported pilot state."""
    pilot = m.after.pilot.state
    m.was_plugged = memory
    m.plugged = pilot in _PLUGGED or (memory and pilot is not PilotState.A)
    return m.plugged


def _pwm_age(memory: int | None, m: Moment) -> Hashable:
    m.pwm_ms = _since(_pwm(m.before.duty_bp), memory, m.timing.pwm_settle_ms)
    return m.pwm_ms


def _low_bad(memory: int | None, m: Moment) -> Hashable:
    """How long every look at the low half-wave has found it wrong."""
    settled = m.pwm_ms is not None and m.pwm_ms >= m.timing.pwm_settle_ms
    testable = settled and m.seen.band in _PLUGGED and m.after.pilot.state in _PLUGGED
    if not testable or m.seen.low_ok:
        memory = None
    elif m.seen.low_ok is False or memory is not None:
        memory = _since(True, memory, m.timing.diode_ms)
    m.low_bad = m.seen.low_ok is False and memory is not None and memory >= m.timing.diode_ms
    return memory


def _low_seen(memory: bool, m: Moment) -> Hashable:
    """-12 V was seen with PWM on in this session."""
    settled = m.pwm_ms is not None and m.pwm_ms >= m.timing.pwm_settle_ms
    shown = settled and m.seen.low_ok is True and m.seen.band in _PLUGGED
    m.low_seen = m.plugged and (memory or shown)
    return m.low_seen


def _tested(memory: str, m: Moment) -> Hashable:
    """The self-test from outside: `driven`, `tripped`, `passed`; `no` otherwise."""
    driving, tripped = m.before.self_test.driving, m.seen.rcd_tripped
    if m.plugged and not m.was_plugged:
        memory = "no"
    elif memory == "driven" and tripped:
        memory = "tripped"
    elif memory == "tripped" and not driving and not tripped:
        memory = "passed"
    m.tested = memory == "passed"
    anew = not driving or m.done is CommandVerb.RCD_SELF_TEST
    if m.after.self_test.driving and not m.after.self_test.void and anew:
        memory = "driven"
    return memory


def _forced(memory: bool, m: Moment) -> Hashable:
    m.forced = memory and m.after.pilot.state is not PilotState.A
    return m.forced or m.done is CommandVerb.FORCE_UNLOCK


def _opening(memory: bool, m: Moment) -> Hashable:
    """A forced unlock was granted, and has not come to its end with the car gone."""
    at_rest = m.before.lock.drive is LockDrive.OFF
    ended = at_rest and (m.before.lock.jammed or m.seen.lock is LockState.UNLOCKED)
    m.opening = memory and not (m.after.pilot.state is PilotState.A and ended)
    return m.opening or m.done is CommandVerb.FORCE_UNLOCK


def _unlocked(memory: int | None, m: Moment) -> Hashable:
    lost = m.before.coil and m.seen.lock is not LockState.LOCKED
    m.unlocked_ms = _since(lost, memory, m.timing.lock_lost_ms)
    return m.unlocked_ms if m.after.coil else None


def _pulse(memory: tuple[LockDrive, int], m: Moment) -> Hashable:
    """(last drive, time since it began or ended)."""
    last, age_ms = memory
    now = m.after.lock.drive
    cap_ms = max(m.timing.lock_pulse_ms, m.timing.lock_pause_ms)
    age_ms = min(age_ms + PERIOD_MS, cap_ms)
    m.pulse_ms = age_ms if now is last is not LockDrive.OFF else 0
    m.pause_broken = (
        now is not LockDrive.OFF
        and now is not m.before.lock.drive
        and (m.before.lock.drive is not LockDrive.OFF or age_ms < m.timing.lock_pause_ms)
    )
    return (now, age_ms) if now is last else (now, 0)


def _idle(memory: int | None, m: Moment) -> Hashable:
    """No permit, contactor open, and A or F reported."""
    idle = (
        m.leave is None
        and not m.before.coil
        and not m.seen.mirror_closed
        and m.after.pilot.state in (PilotState.A, PilotState.F)
    )
    cap_ms = max(m.timing.unlock_after_a_ms, m.timing.f_unlock_ms)
    m.idle_ms = _since(idle, memory, cap_ms)
    return m.idle_ms


def _uncoded(memory: int | None, m: Moment) -> Hashable:
    """How long the cable's coding has been missing, with a car plugged in."""
    m.uncoded_ms = _since(m.plugged and not m.seen.cable_a, memory, m.timing.pp_ms)
    return m.uncoded_ms


def _coded(memory: tuple[int, int], m: Moment) -> Hashable:
    """(last rating read, least rating read twice running since the last time there was none)."""
    last_a, least_a = memory
    rating_a = m.seen.cable_a
    if not m.plugged:
        memory = (0, 0)
    elif rating_a != last_a:
        memory = (rating_a, least_a)
    else:
        memory = (rating_a, min(least_a, rating_a) if least_a else rating_a)
    m.coded = 0 < memory[1] <= rating_a
    return memory


def _blind(memory: int | None, m: Moment) -> Hashable:
    m.blind_ms = _since(m.seen.heat is Heat.UNKNOWN, memory, m.timing.temperature_lost_ms)
    return m.blind_ms


def _own_f(memory: bool, m: Moment) -> Hashable:
    """F is on the wire, or was until the last F sample."""
    still_f = PilotState.F in (m.seen.band, m.after.pilot.state) or m.seen.band is None
    m.own_f = m.before.duty_bp == F_BP or (memory and still_f)
    return m.own_f


TRACKERS = {
    name: Tracker(name, start, advance)
    for name, start, advance in (
        ("lease", None, _lease),
        ("unwanted", None, _unwanted),
        ("low_current", None, _low_current),
        ("verdict", None, _verdict),
        ("proofless", None, _proofless),
        ("coil", None, _coil),
        ("mirror", (False, None), _mirror),
        ("session", False, _session),
        ("pwm_age", None, _pwm_age),
        ("low_bad", None, _low_bad),
        ("low_seen", False, _low_seen),
        ("tested", "no", _tested),
        ("forced", False, _forced),
        ("opening", False, _opening),
        ("unlocked", None, _unlocked),
        ("pulse", (LockDrive.OFF, 10_000), _pulse),
        ("idle", None, _idle),
        ("uncoded", None, _uncoded),
        ("coded", (0, 0), _coded),
        ("blind", None, _blind),
        ("own_f", False, _own_f),
    )
}
"""In the order in which they run: later ones may look at what earlier ones set."""


# --- latches -------------------------------------------------------------------------------------


def _weld_shown(m: Moment) -> bool:
    if m.before.coil or m.wrong_ms is None:
        return False
    if m.followed:
        return m.wrong_ms >= m.timing.mirror_glitch_ms
    return m.coil_ms >= m.timing.mirror_release_ms


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

    def advance(memory: bool, m: Moment) -> Hashable:
        setattr(m, name, memory)
        may_forget = m.after.pilot.state is PilotState.A or not until_unplugged
        forgotten = m.done is CommandVerb.ACKNOWLEDGE and may_forget
        return cause(m) or (memory and not forgotten)

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
)
for _name, _says, _needs, _cause, _unplug in _LATCHES:
    TRACKERS[f"{_name}_latch"] = _latch(f"{_name}_latch", _cause, _unplug)


# --- invariants ----------------------------------------------------------------------------------


def _left(m: Moment) -> bool:
    """The verdicts have shown another state than C/D for the short time."""
    if m.verdict is None:
        return False
    band, span_ms = m.verdict
    lost = band not in (PilotState.C, PilotState.D)
    limit_ms = m.timing.debounce_out_ms if lost else m.timing.debounce_in_ms
    unserved = lost or (band is PilotState.D and not m.hardware.ventilation)
    return unserved and span_ms >= limit_ms


def _confirmed(m: Moment) -> bool:
    """Closing: the samples have shown one powered state for the long time, this one too."""
    if m.verdict is None or not m.powered_band:
        return False
    return m.before.pilot.state is m.verdict[0] or m.verdict[1] >= m.timing.debounce_in_ms


def _offer_is_permitted(m: Moment) -> bool:
    duty_bp = m.after.duty_bp
    return duty_bp == X1_BP or (m.leave is not None and m.leave.duty_bp == duty_bp)


def _mirror_in_time(m: Moment) -> bool:
    if not m.after.coil or m.rising or m.wrong_ms is None:
        return True
    if m.followed:
        return m.wrong_ms < m.timing.mirror_glitch_ms
    return m.coil_ms < m.timing.mirror_close_ms


def _unlock_is_asked(m: Moment) -> bool:
    if m.after.lock.drive is not LockDrive.UNLOCK or m.opening:
        return True
    if m.leave is not None:
        return m.leave.lock is LockTarget.UNLOCK
    at_a = m.after.pilot.state is PilotState.A
    patience_ms = m.timing.unlock_after_a_ms if at_a else m.timing.f_unlock_ms
    return m.idle_ms is not None and m.idle_ms >= patience_ms


def _unlock_wanted(m: Moment) -> bool:
    leave = m.leave
    wanted = leave is not None and leave.lock is LockTarget.UNLOCK
    return wanted or m.before.lock.drive is LockDrive.UNLOCK


def _first_reason_kept(m: Moment) -> bool:
    kept = m.before.reason
    return not kept.is_trip or m.after.reason is kept or m.done is CommandVerb.ACKNOWLEDGE


def _closes_not_while(latch: str) -> Callable[[Moment], bool]:
    return lambda m: not (m.rising and getattr(m, latch))


def _under(age_ms: int | None, limit_ms: int) -> bool:
    return age_ms is None or age_ms < limit_ms


INVARIANTS = (
    Invariant(
        "closes_only_under_a_live_permit",
        "The guard may close only under a live permit that says close and offers a current.",
        ("lease",),
        lambda m: not m.rising or _wanted(m),
    ),
    Invariant(
        "energised_without_leave_at_most_c1_open",
        "No valid permit: the contactor opens after 6 s at the latest.",
        ("lease", "unwanted"),
        lambda m: not m.after.coil or _under(m.unwanted_ms, m.timing.c1_open_ms),
    ),
    Invariant(
        "opens_under_one_amp_when_leave_is_gone",
        "No valid permit: the contactor opens at under 1 A where it can measure.",
        ("lease", "low_current"),
        lambda m: not m.after.coil or _under(m.low_ms, m.timing.low_current_ms),
    ),
    Invariant(
        "no_offer_without_a_permit",
        "No valid permit: X1. Whatever else is on the pilot, a live permit asked for it.",
        ("lease",),
        _offer_is_permitted,
    ),
    Invariant(
        "no_offer_while_stopping",
        "A soft opening takes PWM away first.",
        ("lease", "unwanted"),
        lambda m: not m.after.coil or _wanted(m) or not _pwm(m.after.duty_bp),
    ),
    Invariant(
        "coil_rises_only_beside_pwm",
        "F and X1 never go with a rising coil.",
        (),
        lambda m: not m.rising or _pwm(m.after.duty_bp),
    ),
    Invariant(
        "coil_rises_only_in_confirmed_c",
        "The guard closes only in debounced C (or D where ventilated), proved by this sample.",
        ("verdict",),
        lambda m: not m.rising or _confirmed(m),
    ),
    Invariant(
        "leaving_cd_opens_within_debounce_out",
        "Electrical reasons open at once: the pilot left C/D.",
        ("verdict",),
        lambda m: not m.after.coil or not _left(m),
    ),
    Invariant(
        "closed_only_with_recent_proof",
        "Electrical reasons open at once: samples stalled.",
        ("proofless",),
        lambda m: not m.after.coil or _under(m.proofless_ms, m.timing.stall_ms),
    ),
    Invariant(
        "emergency_stop_opens_at_once",
        "Electrical reasons open at once: emergency stop.",
        (),
        lambda m: not (m.after.coil and m.seen.emergency_stop),
    ),
    Invariant(
        "rcd_opens_at_once",
        "Electrical reasons open at once: RCD.",
        (),
        lambda m: not (m.after.coil and m.seen.rcd_tripped),
    ),
    Invariant(
        "over_temperature_opens_at_once",
        "Electrical reasons open at once: over-temperature, and a silent sensor counts as hot.",
        ("blind",),
        lambda m: (
            not m.after.coil
            or (m.seen.heat is not Heat.HOT and _under(m.blind_ms, m.timing.temperature_lost_ms))
        ),
    ),
    Invariant(
        "closes_only_at_a_known_temperature",
        "Deny by default: an unknown temperature closes nothing.",
        (),
        lambda m: not m.rising or m.seen.heat in (Heat.OK, Heat.WARM),
    ),
    Invariant(
        "mirror_disagreement_opens",
        "Electrical reasons open at once: mirror disagreement.",
        ("coil", "mirror"),
        _mirror_in_time,
    ),
    Invariant(
        "never_closes_on_a_closed_mirror",
        "The guard closes only with no weld.",
        (),
        lambda m: not (m.rising and m.seen.mirror_closed),
    ),
    Invariant(
        "bad_diode_opens",
        "Electrical reasons open at once: diode.",
        ("pwm_age", "low_bad"),
        lambda m: not (m.after.coil and m.low_bad),
    ),
    Invariant(
        "diode_seen_before_closing",
        "-12 V is seen at least once before the switch closes.",
        ("session", "pwm_age", "low_seen"),
        lambda m: not m.rising or m.low_seen,
    ),
    Invariant(
        "self_test_before_closing",
        "The guard closes only when the RCD passed its self-test this session.",
        ("session", "tested"),
        lambda m: not m.rising or m.tested,
    ),
    Invariant(
        "self_test_only_with_the_contactor_open",
        "The test current never flows with the coil on.",
        (),
        lambda m: not (m.after.self_test.driving and m.after.coil),
    ),
    Invariant(
        "off_for_the_minimum_time",
        "The guard closes only when the minimum off-time is over.",
        ("coil",),
        lambda m: not m.rising or m.coil_ms >= m.timing.min_off_ms,
    ),
    Invariant(
        "closes_only_locked",
        "The guard closes only with lock feedback engaged where there is a lock.",
        (),
        lambda m: not m.rising or m.seen.lock is LockState.LOCKED,
    ),
    Invariant(
        "lost_lock_opens",
        "Electrical reasons open at once: the plug is no longer locked.",
        ("unlocked",),
        lambda m: not m.after.coil or _under(m.unlocked_ms, m.timing.lock_lost_ms),
    ),
    Invariant(
        "never_closes_while_unlocking_is_wanted",
        "A permit that also says unlock closes nothing.",
        ("lease",),
        lambda m: not (m.rising and _unlock_wanted(m)),
    ),
    Invariant(
        "no_unlock_while_coil_or_mirror_is_closed",
        "It vetoes unlocking while the coil is on or the mirror reads closed.",
        (),
        lambda m: (
            m.after.lock.drive is not LockDrive.UNLOCK or not (m.after.coil or m.seen.mirror_closed)
        ),
    ),
    Invariant(
        "no_unlock_while_the_contactor_travels",
        "It vetoes unlocking until the contactor has had its release time.",
        ("coil",),
        lambda m: (
            m.after.lock.drive is not LockDrive.UNLOCK
            or (m.coil_ms >= m.timing.mirror_release_ms and not m.before.coil)
        ),
    ),
    Invariant(
        "unlocks_only_when_asked",
        "Lease lost: the lock stays, and opens at A (or F) with the contactor open after its time.",
        ("lease", "idle", "opening"),
        _unlock_is_asked,
    ),
    Invariant(
        "lock_pulses_are_bounded",
        "The motor is driven at most lock_pulse_ms at a time.",
        ("pulse",),
        lambda m: m.pulse_ms < m.timing.lock_pulse_ms,
    ),
    Invariant(
        "lock_pulses_are_spaced",
        "The motor rests lock_pause_ms between pulses and before a reversal.",
        ("pulse",),
        lambda m: not m.pause_broken,
    ),
    Invariant(
        "forced_unlock_forbids_closing",
        "A forced unlock forbids closing until the car is unplugged.",
        ("forced",),
        lambda m: not m.rising or not m.forced,
    ),
    Invariant(
        "closes_only_on_a_rated_cable",
        "A socket closes only on a cable whose rating was read.",
        ("session", "coded"),
        lambda m: not m.rising or m.coded,
    ),
    Invariant(
        "lost_coding_opens",
        "Electrical reasons open at once: PP lost while charging.",
        ("session", "uncoded"),
        lambda m: not m.after.coil or _under(m.uncoded_ms, m.timing.pp_ms),
    ),
    Invariant(
        "first_reason_kept",
        "The first reason is kept until acknowledged.",
        (),
        _first_reason_kept,
    ),
    Invariant(
        "a_trip_forbids_energy_and_offer",
        "While a trip waits for acknowledgement: coil off, no PWM.",
        (),
        lambda m: (
            m.done is not None
            or not m.after.reason.is_trip
            or not (m.after.coil or _pwm(m.after.duty_bp))
        ),
    ),
    Invariant(
        "closed_means_no_reason",
        "A reason is why the contactor is not closed.",
        (),
        lambda m: not m.after.coil or m.after.reason is Reason.NONE,
    ),
    *(
        Invariant(
            f"{name}_is_latched",
            says,
            (*needs, f"{name}_latch"),
            _closes_not_while(f"{name}_latch"),
        )
        for name, says, needs, _, _ in _LATCHES
    ),
)
