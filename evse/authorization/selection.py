"""Which EVSE a good token is meant for (types.authorization SelectionAlgorithm). Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from evse.types.authorization import SelectionAlgorithm


class Place(msgspec.Struct, frozen=True):
    """An EVSE that a token could start on now."""

    evse: int
    plug_in: int | None = None
    """Number of the plug-in whose car waits there for a token; the higher, the later."""


def choose(algorithm: SelectionAlgorithm, places: Sequence[Place]) -> int | None:
    """The EVSE that the token goes to, or None where it has to wait for a car or for a choice.

    A car that waits goes before an empty EVSE. Where one place is left there is nothing to wait
    for.
    """
    if len(places) == 1:
        return places[0].evse
    return _ALGORITHMS[algorithm](places)


def _find_first(places: Sequence[Place]) -> int | None:
    """The lowest number with a waiting car, else the lowest free one."""
    waiting = [place.evse for place in places if place.plug_in is not None]
    return min(waiting or [place.evse for place in places], default=None)


def _plug_events(places: Sequence[Place]) -> int | None:
    """The car that has waited longest; without one, the next to come."""
    return min(_queue(places), default=(0, None))[1]


def _plug_events_lifo(places: Sequence[Place]) -> int | None:
    """The car that came last; without one, the next to come."""
    return max(_queue(places), default=(0, None))[1]


def _user_input(_places: Sequence[Place]) -> int | None:
    """Somebody has to say (`authorization.select`)."""
    return None


def _queue(places: Sequence[Place]) -> list[tuple[int, int]]:
    return [(place.plug_in, place.evse) for place in places if place.plug_in is not None]


_ALGORITHMS = {
    SelectionAlgorithm.FindFirst: _find_first,
    SelectionAlgorithm.PlugEvents: _plug_events,
    SelectionAlgorithm.PlugEventsLIFO: _plug_events_lifo,
    SelectionAlgorithm.UserInput: _user_input,
}
