"""Readings and registers as text. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from drivers.metering.decode import decode_values, registers_in
from drivers.metering.map import MeterMap, Request
from evse.metering.plausibility import implausible
from evse.model import MeterReading

WIDTH = 15
HEAD = f"{'':10}" + "".join(f"{name:>{WIDTH}}" for name in ("L1", "L2", "L3", "total"))


def table(reading: MeterReading) -> list[str]:
    """Quantities down, phases across; what the meter does not tell is left blank."""
    rows = [
        HEAD,
        _row("voltage", *(_number(value, 1, "V") for value in reading.voltage_v)),
        _row("current", *(_number(value, 2, "A") for value in reading.current_a)),
        _row(
            "power",
            *(_number(value, 0, "W") for value in reading.power_phase_w),
            _number(reading.power_w, 0, "W"),
        ),
        _row("frequency", "", "", "", _number(reading.frequency_hz, 2, "Hz")),
        _row("imported", "", "", "", _kwh(reading.energy_import_wh)),
        _row("exported", "", "", "", _kwh(reading.energy_export_wh)),
    ]
    told = [row for row in rows if row.strip() not in ("", row.split(maxsplit=1)[0])]
    return [*told, *(f"odd: {says}" for says in implausible(reading).values())]


def line(reading: MeterReading) -> str:
    """The same on one line."""
    parts = [
        _joined(reading.voltage_v, 1, "V"),
        _joined(reading.current_a, 2, "A"),
        _number(reading.power_w, 0, "W"),
        _kwh(reading.energy_import_wh),
    ]
    return "  ".join(part for part in parts if part)


def raw(
    meter_map: MeterMap, requests: Sequence[Request], answers: Sequence[Sequence[int]]
) -> list[str]:
    """Every value with the registers that it stands in."""
    registers = registers_in(meter_map, requests, answers)
    found = decode_values(meter_map, registers)
    lines = []
    for name, value in meter_map.present().items():
        for part in value.parts:
            words = " ".join(f"{registers[at]:04x}" for at in range(part.address, part.end))
            where = f"{part.address:#06x} ({part.address})"
            number = found[name] if part is value else None
            shown = "" if number is None else f"{number:.10g}"
            if part is value and number is None:
                shown = "absent"
            power = ""
            if part.exponent is not None:
                power = f" x 10^ {registers[part.exponent]:04x} at {part.exponent:#06x}"
            label = name if part is value else ""
            lines.append(f"{label:<18}{where:<16}{part.type}  {words:<19}{power} {shown}".rstrip())
    return lines


def _row(name: str, *cells: str) -> str:
    return f"{name:<10}" + "".join(f"{cell:>{WIDTH}}" for cell in cells).rstrip()


def _number(value: float | None, places: int, unit: str) -> str:
    return "" if value is None else f"{value:.{places}f} {unit}"


def _kwh(value: float | None) -> str:
    return "" if value is None else f"{value / 1000:.3f} kWh"


def _joined(values: Sequence[float | None], places: int, unit: str) -> str:
    known = [f"{value:.{places}f}" for value in values if value is not None]
    return f"{' '.join(known)} {unit}" if known else ""
