"""The contact in L2 and L3: when it may move, and that current flows only over one at rest.

A possibly closed contactor is one whose coil was on, or whose mirror read closed, less than the
release time ago, or whose mirror has been caught lying and not been acknowledged.
"""

from __future__ import annotations

from collections.abc import Hashable

from hil.explore.latches import LATCHES
from hil.explore.moment import Invariant, Moment, Tracker, When, since, under

_MIRROR_LATCHES = LATCHES["weld_latch"] | LATCHES["mirror_latch"]


def _confirmed_open(memory: int | None, m: Moment) -> Hashable:
    """How long the coil has been off and the mirror open."""
    is_open = not m.before.coil and not m.seen.mirror_closed
    m.open_ms = since(is_open, memory, m.timing.mirror_release_ms)
    return m.open_ms


def _sent(memory: int | None, m: Moment) -> Hashable:
    """How long the phase contact has been driven where it is, as of before this step's decision.
    The first time it may be there already, and be read there."""
    m.sent_ms = None if memory is None else since(True, memory, m.timing.phase_ms)
    found = m.before.phases.driven == 0 and m.seen.phases == m.after.phases.driven
    if m.moved:
        return m.timing.phase_ms if found else 0
    return m.sent_ms


def _astray(memory: int | None, m: Moment) -> Hashable:
    """How long the phase contact's feedback has shown another position than it is driven to."""
    driven = m.before.phases.driven
    wrong = m.hardware.phase_feedback and driven != 0 and m.seen.phases != driven
    m.astray_ms = since(wrong, memory, m.timing.mirror_glitch_ms)
    return None if m.moved else m.astray_ms


def _closed_at(memory: int, m: Moment) -> Hashable:
    """Where the phase contact was driven when the contactor closed."""
    m.closed_at = m.after.phases.driven if m.rising else memory
    return m.closed_at if m.after.coil else 0


PHASE_TRACKERS = (
    Tracker("confirmed_open", None, _confirmed_open),
    Tracker("sent", None, _sent),
    Tracker("astray", None, _astray),
    Tracker("closed_at", 0, _closed_at),
)


def _contactor_is_open(m: Moment) -> bool:
    confirmed = m.open_ms is not None and m.open_ms >= m.timing.mirror_release_ms
    return confirmed and not m.after.coil


def _where_a_permit_wants_it(m: Moment) -> bool:
    leave = m.leave
    return leave is not None and m.after.phases.driven == leave.phases in (1, 3)


def _at_rest(m: Moment) -> bool:
    if not m.hardware.phase_switch:
        return True
    rested = m.sent_ms is not None and m.sent_ms >= m.timing.phase_ms
    placed = m.leave is not None and m.before.phases.driven == m.leave.phases
    return rested and placed and m.astray_ms is None


PHASES = (
    Invariant(
        "phase_contact_moves_only_with_the_contactor_open",
        "Phase contacts never move with the main contactor closed, or possibly closed.",
        ("confirmed_open",),
        lambda m: not m.moved or _contactor_is_open(m),
    ),
    Invariant(
        "phase_contact_stays_while_the_mirror_is_doubted",
        "Phase contacts never move while a weld, or a mirror that did not follow, waits.",
        ("coil", "mirror", "weld_latch", "mirror_latch"),
        lambda m: not (m.moved and m.latches & _MIRROR_LATCHES),
    ),
    Invariant(
        "phase_contact_moves_only_where_a_live_permit_wants_it",
        "No valid permit: the phase contact stays where it is.",
        ("lease",),
        lambda m: not m.moved or _where_a_permit_wants_it(m),
    ),
    Invariant(
        "closes_only_with_the_phase_contact_at_rest",
        "The guard closes only when the phase contact has come to rest where the permit wants it.",
        ("lease", "sent", "astray"),
        _at_rest,
        When.CLOSES,
    ),
    Invariant(
        "phase_contact_stays_where_it_was_closed",
        "While closed nothing moves, whatever the permit wishes meanwhile.",
        ("closed_at",),
        lambda m: m.after.phases.driven == m.closed_at,
        When.CLOSED,
    ),
    Invariant(
        "a_stray_phase_contact_opens",
        "Electrical reasons open at once: the phase contact left its place.",
        ("astray",),
        lambda m: under(m.astray_ms, m.timing.mirror_glitch_ms),
        When.CLOSED,
    ),
)
