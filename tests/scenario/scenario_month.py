"""Weeks of a station that two households, a bad contractor and the weather share. Pure luck, but
for the seed: the same seed lives the same month.

Each person or misfortune is a generator that yields how many seconds it waits; `Neighbourhood`
gives them their turns in the order of virtual time.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Iterator

from scenario_invariants import COUNTERS, Excuses, FuseWatch, Watcher, unexcused
from scenario_steps import limit

from hil.bench.bench import Bench, Process
from hil.bench.sim import SimBench
from hil.bench.station import TOKENS, StationSetup
from hil.errors import BenchRefused, DutRefused
from hil.plant.faults import FAULTS

Life = Iterator[float]
"""Yields how many seconds it waits until its next turn."""

PACE_MS = 4_000
"""Of meter and board, slower than the product's, for time's sake: bills ask for a reading."""
SETUP = StationSetup(
    evses=2,
    authorization="list",
    max_current_a=32.0,
    default_a=None,
    fuse_a=40.0,
    phase_switch="both",
    meter_poll_ms=PACE_MS,
)
MINUTE_S, HOUR_S, DAY_S = 60.0, 3_600.0, 86_400.0
CARS = ("normal", "normal", "normal", "sleepy", "rude", "slow", "simplified", "bouncing")
BREAKS = sorted(set(FAULTS) - {"power_cut", "mains_lost"} - COUNTERS)
REST_S = 120.0
"""So long after everything was mended, every session is over."""
REASONS = ("Remote", "Local", "DeAuthorized", "Other")


class Neighbourhood:
    """One station and everybody who has to do with it. `counts` tells what happened how often."""

    def __init__(self, seed: int, setup: StationSetup = SETUP) -> None:
        self._rng = random.Random(seed)
        self.bench = SimBench(setup, seed=seed, analog_ms=PACE_MS)
        self.excuses = Excuses()
        self.watcher = Watcher(self.bench.rig, self.excuses)
        assert setup.fuse_a is not None
        self.fuse = FuseWatch(self.bench.rig, setup.fuse_a, self.excuses)
        self.bench.rig.sim.parts += [self.watcher, self.fuse]
        self.stalled = False
        self.forgot_ms: list[int] = []
        """When a core died with records that were not on disk."""
        self.broke: list[tuple[int, str, int, int]] = []
        """(EVSE, fault, from ms, to ms) of all that broke."""
        self.counts: dict[str, int] = {}
        self.begin_ms = self.bench.clock.now_ms()
        self._judged = dict.fromkeys(self.bench.evses, 0)
        """How many violations of each EVSE have been judged."""
        self.broken: list[str] = []
        """What must never be and was, in sentences."""
        self._agenda: list[tuple[int, int, Life]] = []
        self._order = itertools.count()
        self.bench.clock.run_for(5)
        for life in self._lives():
            self._come(life, 0.0)

    def _lives(self) -> Iterator[Life]:
        for evse in self.bench.evses:
            bench = self.bench.at(evse)
            yield self._customers(bench)
            yield self._wear(bench)
            yield self._operator(bench)
        yield self._mains()
        yield self._processes()
        yield self._cable()
        yield self._disk()

    def live(self, days: float) -> None:
        """Let so much time pass."""
        end_ms = self.bench.clock.now_ms() + round(days * DAY_S * 1000)
        while self._agenda[0][0] <= end_ms:
            at_ms, _, life = heapq.heappop(self._agenda)
            self._run_to(at_ms)
            wait_s = next(life, None)
            if wait_s is not None:
                self._come(life, wait_s)
        self._run_to(end_ms)

    def rest(self) -> None:
        """Everybody goes home and everything is mended."""
        bench = self.bench
        bench.mains.restore()
        bench.mains.on()
        bench.faults.restart(Process.GUARD)
        self._guard_lives()
        bench.faults.restart(Process.CORE)
        bench.faults.stall_disk(False)
        bench.faults.mend_link()
        for one in map(bench.at, bench.evses):
            one.faults.clear_all()
            for name in FAULTS:
                self.excuses.end(one.evse, name, one.clock.now_ms())
            one.ev.unplug()
            one.dut.call("evse_manager.cancel_reservation")
            one.dut.call("evse_manager.enable", connector_id=1)
        self._run_for(REST_S)

    def _run_to(self, at_ms: int) -> None:
        self._run_for((at_ms - self.bench.clock.now_ms()) / 1000)

    def _run_for(self, span_s: float) -> None:
        self.bench.clock.run_for(span_s)
        self._judge()

    def _judge(self) -> None:
        """At once: what excuses a violation is forgotten when the same breaks again."""
        self.broken += self.watcher.broken + self.fuse.broken
        self.watcher.broken.clear()
        self.fuse.broken.clear()
        for evse in self.bench.evses:
            found = self.bench.at(evse).probe.violations()[self._judged[evse] :]
            self._judged[evse] += len(found)
            self.broken += [f"evse {evse}: {words}" for words in unexcused(found, self.excuses)]

    def _come(self, life: Life, wait_s: float) -> None:
        at_ms = self.bench.clock.now_ms() + round(wait_s * 1000)
        heapq.heappush(self._agenda, (at_ms, next(self._order), life))

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    @property
    def _core_runs(self) -> bool:
        return self.bench.rig.peer is not None

    def _about(self, mean_s: float, at_least_s: float = 1.0) -> float:
        return at_least_s + self._rng.expovariate(1 / mean_s)

    def _one_in(self, n: int) -> bool:
        return self._rng.randrange(n) == 0

    # --- people -----------------------------------------------------------------------------------

    def _customers(self, bench: Bench) -> Life:
        while True:
            yield self._about(90 * MINUTE_S, 20.0)
            token = self._rng.choice(TOKENS)
            if self._one_in(3):
                self._swipe(bench, token)
                yield self._about(10.0)
            if not self._plug(bench):
                continue
            yield self._about(8.0)
            yield from self._pay(bench, token)
            yield from self._stay(bench)
            if self._one_in(2):
                self._swipe(bench, token)
                yield self._about(5.0)
            yield from self._leave(bench, token)

    def _plug(self, bench: Bench) -> bool:
        """False where the cable of the one before is still in."""
        rng = self._rng
        try:
            bench.ev.plug(
                cable_a=rng.choice((20, 32, 32, 63)),
                draw_a=rng.choice((6.0, 10.0, 13.0, 16.0, 16.0, 32.0)),
                phases=rng.choice((1, 3, 3)),
                variant=rng.choice(CARS),
                delay_s=rng.choice((0.0, 0.0, 3.0)),
                battery_wh=rng.choice((None, 10_000.0, 40_000.0, 77_000.0)),
            )
        except BenchRefused:
            self._count("turned away")
            return False
        self._count("cars")
        return True

    def _pay(self, bench: Bench, token: str) -> Life:
        """Tries until it charges, or for five minutes."""
        if self._one_in(8):
            self._swipe(bench, "STRANGER")
            yield self._about(5.0)
        if self._one_in(20):
            return
        for _ in range(5):
            state = bench.probe.state()
            if state == "waiting_auth":
                self._swipe(bench, token)
            elif state not in ("no core", "booting", "idle"):
                return
            yield self._about(60.0)

    def _stay(self, bench: Bench) -> Life:
        until_ms = bench.clock.now_ms() + round(self._about(4 * HOUR_S, 60.0) * 1000)
        while (left_s := (until_ms - bench.clock.now_ms()) / 1000) > 0:
            yield min(left_s, self._about(2 * HOUR_S))
            ev = bench.ev
            self._rng.choice((ev.pause, ev.resume, ev.resume))()

    def _leave(self, bench: Bench, token: str) -> Life:
        """Pulls, and swipes again where the plug stays locked; in the end somebody helps."""
        for _ in range(10):
            bench.ev.unplug()
            yield self._about(8.0, 3.0)
            if not bench.probe.metal().cable_in:
                return
            self._swipe(bench, token)
            yield self._about(60.0, 5.0)
        self._count("plugs that a technician freed")
        while bench.probe.metal().cable_in:
            self._ask(bench, "force_unlock", connector_id=1)
            yield self._about(600.0, 60.0)

    def _operator(self, bench: Bench) -> Life:
        """The back office, and an app on somebody's phone."""
        while True:
            yield self._about(3 * HOUR_S)
            act = self._rng.choice((self._curtail, self._stop, self._pause, self._close))
            yield from act(bench)

    def _curtail(self, bench: Bench) -> Life:
        if self._core_runs:
            limit(bench, self._rng.choice((0.0, 5.9, 6.0, 9.0, 13.0, 25.0)))
            self._count("limits")
        yield self._about(HOUR_S)
        self._ask(bench, "set_external_limits", value={"schedule_import": []})
        if self._one_in(3):
            three = self._one_in(2)
            self._ask(bench, "switch_three_phases_while_charging", three_phases=three)

    def _stop(self, bench: Bench) -> Life:
        self._ask(bench, "stop_transaction", request={"reason": self._rng.choice(REASONS)})
        yield self._about(60.0)

    def _pause(self, bench: Bench) -> Life:
        self._ask(bench, "pause_charging")
        yield self._about(20 * MINUTE_S)
        self._ask(bench, "resume_charging")

    def _close(self, bench: Bench) -> Life:
        """Out of order, or kept for somebody."""
        if self._one_in(2):
            self._ask(bench, "disable", connector_id=1)
            yield self._about(20 * MINUTE_S)
            self._ask(bench, "enable", connector_id=1)
        else:
            self._ask(bench, "reserve", reservation_id=7)
            yield self._about(20 * MINUTE_S)
            self._ask(bench, "cancel_reservation")

    def _swipe(self, bench: Bench, token: str) -> None:
        if self._core_runs:
            self._count(f"swipes {bench.dut.swipe(token)}")

    def _ask(self, bench: Bench, method: str, **params: object) -> None:
        if not self._core_runs:
            return
        try:
            bench.dut.call(f"evse_manager.{method}", **params)
        except DutRefused as refusal:
            self._count(f"refused: {refusal}")
        self._count(method)

    # --- misfortune -------------------------------------------------------------------------------

    def _wear(self, bench: Bench) -> Life:
        while True:
            yield self._about(5 * HOUR_S)
            name = self._rng.choice(BREAKS)
            self.excuses.begin(bench.evse, name)
            begin_ms = bench.clock.now_ms()
            bench.faults.set(name)
            self._count("faults")
            yield self._rng.choice((0.05, 1.0, 10.0, self._about(10 * MINUTE_S)))
            bench.faults.clear(name)
            self.excuses.end(bench.evse, name, bench.clock.now_ms())
            self.broke.append((bench.evse, name, begin_ms, bench.clock.now_ms()))

    def _mains(self) -> Life:
        while True:
            yield self._about(10 * HOUR_S)
            if self._one_in(2):
                self.bench.mains.off()
                self._count("blackouts of the car's supply")
                yield self._about(5 * MINUTE_S)
                self.bench.mains.on()
                continue
            self._note_death()
            self._guard_dies()
            self.bench.mains.cut()
            self._count("power cuts")
            yield self._rng.choice((0.2, 5.0, self._about(20 * MINUTE_S)))
            self.bench.mains.restore()
            self._guard_lives()

    def _processes(self) -> Life:
        while True:
            yield self._about(8 * HOUR_S)
            process = self._rng.choice((Process.CORE, Process.GUARD))
            self._note_death() if process is Process.CORE else self._guard_dies()
            self.bench.faults.kill(process)
            self._count(f"{process.value} deaths")
            yield self._rng.choice((0.1, 3.0, self._about(60.0)))
            self.bench.faults.restart(process)
            if process is Process.GUARD and self.bench.rig.power:
                self._guard_lives()

    def _cable(self) -> Life:
        while True:
            yield self._about(8 * HOUR_S)
            self.bench.faults.cut_link()
            self._count("link cuts")
            yield self._rng.choice((0.3, 5.0, self._about(120.0)))
            self.bench.faults.mend_link()

    def _disk(self) -> Life:
        while True:
            yield self._about(12 * HOUR_S)
            if not self._core_runs:
                continue
            self.stalled = True
            self.bench.faults.stall_disk(True)
            self._count("disk stalls")
            yield self._about(10.0)
            if self.stalled and self._core_runs:
                self.bench.faults.stall_disk(False)
            self.stalled = False

    def _note_death(self) -> None:
        if self.stalled and self._core_runs:
            self.forgot_ms.append(self.bench.clock.now_ms())
        self.stalled = False

    def _guard_dies(self) -> None:
        for evse in self.bench.evses:
            self.excuses.begin(evse, "guard dead")

    def _guard_lives(self) -> None:
        for evse in self.bench.evses:
            self.excuses.end(evse, "guard dead", self.bench.clock.now_ms())
