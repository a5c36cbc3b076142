"""One turn of ring 1 for all EVSEs of a board: read the pins, let each guard decide, drive them.

Responsibility: the same turn runs in the native guard process, in the virtual board and in
simulations. Pins that can not be read raise; the owner then drives SAFE and ends, and ring 0's
coil watchdog covers the moment between.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from evse.clock import earliest
from evse.guard.facts import Inputs, Outputs
from evse.guard.guard import Guard
from evse.guard.recorder import FlightRecorder
from evse.model import X1_BP, BoardStatus, CommandStatus, CommandVerb, Permit

PERIOD_MS = 10
"""The guard's period (DESIGN "Settled numbers")."""
SAFE = Outputs(coil=False, duty_bp=X1_BP)
"""What a board drives when nobody decides: no coil, no offer, lock and test off."""


class Pins(Protocol):
    """The wires of the EVSEs of one board."""

    def read(self, evse: int, now_ms: int) -> Inputs:
        """What the sensors say. Raises OSError when they can not be asked."""

    def write(self, evse: int, outputs: Outputs, now_ms: int) -> None:
        """Drive the outputs; each call also feeds the coil supply's watchdog."""


class GuardHost:
    """The guards of one board over its pins."""

    def __init__(self, guards: Mapping[int, Guard], pins: Pins, *, recorded: bool = False) -> None:
        """`recorded`: each guard's last minute is kept in memory."""
        self.guards = dict(guards)
        self.recorders = {
            evse: FlightRecorder(guard.hardware, guard.timing)
            for evse, guard in guards.items()
            if recorded
        }
        self._pins = pins

    def permit(self, evse: int, permit: Permit, now_ms: int) -> bool:
        """False for a stale permit or an EVSE that the board does not have."""
        guard = self.guards.get(evse)
        if guard is None or not guard.permit(permit, now_ms):
            return False
        if recorder := self.recorders.get(evse):
            recorder.permit(permit, now_ms)
        return True

    def command(self, evse: int, verb: CommandVerb, now_ms: int) -> CommandStatus:
        guard = self.guards.get(evse)
        if guard is None:
            return CommandStatus.UNKNOWN
        status = guard.command(verb, now_ms)
        if recorder := self.recorders.get(evse):
            recorder.command(verb, status, now_ms)
        return status

    def new_session(self) -> None:
        """Another host session: permit numbers start anew, leases run on or out."""
        for guard in self.guards.values():
            guard.permit_reset()

    def step(self, now_ms: int) -> dict[int, BoardStatus]:
        """One period of every guard."""
        found = {}
        for evse, guard in self.guards.items():
            inputs = self._pins.read(evse, now_ms)
            outputs = guard.step(now_ms, inputs)
            self._pins.write(evse, outputs, now_ms)
            if recorder := self.recorders.get(evse):
                recorder.step(now_ms, inputs, guard.state, outputs)
            found[evse] = guard.status()
        return found

    def make_safe(self, now_ms: int) -> None:
        """Drive SAFE on every EVSE."""
        for evse in self.guards:
            self._pins.write(evse, SAFE, now_ms)

    @property
    def next_deadline_ms(self) -> int | None:
        """When a guard must step though none of its inputs changed."""
        return earliest(*(guard.next_deadline_ms for guard in self.guards.values()))
