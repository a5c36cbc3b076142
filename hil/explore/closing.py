"""What must be so in the step in which the contactor closes."""

from __future__ import annotations

from evse.guard.facts import Heat
from evse.model import LockState
from hil.explore.moment import Invariant, Moment, When, pwm, wanted


def _confirmed(m: Moment) -> bool:
    """Closing: the samples have shown one powered state for the long time, this one too."""
    if m.verdict is None or not m.powered_band:
        return False
    return m.before.pilot.state is m.verdict[0] or m.verdict[1] >= m.timing.debounce_in_ms


CLOSING = (
    Invariant(
        "closes_only_under_a_live_permit",
        "The guard may close only under a live permit that says close and offers a current.",
        ("lease",),
        wanted,
        When.CLOSES,
    ),
    Invariant(
        "coil_rises_only_beside_pwm",
        "F and X1 never go with a rising coil.",
        (),
        lambda m: pwm(m.after.duty_bp),
        When.CLOSES,
    ),
    Invariant(
        "coil_rises_only_in_confirmed_c",
        "The guard closes only in debounced C (or D where ventilated), proved by this sample.",
        ("verdict",),
        _confirmed,
        When.CLOSES,
    ),
    Invariant(
        "closes_only_at_a_known_temperature",
        "Deny by default: an unknown temperature closes nothing.",
        (),
        lambda m: m.seen.heat in (Heat.OK, Heat.WARM),
        When.CLOSES,
    ),
    Invariant(
        "never_closes_on_a_closed_mirror",
        "The guard closes only with no weld.",
        (),
        lambda m: not m.seen.mirror_closed,
        When.CLOSES,
    ),
    Invariant(
        "diode_seen_before_closing",
        "-12 V is seen at least once before the switch closes.",
        ("session", "pwm_age", "low_seen"),
        lambda m: m.low_seen,
        When.CLOSES,
    ),
    Invariant(
        "self_test_before_closing",
        "The guard closes only when the RCD passed its self-test this session.",
        ("session", "tested"),
        lambda m: m.tested,
        When.CLOSES,
    ),
    Invariant(
        "off_for_the_minimum_time",
        "The guard closes only when the minimum off-time is over.",
        ("coil",),
        lambda m: m.coil_ms >= m.timing.min_off_ms,
        When.CLOSES,
    ),
    Invariant(
        "closes_only_locked",
        "The guard closes only with lock feedback engaged where there is a lock.",
        (),
        lambda m: m.seen.lock is LockState.LOCKED,
        When.CLOSES,
    ),
    Invariant(
        "closes_only_on_a_rated_cable",
        "A socket closes only on a cable whose rating was read.",
        ("session", "coded"),
        lambda m: m.coded,
        When.CLOSES,
    ),
)
