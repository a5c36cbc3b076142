"""What a meter's reading says of each measurand: what is measured, never guessed.

The names are those of every OCPP version (1.6 §7.31; 2.0.1 part 2 §3.50). Of the 22 of OCPP 1.6
the meter types can say 14; reactive energy, RPM and the car's state of charge are refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import msgspec
from msgspec import UNSET

from evse.types.powermeter import Powermeter, SignedMeterValue
from ocpp_link.records import TxRecord

PHASES = ("L1", "L2", "L3")
TO_NEUTRAL = ("L1-N", "L2-N", "L3-N")
ENERGY = "Energy.Active.Import.Register"
"""What every version takes for granted where nothing is named."""
OUTLET, INLET, BODY = "Outlet", "Inlet", "Body"


class Measured(msgspec.Struct, frozen=True):
    """One value. `unit` and `phase` may be empty."""

    measurand: str
    value: float
    unit: str = ""
    phase: str = ""
    location: str = OUTLET
    signed: SignedMeterValue | None = None
    """The same as the meter signed it, where it did."""


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
        location = BODY if name == "Temperature" else INLET if record.evse == 0 else OUTLET
        for found_phase, value in source(record):
            if _is_wanted(phase, found_phase):
                signed = record.meter.signed_meter_value or None
                seal = signed if name == ENERGY and found_phase == "" else None
                yield Measured(name, value, unit, phase or found_phase, location, seal)


def delivers(record: TxRecord, wanted: str) -> bool:
    """Does a record like this one say anything of the measurand?"""
    return any(True for _ in measured(record, (wanted,)))


def split(wanted: str) -> tuple[str, str]:
    """`Voltage.L1-N` → (`Voltage`, `L1-N`). A name without a phase keeps all its dots."""
    name, _, phase = wanted.rpartition(".")
    return (name, phase) if phase and name in MEASURANDS else (wanted, "")


def is_supported(wanted: str) -> bool:
    name, phase = split(wanted)
    return name in MEASURANDS and phase in PHASES_OF.get(name, frozenset({""}))


def number(value: float) -> str:
    """At most three decimals, and none that say nothing."""
    return str(int(value)) if value == int(value) else f"{value:.3f}".rstrip("0").rstrip(".")


def _is_wanted(wanted: str, found: str) -> bool:
    """`Voltage.L1` is how OCPP 1.6 §9.1.17 writes what is measured between L1 and N."""
    return wanted in ("", found) or f"{wanted}-N" == found


def _energy(record: TxRecord) -> Iterable[tuple[str, float]]:
    yield "", register_wh(record.meter)
    yield from ((phase, int(wh)) for phase, wh in _by_phase(record.meter.energy_Wh_import))


def _energy_export(record: TxRecord) -> Iterable[tuple[str, float]]:
    export = record.meter.energy_Wh_export
    if export is not UNSET:
        yield "", int(export.total)
        yield from ((phase, int(wh)) for phase, wh in _by_phase(export))


def _import_interval(record: TxRecord) -> Iterable[tuple[str, float]]:
    if record.import_interval_wh is not None:
        yield "", record.import_interval_wh


def _export_interval(record: TxRecord) -> Iterable[tuple[str, float]]:
    if record.export_interval_wh is not None:
        yield "", record.export_interval_wh


def _power(record: TxRecord) -> Iterable[tuple[str, float]]:
    yield from ((phase, max(0.0, watts)) for phase, watts in _watts(record))


def _power_export(record: TxRecord) -> Iterable[tuple[str, float]]:
    yield from ((phase, max(0.0, -watts)) for phase, watts in _watts(record))


def _reactive(record: TxRecord) -> Iterable[tuple[str, float]]:
    yield from ((phase, max(0.0, var)) for phase, var in _vars(record))


def _reactive_export(record: TxRecord) -> Iterable[tuple[str, float]]:
    yield from ((phase, max(0.0, -var)) for phase, var in _vars(record))


def _power_factor(record: TxRecord) -> Iterable[tuple[str, float]]:
    """Of the total energy flow: active over apparent power."""
    power, reactive = record.meter.power_W, record.meter.VAR
    if power is UNSET or reactive is UNSET:
        return
    apparent_va = math.hypot(power.total, reactive.total)
    if apparent_va > 0:
        yield "", abs(power.total) / apparent_va


def _current(record: TxRecord) -> Iterable[tuple[str, float]]:
    """A meter tells the current's direction by that of the power."""
    if not _exports(record):
        yield from _amps(record)


