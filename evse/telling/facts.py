"""What is told of each EVSE beside its session: its hardware, its readiness, the car. Pure.

Everything is told at the start and then on change alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from evse.config.evse import EvseTable
from evse.config.station import StationConfig
from evse.model import Capability
from evse.ports import Publisher
from evse.session.capabilities import hardware_capabilities
from evse.session.session import Session
from evse.session.vehicle import Vehicle
from evse.types.session import SessionEventEnum

Ask = Callable[[str, dict[str, Any], Callable[[Any], None]], None]
"""Calls a method of a provider; the last argument takes its result, or the exception."""


class Facts:
    """The hardware and the cars of a station."""

    def __init__(self, config: StationConfig, publish: Publisher) -> None:
        self._publish = publish
        self._hardware: dict[int, tuple[Capability | None, float | None]] = {}
        self._ready: dict[int, bool] = {}
        self.vehicles: dict[int, Vehicle] = {}
        self.ask: Ask = _nobody
        """Set by the owner of the door."""
        self.on_reset: Callable[[int], None] = lambda _evse: None
        """Called with an EVSE when a session of it begins or ends: another car may come."""
        for table in config.evses:
            self.vehicles[table.id] = Vehicle(partial(self._tell, table.id))
            self._tell_hardware(table, None, None)
            self._tell_ready(table.id, ready=False)

    def heard(self, evse: int, event: SessionEventEnum) -> None:
        """An event of a session, as it is emitted."""
        if self.vehicles[evse].heard(event):
            self.on_reset(evse)

    def note(self, evse: int, session: Session, board: Capability | None) -> None:
        """`board`: what it declared when it answered last; None before."""
        if session.board.is_lost:
            board = None
        self._tell_hardware(session.config, board, _derated_a(session))
        self._tell_ready(evse, ready=session.state != "booting")
        self.vehicles[evse].plug(session.board.plugged)

    def lose_provider(self) -> None:
        """Nobody speaks with the cars any more."""
        for vehicle in self.vehicles.values():
            vehicle.lose_provider()

    def _tell_hardware(
        self, table: EvseTable, board: Capability | None, rating_a: float | None
    ) -> None:
        if self._hardware.get(table.id, ()) != (board, rating_a):
            self._hardware[table.id] = (board, rating_a)
            self._tell(table.id, "hw_capabilities", hardware_capabilities(table, board, rating_a))

    def _tell_ready(self, evse: int, *, ready: bool) -> None:
        """Once it has booted it stays so: what ails it later is a fault."""
        if self._ready.get(evse) is None or (ready and not self._ready[evse]):
            self._ready[evse] = ready
            self._tell(evse, "ready", ready)

    def _tell(self, evse: int, variable: str, value: Any) -> None:
        self._publish(f"evse_manager.{variable}", evse, value)


def _nobody(method: str, _params: dict[str, Any], reply: Callable[[Any], None]) -> None:
    reply(ConnectionError(f"nobody provides {method}"))


def _derated_a(session: Session) -> float | None:
    return session.offer.derated_a
