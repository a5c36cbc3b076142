"""One station of real processes with its back office: into each state, and is its bill whole?

What the contactor did is what the plant tells of it; how long it took is the difference of stamps
of one monotonic clock, with SCHEDULING_MS for a busy machine. The bill is read from the journal
from its first number on, and from the back office.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
from scenario_csms import CsmsThread

from evse.model import F_BP, X1_BP
from hil.bench.bench import Heard
from hil.bench.plugin import FAILED
from hil.bench.proc import ProcBench
from hil.bench.proc_rig import read_journal
from hil.bench.station import StationSetup
from hil.errors import BenchTimeout, DutRefused
from hil.trace import Lane

SCHEDULING_MS = 350
"""What two busy cores may add to a time that the plant stamps."""
LEASE_MS = 600
"""0.5 s of lease, renewed 0.1 s ago at most."""
FORCED_MS = 6_700
"""Lease, 6 s for the car, and the contactor's own time."""
WATCHDOG_MS = 400
"""Ring 0 drops the coil 0.2 s after ring 1 last drove it."""
LETS_GO_MA = 1_000
"""The guard opens at less than 1 A, before the car has opened S2."""
RESOLUTION_WH = 0.001
"""Far above what float32 kWh do to the energies here, far below 10 ms at 11 kW."""
FLOWS_A = 3.0
TOKEN = "04A1B2C3"
STATES = (
    "idle",
    "waiting_auth",
    "preparing",
    "charging",
    "paused_ev",
    "paused_evse",
    "stopping",
    "finished",
)
WITH_TRANSACTION = frozenset(STATES) - {"idle", "waiting_auth", "finished"}


class Station:
    """One station with its back office."""

    def __init__(self) -> None:
        self.csms = CsmsThread()
        self.bench = ProcBench(StationSetup(authorization="ocpp"), ocpp_url=self.csms.url)

    def close(self) -> None:
        self.bench.close()
        self.csms.close()

    # --- into each state --------------------------------------------------------------------------

    def until(self, condition: Callable[[], object], within_s: float, what: str) -> None:
        try:
            self.bench.clock.run_until(condition, within=within_s, what=what)
        except BenchTimeout as late:
            late.add_note(self.bench.probe.why())
            raise

    def until_state(self, *states: str, within_s: float = 10) -> None:
        self.until(lambda: self.bench.probe.state() in states, within_s, f"state {states}")

    def reach(self, state: str) -> None:
        """From idle."""
        if state == "idle":
            return
        if state == "waiting_auth":
            self.bench.ev.plug()
        elif state == "preparing":
            self.authorize(variant="sleepy")
        else:
            self.charge(variant="slow" if state == "stopping" else "normal")
        if state == "paused_ev":
            self.bench.ev.pause()
        elif state == "paused_evse":
            assert self.bench.dut.call("evse_manager.pause_charging") is True
        elif state in ("stopping", "finished"):
            self.stop()
        self.until_state(state)
        if state in ("paused_ev", "paused_evse", "finished"):
            self.until(lambda: not self.bench.probe.metal().closed, 2, "an open contactor")

    def authorize(self, variant: str) -> None:
        """A car and a token: a sleepy car leaves the offer standing, a slow one needs 5 s to let
        go, a rude one never does; all others are good cars."""
        self.bench.ev.plug(variant=variant)
        self.until_state("waiting_auth")
        self.until(self.registered, 20, "a registered OCPP link")
        self.bench.dut.swipe(TOKEN)

    def charge(self, variant: str = "normal") -> None:
        """From idle until current flows."""
        self.authorize(variant)
        self.until(lambda: self.bench.probe.metal().current_a > FLOWS_A, 15, "current")

    def registered(self) -> bool:
        """The OCPP link is at both its doors, and the back office knows the station."""
        try:
            link = self.bench.dut.call("ocpp.state")
        except DutRefused:
            return False
        return link["is_connected"] and link["registration"] == "Accepted"

    def stop(self) -> None:
        request = {"reason": "Remote"}
        assert self.bench.dut.call("evse_manager.stop_transaction", request=request) is True

    def to_idle(self) -> None:
        self.bench.ev.unplug()
        self.until_state("idle")
        self.until(lambda: not self.bench.probe.metal().cable_in, 5, "the plug is free")
        self.until(lambda: "no car" in self.bench.probe.why(), 5, "no fault is left")

    # --- what the metal did -----------------------------------------------------------------------

    def opened_ms(self, since_ms: int, within_ms: int) -> int:
        """How long after `since_ms` the contacts opened; they do so in time."""
        self.until(lambda: not self.bench.probe.metal().closed, within_ms / 1000, "opening")
        at_ms = self.bench.probe.first_ms(Lane.CONTACTOR, "open", since_ms)
        assert at_ms is not None
        assert at_ms - since_ms <= within_ms + SCHEDULING_MS
        return at_ms

    def without_offer(self, since_ms: int) -> None:
        """X1 (or F) by the end of the lease."""
        probe = self.bench.probe
        self.until(lambda: probe.metal().duty_bp in (X1_BP, F_BP), LEASE_MS / 1000, "X1")
        changes = [e for e in probe.trace().changes(Lane.DUTY) if e.t_ms >= since_ms]
        assert all(e.t_ms - since_ms <= LEASE_MS + SCHEDULING_MS for e in changes)

    # --- the bill ---------------------------------------------------------------------------------

    def journal(self) -> list[Heard]:
        """From its first number on, as a newcomer gets it: the same that a follower got."""
        self.bench.probe.events()
        records = read_journal(self.bench.rig)
        assert [r.seq for r in records] == list(range(1, len(records) + 1))
        heard = self.bench.rig.heard
        assert [(r.seq, r.event) for r in records] == [(h.seq, h.event) for h in heard]
        return records

    def bill_is_whole(self) -> None:
        """One end for each begin, a register that never runs back, and all the plant's energy."""
        records = self.journal()
        billed = transactions_wh(records)
        energy_wh = self.bench.probe.metal().energy_wh
        assert sum(billed) == pytest.approx(energy_wh, abs=RESOLUTION_WH)
        self.back_office_agrees(billed)

    def back_office_agrees(self, billed: list[float]) -> None:
        brain = self.csms.brain
        self.until(
            lambda: len(brain.bill) == len(billed) and not brain.open_transactions(),
            20,
            f"{len(billed)} transactions at the back office",
        )
        told = [line.energy_wh for line in brain.bill_lines()]
        assert told == [pytest.approx(energy_wh, abs=1.0) for energy_wh in billed]
        assert brain.complaints == []
        assert brain.orphan_stops == 0

    def nothing_broken(self) -> None:
        assert self.bench.probe.violations() == []


