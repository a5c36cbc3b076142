"""Ring 1 as after a restart, whatever its board: the guards over their pins, and the hello."""

from __future__ import annotations

from collections.abc import Mapping

from evse import __version__
from evse.config.load import guard_config_crc
from evse.config.station import StationConfig
from evse.guard.facts import Hardware, Timing
from evse.guard.guard import Guard
from evse.guard.host import GuardHost, Pins
from evse.model import BoardIdentity

LONGEST_NAME = 24
"""What a hello has room for (firmware_bridge/table.py)."""


def make_host(config: StationConfig, fitted: Mapping[int, Hardware], pins: Pins) -> GuardHost:
    """Guards that believe nothing yet. `fitted`: by EVSE."""
    guards = {table.id: Guard(fitted[table.id], Timing(**table.timing)) for table in config.evses}
    return GuardHost(guards, pins)


def make_identity(
    config: StationConfig, fitted: Mapping[int, Hardware], board: str, boot_id: int
) -> BoardIdentity:
    """The hello of `board`. What not every EVSE can do is not declared."""
    capabilities = fitted[config.evses[0].id].capabilities()
    for hardware in fitted.values():
        capabilities &= hardware.capabilities()
    return BoardIdentity(
        board=board[:LONGEST_NAME],
        firmware=f"pievse {__version__}"[:LONGEST_NAME],
        boot_id=boot_id,
        capabilities=capabilities,
        config_crc=guard_config_crc(config),
        evses=len(config.evses),
    )
