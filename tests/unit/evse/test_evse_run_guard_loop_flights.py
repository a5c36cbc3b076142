"""The guard's loop tells the flight recorder of each life of ring 1, and that it overslept."""

from __future__ import annotations

from pathlib import Path

from flight_rig import HARDWARE

from evse.clock import VirtualClock
from evse.guard.facts import Timing
from evse.guard.flight_read import Recorded, read
from evse.guard.guard import Guard
from evse.guard.host import PERIOD_MS, GuardHost
from evse.guard.recorder import Cause
from evse.guard.replay import replay
from evse.model import BoardIdentity, Capability, LockTarget, Permit
from evse.run.flight import DIRECTORY, FlightWriter, by_age
from evse.run.guard_loop import GuardLoop
from hil.plant.model import PlantConfig
from hil.plant.plant import Plant
from hil.plant.virtual_board import PlantPins


class Pins(PlantPins):
    def flush(self) -> None:
        pass


class SilentPort:
    """A core that says nothing."""

    def read(self, limit: int) -> bytes:
        return b""

    def write(self, data: bytes) -> int:
        return len(data)

    def close(self) -> None:
        pass


class Rig:
    def __init__(self, run_dir: Path) -> None:
        self.plant = Plant(PlantConfig(socket=True, lock=True), seed=7)
        pins = Pins({1: self.plant})
        self.clock = VirtualClock()
        self.flights = FlightWriter(run_dir, self.clock)
        self.loop = GuardLoop(
            lambda: GuardHost({1: Guard(HARDWARE, Timing())}, pins),
            lambda boot_id: BoardIdentity("b", "f", boot_id, Capability(0), 0, 1),
            pins,
            SilentPort(),
            flights=self.flights,
        )
        self.directory = run_dir / DIRECTORY
        self.now_ms = 0
        self.permit = Permit(0, False, 10_000)

    def run(self, span_ms: int) -> None:
        for _ in range(span_ms // PERIOD_MS):
            self.now_ms += PERIOD_MS
            self.clock.advance_to(self.now_ms)
            self.plant.advance(self.now_ms)
            if self.now_ms % 100 == 0:
                p = self.permit
                self.permit = Permit(p.seq + 1, p.close, p.duty_bp, p.lock)
                self.loop.host.permit(1, self.permit, self.now_ms)
            self.loop.turn(self.now_ms)

    def flight(self) -> Recorded:
        (path,) = by_age(self.directory)
        return read(path.read_bytes())


def test_a_loop_that_overslept_leaves_the_life_before_and_begins_another(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.run(3_000)
    rig.plant.car.plug(cable_a=32)
    rig.permit = Permit(rig.permit.seq, True, 2_666, LockTarget.LOCK)
    rig.run(6_000)
    assert rig.loop.host.guards[1].state.coil
    first_host, last_ms = rig.loop.host, rig.now_ms
    rig.now_ms += 900
    rig.clock.advance_to(rig.now_ms)
    rig.loop._begin_anew(rig.now_ms, 900)
    assert rig.loop.host is not first_host
    rig.run(2_000)
    flight = rig.flight()
    assert (flight.header.trigger.cause, flight.header.trigger.detail) == (
        Cause.OVERSLEPT,
        "900 ms",
    )
    assert flight.records[-1].now_ms == last_ms
    assert flight.records[-1].outputs.coil
    assert all(not period.differences for period in replay(flight))


def test_a_fault_is_written_while_the_loop_turns(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.run(3_000)
    rig.plant.set_fault("emergency_stop", True)
    rig.run(6_000)
    assert rig.flight().header.trigger.detail == "EMERGENCY_STOP"
