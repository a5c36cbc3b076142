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
from evse.guard.recorder import MAX_RECORDS, MAX_RECORDS_IN_ALL, FlightRecorder
from evse.guard.state import GuardState
from evse.model import X1_BP, BoardAnalog, BoardStatus, CommandStatus, CommandVerb, Permit
from evse.panel import Indicator, Sound

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

    @property
    def next_deadline_ms(self) -> int | None:
        """When they want to be read though nothing outside has changed; None: never."""


class Panel(Protocol):
    """What a person sees and hears of an EVSE; nothing of it decides anything."""

    def show(self, evse: int, indicator: Indicator, now_ms: int) -> None:
        """Called every period: the light of this EVSE belongs to `indicator`."""

    def sound(self, evse: int, sound: Sound, now_ms: int) -> bool:
        """Say it once; False where there is nothing to say it with."""


_SOUNDS = {
    CommandVerb.SOUND_ACCEPTED: Sound.ACCEPTED,
    CommandVerb.SOUND_REJECTED: Sound.REJECTED,
}


def analog(inputs: Inputs) -> BoardAnalog:
    """The measurements behind one reading of the pins."""
    sample = inputs.sample
    return BoardAnalog(
        hi_mv=0 if sample is None else sample.hi_mv,
        lo_mv=0 if sample is None or sample.lo_mv is None else sample.lo_mv,
        temperature_dc=inputs.temperature_dc,
        supply_12v_mv=inputs.supply_12v_mv,
        supply_minus_12v_mv=inputs.supply_minus_12v_mv,
        current_ma=inputs.current_ma,
    )


class GuardHost:
    """The guards of one board over its pins."""

    def __init__(self, guards: Mapping[int, Guard], pins: Pins) -> None:
        self.guards = dict(guards)
        self.recorders: dict[int, FlightRecorder] = {}
        self._pins = pins
        self.panel: Panel | None = None
        self.inputs: dict[int, Inputs] = {}
        """What the pins last said."""

    def record(self) -> None:
        """Keep each guard's last minute in memory. Before anything is told to them."""
        each = min(MAX_RECORDS, MAX_RECORDS_IN_ALL // max(1, len(self.guards)))
        self.recorders = {
            evse: FlightRecorder(guard.hardware, guard.timing, max_records=each)
            for evse, guard in self.guards.items()
        }

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
        if verb in _SOUNDS:
            heard = self.panel is not None and self.panel.sound(evse, _SOUNDS[verb], now_ms)
            return CommandStatus.DONE if heard else CommandStatus.UNKNOWN
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
            inputs = self.inputs[evse] = self._pins.read(evse, now_ms)
            outputs = guard.step(now_ms, inputs)
            self._pins.write(evse, outputs, now_ms)
            if recorder := self.recorders.get(evse):
                recorder.step(now_ms, inputs, guard.state, outputs)
            if self.panel is not None:
                self.panel.show(evse, _indicator(guard.state), now_ms)
            found[evse] = guard.status()
        return found

    def make_safe(self, now_ms: int) -> None:
        """Drive SAFE on every EVSE."""
        for evse in self.guards:
            self._pins.write(evse, SAFE, now_ms)

    @property
    def next_deadline_ms(self) -> int | None:
        """When a guard must step though none of its inputs changed."""
        guards = (guard.next_deadline_ms for guard in self.guards.values())
        return earliest(*guards, self._pins.next_deadline_ms)


def _indicator(state: GuardState) -> Indicator:
    return state.permit.indicator if state.live else Indicator.NO_CORE
