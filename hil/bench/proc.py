"""The bench over real processes in real time: what a kill, a hang or a torn byte really does.

Slower than the virtual bench and not repeatable to the byte: the operating system schedules. So
verdicts on times come from the plant's own stamps, with `tolerance_s` for the scheduling.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from hil.bench.asking import DoorDut
from hil.bench.bench import Bench, BenchCapability
from hil.bench.proc_probe import ProcProbe
from hil.bench.proc_rig import POLL_S, ProcRig
from hil.bench.proc_world import ProcEv, ProcFaults, ProcMains
from hil.bench.station import StationSetup
from hil.errors import BenchRefused, BenchTimeout, BenchTooSlow

ANSWER_S = 60.0
"""How long a call may wait for its answer."""
PATIENCE_S = 30.0
"""How long a test may wait in all, beside what it waits *for*."""


class ProcDut(DoorDut):
    """hil.bench.Dut."""

    def __init__(self, rig: ProcRig, evse: int) -> None:
        super().__init__(functools.partial(rig.ask_core, within_s=ANSWER_S), evse)
        self._rig = rig

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
            BenchCapability.BOARD_FLAGS,
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
