"""What the guard promises: sentences of the design over what an onlooker remembers.

Every sentence is judged in every reachable state (`hil/explore/worlds.py`). A trip that is promised
to be latched is remembered from its cause, not from the guard's word for it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple

from evse.guard.facts import Heat
from evse.guard.lock_drive import LockDrive
from evse.model import (
    X1_BP,
    CommandVerb,
    LockState,
    LockTarget,
    PilotState,
    Reason,
    SelfTest,
)
from hil.explore.trackers import TRACKERS, Judgement, Moment, Tracker, pwm, wanted


class Invariant(NamedTuple):
    name: str
    says: str
    needs: tuple[str, ...]
    """Trackers it looks at."""
    holds: Judgement


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
ALL_TRACKERS = TRACKERS | {
    f"{name}_latch": _latch(f"{name}_latch", cause, until_unplugged)
    for name, _, _, cause, until_unplugged in _LATCHES
}
"""In the order in which they run."""


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
        lambda m: not m.rising or wanted(m),
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
        lambda m: not m.after.coil or wanted(m) or not pwm(m.after.duty_bp),
    ),
    Invariant(
        "coil_rises_only_beside_pwm",
        "F and X1 never go with a rising coil.",
        (),
        lambda m: not m.rising or pwm(m.after.duty_bp),
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
            or not (m.after.coil or pwm(m.after.duty_bp))
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
