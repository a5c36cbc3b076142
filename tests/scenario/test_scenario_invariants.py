"""Whatever people, cars and misfortune do: the invariants of DESIGN's "Must hold" over random
scripts. Each example is one station's life; afterwards everything is healed and it must charge."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, note, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as live
from scenario_invariants import (
    NO_BILL,
    Books,
    Excuses,
    FuseWatch,
    Watcher,
    bill_broken,
    closings,
    unexcused,
)
from scenario_steps import limit

from evse.board_faults import BoardFault
from hil.bench.bench import Bench, Process
from hil.bench.plugin import SIMULATED, started
from hil.bench.sim import SimBench
from hil.bench.station import TOKENS, StationSetup
from hil.errors import BenchRefused
from hil.plant.ev import VARIANTS
from hil.plant.faults import FAULTS
from hil.plant.model import CABLE_OHM

pytestmark = [pytest.mark.needs("virtual_time", "disk_stall"), pytest.mark.timeout(600)]

METAL = sorted(set(FAULTS) - {"power_cut", "mains_lost"})
REASONS = ("Remote", "Local", "DeAuthorized", "EmergencyStop", "Other")
BOARD_FAULTS = sorted(fault.name for fault in BoardFault if fault.name)
HOUR_S = 3600.0
HEAL_S = 65.0
"""60 s, and the 5 s by which a connection timeout of 60 s may be late to begin."""

spans_s = st.one_of(
    st.sampled_from((0.0, 0.01, 0.07, 0.1, 0.5, 0.6, 1.0, 2.0, 6.0, 7.0)),
    st.integers(1, 15_000).map(lambda ms: ms / 1000),
    st.integers(15, 1_800).map(float),
)
lasting_s = st.one_of(st.none(), spans_s, spans_s, spans_s)
"""How long a misfortune lasts; None: until somebody heals it."""
picks = st.integers(0, 1)
often = st.sampled_from((True, True, False))
manners = st.sampled_from(("normal", "normal", "rude", "sleepy", "slow", "simplified"))
STOPS: dict[str, Callable[[Bench], object]] = {
    "pause": lambda bench: bench.dut.call("evse_manager.pause_charging"),
    "disable": lambda bench: bench.dut.call("evse_manager.disable", connector_id=1),
    "limit": lambda bench: limit(bench, 0.0),
    "unlock": lambda bench: bench.dut.call("evse_manager.force_unlock", connector_id=1),
    "core": lambda bench: bench.faults.kill(Process.CORE),
    "link": lambda bench: bench.faults.cut_link(),
    "car": lambda bench: bench.ev.pause(),
    "unplug": lambda bench: bench.ev.unplug(),
    "one phase": lambda bench: _switch(bench, three=False),
    "board": lambda bench: bench.faults.board_fault("VENDOR_ERROR"),
}


def _switch(bench: Bench, *, three: bool) -> None:
    bench.dut.call("evse_manager.switch_three_phases_while_charging", three_phases=three)


def act(**drawn: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Any]:
    """A rule after which some time passes."""

    def decorate(function: Callable[..., None]) -> Any:
        @functools.wraps(function)
        def acting(self: StationLife, then_s: float, **values: Any) -> None:
            function(self, **values)
            self.bench.clock.run_for(then_s)

        return rule(then_s=spans_s, **drawn)(acting)

    return decorate


class StationLife(RuleBasedStateMachine):
    """A station and everything that may happen to it."""

    setup = StationSetup(phase_switch="both")
    lived_ms = 0
    """In all examples of this class."""

    @initialize(plant_seed=st.integers(0, 2**32 - 1), busy=st.sampled_from((True, True, False)))
    def begin(self, plant_seed: int, busy: bool) -> None:
        self.bench = SimBench(self.setup, seed=plant_seed)
        self.begin_ms = self.bench.clock.now_ms()
        self.excuses = Excuses()
        self.watcher = Watcher(self.bench.rig, self.excuses)
        self.bench.rig.sim.parts.append(self.watcher)
        self.fuse: FuseWatch | None = None
        if self.setup.fuse_a is not None:
            self.fuse = FuseWatch(self.bench.rig, self.setup.fuse_a, self.excuses)
            self.bench.rig.sim.parts.append(self.fuse)
        self.books = {evse: Books() for evse in self.bench.evses}
        self.stalled = False
        self.faulted = False
        self.lossy = False
        """The core died with records that were not on disk: it can not know what it forgot."""
        started(self.bench)
        for evse in self.bench.evses if busy else ():
            self._charges_again(self.bench.at(evse))

    def _at(self, pick: int) -> Bench:
        evses = self.bench.evses
        return self.bench.at(evses[pick % len(evses)])

    @property
    def _core_runs(self) -> bool:
        return self.bench.rig.peer is not None

    # --- the car ----------------------------------------------------------------------------------

    @act(
        pick=picks,
        cable_a=st.sampled_from(sorted(CABLE_OHM)),
        draw_a=st.sampled_from((0.0, 0.5, 6.0, 16.0, 32.0, 80.0)),
        phases=st.integers(1, 3),
        variant=st.sampled_from(sorted(VARIANTS)),
        delay_s=st.sampled_from((0.0, 0.0, 3.0)),
        battery_wh=st.sampled_from((None, None, 500.0, 50_000.0)),
    )
    def plug(self, pick: int, **car: Any) -> None:
        if car["cable_a"] == 70:
            car["phases"] = 1
        try:
            self._at(pick).ev.plug(**car)
        except BenchRefused as refusal:
            note(str(refusal))

    @act(pick=picks)
    def unplug(self, pick: int) -> None:
        self._at(pick).ev.unplug()

    @act(pick=picks)
    def pull_at_station(self, pick: int) -> None:
        self._at(pick).ev.pull_at_station()

    @act(pick=picks, paused=st.booleans())
    def car_pauses_or_resumes(self, pick: int, paused: bool) -> None:
        ev = self._at(pick).ev
        ev.pause() if paused else ev.resume()

    @act(pick=picks, wanted=st.booleans())
    def ventilation(self, pick: int, wanted: bool) -> None:
        self._at(pick).ev.request_ventilation(wanted)

    # --- people and links -------------------------------------------------------------------------

    @precondition(lambda self: self._core_runs)
    @act(pick=picks, method=st.sampled_from(("pause_charging", "resume_charging")))
    def user_pauses_or_resumes(self, pick: int, method: str) -> None:
        self._at(pick).dut.call(f"evse_manager.{method}")

    @precondition(lambda self: self._core_runs)
    @act(pick=picks, reason=st.sampled_from(REASONS))
    def stop(self, pick: int, reason: str) -> None:
        self._at(pick).dut.call("evse_manager.stop_transaction", request={"reason": reason})

    @precondition(lambda self: self._core_runs)
    @act(
        pick=picks,
        method=st.sampled_from(("enable", "enable", "disable")),
        connector_id=st.integers(0, 1),
    )
    def availability(self, pick: int, method: str, connector_id: int) -> None:
        self._at(pick).dut.call(f"evse_manager.{method}", connector_id=connector_id)

    @precondition(lambda self: self._core_runs)
    @act(pick=picks)
    def force_unlock(self, pick: int) -> None:
        self._at(pick).dut.call("evse_manager.force_unlock", connector_id=1)

    @precondition(lambda self: self._core_runs)
    @act(pick=picks, amps=st.sampled_from((0.0, 5.9, 6.0, 9.0, 20.0, 80.0)))
    def external_limit(self, pick: int, amps: float) -> None:
        limit(self._at(pick), amps)

    @precondition(lambda self: self._core_runs)
    @act(pick=picks, token=st.sampled_from((*TOKENS, "STRANGER")))
    def swipe(self, pick: int, token: str) -> None:
        self._at(pick).dut.swipe(token)

    @precondition(lambda self: self._core_runs)
    @act(pick=picks)
    def withdraw(self, pick: int) -> None:
        self._at(pick).dut.call("evse_manager.withdraw_authorization")

    @precondition(lambda self: self._core_runs)
    @act(pick=picks, reservation_id=st.integers(1, 2))
    def reserve(self, pick: int, reservation_id: int) -> None:
        self._at(pick).dut.call("evse_manager.reserve", reservation_id=reservation_id)

    @precondition(lambda self: self._core_runs)
    @act(pick=picks)
    def cancel_reservation(self, pick: int) -> None:
        self._at(pick).dut.call("evse_manager.cancel_reservation")

    @precondition(lambda self: self._core_runs)
    @act(pick=picks)
    def set_faulted(self, pick: int) -> None:
        """Until the core is started anew."""
        self.faulted = True
        self._at(pick).dut.call("evse_manager.set_faulted")

    @precondition(lambda self: self._core_runs)
    @act(pick=picks, three=st.booleans(), busy=often)
    def switch_phases(self, pick: int, three: bool, busy: bool) -> None:
        bench = self._at(pick)
        if busy:
            self._bring_back(bench, "normal")
        _switch(bench, three=three)

    # --- misfortune -------------------------------------------------------------------------------

    @act(pick=picks, name=st.sampled_from(METAL), lasts_s=lasting_s, busy=often)
    def breaks(self, pick: int, name: str, lasts_s: float | None, busy: bool) -> None:
        bench = self._at(pick)
        if busy:
            self._bring_back(bench, "normal")
        self.excuses.begin(bench.evse, name)
        bench.faults.set(name)
        if lasts_s is not None:
            self.bench.clock.run_for(lasts_s)
            bench.faults.clear(name)
            self.excuses.end(bench.evse, name, bench.clock.now_ms())

    @act(pick=picks, name=st.sampled_from(BOARD_FAULTS), lasts_s=lasting_s, busy=often)
    def board_complains(self, pick: int, name: str, lasts_s: float | None, busy: bool) -> None:
        bench = self._at(pick)
        if busy:
            self._bring_back(bench, "normal")
        bench.faults.board_fault(name)
        if lasts_s is not None:
            self.bench.clock.run_for(lasts_s)
            bench.faults.board_fault(name, False)

    @act(pick=picks)
    def heals(self, pick: int) -> None:
        self._heal_metal(self._at(pick))

    @act(process=st.sampled_from((Process.CORE, Process.GUARD)), lasts_s=lasting_s)
    def dies(self, process: Process, lasts_s: float | None) -> None:
        self._dies(process)
        self.bench.faults.kill(process)
        if lasts_s is not None:
            self.bench.clock.run_for(lasts_s)
            self._restart(process)

    @act(process=st.sampled_from((Process.CORE, Process.GUARD)))
    def restart(self, process: Process) -> None:
        self._restart(process)

    @act(lasts_s=lasting_s)
    def link_is_cut(self, lasts_s: float | None) -> None:
        self.bench.faults.cut_link()
        if lasts_s is not None:
            self.bench.clock.run_for(lasts_s)
            self.bench.faults.mend_link()

    @act(pick=picks, away_s=spans_s, variant=manners)
    def swapped_while_the_link_is_cut(self, pick: int, away_s: float, variant: str) -> None:
        """One car leaves and another comes, and nobody tells the core."""
        bench = self._at(pick)
        bench.faults.cut_link()
        bench.clock.run_for(8)
        bench.ev.unplug()
        bench.clock.run_for(away_s)
        if not bench.probe.metal().cable_in:
            bench.ev.plug(variant=variant)
        bench.clock.run_for(1)
        bench.faults.mend_link()

    @precondition(lambda self: self._core_runs)
    @act(stalled=st.booleans())
    def disk(self, stalled: bool) -> None:
        self.stalled = stalled
        self.bench.faults.stall_disk(stalled)

    @act(present=st.booleans())
    def mains(self, present: bool) -> None:
        self.bench.mains.on() if present else self.bench.mains.off()

    # --- everyday life ----------------------------------------------------------------------------

    @act(pick=picks, variant=manners)
    def customer_comes(self, pick: int, variant: str) -> None:
        self._customer(self._at(pick), variant)

    @act(pick=picks)
    def another_customer_comes(self, pick: int) -> None:
        self._customer(self._at(pick), "normal")

    @act(pick=picks, variant=manners, stops=st.sampled_from(sorted(STOPS)))
    def stopped_while_charging(self, pick: int, variant: str, stops: str) -> None:
        bench = self._at(pick)
        self._bring_back(bench, variant)
        if stops == "core":
            self._dies(Process.CORE)
        STOPS[stops](bench)

    @act(pick=picks)
    def technician_brings_it_back(self, pick: int) -> None:
        self._bring_back(self._at(pick), "normal")

    def _bring_back(self, bench: Bench, variant: str) -> None:
        self._all_run()
        bench.faults.mend_link()
        self._heal_metal(bench)
        bench.dut.call("evse_manager.cancel_reservation")
        bench.dut.call("evse_manager.enable", connector_id=1)
        bench.dut.call("evse_manager.set_external_limits", value={"schedule_import": []})
        self._customer(bench, variant)

    def _customer(self, bench: Bench, variant: str) -> None:
        """The one before leaves, the next one plugs in and presents a token."""
        bench.ev.unplug()
        bench.clock.run_for(6)
        if bench.probe.metal().cable_in:
            return
        bench.ev.plug(variant=variant)
        bench.clock.run_for(3)
        if self._core_runs:
            bench.dut.swipe(TOKENS[0])
        bench.clock.run_for(8)

    @act(dark_s=spans_s)
    def power_cut(self, dark_s: float) -> None:
        self._dies(Process.CORE)
        self._dies(Process.GUARD)
        self.bench.mains.cut()
        self.bench.clock.run_for(dark_s)
        self.bench.mains.restore()
        self._lives(Process.GUARD)

    @rule(hours=st.floats(0.1, 1.0))
    def hours_pass(self, hours: float) -> None:
        self.bench.clock.run_for(hours * HOUR_S)

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def nothing_is_broken(self) -> None:
        if not hasattr(self, "bench"):
            return
        assert not self.watcher.broken, self.watcher.broken
        assert self.fuse is None or not self.fuse.broken, self.fuse.broken
        for evse in self.bench.evses:
            bench, books = self.bench.at(evse), self.books[evse]
            assert not (found := unexcused(bench.probe.violations(), self.excuses)), found
            books.enter(bench.probe.events(books.seq))
            assert not books.broken, books.broken
            if self._core_runs:
                assert bench.probe.why()

    def teardown(self) -> None:
        if not hasattr(self, "bench"):
            return
        self._heal()
        for evse in self.bench.evses:
            assert self.bench.at(evse).probe.state() == "idle", self.bench.at(evse).probe.why()
        self._bill_is_whole()
        for evse in self.bench.evses:
            self._charges_again(self.bench.at(evse))
        self.bench.clock.run_for(HOUR_S)
        self.nothing_is_broken()
        for evse in self.bench.evses:
            self.bench.at(evse).ev.unplug()
        self.bench.clock.run_for(10)
        self.nothing_is_broken()
        self._bill_is_whole()
        type(self).lived_ms += self.bench.clock.now_ms() - self.begin_ms
        self.bench.close()

    def _all_run(self) -> None:
        """Both processes; the core anew where it was told to be out of order until then."""
        if self.faulted:
            self._dies(Process.CORE)
            self.bench.faults.kill(Process.CORE)
        for process in (Process.GUARD, Process.CORE):
            self._restart(process)

    def _heal(self) -> None:
        bench = self.bench
        bench.mains.on()
        self._all_run()
        bench.faults.stall_disk(False)
        bench.faults.mend_link()
        for evse in bench.evses:
            one = bench.at(evse)
            self._heal_metal(one)
            one.ev.unplug()
            one.dut.call("evse_manager.cancel_reservation")
            one.dut.call("evse_manager.enable", connector_id=1)
            one.dut.call("evse_manager.set_external_limits", value={"schedule_import": []})
        bench.clock.run_for(HEAL_S)
        self.nothing_is_broken()

    def _heal_metal(self, bench: Bench) -> None:
        bench.faults.clear_all()
        for name in METAL:
            self.excuses.end(bench.evse, name, bench.clock.now_ms())

    def _charges_again(self, bench: Bench) -> None:
        before = closings(bench)
        bench.ev.plug()
        bench.clock.run_for(3)
        if self.setup.authorization == "list":
            assert bench.dut.swipe(TOKENS[0]) == "Accepted"
        try:
            bench.clock.run_until(lambda: closings(bench) > before, within=20, what="charging")
        except TimeoutError as error:
            raise AssertionError(f"{error}: {bench.probe.why()}") from error

    def _bill_is_whole(self) -> None:
        """Where every reading was to be trusted, and nothing was forgotten."""
        for evse in self.bench.evses:
            spoilt = {name for of, name in self.excuses.ever if of == evse} & NO_BILL
            if not spoilt and not self.lossy:
                broken = bill_broken(self.bench.at(evse), self.books[evse])
                assert not broken, broken

    def _restart(self, process: Process) -> None:
        self.bench.faults.restart(process)
        self._lives(process)

    def _note_stall(self) -> None:
        """A core that dies with a stalled disk forgets."""
        if self.stalled and self._core_runs:
            self.lossy = True
            self.watcher.forgot_ms = self.bench.clock.now_ms()
        self.stalled = False

    def _dies(self, process: Process) -> None:
        if process is Process.CORE:
            self._note_stall()
            self.faulted = False
        else:
            for evse in self.bench.evses:
                self.excuses.begin(evse, "guard dead")

    def _lives(self, process: Process) -> None:
        if process is Process.GUARD:
            for evse in self.bench.evses:
                self.excuses.end(evse, "guard dead", self.bench.clock.now_ms())


class LifeOfTwo(StationLife):
    """Two EVSEs at one fuse, and tokens that must be presented."""

    setup = StationSetup(evses=2, authorization="list", ventilation=True, fuse_a=20.0)
    lived_ms = 0


QUICK = settings(
    max_examples=12,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)


def _hours(machine: type[StationLife]) -> float:
    return machine.lived_ms / 3_600_000


@pytest.mark.parametrize(("machine", "lives"), [(StationLife, 12), (LifeOfTwo, 8)])
def test_the_invariants_hold_over_random_scripts(
    machine: type[StationLife], lives: int, record_property: Callable[[str, object], None]
) -> None:
    machine.lived_ms = 0
    try:
        live(machine, settings=settings(QUICK, max_examples=lives))
    finally:
        record_property(SIMULATED, _hours(machine))
    assert _hours(machine) > 20


@pytest.mark.soak
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("machine", [StationLife, LifeOfTwo])
def test_the_invariants_hold_for_a_thousand_hours(
    machine: type[StationLife], record_property: Callable[[str, object], None]
) -> None:
    """Fresh seeds each time; the printed one repeats the batch that failed."""
    machine.lived_ms = 0
    batch = settings(QUICK, max_examples=200, stateful_step_count=60)
    try:
        while _hours(machine) < 1000:
            fresh = secrets.randbits(64)
            print(f"batch seed {fresh}, {_hours(machine):.0f} hours so far")

            @seed(fresh)
            class Batch(machine):  # type: ignore[valid-type,misc]  # one machine a batch
                lived_ms = 0

            live(Batch, settings=batch)
            machine.lived_ms += Batch.lived_ms
    finally:
        record_property(SIMULATED, _hours(machine))
