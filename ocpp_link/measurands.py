"""What a meter's reading says of each measurand: what is measured, never guessed.

The names are those of every OCPP version (1.6 §7.31; 2.0.1 part 2 §3.50).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec
from msgspec import UNSET

from evse.types.powermeter import Powermeter
from ocpp_link.records import TxRecord

PHASES = ("L1", "L2", "L3")


class Measured(msgspec.Struct, frozen=True):
    """One value. `unit` and `phase` may be empty."""

    measurand: str
    value: float
    unit: str = ""
    phase: str = ""


Source = Callable[[TxRecord], Iterable[tuple[str, float]]]
"""Yields (phase or empty, value)."""


def register_wh(meter: Powermeter) -> int:
    """The lifetime import register in whole Wh; start, samples and stop are cut the same way."""
    return int(meter.energy_Wh_import.total)


def measured(record: TxRecord, measurands: Iterable[str]) -> Iterator[Measured]:
    """What the record's meter can say of the wanted measurands (`Name` or `Name.Phase`)."""
    for wanted in measurands:
        name, phase = split(wanted)
        source, unit = MEASURANDS[name]
        for found_phase, value in source(record):
            if phase in ("", found_phase):
                yield Measured(name, value, unit, found_phase)


def split(wanted: str) -> tuple[str, str]:
    """`Voltage.L1-N` → (`Voltage`, `L1-N`). A name without a phase keeps all its dots."""
    name, _, phase = wanted.rpartition(".")
    return (name, phase) if name in MEASURANDS else (wanted, "")


def is_supported(wanted: str) -> bool:
    name, phase = split(wanted)
    return name in MEASURANDS and phase in PHASES_OF.get(name, frozenset({""}))


def number(value: float) -> str:
    """At most three decimals, and none that say nothing."""
    return str(int(value)) if value == int(value) else f"{value:.3f}".rstrip("0").rstrip(".")


def _energy(record: TxRecord) -> Iterable[tuple[str, float]]:
    yield "", register_wh(record.meter)


def _energy_export(record: TxRecord) -> Iterable[tuple[str, float]]:
    export = record.meter.energy_Wh_export
    if export is not UNSET:
        yield "", int(export.total)


def _power(record: TxRecord) -> Iterable[tuple[str, float]]:
    power = record.meter.power_W
    if power is not UNSET:
        yield "", power.total
        yield from _by_phase(power, "")


def _current(record: TxRecord) -> Iterable[tuple[str, float]]:
    current = record.meter.current_A
    if current is not UNSET:
        yield from _by_phase(current, "")


def _voltage(record: TxRecord) -> Iterable[tuple[str, float]]:
    voltage = record.meter.voltage_V
    if voltage is not UNSET:
        yield from _by_phase(voltage, "-N")


def _frequency(record: TxRecord) -> Iterable[tuple[str, float]]:
    frequency = record.meter.frequency_Hz
    if frequency is not UNSET:
        yield "", frequency.L1


def _offered(record: TxRecord) -> Iterable[tuple[str, float]]:
    if record.offered_a is not None:
        yield "", record.offered_a


def _by_phase(values: object, suffix: str) -> Iterable[tuple[str, float]]:
    for phase in PHASES:
        value = getattr(values, phase)
        if value is not UNSET:
            yield phase + suffix, value


MEASURANDS: dict[str, tuple[Source, str]] = {
    "Energy.Active.Import.Register": (_energy, "Wh"),
    "Energy.Active.Export.Register": (_energy_export, "Wh"),
    "Power.Active.Import": (_power, "W"),
    "Current.Import": (_current, "A"),
    "Current.Offered": (_offered, "A"),
    "Voltage": (_voltage, "V"),
    # Servers disagree on `Hertz` in the enumeration of units; the unit is optional.
    "Frequency": (_frequency, ""),
}
"""Supported measurands: where the value comes from, and its unit."""

PHASES_OF = {
    "Power.Active.Import": frozenset({"", *PHASES}),
    "Current.Import": frozenset({"", *PHASES}),
    "Voltage": frozenset({"", "L1-N", "L2-N", "L3-N"}),
}
