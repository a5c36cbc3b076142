"""The meters of a station, by name."""

from __future__ import annotations

from evse.config.evse import MeterTable
from evse.config.station import StationConfig

MAINS = "mains"
"""The meter there, beside the numbers of the EVSEs."""


def fitted(config: StationConfig) -> list[tuple[str, MeterTable]]:
    """(name, table) of every meter that is there: `1`, `2`, ... and MAINS."""
    named = [(str(evse.id), evse.meter) for evse in config.evses]
    if config.mains is not None:
        named.append((MAINS, config.mains.meter))
    return [(name, meter) for name, meter in named if meter.kind != "none"]
