"""The composite schedule of one EVSE: what all installed profiles together allow, and when.

Pure and exact: whole milliseconds and whole tenths of an ampere per phase, rounded down.
At any time, of each purpose the profile with the highest stack level that is valid and active
then rules; a TxProfile overrules the TxDefaultProfiles; the station's maximum caps both, shared
equally by the EVSEs, so that their sum never exceeds it. Source: OCPP 1.6 §3.13.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator

import msgspec

from ocpp_link.smart.profiles import Installed, Kind, Period, Profile, Purpose, RateUnit

MAX_A = 1_000_000.0
"""A larger limit means the same: none. It keeps what a hostile peer sends finite."""
DEFAULT_PHASES = 3  # OCPP 1.6 §7.14: numberPhases is 3 unless given


class Supply(msgspec.Struct, frozen=True):
    """What turns watts into amperes, and a station's limit into an EVSE's."""

    nominal_voltage_v: float = 230.0
    phases: int = 3
    evses: int = 1
    """How many share the station's maximum."""


class Segment(msgspec.Struct, frozen=True, order=True):
    """From `start_ms` to before `end_ms`: at most `limit_da` tenths of an ampere per phase
    (None = no limit), on at most `phases` phases (None = as many as there are)."""

    start_ms: int
    end_ms: int
    limit_da: int | None = None
    phases: int | None = None


def composite(
    installed: Iterable[Installed],
    *,
    start_ms: int,
    end_ms: int,
    tx_start_ms: int | None,
    supply: Supply,
) -> list[Segment]:
    """Adjoining segments that cover the window; neighbours differ.

    `tx_start_ms` anchors relative schedules; without a transaction they hold their first period,
    which is what a transaction that starts now would get.
    """
    entries = sorted(installed, key=_precedence)
    transaction = [entry for entry in entries if entry.profile.purpose is not Purpose.STATION_MAX]
    station = [entry for entry in entries if entry.profile.purpose is Purpose.STATION_MAX]
    window = (start_ms, end_ms)
    own = _layer(transaction, window, tx_start_ms, supply, share=1)
    shared = _layer(station, window, tx_start_ms, supply, share=supply.evses)
    return _lowest(own, shared)


def _precedence(entry: Installed) -> tuple[bool, int, bool, int]:
    """Smaller rules: TxProfile, then stack level, then the EVSE's own before connector 0."""
    profile = entry.profile
    is_default = profile.purpose is not Purpose.TX
    return is_default, -profile.stack_level, entry.connector == 0, profile.id


def _layer(
    entries: list[Installed],
    window: tuple[int, int],
    tx_start_ms: int | None,
    supply: Supply,
    share: int,
) -> list[Segment]:
    """Paint profile by profile what those before left free; returns segments over the window."""
    painted: list[Segment] = []
    gaps = [window]
    for entry in entries:
        paint = _Paint(entry.profile, tx_start_ms, supply, share)
        left: list[tuple[int, int]] = []
        for start_ms, end_ms in gaps:
            cursor_ms = start_ms
            for segment in paint.between(start_ms, end_ms):
                if segment.start_ms > cursor_ms:
                    left.append((cursor_ms, segment.start_ms))
                painted.append(segment)
                cursor_ms = segment.end_ms
            if cursor_ms < end_ms:
                left.append((cursor_ms, end_ms))
        gaps = left
        if not gaps:
            break
    painted.extend(Segment(start_ms, end_ms) for start_ms, end_ms in gaps)
    painted.sort(key=lambda segment: segment.start_ms)
    return painted


