"""The board's measurements of a simulated station, as ring 1 sends them about once a second."""

from __future__ import annotations

from collections.abc import Mapping

from evse.core import Core
from evse.guard.host import analog
from hil.plant import adapter
from hil.plant.plant import Plant

ANALOG_MS = 1_000
"""Pace of firmware_bridge's ANALOG message."""


class SimAnalog:
    """Tells the core what the pins measure, while ring 1 lives and the link carries."""

    def __init__(self, plants: Mapping[int, Plant], now_ms: int, pace_ms: int = ANALOG_MS) -> None:
        """`pace_ms` below 5000: then the core counts a sensor as lost."""
        self._plants = plants
        self._pace_ms = pace_ms
        self.next_deadline_ms = now_ms + pace_ms

    def poll(self, core: Core | None, now_ms: int, *, alive: bool) -> None:
        if now_ms < self.next_deadline_ms:
            return
        self.next_deadline_ms = now_ms - now_ms % self._pace_ms + self._pace_ms
        if core is None or not alive:
            return
        for evse, plant in self._plants.items():
            if not core.sessions[evse].board.is_lost:
                core.on_analog(evse, analog(adapter.inputs(plant.sense(now_ms))))
