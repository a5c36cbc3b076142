"""What holds in every simulation, whatever is done to the station: checked at every turn, from the
session events, and at rest. Sentences of what is broken, or nothing."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from hil.bench.bench import Bench, Heard
from hil.bench.sim_rig import SimRig
from hil.plant.model import Violation
from hil.trace import Lane

CORE_DEAD_MS = 7_000
"""Lease 0.5 s, sequence 10.2 6 s, and margin."""
FOLLOW_MS = 7_000
"""A car follows a lower offer in 5 s; what does not is opened after 6 s (Table A.6, 6 and 10.2)."""
EXCUSE_MS = 350
"""So long after its healing, metal may still move because of a fault: watchdog and travel."""
STUCK = frozenset({"contactor_weld", "contactor_stuck_closed"})
COUNTERS = frozenset({"meter_replaced", "meter_jumped", "meter_phantom"})
"""Another counter than the plant's: nothing can balance."""
NO_BILL = STUCK | COUNTERS | {"mirror_stuck_open", "meter_frozen", "meter_silent"}
"""With these, current may flow that no transaction or no reading knows of."""
PHASE_CONTACT = frozenset({"phase_contact_open", "phase_contact_stuck"})
FAST_OPENING = frozenset(
    {
        "energised_without_car",
        "energised_without_demand",
        "energised_after_residual_trip",
        "energised_in_emergency",
    }
)
"""Rules of 100 ms: a dead guard is slower, ring 0's watchdog takes its 200 ms."""


class Excuses:
    """What was broken, and until when it may still show."""

    def __init__(self) -> None:
        self._until_ms: dict[tuple[int, str], int | None] = {}
        self.ever: set[tuple[int, str]] = set()

    def begin(self, evse: int, name: str) -> None:
        self._until_ms[evse, name] = None
        self.ever.add((evse, name))

    def end(self, evse: int, name: str, now_ms: int) -> None:
        if (evse, name) in self._until_ms and self._until_ms[evse, name] is None:
            self._until_ms[evse, name] = now_ms + EXCUSE_MS

    def excused(self, evse: int, names: Iterable[str], at_ms: int) -> bool:
        for name in names:
            until_ms = self._until_ms.get((evse, name), -1)
            if until_ms is None or at_ms <= until_ms:
                return True
        return False


def unexcused(found: list[Violation], excuses: Excuses) -> list[str]:
    """Violations of the metal that no injected fault explains."""
    broken = []
    for violation in found:
        why = set(STUCK)
        if violation.rule in FAST_OPENING:
            why.add("guard dead")
        if violation.rule == "phases_switched_under_load":
            why |= PHASE_CONTACT
        if not excuses.excused(violation.evse, why, violation.t_ms):
            broken.append(f"{violation.rule} at {violation.t_ms} ms, faults {violation.faults}")
    return broken


class Watcher:
    """A part of the simulation that looks at every instant at which anything happens."""

    def __init__(self, rig: SimRig, excuses: Excuses) -> None:
        self._rig = rig
        self._excuses = excuses
        self.core_died_ms: int | None = None
        self.forgot_ms: int | None = None
        """A core died beside a stalled disk: the next one can not know of the transaction whose
        contactor the lease still holds, as long as any dead core's."""
        self.broken: list[str] = []

    @property
    def next_deadline_ms(self) -> int | None:
        return None

    def poll(self, now_ms: int) -> None:
        station = self._rig.sim.station
        if station is not None:
            self.core_died_ms = None
        elif self.core_died_ms is None:
            self.core_died_ms = now_ms
        for evse, plant in self._rig.sim.plants.items():
            if not plant.energised:
                continue
            if self._excuses.excused(evse, STUCK | {"mirror_stuck_open"}, now_ms):
                continue
            if station is None:
                self._check_dead_core(evse, now_ms)
            elif self.forgot_ms is not None and now_ms - self.forgot_ms <= CORE_DEAD_MS:
                continue
            elif not station.core.sessions[evse].record.transaction:
                self.broken.append(f"evse {evse} is energised without a transaction at {now_ms} ms")

    def _check_dead_core(self, evse: int, now_ms: int) -> None:
        assert self.core_died_ms is not None
        if now_ms - self.core_died_ms > CORE_DEAD_MS:
            self.broken.append(f"evse {evse} is energised {now_ms - self.core_died_ms} ms later")


