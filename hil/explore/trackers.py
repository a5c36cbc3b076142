"""What an onlooker of the guard remembers: permits, samples, coil, mirror, and how long ago."""

from __future__ import annotations

from collections.abc import Hashable

from evse.guard.facts import Heat
from evse.guard.lock_drive import LockDrive
from evse.model import F_BP, CommandVerb, LockState, Permit, PilotState
from hil.explore.moment import PERIOD_MS, PLUGGED_STATES, Moment, Tracker, pwm, since, wanted


def _lease(memory: tuple[int, Permit] | None, m: Moment) -> Hashable:
    if m.permit is not None:
        memory = (0, m.permit)
    elif memory is not None:
        age_ms = memory[0] + PERIOD_MS
        memory = (age_ms, memory[1]) if age_ms < m.timing.lease_ms else None
    m.leave = memory[1] if memory else None
    return memory


def _unwanted(memory: int | None, m: Moment) -> Hashable:
    m.unwanted_ms = since(m.before.coil and not wanted(m), memory, m.timing.c1_open_ms)
    return m.unwanted_ms if m.after.coil else None


def _low_current(memory: int | None, m: Moment) -> Hashable:
    low = m.before.coil and not wanted(m) and m.seen.low_current
    m.low_ms = since(low, memory, m.timing.low_current_ms)
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
    m.proofless_ms = since(not proof, memory, m.timing.stall_ms)
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
    wrong_ms = since(disagrees, wrong_ms, cap_ms)
    m.followed, m.wrong_ms = followed, wrong_ms
    changed = m.before.coil is not m.after.coil
    return (False, None) if changed else (followed, wrong_ms)


def _session(memory: bool, m: Moment) -> Hashable:
    """A car is plugged in, by the reported pilot state."""
    pilot = m.after.pilot.state
    m.was_plugged = memory
    m.plugged = pilot in PLUGGED_STATES or (memory and pilot is not PilotState.A)
    return m.plugged


def _pwm_age(memory: int | None, m: Moment) -> Hashable:
    m.pwm_ms = since(pwm(m.before.duty_bp), memory, m.timing.pwm_settle_ms)
    return m.pwm_ms


def _low_bad(memory: int | None, m: Moment) -> Hashable:
    """How long every look at the low half-wave has found it wrong."""
    settled = m.pwm_ms is not None and m.pwm_ms >= m.timing.pwm_settle_ms
    testable = settled and m.seen.band in PLUGGED_STATES and m.after.pilot.state in PLUGGED_STATES
    if not testable or m.seen.low_ok:
        memory = None
    elif m.seen.low_ok is False or memory is not None:
        memory = since(True, memory, m.timing.diode_ms)
    m.low_bad = m.seen.low_ok is False and memory is not None and memory >= m.timing.diode_ms
    return memory


def _low_seen(memory: bool, m: Moment) -> Hashable:
    """-12 V was seen with PWM on in this session."""
    settled = m.pwm_ms is not None and m.pwm_ms >= m.timing.pwm_settle_ms
    shown = settled and m.seen.low_ok is True and m.seen.band in PLUGGED_STATES
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
    m.unlocked_ms = since(lost, memory, m.timing.lock_lost_ms)
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
    m.idle_ms = since(idle, memory, cap_ms)
    return m.idle_ms


def _uncoded(memory: int | None, m: Moment) -> Hashable:
    """How long the cable's coding has been missing, with a car plugged in."""
    m.uncoded_ms = since(m.plugged and not m.seen.cable_a, memory, m.timing.pp_ms)
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
    m.blind_ms = since(m.seen.heat is Heat.UNKNOWN, memory, m.timing.temperature_lost_ms)
    return m.blind_ms


def _own_f(memory: bool, m: Moment) -> Hashable:
    """F is on the wire, or was until the last F sample."""
    still_f = PilotState.F in (m.seen.band, m.after.pilot.state) or m.seen.band is None
    m.own_f = m.before.duty_bp == F_BP or (memory and still_f)
    return m.own_f


TRACKERS: tuple[Tracker, ...] = tuple(
    Tracker(name, start, advance)
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
)
"""In the order in which they run: later ones may look at what earlier ones set."""