class _Paint:
    """One profile's own schedule, laid out on the time line."""

    def __init__(
        self, profile: Profile, tx_start_ms: int | None, supply: Supply, share: int
    ) -> None:
        self._profile = profile
        self._supply = supply
        self._share = share
        self._held = profile.kind is Kind.RELATIVE and tx_start_ms is None
        anchor_ms = tx_start_ms if profile.kind is Kind.RELATIVE else profile.start_ms
        self._anchor_ms = anchor_ms or 0
        self._starts_ms = [period.start_s * 1_000 for period in profile.periods]

    def between(self, start_ms: int, end_ms: int) -> Iterator[Segment]:
        """The profile's segments within a span, in order."""
        profile = self._profile
        start_ms = max(start_ms, profile.valid_from_ms or start_ms)
        end_ms = end_ms if profile.valid_to_ms is None else min(end_ms, profile.valid_to_ms)
        if start_ms >= end_ms:
            return
        if self._held:
            yield self._segment(start_ms, end_ms, profile.periods[0])
            return
        for run_start_ms, run_end_ms in self._runs(start_ms, end_ms):
            yield from self._run(run_start_ms, max(start_ms, run_start_ms), run_end_ms)

    def _runs(self, start_ms: int, end_ms: int) -> Iterator[tuple[int, int]]:
        """Start of each run of the schedule that touches the span, and where it ends there."""
        step_ms, duration_ms = self._profile.recurrence_ms, self._profile.duration_ms
        if step_ms is None:
            run_end_ms = end_ms if duration_ms is None else self._anchor_ms + duration_ms
            if self._anchor_ms < end_ms and run_end_ms > start_ms:
                yield self._anchor_ms, min(end_ms, run_end_ms)
            return
        length_ms = min(step_ms, duration_ms or step_ms)
        run_ms = self._anchor_ms + (start_ms - self._anchor_ms) // step_ms * step_ms
        while run_ms < end_ms:
            if run_ms + length_ms > start_ms:
                yield run_ms, min(end_ms, run_ms + length_ms)
            run_ms += step_ms

    def _run(self, run_start_ms: int, start_ms: int, end_ms: int) -> Iterator[Segment]:
        """The periods of one run, cut to the span."""
        starts_ms, periods = self._starts_ms, self._profile.periods
        index = bisect_right(starts_ms, start_ms - run_start_ms) - 1
        while start_ms < end_ms:
            is_last = index + 1 == len(periods)
            next_ms = end_ms if is_last else min(end_ms, run_start_ms + starts_ms[index + 1])
            yield self._segment(start_ms, next_ms, periods[index])
            start_ms = next_ms
            index += 1

    def _segment(self, start_ms: int, end_ms: int, period: Period) -> Segment:
        limit_da = limit_in_tenths(period, self._profile.unit, self._supply) // self._share
        return Segment(start_ms, end_ms, limit_da, period.phases)


def limit_in_tenths(period: Period, unit: RateUnit, supply: Supply) -> int:
    """A period's limit in tenths of an ampere per phase, rounded down."""
    amps = period.limit
    if unit is RateUnit.WATTS:
        phases = min(period.phases or DEFAULT_PHASES, supply.phases)
        amps = period.limit / (supply.nominal_voltage_v * phases)
    # A limit of 16.3 is 162.99999 tenths in binary: forgive one part in a million.
    return int(min(amps, MAX_A) * 10 + 1e-6)


def _lowest(own: list[Segment], shared: list[Segment]) -> list[Segment]:
    """Two layers over the same window, merged to the lower limit."""
    merged: list[Segment] = []
    i = j = 0
    while i < len(own) and j < len(shared):
        a, b = own[i], shared[j]
        start_ms, end_ms = max(a.start_ms, b.start_ms), min(a.end_ms, b.end_ms)
        _append(merged, start_ms, end_ms, _min(a.limit_da, b.limit_da), _min(a.phases, b.phases))
        i += a.end_ms == end_ms
        j += b.end_ms == end_ms
    return merged


def _append(
    merged: list[Segment], start_ms: int, end_ms: int, limit_da: int | None, phases: int | None
) -> None:
    last = merged[-1] if merged else None
    if last is not None and last.limit_da == limit_da and last.phases == phases:
        merged[-1] = Segment(last.start_ms, end_ms, limit_da, phases)
    else:
        merged.append(Segment(start_ms, end_ms, limit_da, phases))


def _min(a: int | None, b: int | None) -> int | None:
    if a is None or b is None:
        return b if a is None else a
    return min(a, b)
