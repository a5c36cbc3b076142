"""The trace: what happened when, as lanes that tests assert on and a person can plot.

A *level* lane holds its value until the next record, keeps changes only, and shows what an
instant settled to: a value that is replaced within its own millisecond leaves no record. An
*event* lane keeps every record. The text of `lines()` depends on the records alone, not on the
order in which different lanes were written, so that equal seeds give equal bytes.
"""

from __future__ import annotations

import enum
from bisect import bisect_left, bisect_right

import msgspec

from hil.errors import TimeRunsBack, TraceError

FORMAT_VERSION = 1

Value = int | str


class Lane(enum.StrEnum):
    """The lanes, in the order in which they are listed and drawn."""

    PILOT = "pilot"
    """Plateau of the positive half-wave at the station, mV, without noise (level)."""
    DUTY = "duty"
    """Pilot output, basis points: 0 = F, 10000 = X1 (level)."""
    CONTACTOR = "contactor"
    """`open` or `closed`: the power contacts themselves (level)."""
    LOCK = "lock"
    """`unlocked`, `moving`, `locked`: the bolt itself (level)."""
    CURRENT = "current"
    """Largest phase current, mA (level)."""
    STATE = "state"
    """The session's state by name (level)."""
    MESSAGE = "message"
    """Session and OCPP messages by name (event)."""
    FAULT = "fault"
    """Injected faults `+name` and `-name`, and violations (event)."""


EVENT_LANES = frozenset({Lane.MESSAGE, Lane.FAULT})
_LANE_ORDER = {lane: index for index, lane in enumerate(Lane)}


class Entry(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One record: from `t_ms` on, the lane of that EVSE has this value."""

    t_ms: int
    evse: int
    lane: Lane
    value: Value


class _File(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    entries: list[Entry]


class Trace:
    """Append-only record of one run."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[int, Lane], tuple[list[int], list[Value]]] = {}

    def record(self, t_ms: int, evse: int, lane: Lane, value: Value) -> None:
        """Note that `lane` has `value` from `t_ms` on (or, event lane, that `value` happened).

        Raises TimeRunsBack if the same lane was already recorded at a later time.
        """
        times, values = self._lanes.setdefault((evse, lane), ([], []))
        if times and t_ms < times[-1]:
            raise TimeRunsBack(f"lane {lane} of EVSE {evse}: {t_ms} ms after {times[-1]} ms")
        if lane not in EVENT_LANES:
            if values and values[-1] == value:
                return
            if times and times[-1] == t_ms:
                times.pop()
                values.pop()
                if values and values[-1] == value:
                    return
        times.append(t_ms)
        values.append(value)

    def changes(self, lane: Lane, evse: int = 1) -> list[Entry]:
        """All records of one lane, oldest first."""
        times, values = self._lanes.get((evse, lane), ([], []))
        return [Entry(t, evse, lane, v) for t, v in zip(times, values, strict=True)]

    def at(self, lane: Lane, t_ms: int, evse: int = 1) -> Value | None:
        """The lane's value at `t_ms`; None before its first record."""
        times, values = self._lanes.get((evse, lane), ([], []))
        index = bisect_right(times, t_ms)
        return values[index - 1] if index else None

    def between(
        self, from_ms: int, to_ms: int, lane: Lane | None = None, evse: int | None = None
    ) -> list[Entry]:
        """Records with from_ms <= t < to_ms, in the order of `entries`."""
        return [
            entry
            for entry in self.entries()
            if from_ms <= entry.t_ms < to_ms
            and (lane is None or entry.lane is lane)
            and (evse is None or entry.evse == evse)
        ]

    def first(self, lane: Lane, value: Value, from_ms: int = 0, evse: int = 1) -> int | None:
        """When, at or after `from_ms`, the lane was first *recorded* with `value`."""
        times, values = self._lanes.get((evse, lane), ([], []))
        for index in range(bisect_left(times, from_ms), len(times)):
            if values[index] == value:
                return times[index]
        return None

    def entries(self) -> list[Entry]:
        """Every record, by time, then EVSE, then lane."""
        found = [entry for evse, lane in self._lanes for entry in self.changes(lane, evse)]
        found.sort(key=lambda entry: (entry.t_ms, entry.evse, _LANE_ORDER[entry.lane]))
        return found

    @property
    def evses(self) -> list[int]:
        """The EVSEs that have records, ascending."""
        return sorted({evse for evse, _ in self._lanes})

    @property
    def start_ms(self) -> int:
        """The time of the first record; 0 for an empty trace."""
        return min((times[0] for times, _ in self._lanes.values() if times), default=0)

    @property
    def end_ms(self) -> int:
        """The time of the last record; 0 for an empty trace."""
        return max((times[-1] for times, _ in self._lanes.values() if times), default=0)

    def lines(self) -> str:
        """The whole trace as text, one record a line; equal runs give equal bytes."""
        return "".join(
            f"{entry.t_ms:>10} {entry.evse} {entry.lane:<9} {entry.value}\n"
            for entry in self.entries()
        )

    def to_json(self) -> bytes:
        return msgspec.json.encode(_File(FORMAT_VERSION, self.entries()))

    @classmethod
    def from_json(cls, data: bytes) -> Trace:
        """Raises TraceError if `data` is not a trace of this version."""
        try:
            stored = msgspec.json.decode(data, type=_File)
        except msgspec.DecodeError as error:
            raise TraceError(f"not a trace: {error}") from error
        if stored.version != FORMAT_VERSION:
            raise TraceError(f"trace version {stored.version}, this reads {FORMAT_VERSION}")
        trace = cls()
        try:
            for entry in stored.entries:
                trace.record(entry.t_ms, entry.evse, entry.lane, entry.value)
        except TimeRunsBack as error:
            raise TraceError(f"not a trace: {error}") from error
        return trace
