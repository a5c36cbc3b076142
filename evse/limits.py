"""How much current an EVSE may offer: the lowest of all sources, each with its own end.

Pure. Amps are per phase. A source that does not speak does not limit; external limits follow the
interface page: the last entry not in the future is active, the first is active even if it lies in
the future, the last stays valid for ever, and an empty schedule removes the limit.
"""

from __future__ import annotations

import math
from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from evse.types.energy import ExternalLimits, LimitsReq, NumberWithSource, ScheduleReqEntry

MIN_OFFER_A = 6.0
"""Below this there is no duty to signal: pause (IEC 61851-1 Table A.8; DESIGN settled numbers)."""
DUTY_INTERVAL_MS = 5_000
"""At least this between two changes of the offer while charging (Table A.6 sequence 6: the car
has 5 s to follow), except downwards for safety."""


class Source(msgspec.Struct, frozen=True):
    """One limit and who set it."""

    name: str
    limit_a: float
    safety: bool = False
    """Lowering it may not wait for DUTY_INTERVAL_MS."""


class Effective(msgspec.Struct, frozen=True):
    """The outcome: the lowest source and its limit."""

    limit_a: float
    source: str
    phases: int = 3
    safety: bool = False
    ceiling_a: float = math.inf
    """The lowest safety limit, also where another source is lower still."""

    @property
    def enough(self) -> bool:
        return self.limit_a >= MIN_OFFER_A


def parse_time(text: str) -> datetime:
    """An RFC 3339 date-time that `evse.types.base.DateTime` let pass. Raises ValueError."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _row(entry: ScheduleReqEntry) -> tuple[datetime, ScheduleReqEntry]:
    for name in ("limits_to_root", "limits_to_leaves"):
        request: LimitsReq = getattr(entry, name)
        for field in ("total_power_W", "ac_max_current_A", "ac_min_current_A"):
            limit: NumberWithSource | UnsetType = getattr(request, field)
            if limit is not UNSET and not math.isfinite(limit.value):
                raise ValueError(f"{name}.{field}: {limit.value} is no finite number")
    try:
        return parse_time(entry.timestamp), entry
    except ValueError as error:
        raise ValueError(f"timestamp: {error}") from error


class ExternalSchedule:
    """External limits with their times read once."""

    def __init__(self, limits: ExternalLimits) -> None:
        """Raises ValueError for a time that no calendar has, and for a limit that is no finite
        number: a comparison with NaN is never true, so that it would limit nothing."""
        rows = [_row(entry) for entry in limits.schedule_import]
        self._rows: list[tuple[datetime, ScheduleReqEntry]] = sorted(rows, key=lambda r: r[0])

    @property
    def empty(self) -> bool:
        return not self._rows

    def active(self, utc: datetime) -> ScheduleReqEntry | None:
        if not self._rows:
            return None
        begun = [entry for at, entry in self._rows if at <= utc]
        return begun[-1] if begun else self._rows[0][1]

    def next_change(self, utc: datetime) -> datetime | None:
        return next((at for at, _ in self._rows[1:] if at > utc), None)


def sources_of(entry: ScheduleReqEntry, *, nominal_v: float, phases: int) -> list[Source]:
    """What an entry limits, watts turned into amps over the phases in use."""
    both = (entry.limits_to_leaves, entry.limits_to_root)
    return [source for req in both for source in _of_request(req, nominal_v, phases)]


def phases_of(entry: ScheduleReqEntry, available: int) -> int:
    """Phases that an entry lets be used, never more than `available`."""
    counts = [
        req.ac_max_phase_count.value
        for req in (entry.limits_to_leaves, entry.limits_to_root)
        if req.ac_max_phase_count is not UNSET
    ]
    return min([available, *counts])


def _of_request(req: LimitsReq, nominal_v: float, phases: int) -> list[Source]:
    found = []
    if req.ac_max_current_A is not UNSET:
        found.append(Source(req.ac_max_current_A.source, req.ac_max_current_A.value))
    if req.total_power_W is not UNSET:
        amps = req.total_power_W.value / nominal_v / phases
        found.append(Source(req.total_power_W.source, amps))
    return found


def effective(sources: list[Source], phases: int) -> Effective:
    """The lowest source wins; on a tie the one named first."""
    lowest = min(sources, key=lambda s: s.limit_a)
    ceiling_a = min((s.limit_a for s in sources if s.safety), default=math.inf)
    return Effective(lowest.limit_a, lowest.name, phases, lowest.safety, ceiling_a)


class OfferPacer:
    """Holds back changes of the offer while charging (DUTY_INTERVAL_MS)."""

    def __init__(self) -> None:
        self._offered_a: float | None = None
        self._changed_ms = 0

    def reset(self) -> None:
        """The next offer goes out at once: PWM starts anew."""
        self._offered_a = None

    def offer(self, wanted: Effective, now_ms: int) -> float:
        """What to offer at `now_ms`, amps."""
        held = self._offered_a
        if held is None or self._due(held, wanted, now_ms):
            self._changed_ms = now_ms if wanted.limit_a != held else self._changed_ms
            self._offered_a = held = wanted.limit_a
        return held

    def _due(self, held: float, wanted: Effective, now_ms: int) -> bool:
        if held > wanted.ceiling_a or (wanted.safety and wanted.limit_a < held):
            return True
        return now_ms - self._changed_ms >= DUTY_INTERVAL_MS

    def pending_until_ms(self, wanted: Effective) -> int | None:
        """When a change that is held back may go out."""
        if self._offered_a is None or self._offered_a == wanted.limit_a:
            return None
        return self._changed_ms + DUTY_INTERVAL_MS
