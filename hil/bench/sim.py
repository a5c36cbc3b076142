"""The bench in virtual time: a whole station in one process, exactly repeatable by its seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from evse.types.session import Limits, SessionEvent
from hil.bench.bench import Bench, BenchCapability, Heard, Metal, Process
from hil.bench.station import StationSetup
from hil.errors import BenchRefused, BenchTimeout, DutRefused, PlugError
from hil.plant.faults import FAULTS
from hil.plant.model import Violation
from hil.plant.plant import Plant
from hil.sim.simulation import Simulation
from hil.sim.station import LocalPeer, SimStation
from hil.trace import Lane, Trace

ANSWER_S = 60.0
"""How long a call may wait for its answer."""
SESSION_EVENT = "evse_manager.session_event"
_STATION_WIDE = ("auth_token_provider.", "journal.", "subscribe", "provide")
"""Methods that name no EVSE."""


class SimRig:
    """What all EVSEs of a simulated bench share."""

    def __init__(self, setup: StationSetup, seed: int, *, frames: bool) -> None:
        self.sim = Simulation(setup.config(), seed=seed, frames=frames)
        self.heard: list[Heard] = []
        self.peer: LocalPeer | None = None
        self.power = True
        self.sim.on_core.append(self._attach)
        assert self.sim.station is not None, "a simulation starts with a core"
        self._attach(self.sim.station)

    def _attach(self, station: SimStation) -> None:
        """A core came up: follow its events from where the last one was heard."""
        self.peer = LocalPeer(station.hub)
        self.peer.on_notification = self._told
        last_seq = self.heard[-1].seq if self.heard else 0
        self.peer.ask("subscribe", {"variable": SESSION_EVENT, "from_seq": last_seq + 1})

    def _told(self, variable: str, params: dict[str, Any]) -> None:
        if variable == SESSION_EVENT:
            event = msgspec.convert(params["value"], SessionEvent)
            self.heard.append(Heard(params["seq"], params["evse"], self.sim.now_ms, event))

    @contextmanager
    def by_hand(self) -> Iterator[Simulation]:
        """Something is done to the station from outside: everybody looks again afterwards."""
        yield self.sim
        self.sim.wake()

    def kill_core(self) -> None:
        self.peer = None
        self.sim.kill_core()

    def start_core(self) -> None:
        if self.sim.station is None and self.power:
            self.sim.start_core()

    def start_guard(self) -> None:
        if self.sim.guard is None and self.power:
            self.sim.start_guard()


class SimEv:
    """hil.bench.Ev on a plant's car."""

    def __init__(self, rig: SimRig, plant: Plant) -> None:
        self._rig = rig
        self._car = plant.car

    def plug(
        self,
        *,
        cable_a: int = 32,
        draw_a: float = 16.0,
        phases: int = 3,
        variant: str = "normal",
        delay_s: float = 0.0,
        battery_wh: float | None = None,
    ) -> None:
        with self._rig.by_hand():
            try:
                self._car.plug(
                    cable_a,
                    draw_a,
                    phases,
                    variant,
                    delay_ms=round(delay_s * 1000),
                    battery_wh=battery_wh,
                )
            except PlugError as error:
                raise BenchRefused(str(error)) from error

    def unplug(self) -> None:
        with self._rig.by_hand():
            self._car.unplug()

    def pull_at_station(self) -> None:
        with self._rig.by_hand():
            self._car.pull_at_station()

    def pause(self) -> None:
        with self._rig.by_hand():
            self._car.pause()

    def resume(self) -> None:
        with self._rig.by_hand():
            self._car.resume()

    def request_ventilation(self, wanted: bool = True) -> None:
        with self._rig.by_hand():
            self._car.request_ventilation(wanted)


