"""The world around a simulated station: its cars, its mains, and what breaks."""

from __future__ import annotations

from hil.bench.bench import Process
from hil.bench.sim_rig import SimRig
from hil.errors import BenchRefused, PlugError
from hil.plant.faults import FAULTS
from hil.plant.plant import Plant


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
        for fault in (*self._plant.board_faults, *self._plant.wiring):
            self.board_fault(str(fault.name), False)
        self.residual_ma(0.0)

    def active(self) -> frozenset[str]:
        return self._plant.faults

    def board_fault(self, name: str, active: bool = True) -> None:
        with self._rig.by_hand():
            self._plant.set_board_fault(name, active)

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
