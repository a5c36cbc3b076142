"""What is known of a model, in few words: for tables of the catalogue. Pure."""

from __future__ import annotations

from drivers.metering.map import MeterMap

_LETTERS = {
    "V": "voltage_l1_v",
    "A": "current_l1_a",
    "W": "power_w",
    "Hz": "frequency_hz",
    "kWh": "energy_import_wh",
    "export": "energy_export_wh",
}


def tells(one: MeterMap) -> str:
    """`V A W Hz kWh +-`: the kinds of quantities; `+-` = both directions of energy."""
    there = one.present()
    found = [letter for letter, name in _LETTERS.items() if name in there]
    return " ".join(found).replace("kWh export", "kWh+-")


def settings_words(one: MeterMap) -> str:
    """`1, 9600 8N1`: address and line settings as delivered, with a `?` for what is not known."""
    given = one.delivered
    baud = "?" if given.baud is None else str(given.baud)
    line = f"{baud} 8{given.parity or '?'}{given.stop_bits or '?'}"
    unit = "?" if given.unit is None else str(given.unit)
    if given.baud is None and given.parity is None:
        return "not known" if given.unit is None else f"{unit}, rest not known"
    return f"{unit}, {line}"
