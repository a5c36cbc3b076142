"""A guard on the plant's pins with its recorder on, driven through a life, and what is kept."""

from __future__ import annotations

from collections.abc import Iterable

from evse.guard.facts import Hardware, Timing
from evse.guard.flight_file import FlightEncoder, Origin
from evse.guard.guard import Guard
from evse.guard.host import PERIOD_MS, GuardHost
from evse.guard.recorder import Cause, Flight
from evse.guard.rules import RULES, Rules
from evse.model import CommandVerb, LockTarget, Permit
from hil.plant.model import PlantConfig
from hil.plant.plant import Plant
from hil.plant.virtual_board import PlantPins

HARDWARE = Hardware(
    lock=True,
    socket=True,
    rcd=True,
    rcd_self_test=True,
    ventilation=False,
    fast_current=True,
    emergency_stop=True,
    temperature_trip_dc=800,
)
RENEWAL_MS = 100
ORIGIN = Origin(
    station="CP1",
    evse=1,
    boot="0badcafe",
    version="0",
    kernel="k",
    utc="2026-01-01T00:00:00.000Z",
    utc_at_ms=0,
)


class FlightRig:
    """`run` lives; the core's wish is an attribute to set."""

    def __init__(self, rules: Rules = RULES, *, start_ms: int = 0) -> None:
        self.plant = Plant(PlantConfig(socket=True, lock=True), seed=7, start_ms=start_ms)
        self.guard = Guard(HARDWARE, Timing(), rules)
        self.host = GuardHost({1: self.guard}, PlantPins({1: self.plant}))
        self.host.record()
        self.recorder = self.host.recorders[1]
        self.now_ms = start_ms
        self.alive = True
        self.close = False
        self.duty_bp = 10_000
        self.lock = LockTarget.KEEP
        self._seq = 0

    def run(self, span_ms: int) -> None:
        for _ in range(span_ms // PERIOD_MS):
            self.now_ms += PERIOD_MS
            self.plant.advance(self.now_ms)
            if self.alive and self.now_ms % RENEWAL_MS == 0:
                self.renew()
            self.host.step(self.now_ms)

    def renew(self) -> None:
        self._seq += 1
        permit = Permit(self._seq, self.close, self.duty_bp, self.lock)
        self.host.permit(1, permit, self.now_ms)

    def command(self, verb: CommandVerb) -> None:
        self.host.command(1, verb, self.now_ms)

    def charge(self) -> None:
        """From nothing to a closed contactor."""
        self.run(3_000)
        self.plant.car.plug(cable_a=32)
        self.lock = LockTarget.LOCK
        self.run(4_000)
        self.close, self.duty_bp = True, 2_666
        self.run(4_000)
        assert self.guard.state.coil, self.guard.status()

    def kept(self) -> Flight:
        """What is there now, asked for if nothing was wrong."""
        self.recorder.trigger(Cause.ASKED, "by the test", self.now_ms)
        flight = self.recorder.collect(self.now_ms, at_once=True)
        assert flight is not None
        return flight


def written(flight: Flight, origin: Origin = ORIGIN) -> bytes:
    """As a file."""
    return joined(FlightEncoder(flight, origin).lines())


def joined(lines: Iterable[bytes]) -> bytes:
    return b"".join(lines)