class FuseWatch:
    """A part of the simulation: the EVSEs together never take more than the fuse carries, but for
    the time that a car and its guard have to follow (spec C1)."""

    def __init__(self, rig: SimRig, fuse_a: float, excuses: Excuses) -> None:
        self._rig = rig
        self._fuse_a = fuse_a
        self._excuses = excuses
        self._over_ms: int | None = None
        self.broken: list[str] = []

    @property
    def next_deadline_ms(self) -> int | None:
        return None

    def poll(self, now_ms: int) -> None:
        """Cars use their first phases, so that L1 carries the largest current of each."""
        plants = self._rig.sim.plants.values()
        drawn_a = sum(plant.current_a for plant in plants)
        if drawn_a <= self._fuse_a + 0.1:
            self._over_ms = None
        elif self._over_ms is None:
            self._over_ms = now_ms
        elif now_ms - self._over_ms > FOLLOW_MS:
            if not any(self._excuses.excused(p.evse, STUCK, now_ms) for p in plants):
                self.broken.append(f"{drawn_a} A at a fuse of {self._fuse_a} A at {now_ms} ms")
            self._over_ms = now_ms


class Books:
    """The events of one EVSE, in order: what was opened is closed, once, with rising registers."""

    def __init__(self) -> None:
        self.session = ""
        self.transaction = ""
        self.started_wh = 0.0
        self.register_wh = 0.0
        self.billed_wh = 0.0
        self.transactions = 0
        self.seq = 0
        self.reserved = False
        self._before = ""
        self.broken: list[str] = []

    def enter(self, heard: list[Heard]) -> None:
        for each in heard:
            self._enter(each)
            self._before = each.name
            self.seq = each.seq

    def _enter(self, heard: Heard) -> None:
        name, event = heard.name, heard.event
        self._demand(heard.seq > self.seq, heard, "numbers count up")
        if name in ("Enabled", "Disabled"):
            return
        if name in ("ReservationStart", "ReservationEnd"):
            self._reserve(heard, starts=name == "ReservationStart")
            return
        if name == "SessionStarted":
            self._demand(not self.session, heard, "one session at a time")
            self.session = event.uuid
        self._demand(event.uuid == self.session != "", heard, "the uuid of its session")
        if name == "SessionFinished":
            self._demand(not self.transaction, heard, "no transaction outlives its session")
            self.session = ""
        elif name == "TransactionStarted":
            self._demand(not self.transaction, heard, "one transaction at a time")
            self.transaction = event.uuid
            self.started_wh = self._register(
                heard, event.transaction_started.meter_value.energy_Wh_import.total
            )
        elif name == "TransactionFinished":
            self._demand(self.transaction == event.uuid, heard, "it had been started")
            self._demand(self._before == "ChargingFinished", heard, "after ChargingFinished")
            stop_wh = self._register(
                heard, event.transaction_finished.meter_value.energy_Wh_import.total
            )
            self.billed_wh += stop_wh - self.started_wh
            self.transactions += 1
            self.transaction = ""
        elif name == "ChargingStarted":
            self._demand(bool(self.transaction), heard, "charging is inside a transaction")

    def _reserve(self, heard: Heard, *, starts: bool) -> None:
        """One that is consumed ends without an event."""
        self._demand(not heard.event.uuid, heard, "a reservation belongs to no session")
        self._demand(starts or self.reserved, heard, "it had been started")
        self.reserved = starts

    def _register(self, heard: Heard, energy_wh: float) -> float:
        self._demand(energy_wh >= self.register_wh, heard, "registers rise")
        self.register_wh = energy_wh
        return energy_wh

    def _demand(self, holds: bool, heard: Heard, rule: str) -> None:
        if not holds:
            self.broken.append(f"{heard.name} (seq {heard.seq}): {rule}")


def meter_step_wh(energy_wh: float) -> float:
    """The resolution of a 32-bit float register in kWh at this energy."""
    (bits,) = struct.unpack("<I", struct.pack("<f", energy_wh / 1000))
    (above,) = struct.unpack("<f", struct.pack("<I", bits + 1))
    return float(above) * 1000 - energy_wh + 0.001


def bill_broken(bench: Bench, books: Books) -> str:
    """The bill against the plant, at rest."""
    energy_wh = bench.probe.metal().energy_wh
    allowed_wh = 2 * meter_step_wh(energy_wh) * (books.transactions + 1)
    if abs(books.billed_wh - energy_wh) > allowed_wh:
        return f"billed {books.billed_wh:.3f} Wh of {energy_wh:.3f} Wh"
    return ""


def closings(bench: Bench) -> int:
    """How often the contactor closed."""
    changes = bench.probe.trace().changes(Lane.CONTACTOR, bench.evse)
    return sum(entry.value == "closed" for entry in changes)
