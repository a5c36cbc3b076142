"""Ring 1 of a simulation: the virtual board, straight on the plants. The native one, which needs
gpiozero, is in native.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from evse.config.station import StationConfig
from evse.guard.host import GuardHost
from evse.model import BoardIdentity
from hil.plant.plant import Plant
from hil.plant.virtual_board import PlantPins, guard_host, identity


class SimBoard(Protocol):
    """What runs ring 1."""

    def start(self) -> GuardHost:
        """Ring 1 as after a start of its process."""

    def identity(self, boot_id: int) -> BoardIdentity: ...
    def died(self) -> None:
        """Its process is gone; the outputs are as the computer leaves them."""


class VirtualSimBoard:
    """Ring 1 straight on the plants."""

    def __init__(self, config: StationConfig, plants: Mapping[int, Plant]) -> None:
        self._config, self._plants = config, plants

    def start(self) -> GuardHost:
        return guard_host(self._config, PlantPins(self._plants))

    def identity(self, boot_id: int) -> BoardIdentity:
        return identity(self._config, boot_id)

    def died(self) -> None:
        """Outputs stay until ring 0's watchdog has had enough."""
