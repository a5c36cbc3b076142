"""Register maps: what a meter model keeps in which Modbus register.

Pure. A map is a TOML file of drivers/metering/meters/ (catalogue.py); a new meter is a new file
and a golden test. Everything a model needs is said by keys: there is no code for any model.

A read begins at the first register of a value and ends with the last one of a value, and spans
registers of which nothing is known only where the map allows it (`max_gap_registers`): some meters
refuse a read that begins or ends inside a value.
"""

from __future__ import annotations

import itertools
import struct
import tomllib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from drivers.errors import MeterMapError
from evse.config.read import Reader

RegisterType = Literal["u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64", "t5", "t6"]
"""`t5`, `t6`: 32 bits, of which the top byte is a signed exponent of ten and the others an unsigned
(t5) or signed (t6) mantissa."""
Parity = Literal["N", "E", "O"]
Pattern = Literal["none", "ones", "largest", "smallest"]

FORMATS: dict[RegisterType, str] = {
    "u16": ">H",
    "i16": ">h",
    "u32": ">I",
    "i32": ">i",
    "u64": ">Q",
    "i64": ">q",
    "f32": ">f",
    "f64": ">d",
    "t5": ">I",
    "t6": ">I",
}
Address = Annotated[int, Meta(ge=0, le=65_535)]


class Registers(msgspec.Struct, frozen=True, kw_only=True):
    """One number in the meter: `address` is that of the PDU, 0-based."""

    address: Address
    type: RegisterType
    scale: Annotated[float, Meta(ge=-1e9, le=1e9)] = 1.0
    """Register value times scale gives the unit in the quantity's name."""
    exponent: Address | None = None
    """Where an i16 stands by whose power of ten the number counts."""

    @property
    def registers(self) -> int:
        return struct.calcsize(FORMATS[self.type]) // 2

    @property
    def end(self) -> int:
        return self.address + self.registers


class Value(Registers, frozen=True, kw_only=True):
    """Where one quantity stands: one number, and others that are added or subtracted."""

    plus: tuple[Registers, ...] = ()
    """Tariffs or phases that only together are the quantity."""
    minus: tuple[Registers, ...] = ()
    """The other direction, where the meter counts each by itself."""

    @property
    def parts(self) -> tuple[Registers, ...]:
        return (self, *self.plus, *self.minus)


class Values(msgspec.Struct, frozen=True, kw_only=True):
    """The quantities of a MeterReading; what a meter lacks is left out of its map."""

    energy_import_wh: Value
    energy_export_wh: Value | None = None
    power_w: Value | None = None
    power_l1_w: Value | None = None
    power_l2_w: Value | None = None
    power_l3_w: Value | None = None
    voltage_l1_v: Value | None = None
    voltage_l2_v: Value | None = None
    voltage_l3_v: Value | None = None
    current_l1_a: Value | None = None
    current_l2_a: Value | None = None
    current_l3_a: Value | None = None
    frequency_hz: Value | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """Serial settings, eight data bits."""

    baud: Annotated[int, Meta(ge=1_200, le=4_000_000)]
    parity: Parity = "N"
    stop_bits: Literal[1, 2] = 1

    @property
    def words(self) -> str:
        """`9600 8N1`."""
        return f"{self.baud} 8{self.parity}{self.stop_bits}"


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """Settings as delivered. What is not known of a model is left out, and the user's to say."""

    unit: Annotated[int, Meta(ge=1, le=247)] | None = None
    baud: Annotated[int, Meta(ge=1_200, le=4_000_000)] | None = None
    parity: Parity | None = None
    stop_bits: Literal[1, 2] | None = None


class Absent(msgspec.Struct, frozen=True, kw_only=True):
    """Bit patterns by which the meter says that it has no value; NaN always does."""

    unsigned: Pattern = "none"
    signed: Pattern = "none"


class MeterMap(msgspec.Struct, frozen=True, kw_only=True):
    """One meter model."""

    model: Annotated[str, Meta(max_length=50)]
    source: Annotated[str, Meta(max_length=300)]
    """Where the addresses come from."""
    doubts: Annotated[str, Meta(max_length=400)] = ""
    """What of it no published source confirms; shown and warned of."""
    hint: Annotated[str, Meta(max_length=200)] = ""
    """What its installer should know."""
    phases: Literal[1, 3]
    function_code: Literal[3, 4]
    word_order: Literal["high_first", "low_first"]
    max_registers: Annotated[int, Meta(ge=2, le=125)]
    """Most that one request may ask for (Modbus allows 125)."""
    max_gap_registers: Annotated[int, Meta(ge=0, le=125)] = 0
    """How many registers without a value of ours a request may span."""
    delivered: Delivered = Delivered()
    absent: Absent = Absent()
    values: Values

    def present(self) -> dict[str, Value]:
        """The quantities that this meter has, by name."""
        named = {name: getattr(self.values, name) for name in Values.__struct_fields__}
        return {name: value for name, value in named.items() if value is not None}

    def spans(self) -> list[tuple[int, int, str]]:
        """(first register, register behind the last, quantity) of all that is read, in order."""
        found = set()
        for name, value in self.present().items():
            for part in value.parts:
                found.add((part.address, part.end, name))
                if part.exponent is not None:
                    found.add((part.exponent, part.exponent + 1, f"{name}.exponent"))
        return sorted(found)


class Request(msgspec.Struct, frozen=True):
    """`count` registers from `address` on, in one Modbus request."""

    address: int
    count: int


def parse_map(text: str, name: str) -> MeterMap:
    """The map that `text` spells. Raises MeterMapError naming `name`, key and nearest known key."""
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise MeterMapError(f"{name}: is not TOML: {error}") from error
    reader = Reader(name)
    meter_map = reader.table(MeterMap, values)
    if meter_map is None:
        raise MeterMapError("\n".join(reader.problems))
    if problems := [f"{name}: [values] {one}" for one in _contradictions(meter_map)]:
        raise MeterMapError("\n".join(problems))
    return meter_map


def _contradictions(meter_map: MeterMap) -> list[str]:
    problems = []
    spans = meter_map.spans()
    for start, end, name in spans:
        if end > 65_536:
            problems.append(f"{name} reaches beyond register 65535")
        if end - start > meter_map.max_registers:
            problems.append(f"{name} takes more registers than max_registers")
    for (start, end, name), (after, behind, other) in itertools.pairwise(spans):
        # The same registers may serve two quantities (a phase, and the sum of phases).
        if end > after and (start, end) != (after, behind):
            problems.append(f"{name} and {other} overlap at register {after}")
    return problems


def requests_for(meter_map: MeterMap) -> tuple[Request, ...]:
    """The fewest requests that fetch all values: neighbours together, gaps as far as allowed."""
    groups: list[Request] = []
    for address, end, _name in meter_map.spans():
        if groups:
            start, last = groups[-1].address, groups[-1].address + groups[-1].count
            near = address - last <= meter_map.max_gap_registers
            if near and max(end, last) - start <= meter_map.max_registers:
                groups[-1] = Request(start, max(end, last) - start)
                continue
        groups.append(Request(address, end - address))
    return tuple(groups)
