"""Register maps: what a meter model keeps in which Modbus register, and how to decode it.

Pure but for `load_map`. A map is a TOML file of drivers/metering/meters/; a new meter is a new
file and a golden test.
"""

from __future__ import annotations

import itertools
import math
import struct
import tomllib
from collections.abc import Sequence
from importlib import resources
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from drivers.errors import MeterGarbled, MeterMapError
from evse.config.read import Reader, nearest
from evse.model import MeterReading

RegisterType = Literal["u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"]

_FORMATS: dict[RegisterType, str] = {
    "u16": ">H",
    "i16": ">h",
    "u32": ">I",
    "i32": ">i",
    "u64": ">Q",
    "i64": ">q",
    "f32": ">f",
    "f64": ">d",
}


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Where one quantity stands: `address` is that of the PDU, 0-based."""

    address: Annotated[int, Meta(ge=0, le=65_535)]
    type: RegisterType
    scale: Annotated[float, Meta(ge=-1e9, le=1e9)] = 1.0
    """Register value times scale gives the unit in the quantity's name."""
    absent: Annotated[int, Meta(ge=0, description="a bit pattern")] | None = None
    """Bit pattern, taken as unsigned, by which the meter says that it has no value."""

    @property
    def registers(self) -> int:
        return struct.calcsize(_FORMATS[self.type]) // 2

    @property
    def end(self) -> int:
        return self.address + self.registers


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
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1


class MeterMap(msgspec.Struct, frozen=True, kw_only=True):
    """One meter model."""

    model: Annotated[str, Meta(max_length=50)]
    source: Annotated[str, Meta(max_length=300)]
    """Where the addresses come from."""
    function_code: Literal[3, 4]
    word_order: Literal["high_first", "low_first"]
    max_registers: Annotated[int, Meta(ge=4, le=125)]
    """Most that one request may ask for (Modbus allows 125)."""
    max_gap_registers: Annotated[int, Meta(ge=0, le=125)] = 0
    """How many registers without a value of ours a request may span."""
    line: Line
    """Settings as delivered."""
    values: Values

    def present(self) -> dict[str, Value]:
        """The quantities that this meter has, by name."""
        named = {name: getattr(self.values, name) for name in Values.__struct_fields__}
        return {name: value for name, value in named.items() if value is not None}


class Request(msgspec.Struct, frozen=True):
    """`count` registers from `address` on, in one Modbus request."""

    address: int
    count: int


def model_names() -> list[str]:
    """The models there are maps for, as the configuration names them."""
    names = (
        entry.name for entry in resources.files("drivers.metering").joinpath("meters").iterdir()
    )
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def load_map(model: str) -> MeterMap:
    """The shipped map of `model`. Raises MeterMapError for an unknown model."""
    names = model_names()
    if model not in names:
        raise MeterMapError(f"meter model {model!r} is not known{nearest(model, names)}")
    file = resources.files("drivers.metering").joinpath("meters", f"{model}.toml")
    return parse_map(file.read_text("utf-8"), f"{model}.toml")


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
    spans = sorted(meter_map.present().items(), key=lambda item: item[1].address)
    for key, value in spans:
        if value.end > 65_536:
            problems.append(f"{key} reaches beyond register 65535")
        if value.absent is not None and value.absent >= 1 << (16 * value.registers):
            problems.append(f"{key}.absent does not fit {value.type}")
    for (key, value), (other, after) in itertools.pairwise(spans):
        if value.end > after.address:
            problems.append(f"{key} and {other} overlap at register {after.address}")
    return problems


def requests_for(meter_map: MeterMap) -> tuple[Request, ...]:
    """The fewest requests that fetch all values: neighbours together, gaps as far as allowed."""
    groups: list[Request] = []
    for value in sorted(meter_map.present().values(), key=lambda value: value.address):
        if groups:
            start, end = groups[-1].address, groups[-1].address + groups[-1].count
            near = value.address - end <= meter_map.max_gap_registers
            if near and value.end - start <= meter_map.max_registers:
                groups[-1] = Request(start, value.end - start)
                continue
        groups.append(Request(value.address, value.registers))
    return tuple(groups)


def decode(
    meter_map: MeterMap,
    requests: Sequence[Request],
    answers: Sequence[Sequence[int]],
    taken_ms: int,
) -> MeterReading:
    """The reading in `answers`, one list of 16-bit registers for each of `requests`.

    Absent patterns, NaN and infinities become None. Raises MeterGarbled if an answer has another
    length than its request, or if the imported energy is absent: then there is nothing to bill.
    """
    registers: dict[int, int] = {}
    for request, answer in zip(requests, answers, strict=True):
        if len(answer) != request.count:
            raise MeterGarbled(
                f"{meter_map.model}: {len(answer)} registers came from address "
                f"{request.address:#06x}, {request.count} were asked for"
            )
        registers.update(enumerate(answer, start=request.address))
    found = {
        name: _decode_value(value, registers, meter_map.word_order == "low_first")
        for name, value in meter_map.present().items()
    }
    energy = found["energy_import_wh"]
    if energy is None:
        raise MeterGarbled(f"{meter_map.model}: energy_import_wh is not a number")
    return MeterReading(
        taken_ms=taken_ms,
        energy_import_wh=energy,
        energy_export_wh=found.get("energy_export_wh"),
        power_w=found.get("power_w"),
        power_phase_w=_phases(found, "power_l{}_w"),
        voltage_v=_phases(found, "voltage_l{}_v"),
        current_a=_phases(found, "current_l{}_a"),
        frequency_hz=found.get("frequency_hz"),
    )


def _phases(
    found: dict[str, float | None], name: str
) -> tuple[float | None, float | None, float | None]:
    return (found.get(name.format(1)), found.get(name.format(2)), found.get(name.format(3)))


def _decode_value(value: Value, registers: dict[int, int], low_first: bool) -> float | None:
    words = [registers[address] for address in range(value.address, value.end)]
    raw = struct.pack(f">{len(words)}H", *(reversed(words) if low_first else words))
    if value.absent is not None and int.from_bytes(raw, "big") == value.absent:
        return None
    (number,) = struct.unpack(_FORMATS[value.type], raw)
    scaled = number * value.scale
    return scaled if math.isfinite(scaled) else None
