"""Flights read back, and told apart from what is torn, changed or no flight at all. Pure."""

from __future__ import annotations

import zlib
from typing import Any, Generic, TypeVar

import msgspec

from evse.guard.facts import Outputs
from evse.guard.flight_file import FORMAT, Footer, Header
from evse.guard.recorder import Record, Taken, Trigger
from evse.guard.state import GuardState

T = TypeVar("T", bound=msgspec.Struct)


class FlightError(Exception):
    """Base of what reading a flight raises."""


class NoFlight(FlightError, ValueError):
    """It is none, or none that this program knows."""


class TornFlight(FlightError, EOFError):
    """Its end is missing, or something in it is not as it was written."""


class Recorded(msgspec.Struct, frozen=True):
    """A flight that was read."""

    header: Header
    records: list[Record]
    triggers: tuple[Trigger, ...]
    fields: frozenset[str]
    """Those of GuardState and Outputs that the recording program knew."""
    unknown: tuple[str, ...]
    """Those of them that this program does not know."""
    torn: str = ""
    """Why the end is missing; empty: nothing is."""


class _Line(msgspec.Struct, frozen=True, array_like=True):
    passed_ms: int
    taken: tuple[Taken, ...] = ()
    inputs: dict[str, Any] = {}
    state: dict[str, Any] = {}
    outputs: dict[str, Any] = {}


class _Part(Generic[T]):
    """One of the three values of a period, as the lines change it."""

    def __init__(self, value: T) -> None:
        self._value: T = value
        self._kind: type[T] = type(value)
        self._plain: dict[str, Any] = msgspec.to_builtins(value)

    def with_(self, change: dict[str, Any]) -> T:
        """Raises msgspec.ValidationError."""
        if change:
            self._plain |= change
            self._value = msgspec.convert(self._plain, self._kind)
        return self._value


_line_decoder = msgspec.json.Decoder(_Line)
_footer_decoder = msgspec.json.Decoder(Footer)
_header_decoder = msgspec.json.Decoder(Header)


def read(data: bytes, *, torn: bool = False) -> Recorded:
    """The flight in `data`. Raises NoFlight; TornFlight too, unless what is left of a torn one is
    wanted."""
    first, *rest = data.split(b"\n")
    header = _read_header(first)
    fields, unknown = _fields(msgspec.json.decode(first))
    finished = bool(rest) and not rest[-1]
    lines = rest[:-1] if finished else rest
    last = lines.pop() if finished and lines and _is_footer(lines[-1]) else b""
    records, broken = _read_records(header, lines)
    try:
        footer = _read_footer(last, data, len(records), broken)
    except TornFlight as error:
        if not torn:
            raise
        return Recorded(header, records, (header.trigger,), fields, unknown, str(error))
    return Recorded(header, records, footer.triggers, fields, unknown)


def _read_header(line: bytes) -> Header:
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NoFlight("this is no flight: its first line is no header") from None
    version = found.get("flight") if isinstance(found, dict) else None
    if not isinstance(version, int):
        raise NoFlight("this is no flight: its first line is no header")
    if version > FORMAT:
        raise NoFlight(f"this flight has format {version}; this program reads up to {FORMAT}")
    try:
        return _header_decoder.decode(line)
    except (msgspec.DecodeError, ValueError) as error:
        raise NoFlight(f"the header of this flight is not understood: {error}") from error


def _fields(raw: dict[str, Any]) -> tuple[frozenset[str], tuple[str, ...]]:
    """What the recording program had, and what of it this one has not."""
    recorded = [*raw["start"]["state"], *raw["outputs"]]
    known = {*GuardState.__struct_fields__, *Outputs.__struct_fields__}
    return frozenset(recorded) & known, tuple(name for name in recorded if name not in known)


def _is_footer(line: bytes) -> bool:
    return line.startswith(b"{")


def _read_records(header: Header, lines: list[bytes]) -> tuple[list[Record], int | None]:
    """The records up to the first line that is none, and its number."""
    now_ms = header.from_ms
    inputs, state, outputs = (
        _Part(header.inputs),
        _Part(header.start.state),
        _Part(header.outputs),
    )
    records: list[Record] = []
    for number, text in enumerate(lines):
        try:
            line = _line_decoder.decode(text)
            now_ms += line.passed_ms
            records.append(
                Record(
                    now_ms,
                    line.taken,
                    inputs.with_(line.inputs),
                    state.with_(line.state),
                    outputs.with_(line.outputs),
                )
            )
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return records, number + 2
    return records, None


def _read_footer(line: bytes, data: bytes, records: int, broken: int | None) -> Footer:
    """Raises TornFlight."""
    if broken is not None:
        raise TornFlight(f"this flight is torn: line {broken} is damaged or was never finished")
    if not _is_footer(line):
        raise TornFlight(f"this flight is torn: it ends after {records} periods, without an end")
    try:
        footer = _footer_decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise TornFlight("this flight is torn: its last line is damaged") from None
    found = f"{zlib.crc32(data[: -len(line) - 1]):08x}"
    if found != footer.crc32 or records != footer.records:
        raise TornFlight(
            f"this flight was changed since it was written: its checksum is {found}, not "
            f"{footer.crc32}"
        )
    return footer
