"""The bench over real processes in real time: what a kill, a hang or a torn byte really does.

Slower than the virtual bench and not repeatable to the byte: the operating system schedules. So
verdicts on times come from the plant's own stamps, with `tolerance_s` for the scheduling.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from evse.types.session import Limits
from hil.bench.bench import Bench, BenchCapability, Heard, Metal, Process
from hil.bench.proc_rig import POLL_S, ProcRig
from hil.bench.station import StationSetup
from hil.errors import BenchRefused, BenchTimeout, BenchTooSlow, DutRefused
from hil.plant.door import PlantState
from hil.plant.faults import FAULTS
from hil.plant.model import Violation
from hil.trace import Lane, Trace

ANSWER_S = 60.0
"""How long a call may wait for its answer."""
PATIENCE_S = 30.0
"""How long a test may wait in all, beside what it waits *for*."""
_STATION_WIDE = (
    "auth_token_provider.",
    "journal.",
    "ocpp.",
    "provide",
    "sim.power",
    "sim.swipe",
    "subscribe",
    "sys.state",
)
"""Methods that name no EVSE."""


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
        self.residual_ma(0.0)

    def active(self) -> frozenset[str]:
        return frozenset(_state(self._rig, self._evse).faults)

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


class ProcProbe:
    """hil.bench.Probe."""

    def __init__(self, rig: ProcRig, evse: int) -> None:
        self._rig = rig
        self._evse = evse

    def metal(self) -> Metal:
        state = _state(self._rig, self._evse)
        return Metal(
            t_ms=state.t_ms,
            closed=state.energised,
            coil=state.coil,
            duty_bp=state.duty_bp,
            pilot_mv=state.pilot_mv,
            lock=state.lock,
            plugged=state.plugged,
            cable_in=state.cable_in,
            current_a=state.current_a,
            energy_wh=state.energy_wh,
        )

    def trace(self) -> Trace:
        self._rig.ask_plant("sim.state")
        return self._rig.trace

    def first_ms(self, lane: Lane, value: int | str, since_ms: int = 0) -> int | None:
        return self.trace().first(lane, value, since_ms, self._evse)

    def violations(self) -> list[Violation]:
        return _state(self._rig, self._evse).violations

    def state(self) -> str:
        return self._rig.states()[self._evse]

    def events(self, since_seq: int = 0) -> list[Heard]:
        self._rig.hear_all()
        return [h for h in self._rig.heard if h.seq > since_seq and h.evse == self._evse]

    def limits(self) -> Limits | None:
        value = self._variable("evse_manager.limits")
        return None if value is None else msgspec.convert(value, Limits)

    def meter_wh(self) -> float | None:
        value = self._variable("evse_manager.powermeter")
        return None if value is None else float(value["energy_Wh_import"]["total"])

    def why(self) -> str:
        return str(self._rig.ask_core("sys.why", {"evse": self._evse}))

    def _variable(self, variable: str) -> Any:
        return self._rig.ask_core("get", {"variable": variable, "evse": self._evse})


class ProcDut:
    """hil.bench.Dut."""

    def __init__(self, rig: ProcRig, evse: int) -> None:
        self._rig = rig
        self._evse = evse

    def call(self, method: str, **params: Any) -> Any:
        if not method.startswith(_STATION_WIDE):
            params.setdefault("evse", self._evse)
        return self._rig.ask_core(method, params, within_s=ANSWER_S)

    def swipe(self, token: str) -> str:
        provided = {
            "id_token": {"value": token, "type": "ISO14443"},
            "authorization_type": "RFID",
            "connectors": [self._evse],
        }
        return str(self.call("auth_token_provider.present", token=provided))

    def restart(self) -> None:
        self._rig.power_off("core")
        self._rig.power_off("guard")
        self._rig.power_on("guard")
        self._rig.power_on("core")


class ProcBenchClock:
    """hil.bench.BenchClock: time passes by itself; here somebody waits for it."""

    def __init__(self, rig: ProcRig) -> None:
        self._rig = rig
        self._waited_s = 0.0

    def now_ms(self) -> int:
        return self._rig.clock.now_ms()

    def run_for(self, span_s: float) -> None:
        """Raises BenchTooSlow where that would make more than PATIENCE_S in all."""
        self._waited_s += span_s
        if self._waited_s > PATIENCE_S:
            raise BenchTooSlow(f"more than {PATIENCE_S:.0f} s of waiting: needs virtual_time")
        end_ms = self.now_ms() + round(span_s * 1000)
        while (left_ms := end_ms - self.now_ms()) > 0:
            self._rig.pump(left_ms / 1000)

    def run_until(self, condition: Callable[[], object], *, within: float, what: str = "") -> float:
        if within > PATIENCE_S:
            raise BenchTooSlow(f"waits up to {within:.0f} s for something: needs virtual_time")
        begin_ms = self.now_ms()
        end_ms = begin_ms + round((within + ProcBench.tolerance_s) * 1000)
        while not condition():
            if self.now_ms() >= end_ms:
                raise BenchTimeout(f"{what or 'it'}: not so within {within} s")
            self._rig.pump(POLL_S)
        return (self.now_ms() - begin_ms) / 1000


class ProcBench:
    """hil.bench.Bench on a ProcRig."""

    capabilities = frozenset(
        {
            BenchCapability.CAR_VARIANTS,
            BenchCapability.METAL_FAULTS,
            BenchCapability.METER_FAULTS,
            BenchCapability.MAINS_VOLTAGE,
            BenchCapability.KILL_CORE,
            BenchCapability.KILL_GUARD,
            BenchCapability.KILL_OCPP,
        }
    )
    tolerance_s = 0.25

    def __init__(
        self, setup: StationSetup | None = None, *, seed: int = 1, ocpp_url: str = ""
    ) -> None:
        """`seed` only names the run: real processes do not repeat one."""
        self.seed = seed
        self._bind(ProcRig(setup or StationSetup(), ocpp_url=ocpp_url), 1)

    def _bind(self, rig: ProcRig, evse: int) -> None:
        self.rig = rig
        self.evse = evse
        self.ev = ProcEv(rig, evse)
        self.mains = ProcMains(rig)
        self.faults = ProcFaults(rig, evse)
        self.probe = ProcProbe(rig, evse)
        self.clock = ProcBenchClock(rig)
        self.dut = ProcDut(rig, evse)

    @property
    def evses(self) -> tuple[int, ...]:
        return tuple(table.id for table in self.rig.config.evses)

    def at(self, evse: int) -> Bench:
        if evse not in self.evses:
            raise BenchRefused(f"evse {evse} is not here: one of {list(self.evses)}")
        other = ProcBench.__new__(ProcBench)
        other.seed = self.seed
        other._bind(self.rig, evse)
        return other

    def close(self) -> None:
        """End all processes."""
        self.rig.close()


def _state(rig: ProcRig, evse: int) -> PlantState:
    states = rig.ask_plant("sim.state")
    return msgspec.convert(states[str(evse)], PlantState)
