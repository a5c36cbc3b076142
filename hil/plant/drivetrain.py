"""The car's side of a plugged cable: S2, the charger's current and the battery.

Decisions follow from what the car sees (duty, voltage) and wants; each new decision makes a
schedule of (time, S2, current) steps, so that between steps nothing changes.
"""

from __future__ import annotations

from evse.model import F_BP
from hil.plant.energy import Battery
from hil.plant.ev import Ev
from hil.plant.model import NEVER_MS
from hil.plant.pilot import ev_offer_ma

STEP_MS = 100
"""Between two steps of a ramp."""


class Drivetrain:
    """One car from plug to unplug. `s2` and `current_ma` are what it does to the outside."""

    def __init__(self, ev: Ev, now_ms: int) -> None:
        self.ev = ev
        self.s2 = not ev.behaviour.has_s2
        self.current_ma = 0
        self.paused = False
        self.awake = not ev.behaviour.asleep
        self.battery = (
            Battery(now_ms, ev.battery_wh, ev.soc_percent, taper=ev.taper)
            if ev.battery_wh is not None
            else None
        )
        self._offer_ma = 0
        self._live = False
        self._goal = (self.s2, 0)
        self._steps: list[tuple[int, bool, int]] = []
        self._wake_due_ms = NEVER_MS
        self.due_ms = NEVER_MS

    def see(self, now_ms: int, duty_bp: int | None, *, live: bool) -> None:
        """What the inlet shows from now on: duty (None: no pilot), and whether there is voltage."""
        behaviour = self.ev.behaviour
        if not self.awake:
            pulse = duty_bp is None or duty_bp == F_BP
            pending_ms = min(self._wake_due_ms, now_ms + behaviour.wake_ms)
            self._wake_due_ms = pending_ms if pulse else NEVER_MS
        offer_ma = ev_offer_ma(duty_bp) if duty_bp is not None else 0
        if offer_ma or behaviour.heeds_stop:
            self._offer_ma = offer_ma
        self._live = live
        if not live and self.current_ma:
            self.current_ma = 0
            self._steps = [(at_ms, s2, 0) for at_ms, s2, _ in self._steps]
        self.plan(now_ms)

    def charged(self, now_ms: int, power_uw: int) -> None:
        """This power flows into the car from now on."""
        if self.battery:
            self.battery.change(now_ms, power_uw)
            self._rearm()

    def plan(self, now_ms: int) -> None:
        """Decide anew; keeps the running schedule where the decision stays the same."""
        goal = self._decide()
        if goal != self._goal:
            self._steps = self._schedule(now_ms, *goal)
            self._goal = goal
        self._rearm()

    def _decide(self) -> tuple[bool, int]:
        behaviour = self.ev.behaviour
        full = self.battery is not None and self.battery.full
        wants = self.awake and not self.paused and not full
        offered = self._offer_ma > 0 or not behaviour.heeds_offer
        s2 = (wants and offered) or not behaviour.has_s2
        flows = wants and offered and self.s2 and self._live
        return s2, self._wanted_ma() if flows else 0

    def _wanted_ma(self) -> int:
        behaviour = self.ev.behaviour
        wanted_ma = min(self.ev.draw_ma, behaviour.cap_ma)
        if behaviour.heeds_offer:
            share_ma = self._offer_ma * behaviour.over_percent // 100
            if behaviour.over_percent > 100:
                return share_ma
            wanted_ma = min(wanted_ma, share_ma, self.ev.cable_a * 1000)
        if self.battery:
            wanted_ma = min(wanted_ma, self.ev.draw_ma * self.battery.share_percent // 100)
        return wanted_ma

    def _schedule(self, now_ms: int, s2: bool, target_ma: int) -> list[tuple[int, bool, int]]:
        behaviour = self.ev.behaviour
        if s2 and not self.s2:
            return [(now_ms + behaviour.s2_close_ms, True, 0)]
        stops = target_ma == 0
        at_ms = now_ms + (behaviour.stop_react_ms if stops else behaviour.react_ms)
        if self._steps and self._steps[0][1] == self.s2:
            # A ramp that runs already takes the new aim at its next step: reaction is not undone.
            at_ms = min(at_ms, self._steps[0][0])
        step_ma = behaviour.stop_step_ma if stops else behaviour.step_ma
        steps, current_ma = [], self.current_ma
        while current_ma != target_ma:
            gap_ma = target_ma - current_ma
            current_ma += max(-step_ma, min(step_ma, gap_ma))
            steps.append((at_ms, self.s2, current_ma))
            at_ms += STEP_MS
        if self.s2 and not s2:
            steps.append((at_ms + behaviour.s2_open_ms, False, 0))
        return steps

    def fire(self, now_ms: int) -> None:
        """Do what is due: wake up, pass a step of the battery, take the next step."""
        if now_ms >= self._wake_due_ms:
            self.awake = True
            self._wake_due_ms = NEVER_MS
        if self.battery and now_ms >= self.battery.due_ms:
            self.battery.fire(now_ms)
        if self._steps and now_ms >= self._steps[0][0]:
            _, self.s2, self.current_ma = self._steps.pop(0)
        self.plan(now_ms)

    def _rearm(self) -> None:
        step_ms = self._steps[0][0] if self._steps else NEVER_MS
        battery_ms = self.battery.due_ms if self.battery else NEVER_MS
        self.due_ms = min(step_ms, battery_ms, self._wake_due_ms)
