"""From a schedule of limits to the core, for one EVSE or for the station as a whole.

The core gets a schedule, not a value, so that limits change in time without this process; and only
where it says something else than what the core was told before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from evse.clock import rfc3339
from ocpp_link.ports import CoreReply
from ocpp_link.smart.composite import Segment
from ocpp_link.station import EPOCH, Station

HORIZON_MS = 24 * 3_600_000
MAX_ENTRIES = 200
"""Of one pushed schedule; what follows is pushed in time."""
RETRY_MS = 5_000
"""After a push that the core refused or missed."""
SOURCE = "OCPP"
TIMER = "limits"

Entry = dict[str, Any]
Entries = list[Entry]


class Pushes:
    """What the core was told, by EVSE (0: the station), one call at a time for each.

    `again` works the schedule of an EVSE out anew and calls `push`; so does the caller's
    `on_timer["limits"]` of the station.
    """

    def __init__(self, station: Station, again: Callable[[int], None]) -> None:
        self._station = station
        self._again = again
        self._told: dict[int, Entries] = {}
        self._asked: dict[int, bool] = {}
        """EVSEs whose call is under way -> is there something newer to say since?"""

    def forget(self) -> None:
        """Nobody knows what the core was told: it began anew, or this process did."""
        self._told.clear()
        self._asked.clear()

    def push(self, evse: int, segments: list[Segment]) -> None:
        """Tell the core, if that says something new; `segments` begin now."""
        entries = _entries(segments[:MAX_ENTRIES])
        self._come_back(evse, segments)
        if not self._station.core_up or self._knows(evse, entries):
            return
        if evse in self._asked:
            self._asked[evse] = True
            return
        self._told[evse] = entries
        self._asked[evse] = False
        value = {"schedule_import": entries, "schedule_export": [], "schedule_setpoints": []}

        def done(reply: CoreReply) -> None:
            newer = self._asked.pop(evse, False)
            if reply.error:
                self._told.pop(evse, None)
                self._station.start_timer(RETRY_MS, TIMER, evse)
            elif newer:
                self._again(evse)

        params = {"value": value, "source": SOURCE}
        self._station.command("set_external_limits", evse, params, done)

    def _knows(self, evse: int, entries: Entries) -> bool:
        told = self._told.get(evse)
        return told is not None and (told == entries or _same_so_far(told, entries))

    def _come_back(self, evse: int, segments: list[Segment]) -> None:
        """Long before the core runs out of schedule."""
        cut = segments[MAX_ENTRIES - 1 : MAX_ENTRIES]
        ahead_ms = HORIZON_MS // 2
        if cut:
            ahead_ms = min(ahead_ms, max(1_000, cut[0].start_ms - segments[0].start_ms))
        self._station.start_timer(ahead_ms, TIMER, evse)


def _entries(segments: list[Segment]) -> Entries:
    """As the `schedule_import` of an ExternalLimits; empty when nothing is limited."""
    if all(segment.limit is None and segment.phases is None for segment in segments):
        return []
    return [
        {
            "timestamp": rfc3339(EPOCH + timedelta(milliseconds=segment.start_ms)),
            "limits_to_root": {},
            "limits_to_leaves": _limits(segment),
        }
        for segment in segments
    ]


def _limits(segment: Segment) -> Entry:
    limits: Entry = {}
    if segment.limit is not None:
        limits["ac_max_current_A"] = {"value": segment.limit / 10, "source": SOURCE}
    if segment.phases is not None:
        limits["ac_max_phase_count"] = {"value": segment.phases, "source": SOURCE}
    return limits


def _same_so_far(told: Entries, entries: Entries) -> bool:
    """What was told earlier says the same for the time that is left: its past is over, and what is
    in force began before now."""
    if not told or not entries:
        return False
    over = bisect_right(told, entries[0]["timestamp"], key=_timestamp)
    left = told[max(0, over - 1) :]
    same = left[0]["limits_to_leaves"] == entries[0]["limits_to_leaves"]
    return same and left[1:] == entries[1:]


def _timestamp(entry: Entry) -> str:
    """All of one form, in UTC: they sort as they are."""
    return str(entry["timestamp"])
