"""A flight as a file: lines of JSON that need nothing else to be understood. Pure.

Format 1 (docs/flight-recorder.md). The first line is a `Header`. Each further line is one period,
`[ms since the one before, taken, inputs, state, outputs]`, with what changed alone, by name, and
without the empty rest: a period in which nothing changed is `[10]`. The last line is a `Footer`
with a checksum over everything before it; a file without a sound one is torn.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from operator import attrgetter
from typing import Any, TypeVar

import msgspec

from evse.guard.facts import Hardware, Inputs, Outputs, Timing
from evse.guard.recorder import Flight, Record, Standing, Trigger
from evse.guard.state import GuardState

FORMAT = 1
MAX_BYTES = 4_000_000
"""A minute is a tenth of it; whatever is longer is none of ours."""

T = TypeVar("T", Inputs, GuardState, Outputs)


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where and when it was recorded."""

    station: str = ""
    evse: int
    boot: str
    """Of ring 1: another one, and its clock began anew."""
    version: str
    """Of the program."""
    kernel: str
    """Names the text of the rules and what is around them: equal names, equal decisions."""
    utc: str
    """Wall time, RFC 3339, at `utc_at_ms`."""
    utc_at_ms: int


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """All that a guard's decisions depend on, and the values that the first period changed."""

    flight: int
    origin: Origin
    trigger: Trigger
    from_ms: int
    hardware: Hardware
    timing: Timing
    start: Standing
    inputs: Inputs
    outputs: Outputs


class Footer(msgspec.Struct, frozen=True):
    records: int
    triggers: tuple[Trigger, ...]
    crc32: str
    """Of every byte of the lines above, eight hexadecimal digits."""


_encoder = msgspec.json.Encoder()
_PARTS = (Inputs, GuardState, Outputs)
_values_of = {kind: attrgetter(*kind.__struct_fields__) for kind in _PARTS}


class FlightEncoder:
    """Gives the lines of a flight one after the other, so that a loop which has little time can
    take a few at each turn. The flight is used up, and its memory with it."""

    def __init__(self, flight: Flight, origin: Origin) -> None:
        self._flight = flight
        first = flight.records[0]
        self._header = Header(
            flight=FORMAT,
            origin=origin,
            trigger=flight.triggers[0],
            from_ms=first.now_ms,
            hardware=flight.hardware,
            timing=flight.timing,
            start=flight.start,
            inputs=first.inputs,
            outputs=first.outputs,
        )
        self._before = Record(first.now_ms, (), first.inputs, flight.start.state, first.outputs)
        self._crc = 0

    def lines(self) -> Iterator[bytes]:
        """The whole file, line by line."""
        yield self._line(self._header)
        count = 0
        records = self._flight.records
        while records:
            record = records.popleft()
            yield self._line(_changes(self._before, record))
            self._before = record
            count += 1
        footer = Footer(count, self._flight.triggers, f"{self._crc:08x}")
        yield _encoder.encode(footer) + b"\n"

    def _line(self, value: object) -> bytes:
        line = _encoder.encode(value) + b"\n"
        self._crc = zlib.crc32(line, self._crc)
        return line


def _changes(before: Record, record: Record) -> list[Any]:
    parts: list[Any] = [
        record.now_ms - before.now_ms,
        record.taken,
        _difference(before.inputs, record.inputs),
        _difference(before.state, record.state),
        _difference(before.outputs, record.outputs),
    ]
    while not parts[-1] and len(parts) > 1:
        parts.pop()
    return parts


def _difference(before: T, after: T) -> dict[str, Any]:
    if before is after:
        return {}
    kind = type(after)
    both = zip(
        kind.__struct_fields__, _values_of[kind](before), _values_of[kind](after), strict=True
    )
    return {name: new for name, old, new in both if new is not old and new != old}