class SimMains:
    """hil.bench.Mains."""

    def __init__(self, rig: SimRig) -> None:
        self._rig = rig

    def on(self) -> None:
        self._all("mains_lost", False)

    def off(self) -> None:
        self._all("mains_lost", True)

    def set_voltage(self, voltage_v: float, phase: int | None = None) -> None:
        with self._rig.by_hand() as sim:
            for plant in sim.plants.values():
                plant.set_voltage_v(voltage_v, phase)

    def cut(self) -> None:
        self._all("power_cut", True)
        with self._rig.by_hand() as sim:
            self._rig.power = False
            self._rig.kill_core()
            sim.kill_guard()

    def restore(self) -> None:
        if self._rig.power:
            return
        self._rig.power = True
        self._all("power_cut", False)
        with self._rig.by_hand() as sim:
            sim.boot += 1
            self._rig.start_guard()
            self._rig.start_core()

    def _all(self, fault: str, active: bool) -> None:
        with self._rig.by_hand() as sim:
            for plant in sim.plants.values():
                plant.set_fault(fault, active)


class SimFaults:
    """hil.bench.Faults."""

    def __init__(self, rig: SimRig, plant: Plant) -> None:
        self._rig = rig
        self._plant = plant

    def set(self, name: str) -> None:
        with self._rig.by_hand():
            self._plant.set_fault(name, True)

    def clear(self, name: str) -> None:
        with self._rig.by_hand():
            self._plant.set_fault(name, False)

    def clear_all(self) -> None:
        for name in FAULTS:
            if name != "power_cut":
                self.clear(name)
        self.residual_ma(0.0)

    def active(self) -> frozenset[str]:
        return self._plant.faults

    def residual_ma(self, residual_ma: float) -> None:
        with self._rig.by_hand():
            self._plant.set_residual_ma(residual_ma)

    def kill(self, process: Process) -> None:
        with self._rig.by_hand() as sim:
            if process is Process.CORE:
                self._rig.kill_core()
            elif process is Process.GUARD:
                sim.kill_guard()
            else:
                raise BenchRefused("no OCPP process on this bench")

    def restart(self, process: Process) -> None:
        with self._rig.by_hand():
            if process is Process.CORE:
                self._rig.start_core()
            elif process is Process.GUARD:
                self._rig.start_guard()
            else:
                raise BenchRefused("no OCPP process on this bench")

    def cut_link(self) -> None:
        with self._rig.by_hand() as sim:
            sim.cut_link(True)

    def mend_link(self) -> None:
        with self._rig.by_hand() as sim:
            sim.cut_link(False)

    def stall_disk(self, stalled: bool) -> None:
        with self._rig.by_hand() as sim:
            if sim.station is None:
                raise BenchRefused("there is no core whose disk could stall")
            sim.station.storage.stalled = True
            if not stalled:
                sim.station.storage.resume()


class SimProbe:
    """hil.bench.Probe."""

    def __init__(self, rig: SimRig, plant: Plant) -> None:
        self._rig = rig
        self._plant = plant

    def metal(self) -> Metal:
        plant, now_ms = self._plant, self._rig.sim.now_ms
        trace, evse = self._rig.sim.trace, plant.evse
        return Metal(
            t_ms=now_ms,
            closed=plant.energised,
            coil=plant.driven.coil,
            duty_bp=plant.driven.duty_bp,
            pilot_mv=int(trace.at(Lane.PILOT, now_ms, evse) or 0),
            lock=str(trace.at(Lane.LOCK, now_ms, evse) or "none"),
            plugged=plant.car.contact,
            cable_in=plant.car.cable_a > 0,
            current_a=plant.current_a,
            energy_wh=plant.meter(now_ms).energy_import_wh,
        )

    def trace(self) -> Trace:
        return self._rig.sim.trace

    def first_ms(self, lane: Lane, value: int | str, since_ms: int = 0) -> int | None:
        return self._rig.sim.trace.first(lane, value, since_ms, self._plant.evse)

    def violations(self) -> list[Violation]:
        return list(self._plant.violations)

    def state(self) -> str:
        station = self._rig.sim.station
        return "no core" if station is None else station.core.sessions[self._plant.evse].state

    def events(self, since_seq: int = 0) -> list[Heard]:
        evse = self._plant.evse
        return [h for h in self._rig.heard if h.seq > since_seq and h.evse == evse]

    def limits(self) -> Limits | None:
        value = self._variable("evse_manager.limits")
        return None if value is None else msgspec.convert(value, Limits)

    def meter_wh(self) -> float | None:
        value = self._variable("evse_manager.powermeter")
        return None if value is None else float(value["energy_Wh_import"]["total"])

    def why(self) -> str:
        return str(self._peer().ask("sys.why", {"evse": self._plant.evse}))

    def _variable(self, variable: str) -> Any:
        return self._peer().ask("get", {"variable": variable, "evse": self._plant.evse})

    def _peer(self) -> LocalPeer:
        if self._rig.peer is None:
            raise BenchRefused("there is no core to ask")
        return self._rig.peer


