"""What the contactor does not stay closed over, and what goes with an opening."""

from __future__ import annotations

from evse.guard.facts import Heat
from evse.model import X1_BP, CommandVerb, PilotState, Reason
from hil.explore.moment import STOPPING, Invariant, Moment, When, pwm, under, wanted


def _left(m: Moment) -> bool:
    """The verdicts have shown another state than C/D for the short time."""
    if m.verdict is None:
        return False
    band, span_ms = m.verdict
    lost = band not in (PilotState.C, PilotState.D)
    limit_ms = m.timing.debounce_out_ms if lost else m.timing.debounce_in_ms
    unserved = lost or (band is PilotState.D and not m.hardware.ventilation)
    return unserved and span_ms >= limit_ms


def _offer_is_permitted(m: Moment) -> bool:
    duty_bp = m.after.duty_bp
    return duty_bp == X1_BP or (m.leave is not None and m.leave.duty_bp == duty_bp)


def _mirror_in_time(m: Moment) -> bool:
    if m.rising or m.wrong_ms is None:
        return True
    if m.followed:
        return m.wrong_ms < m.timing.mirror_glitch_ms
    return m.coil_ms < m.timing.mirror_close_ms


def _has_reason(m: Moment) -> bool:
    tripped = m.after.reason.is_trip or m.done is CommandVerb.ACKNOWLEDGE
    unventilated = m.after.pilot.state is PilotState.D and not m.hardware.ventilation
    left = m.after.pilot.state not in (PilotState.C, PilotState.D) or unventilated
    timed = not under(m.unwanted_ms, m.timing.c1_open_ms)
    return tripped or left or timed or not under(m.low_ms, m.timing.low_current_ms)


def _first_reason_kept(m: Moment) -> bool:
    kept = m.before.reason
    return not kept.is_trip or m.after.reason is kept or m.done is CommandVerb.ACKNOWLEDGE


OPENING = (
    Invariant(
        "energised_without_leave_at_most_c1_open",
        "No valid permit: the contactor opens after 6 s at the latest.",
        ("lease", "unwanted"),
        lambda m: under(m.unwanted_ms, m.timing.c1_open_ms),
        When.CLOSED,
    ),
    Invariant(
        "opens_under_one_amp_when_leave_is_gone",
        "No valid permit: the contactor opens at under 1 A where it can measure.",
        ("lease", "low_current"),
        lambda m: under(m.low_ms, m.timing.low_current_ms),
        When.CLOSED,
    ),
    Invariant(
        "leaving_cd_opens_within_debounce_out",
        "Electrical reasons open at once: the pilot left C/D.",
        ("verdict",),
        lambda m: not _left(m),
        When.CLOSED,
    ),
    Invariant(
        "closed_only_with_recent_proof",
        "Electrical reasons open at once: samples stalled.",
        ("proofless",),
        lambda m: under(m.proofless_ms, m.timing.stall_ms),
        When.CLOSED,
    ),
    Invariant(
        "emergency_stop_opens_at_once",
        "Electrical reasons open at once: emergency stop.",
        (),
        lambda m: not m.seen.emergency_stop,
        When.CLOSED,
    ),
    Invariant(
        "rcd_opens_at_once",
        "Electrical reasons open at once: RCD.",
        (),
        lambda m: not m.seen.rcd_tripped,
        When.CLOSED,
    ),
    Invariant(
        "a_board_fault_opens_at_once",
        "Electrical reasons open at once: a protection of the board itself.",
        (),
        lambda m: not m.seen.faults & STOPPING,
        When.CLOSED,
    ),
    Invariant(
        "over_temperature_opens_at_once",
        "Electrical reasons open at once: over-temperature, and a silent sensor counts as hot.",
        ("blind",),
        lambda m: m.seen.heat is not Heat.HOT and under(m.blind_ms, m.timing.temperature_lost_ms),
        When.CLOSED,
    ),
    Invariant(
        "mirror_disagreement_opens",
        "Electrical reasons open at once: mirror disagreement.",
        ("coil", "mirror"),
        _mirror_in_time,
        When.CLOSED,
    ),
    Invariant(
        "bad_diode_opens",
        "Electrical reasons open at once: diode.",
        ("pwm_age", "low_bad"),
        lambda m: not m.low_bad,
        When.CLOSED,
    ),
    Invariant(
        "lost_lock_opens",
        "Electrical reasons open at once: the plug is no longer locked.",
        ("unlocked",),
        lambda m: under(m.unlocked_ms, m.timing.lock_lost_ms),
        When.CLOSED,
    ),
    Invariant(
        "lost_coding_opens",
        "Electrical reasons open at once: PP lost while charging.",
        ("session", "uncoded"),
        lambda m: under(m.uncoded_ms, m.timing.pp_ms),
        When.CLOSED,
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
        lambda m: wanted(m) or not pwm(m.after.duty_bp),
        When.CLOSED,
    ),
    Invariant(
        "self_test_only_with_the_contactor_open",
        "The test current never flows with the coil on.",
        (),
        lambda m: not m.after.self_test.driving,
        When.CLOSED,
    ),
    Invariant(
        "opens_only_for_a_reason",
        "What opens is the car, a trip, or leave that was gone for long: no wish for other phases.",
        ("lease", "unwanted", "low_current"),
        lambda m: not m.before.coil or m.after.coil or _has_reason(m),
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
        lambda m: m.after.reason is Reason.NONE,
        When.CLOSED,
    ),
)