class SharedStation:
    """The station of a module, from one test to the next; after a failure another one is made."""

    def __init__(self) -> None:
        self._station: Station | None = None

    @contextlib.contextmanager
    def lent(self, request: pytest.FixtureRequest) -> Iterator[Station]:
        """Idle, whole, and with everything running; so it has to be given back."""
        station = self._station = self._station or Station()
        try:
            yield station
            assert not request.node.stash.get(FAILED, False), (
                "the test failed: the next gets another"
            )
            station.to_idle()
            station.bill_is_whole()
            station.nothing_broken()
        except BaseException:  # also Ctrl-C: no station is left behind
            self.close()
            raise

    def close(self) -> None:
        station, self._station = self._station, None
        if station is not None:
            station.close()


def transactions_wh(records: list[Heard]) -> list[float]:
    """Energy of each transaction, oldest first; asserts that they are whole and in order."""
    found: list[float] = []
    start_wh: float | None = None
    register_wh = 0.0
    for record in records:
        event = record.event
        if record.name == "TransactionStarted":
            assert start_wh is None, "begun before the last one ended"
            start_wh = event.transaction_started.meter_value.energy_Wh_import.total
            assert start_wh >= register_wh
            register_wh = start_wh
        elif record.name == "TransactionFinished":
            assert start_wh is not None, "ended twice"
            end_wh = event.transaction_finished.meter_value.energy_Wh_import.total
            assert end_wh >= register_wh, "the register never runs back"
            found.append(end_wh - start_wh)
            start_wh, register_wh = None, end_wh
    assert start_wh is None, "a transaction without its end"
    return found


def end_reason(records: list[Heard]) -> str:
    finished = [r for r in records if r.name == "TransactionFinished"][-1]
    return str(finished.event.transaction_finished.reason.value)
