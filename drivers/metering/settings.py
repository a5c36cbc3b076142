"""The line settings of a configured meter: what the file says, else as delivered. Pure."""

from __future__ import annotations

from drivers.errors import MeterMapError
from drivers.metering.map import Line, MeterMap
from evse.config.evse import MeterTable

LINE_KEYS = ("baud", "parity", "stop_bits")


def line_settings(table: MeterTable, meter_map: MeterMap) -> Line:
    """The settings as delivered, but for those that the configuration names. Raises MeterMapError
    with the keys that neither tells."""
    named = {key: getattr(table, key) or getattr(meter_map.delivered, key) for key in LINE_KEYS}
    if unknown := [key for key, value in named.items() if value is None]:
        raise MeterMapError(
            f"how a {meter_map.model} is delivered is not known here: say {', '.join(unknown)} "
            "(see its display or manual)"
        )
    return Line(**named)
