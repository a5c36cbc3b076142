"""External limits as the interface page defines them: a schedule in wall time becomes one limit.

Pure. The active entry is the last one that is not in the future; the first one is active even
if it lies in the future; the last one stays valid for ever; an empty schedule limits nothing.
A new value replaces the old one whole. Only the import side applies to AC.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from datetime import datetime

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from evse.clock import parse_time
from evse.limits import UNLIMITED_A, Limit
from evse.types.energy import ExternalLimits, LimitsReq, NumberWithSource, ScheduleReqEntry


class ExternalSchedule:
    """The import schedule of one `ExternalLimits`, with its times read once."""

    def __init__(self, limits: ExternalLimits) -> None:
        """Raises ValueError for a time that no calendar has or that names no zone, and for a limit
        that is no finite number: a comparison with NaN is never true, and so limits nothing."""
        rows = sorted(
            ((_moment(entry), entry) for entry in limits.schedule_import), key=lambda row: row[0]
        )
        self._moments = [moment for moment, _ in rows]
        self._entries = [entry for _, entry in rows]

    @property
    def empty(self) -> bool:
        return not self._entries

    def active(self, utc: datetime) -> ScheduleReqEntry | None:
        if not self._entries:
            return None
        return self._entries[max(0, bisect_right(self._moments, utc) - 1)]

    def next_change(self, utc: datetime) -> datetime | None:
        """When another entry becomes active; the first one has been from the start."""
        index = max(1, bisect_right(self._moments, utc))
        return self._moments[index] if index < len(self._moments) else None

    def limit(self, utc: datetime, *, nominal_v: float, phases: int) -> Limit | None:
        """What the schedule allows at `utc` an EVSE that has `phases` phases in use; None where
        it says nothing. Watts are spread over the phases in use: an allowance of fewer phases
        helps only once the contact has moved."""
        entry = self.active(utc)
        if entry is None:
            return None
        requests = (entry.limits_to_leaves, entry.limits_to_root)
        counts = [
            request.ac_max_phase_count
            for request in requests
            if request.ac_max_phase_count is not UNSET
        ]
        fewest = min(counts, key=lambda count: count.value, default=None)
        allowed = phases if fewest is None else min(phases, fewest.value)
        found = [limit for r in requests for limit in _limits(r, nominal_v * phases)]
        if found:
            return replace(min(found, key=lambda limit: limit.limit_a), phases=allowed)
        if fewest is None:
            return None
        return Limit(source=fewest.source, limit_a=UNLIMITED_A, phases=allowed)


def _moment(entry: ScheduleReqEntry) -> datetime:
    for name in ("limits_to_root", "limits_to_leaves"):
        request: LimitsReq = getattr(entry, name)
        for field in ("total_power_W", "ac_max_current_A", "ac_min_current_A"):
            limit: NumberWithSource | UnsetType = getattr(request, field)
            if limit is not UNSET and not math.isfinite(limit.value):
                raise ValueError(f"{name}.{field}: {limit.value} is no finite number")
    try:
        moment = parse_time(entry.timestamp)
    except ValueError as error:
        raise ValueError(f"timestamp: {error}") from error
    if moment.tzinfo is None:
        raise ValueError(f"timestamp: {entry.timestamp} names no time zone")
    return moment


def _limits(request: LimitsReq, watts_per_amp: float) -> list[Limit]:
    found = []
    if (current := request.ac_max_current_A) is not UNSET:
        found.append(Limit(source=current.source, limit_a=current.value))
    if (power := request.total_power_W) is not UNSET:
        found.append(Limit(source=power.source, limit_a=power.value / watts_per_amp))
    return found
