"""The world around a station of real processes: its cars, its mains, and what breaks."""

from __future__ import annotations

from typing import Any

from hil.bench.bench import Process
from hil.bench.proc_probe import plant_state
from hil.bench.proc_rig import ProcRig
from hil.errors import BenchRefused, DutRefused
from hil.plant.faults import FAULTS


class ProcEv:
    """hil.bench.Ev at the plant's door."""

    def __init__(self, rig: ProcRig, evse: int) -> None:
        self._rig = rig
        self._evse = evse

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
        try:
            self._do(
                "plug_in",
                cable_a=cable_a,
                draw={"amps": draw_a, "phases": phases},
                variant=variant,
                delay_s=delay_s,
                battery_wh=battery_wh,
            )
        except DutRefused as error:
            raise BenchRefused(str(error)) from error

    def unplug(self) -> None:
        self._do("plug_out")

    def pull_at_station(self) -> None:
        self._do("pull_plug")

    def pause(self) -> None:
        self._do("ev_pause")

    def resume(self) -> None:
        self._do("ev_resume")

    def request_ventilation(self, wanted: bool = True) -> None:
        self._do("ventilation", wanted=wanted)

    def _do(self, act: str, **params: Any) -> None:
        self._rig.ask_plant(f"sim.{act}", evse=self._evse, **params)


class ProcMains:
    """hil.bench.Mains."""

    def __init__(self, rig: ProcRig) -> None:
        self._rig = rig

    def on(self) -> None:
        self._lost(False)

    def off(self) -> None:
        self._lost(True)

    def set_voltage(self, voltage_v: float, phase: int | None = None) -> None:
        for table in self._rig.config.evses:
            self._rig.ask_plant("sim.set_voltage", evse=table.id, voltage_v=voltage_v, phase=phase)

    def cut(self) -> None:
        self._rig.power_off()

    def restore(self) -> None:
        self._rig.power_on()

    def _lost(self, lost: bool) -> None:
        for table in self._rig.config.evses:
            self._rig.ask_plant("sim.set_fault", evse=table.id, fault="mains_lost", active=lost)


class ProcFaults:
    """hil.bench.Faults. The wire and the disk can not be had from outside: needs virtual time."""

    def __init__(self, rig: ProcRig, evse: int) -> None:
        self._rig = rig
        self._evse = evse

    def set(self, name: str) -> None:
        self._rig.ask_plant("sim.set_fault", evse=self._evse, fault=name, active=True)

    def clear(self, name: str) -> None:
        self._rig.ask_plant("sim.set_fault", evse=self._evse, fault=name, active=False)

    def clear_all(self) -> None:
        for name in FAULTS:
            if name != "power_cut":
                self.clear(name)
        for name in plant_state(self._rig, self._evse).board_faults:
            self.board_fault(name, False)
        self.residual_ma(0.0)

    def active(self) -> frozenset[str]:
        return frozenset(plant_state(self._rig, self._evse).faults)

    def board_fault(self, name: str, active: bool = True) -> None:
        self._rig.ask_plant("sim.board_fault", evse=self._evse, fault=name, active=active)

    def residual_ma(self, residual_ma: float) -> None:
        self._rig.ask_plant("sim.set_residual", evse=self._evse, residual_ma=residual_ma)

    def kill(self, process: Process) -> None:
        self._check(process)
        self._rig.power_off(process.value)

    def restart(self, process: Process) -> None:
        self._check(process)
        self._rig.power_on(process.value)

    def cut_link(self) -> None:
        raise BenchRefused("the board's pty has no switch: kill the guard instead")

    def mend_link(self) -> None:
        raise BenchRefused("the board's pty has no switch: restart the guard instead")

    def stall_disk(self, stalled: bool) -> None:
        raise BenchRefused(f"a disk can not be told to stall ({stalled}) from outside a process")

    def _check(self, process: Process) -> None:
        if process is Process.OCPP and self._rig.config.ocpp is None:
            raise BenchRefused("this station has no back office, so no OCPP process")