class SimDut:
    """hil.bench.Dut."""

    def __init__(self, rig: SimRig, clock: SimBenchClock, evse: int) -> None:
        self._rig = rig
        self._clock = clock
        self._evse = evse

    def call(self, method: str, **params: Any) -> Any:
        peer = self._rig.peer
        if peer is None:
            raise BenchRefused(f"{method}: there is no core to ask")
        if not method.startswith(_STATION_WIDE):
            params.setdefault("evse", self._evse)
        answers: list[tuple[Any, Any]] = []
        with self._rig.by_hand():
            peer.call(method, params, lambda result, error: answers.append((result, error)))
        if not answers:
            self._clock.run_until(lambda: answers, within=ANSWER_S, what=f"an answer to {method}")
        result, error = answers[0]
        if error is not None:
            raise DutRefused(method, error)
        return result

    def swipe(self, token: str) -> str:
        provided = {
            "id_token": {"value": token, "type": "ISO14443"},
            "authorization_type": "RFID",
            "connectors": [self._evse],
        }
        return str(self.call("auth_token_provider.present", token=provided))

    def restart(self) -> None:
        with self._rig.by_hand() as sim:
            self._rig.kill_core()
            sim.kill_guard()
            self._rig.start_guard()
            self._rig.start_core()


class SimBenchClock:
    """hil.bench.BenchClock: time jumps."""

    def __init__(self, rig: SimRig) -> None:
        self._sim = rig.sim

    def now_ms(self) -> int:
        return self._sim.now_ms

    def run_for(self, span_s: float) -> None:
        self._sim.run_for(round(span_s * 1000))

    def run_until(self, condition: Callable[[], object], *, within: float, what: str = "") -> float:
        try:
            took_ms = self._sim.run_until(lambda: bool(condition()), within_ms=round(within * 1000))
        except TimeoutError as error:
            raise BenchTimeout(f"{what or 'it'}: {error}") from error
        return took_ms / 1000


class SimBench:
    """hil.bench.Bench on a Simulation. `frames` carries every byte of the link for real."""

    capabilities = frozenset(BenchCapability) - {BenchCapability.KILL_OCPP}
    tolerance_s = 0.0

    def __init__(
        self, setup: StationSetup | None = None, *, seed: int = 1, frames: bool = False
    ) -> None:
        rig = SimRig(setup or StationSetup(), seed, frames=frames)
        self._bind(rig, 1)

    def _bind(self, rig: SimRig, evse: int) -> None:
        plant = rig.sim.plants[evse]
        self.rig = rig
        self.evse = evse
        self.ev = SimEv(rig, plant)
        self.mains = SimMains(rig)
        self.faults = SimFaults(rig, plant)
        self.probe = SimProbe(rig, plant)
        self.clock = SimBenchClock(rig)
        self.dut = SimDut(rig, self.clock, evse)

    @property
    def evses(self) -> tuple[int, ...]:
        return tuple(self.rig.sim.plants)

    @property
    def seed(self) -> int:
        return self.rig.sim.seed

    def at(self, evse: int) -> Bench:
        if evse not in self.rig.sim.plants:
            raise BenchRefused(f"evse {evse} is not here: one of {list(self.evses)}")
        other = SimBench.__new__(SimBench)
        other._bind(self.rig, evse)
        return other

    def close(self) -> None:
        """Nothing outlives a simulation but its database, which is in memory."""
        self.rig.sim.database.close()
