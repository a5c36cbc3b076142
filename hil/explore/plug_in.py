"""The count of plug-ins: one for each car that came after the socket was seen empty."""

from __future__ import annotations

from collections.abc import Hashable

from evse.model import PilotState
from hil.explore.moment import PLUGGED_STATES, Invariant, Moment, Tracker


def _empty(memory: bool, m: Moment) -> Hashable:
    """Since the last car: state A was reported, or F of our own over a socket without coding."""
    m.empty = memory
    pilot = m.after.pilot.state
    bare = m.hardware.socket and not m.seen.cable_a and pilot is PilotState.F and m.own_f
    return pilot not in PLUGGED_STATES and (memory or pilot is PilotState.A or bare)


PLUG_IN_TRACKERS = (Tracker("empty", False, _empty),)


def _came(m: Moment) -> bool:
    """A car shows, and none did in the step before."""
    shows, showed = m.after.pilot.state, m.before.pilot.state
    return shows in PLUGGED_STATES and showed not in PLUGGED_STATES


def _after_a(m: Moment) -> bool:
    return _came(m) and m.before.pilot.state is PilotState.A


def _counted(m: Moment) -> int:
    return m.after.plugs - m.before.plugs


PLUG_IN = (
    Invariant(
        "every_car_after_a_counts_once",
        "A car swapped behind a dead link is seen.",
        (),
        lambda m: not _after_a(m) or _counted(m) == 1,
    ),
    Invariant(
        "only_a_car_after_an_empty_socket_counts",
        "A car that shows again after E or F is the same car, unless the socket was seen empty.",
        ("own_f", "empty"),
        lambda m: not _counted(m) or (_came(m) and m.empty),
    ),
)