def _current_export(record: TxRecord) -> Iterable[tuple[str, float]]:
    exports = _exports(record)
    yield from ((phase, amps if exports else 0.0) for phase, amps in _amps(record))


def _voltage(record: TxRecord) -> Iterable[tuple[str, float]]:
    voltage = record.meter.voltage_V
    if voltage is not UNSET:
        yield from ((f"{phase}-N", volts) for phase, volts in _by_phase(voltage))


def _frequency(record: TxRecord) -> Iterable[tuple[str, float]]:
    frequency = record.meter.frequency_Hz
    if frequency is not UNSET:
        yield "", frequency.L1


def _temperature(record: TxRecord) -> Iterable[tuple[str, float]]:
    """The hottest place that the meter knows."""
    temperatures = record.meter.temperatures
    if temperatures is not UNSET and temperatures:
        yield "", max(each.temperature for each in temperatures)


def _offered(record: TxRecord) -> Iterable[tuple[str, float]]:
    if record.offered_a is not None:
        yield "", record.offered_a


def _offered_power(record: TxRecord) -> Iterable[tuple[str, float]]:
    if record.offered_w is not None:
        yield "", record.offered_w


def _watts(record: TxRecord) -> Iterable[tuple[str, float]]:
    power = record.meter.power_W
    if power is not UNSET:
        yield "", power.total
        yield from _by_phase(power)


def _vars(record: TxRecord) -> Iterable[tuple[str, float]]:
    reactive = record.meter.VAR
    if reactive is not UNSET:
        yield "", reactive.total
        yield from _by_phase(reactive)


def _amps(record: TxRecord) -> Iterable[tuple[str, float]]:
    current = record.meter.current_A
    if current is not UNSET:
        yield from _by_phase(current)
        if current.N is not UNSET:
            yield "N", current.N


def _exports(record: TxRecord) -> bool:
    power = record.meter.power_W
    return power is not UNSET and power.total < 0


def _by_phase(values: object) -> Iterable[tuple[str, float]]:
    for phase in PHASES:
        value = getattr(values, phase)
        if value is not UNSET:
            yield phase, value


MEASURANDS: dict[str, tuple[Source, str]] = {
    ENERGY: (_energy, "Wh"),
    "Energy.Active.Export.Register": (_energy_export, "Wh"),
    "Energy.Active.Import.Interval": (_import_interval, "Wh"),
    "Energy.Active.Export.Interval": (_export_interval, "Wh"),
    "Power.Active.Import": (_power, "W"),
    "Power.Active.Export": (_power_export, "W"),
    "Power.Reactive.Import": (_reactive, "var"),
    "Power.Reactive.Export": (_reactive_export, "var"),
    "Power.Factor": (_power_factor, ""),
    "Power.Offered": (_offered_power, "W"),
    "Current.Import": (_current, "A"),
    "Current.Export": (_current_export, "A"),
    "Current.Offered": (_offered, "A"),
    "Voltage": (_voltage, "V"),
    # Servers disagree on `Hertz` in the enumeration of units; the unit is optional.
    "Frequency": (_frequency, ""),
    "Temperature": (_temperature, "Celsius"),
}
"""Supported measurands: where the value comes from, and its unit."""

_TOTAL_OR_PHASE = frozenset({"", *PHASES})
PHASES_OF = {
    ENERGY: _TOTAL_OR_PHASE,
    "Energy.Active.Export.Register": _TOTAL_OR_PHASE,
    "Power.Active.Import": _TOTAL_OR_PHASE,
    "Power.Active.Export": _TOTAL_OR_PHASE,
    "Power.Reactive.Import": _TOTAL_OR_PHASE,
    "Power.Reactive.Export": _TOTAL_OR_PHASE,
    "Current.Import": _TOTAL_OR_PHASE | {"N"},
    "Current.Export": _TOTAL_OR_PHASE | {"N"},
    "Voltage": frozenset({"", *PHASES, *TO_NEUTRAL}),
}
"""Which of its phases can be asked for alone; what is not here is a total only."""
