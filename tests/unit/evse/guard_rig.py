"""A guard on a bench of virtual time: a car, a contactor that follows, and a core with a pulse."""

from __future__ import annotations

from typing import Any

import msgspec

from evse.guard.guard import Guard, Hardware, Inputs, Outputs, Timing
from evse.model import BoardStatus, CommandStatus, CommandVerb, LockTarget, Permit
from evse.pilot import PilotSample, is_pwm

PERIOD_MS = 10
RENEWAL_MS = 100
LEVEL_MV = {
    "A": 12_000,
    "B": 9_000,
    "C": 6_000,
    "D": 3_000,
    "E": 0,
    "F": -12_000,
    "INVALID": -5_000,
}


class GuardRig:
    """`run` advances; the car's level, faults and the core's permit are attributes to set."""

    def __init__(self, hardware: Hardware | None = None, timing: Timing | None = None) -> None:
        self.guard = Guard(hardware or Hardware(), timing or Timing())
        self.now_ms = 0
        self.level: str | None = "A"
        self.diode = True
        self.mirror: bool | None = None
        """None: follows the coil after one period."""
        self.rcd: bool | None = None
        """None: follows the test output after one period."""
        self.readings: dict[str, Any] = {}
        self.alive = True
        """The core renews its permit every 100 ms."""
        self.close = False
        self.duty_bp = 10_000
        self.lock = LockTarget.KEEP
        self.phases = 3
        self.outputs = Outputs()
        self._seq = 0

    @property
    def status(self) -> BoardStatus:
        return self.guard.status()

    def renew(self) -> None:
        self._seq += 1
        permit = Permit(self._seq, self.close, self.duty_bp, self.lock, self.phases)
        self.guard.permit(permit, self.now_ms)

    def inputs(self) -> Inputs:
        plain = Inputs(
            sample=self._sample(),
            mirror_closed=self.outputs.coil if self.mirror is None else self.mirror,
            rcd_tripped=self.outputs.rcd_test if self.rcd is None else self.rcd,
            phase_feedback=self.outputs.phases == 3 if self.outputs.phases else None,
        )
        return msgspec.structs.replace(plain, **self.readings)

    def _sample(self) -> PilotSample | None:
        if self.level is None:
            return None
        hi_mv = LEVEL_MV[self.level]
        if not is_pwm(self.outputs.duty_bp):
            return PilotSample(hi_mv, hi_mv)
        return PilotSample(hi_mv, -12_000 if self.diode else -hi_mv)

    def step(self) -> Outputs:
        if self.alive and self.now_ms % RENEWAL_MS == 0:
            self.renew()
        self.outputs = self.guard.step(self.now_ms, self.inputs())
        self.now_ms += PERIOD_MS
        return self.outputs

    def run(self, span_ms: int) -> None:
        for _ in range(span_ms // PERIOD_MS):
            self.step()

    def until(self, wanted: str, within_ms: int) -> int:
        """Step until an attribute of the status is true; the time from now to that step."""
        start_ms = self.now_ms
        while self.now_ms - start_ms <= within_ms:
            self.step()
            if getattr(self.status, wanted):
                return self.now_ms - PERIOD_MS - start_ms
        raise AssertionError(f"{wanted} is not true after {within_ms} ms: {self.status}")

    def until_open(self, within_ms: int) -> int:
        """Step until the coil is off; the time from now to that step."""
        start_ms = self.now_ms
        while self.now_ms - start_ms <= within_ms:
            if not self.step().coil:
                return self.now_ms - PERIOD_MS - start_ms
        raise AssertionError(f"coil still on after {within_ms} ms: {self.status}")

    def plug_in(self) -> None:
        self.run(3_000)
        self.level = "B"
        self.run(3_000)

    def charge(self) -> None:
        """From nothing to a closed contactor at 16 A."""
        self.plug_in()
        self.close, self.duty_bp = True, 2_666
        self.run(1_000)
        self.level = "C"
        self.until("coil", 3_000)
        self.run(1_000)

    def command(self, verb: CommandVerb) -> CommandStatus:
        return self.guard.command(verb, self.now_ms)
