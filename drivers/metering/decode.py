"""Registers into a reading, as a map says. Pure."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from drivers.errors import MeterGarbled
from drivers.metering.map import FORMATS, MeterMap, Pattern, Registers, Request, Value
from evse.model import MeterReading

MANTISSA_BITS = 24
"""Of t5 and t6, below the byte of the exponent."""
FLOAT_DIGITS = 308
"""Largest power of ten that a float holds."""


def decode(
    meter_map: MeterMap,
    requests: Sequence[Request],
    answers: Sequence[Sequence[int]],
    taken_ms: int,
) -> MeterReading:
    """The reading in `answers`, one list of 16-bit registers for each of `requests`.

    Absent patterns, NaN and infinities become None, and so does a sum of which a part is absent.
    Raises MeterGarbled if an answer has another length than its request, or if the imported
    energy is absent: then there is nothing to bill.
    """
    found = decode_values(meter_map, registers_in(meter_map, requests, answers))
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


def registers_in(
    meter_map: MeterMap, requests: Sequence[Request], answers: Sequence[Sequence[int]]
) -> dict[int, int]:
    """Register -> content. Raises MeterGarbled for an answer of another length."""
    registers: dict[int, int] = {}
    for request, answer in zip(requests, answers, strict=True):
        if len(answer) != request.count:
            raise MeterGarbled(
                f"{meter_map.model}: {len(answer)} registers came from address "
                f"{request.address:#06x}, {request.count} were asked for"
            )
        registers.update(enumerate(answer, start=request.address))
    return registers


def decode_values(meter_map: MeterMap, registers: dict[int, int]) -> dict[str, float | None]:
    """Every quantity of the map; `registers` must hold all that it names."""
    return {
        name: _quantity(meter_map, value, registers) for name, value in meter_map.present().items()
    }


def _phases(
    found: dict[str, float | None], name: str
) -> tuple[float | None, float | None, float | None]:
    return (found.get(name.format(1)), found.get(name.format(2)), found.get(name.format(3)))


def _quantity(meter_map: MeterMap, value: Value, registers: dict[int, int]) -> float | None:
    total = _number(meter_map, value, registers)
    for sign, parts in ((1, value.plus), (-1, value.minus)):
        for part in parts:
            number = _number(meter_map, part, registers)
            if total is None or number is None:
                return None
            total += sign * number
    return total if total is not None and math.isfinite(total) else None


def _number(meter_map: MeterMap, part: Registers, registers: dict[int, int]) -> float | None:
    words = [registers[address] for address in range(part.address, part.end)]
    if meter_map.word_order == "low_first":
        words.reverse()
    raw = struct.pack(f">{len(words)}H", *words)
    if _is_absent(meter_map, part, raw):
        return None
    (number,) = struct.unpack(FORMATS[part.type], raw)
    if part.type in ("t5", "t6"):
        number = _scaled_by_itself(number, signed=part.type == "t6")
    scaled = _divided(number, part.scale)
    if part.exponent is not None:
        scaled = by_power_of_ten(scaled, _signed(registers[part.exponent], 16))
    return scaled if math.isfinite(scaled) else None


def _divided(number: float, scale: float) -> float:
    """`number` times `scale`, without the last digit's noise of 0.1, 0.01, ...: 2301 tenths are
    230.1 and not 230.10000000000002."""
    divisor = round(1 / scale) if 0 < scale < 1 else 0
    return number / divisor if divisor and 1 / divisor == scale else number * scale


def _is_absent(meter_map: MeterMap, part: Registers, raw: bytes) -> bool:
    if part.type[0] not in "ui":
        return False
    pattern = meter_map.absent.unsigned if part.type[0] == "u" else meter_map.absent.signed
    return raw == _absent_bytes(pattern, len(raw))


def _absent_bytes(pattern: Pattern, size: int) -> bytes:
    first = {"ones": 0xFF, "largest": 0x7F, "smallest": 0x80}.get(pattern)
    if first is None:
        return b""
    return bytes([first]) + (b"\x00" if pattern == "smallest" else b"\xff") * (size - 1)


def _scaled_by_itself(raw: int, *, signed: bool) -> float:
    exponent = _signed(raw >> MANTISSA_BITS, 8)
    mantissa = raw & ((1 << MANTISSA_BITS) - 1)
    number = _signed(mantissa, MANTISSA_BITS) if signed else mantissa
    return by_power_of_ten(number, exponent)


def by_power_of_ten(number: float, exponent: int) -> float:
    """`number` times ten to the `exponent`; infinite where no float can hold it, 0 where it is too
    small for one."""
    if number == 0 or exponent < -FLOAT_DIGITS:
        return 0.0
    if exponent > FLOAT_DIGITS:
        return math.copysign(math.inf, number)
    return number * 10.0**exponent if exponent >= 0 else number / 10.0**-exponent


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value
