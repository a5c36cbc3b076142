"""The three books of a station's energy, held against each other: the plant's own integration, the
journal's transactions, and the session history.

Between two transactions the counter stands still. Where it does not, that energy is a `Gap`: it
flowed, and nobody was billed.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

import msgspec
from scenario_invariants import COUNTERS, NO_BILL, meter_step_wh
from scenario_month import Neighbourhood

from evse.clock import parse_time
from evse.history import Charge, page
from evse.types.session import SessionEvent

BEFORE_MS = 60_000
"""A fault so long before the end of a transaction may have kept its last reading away."""

_decode = msgspec.json.Decoder(SessionEvent).decode


class Bill(msgspec.Struct, frozen=True):
    """One transaction of the journal."""

    session: str
    began: datetime
    ended: datetime
    start_wh: float
    stop_wh: float

    @property
    def energy_wh(self) -> float:
        return self.stop_wh - self.start_wh


class Gap(msgspec.Struct, frozen=True):
    """Energy that flowed outside every transaction, between two moments of the plant's clock."""

    from_ms: int
    to_ms: int
    energy_wh: float
    because: tuple[str, ...]
    """The faults that explain it; none: nothing does."""


class Ledger:
    """The books of one EVSE at rest."""

    def __init__(self, life: Neighbourhood, evse: int) -> None:
        self._life = life
        self._evse = evse
        sim = life.bench.rig.sim
        self._now = (sim.now_ms, sim.clock.utc())
        self.plant_wh = life.bench.at(evse).probe.metal().energy_wh
        """What really flowed."""
        self.events = journal(sim.database, evse)
        self.bills = bills(self.events)
        self.history = history(sim.database, evse)
        self.gaps = self._gaps()

    @property
    def billed_wh(self) -> float:
        return sum(bill.energy_wh for bill in self.bills)

    @property
    def history_wh(self) -> float:
        return sum(charge.energy_wh or 0.0 for charge in self.history)

    @property
    def gaps_wh(self) -> float:
        return sum(gap.energy_wh for gap in self.gaps)

    def by_session(self) -> dict[str, float]:
        """The journal's energy of each session that had a transaction."""
        found: dict[str, float] = {}
        for bill in self.bills:
            found[bill.session] = found.get(bill.session, 0.0) + bill.energy_wh
        return found

    def _gaps(self) -> list[Gap]:
        """Where the counter moved by more than its resolution between two bills, at the
        beginning, or at the end."""
        stops = [
            (self._life.begin_ms, 0.0),
            *((self._ms(bill.ended), bill.stop_wh) for bill in self.bills),
        ]
        starts = [(self._ms(bill.began), bill.start_wh) for bill in self.bills]
        starts.append((self._now[0], self.plant_wh))
        step_wh = 2 * meter_step_wh(self.plant_wh)
        return [
            Gap(from_ms, to_ms, start_wh - stop_wh, self._why(from_ms, to_ms))
            for (from_ms, stop_wh), (to_ms, start_wh) in zip(stops, starts, strict=True)
            if abs(start_wh - stop_wh) > step_wh
        ]

    def _why(self, from_ms: int, to_ms: int) -> tuple[str, ...]:
        from_ms -= BEFORE_MS
        found = {
            name
            for evse, name, begin_ms, end_ms in self._life.broke
            if evse == self._evse and name in NO_BILL and begin_ms <= to_ms and end_ms >= from_ms
        }
        if any(from_ms <= at_ms <= to_ms for at_ms in self._life.forgot_ms):
            found.add("the core died with a stalled disk")
        return tuple(sorted(found - COUNTERS))

    def _ms(self, moment: datetime) -> int:
        now_ms, now = self._now
        return now_ms - round((now - moment).total_seconds() * 1000)


def journal(database: sqlite3.Connection, evse: int) -> list[SessionEvent]:
    rows = database.execute("SELECT body FROM event WHERE evse = ? ORDER BY seq", (evse,))
    return [_decode(body) for (body,) in rows]


def bills(events: list[SessionEvent]) -> list[Bill]:
    """Transactions that began and ended."""
    found: list[Bill] = []
    started: SessionEvent | None = None
    for event in events:
        if event.event == "TransactionStarted":
            started = event
        elif event.event == "TransactionFinished" and started is not None:
            found.append(
                Bill(
                    event.uuid,
                    parse_time(started.timestamp),
                    parse_time(event.timestamp),
                    started.transaction_started.meter_value.energy_Wh_import.total,
                    event.transaction_finished.meter_value.energy_Wh_import.total,
                )
            )
            started = None
    return found


def history(database: sqlite3.Connection, evse: int) -> list[Charge]:
    """All sessions, page by page as at the door."""
    found: list[Charge] = []
    after_seq: int | None = 0
    while after_seq is not None:
        one = page(database, evse=evse, after_seq=after_seq, limit=100)
        found += one.sessions
        after_seq = one.after_seq
    return found
