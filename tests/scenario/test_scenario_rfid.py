"""A card at a reader, from the bytes of its chip to the bill; and a reader that goes and comes."""

from __future__ import annotations

from typing import Any

import pytest
from fault_cases import sim_of
from scenario_steps import billed_wh, carrying_current, closed, last, last_seq, names, stays_open

from evse.config.rfid import RfidTable
from evse.faults import CoreCondition, of_condition
from evse.run.rfid import ReaderDesk, Verdict, dialect_of
from hil.bench.bench import Bench
from hil.csms.brain import CsmsBrain
from hil.rfid.in_memory import MemoryReader
from hil.rfid.pn532_chip import Pn532Chip
from hil.sim.ocpp import SimOcpp

pytestmark = pytest.mark.needs("virtual_time")

CARD, OTHER = bytes.fromhex("04A1B2C3"), bytes.fromhex("04FFFFFF")
READER_LOST = of_condition(CoreCondition.READER_LOST)


class ReaderOnTheBench:
    """A PN532 before EVSE 1, and what its LED shows."""

    def __init__(self, bench: Bench, **table: Any) -> None:
        self.bench, self.sim = bench, sim_of(bench)
        self.shown: list[tuple[tuple[int, ...], Verdict]] = []
        given = RfidTable(kind="pn532", port="/dev/ttyAMA0", **table)
        self.desk = ReaderDesk(self.sim.station.core, [given], feedback=self)
        self.desk.listen(self.sim.station.hub)
        self.reader = MemoryReader(
            dialect_of(given), Pn532Chip(), lambda event: self.desk.heard(1, event)
        )
        self.sim.parts.append(self.reader)
        self.plug()

    def on_feedback(self, evses: tuple[int, ...], verdict: Verdict) -> None:
        self.shown.append((evses, verdict))

    def verdicts(self) -> list[str]:
        return [verdict.value for _evses, verdict in self.shown]

    def plug(self) -> None:
        self.reader.plug(self.bench.clock.now_ms())
        self.sim.wake()
        self.bench.clock.run_for(1)

    def unplug(self) -> None:
        self.reader.unplug(self.bench.clock.now_ms())
        self.sim.wake()

    def hold(self, uid: bytes, span_s: float = 2.0) -> None:
        """Hold a card to it for so long, and take it away for long enough."""
        self.reader.chip.place(uid)
        self.bench.clock.run_for(span_s)
        self.reader.chip.remove()
        self.bench.clock.run_for(2)


@pytest.mark.station(authorization="list")
def test_a_card_begins_a_charge_and_ends_it_and_is_on_the_bill(bench: Bench) -> None:
    reader = ReaderOnTheBench(bench)
    bench.ev.plug()
    bench.clock.run_for(5)
    assert not closed(bench)
    reader.hold(CARD, span_s=30.0)
    carrying_current(bench)
    bench.clock.run_for(600)
    reader.hold(CARD)
    bench.clock.run_until(lambda: not closed(bench), within=10)
    bench.clock.run_for(10)
    started = last(bench, "TransactionStarted").event.transaction_started
    finished = last(bench, "TransactionFinished").event.transaction_finished
    assert started.id_tag.id_token.value == "04A1B2C3"  # type: ignore[union-attr]  # it was told
    assert started.id_tag.authorization_type == "RFID"  # type: ignore[union-attr]  # it was told
    assert finished.reason == "Local"  # type: ignore[union-attr]  # it was told
    assert billed_wh(bench) > 1_500
    assert reader.verdicts() == ["accepted", "accepted"]


@pytest.mark.station(authorization="list")
def test_an_unknown_card_and_a_phone_are_shown_to_be_refused(bench: Bench) -> None:
    reader = ReaderOnTheBench(bench)
    bench.ev.plug()
    reader.hold(OTHER)
    reader.hold(bytes.fromhex("08A1B2C3"))
    assert reader.shown == [((1,), Verdict.REJECTED)] * 2
    assert "not in the configured list" in bench.probe.why()
    stays_open(bench, 5)


@pytest.mark.station(authorization="ocpp")
def test_a_back_office_that_is_asked_keeps_the_reader_waiting_and_is_billed(bench: Bench) -> None:
    office = SimOcpp(sim_of(bench), CsmsBrain(sim_of(bench).clock, refused={"04FFFFFF": "Blocked"}))
    brain = office.csms.brain
    reader = ReaderOnTheBench(bench, evses=(1,))
    bench.clock.run_until(lambda: brain.statuses.get(1) == "Available", within=20)
    bench.ev.plug()
    bench.clock.run_for(3)
    reader.hold(OTHER)
    assert reader.verdicts() == ["pending", "rejected"]
    reader.hold(CARD)
    assert reader.verdicts()[2:] == ["pending", "accepted"]
    carrying_current(bench)
    bench.clock.run_for(60)
    reader.hold(CARD)
    bench.clock.run_for(20)
    (start,), (stop,) = brain.sent("StartTransaction"), brain.sent("StopTransaction")
    assert (start["idTag"], stop["idTag"]) == ("04A1B2C3", "04A1B2C3")
    assert stop["meterStop"] > start["meterStart"]
    assert brain.complaints == []


@pytest.mark.station(authorization="list", back_office=True)
def test_a_reader_unplugged_while_a_car_charges_is_told_and_the_card_ends_it_once_it_is_back(
    bench: Bench,
) -> None:
    brain = SimOcpp(sim_of(bench)).csms.brain
    reader = ReaderOnTheBench(bench)
    bench.ev.plug()
    bench.clock.run_for(5)
    reader.hold(CARD)
    carrying_current(bench)
    seq = last_seq(bench)
    reader.unplug()
    bench.clock.run_for(300)
    assert closed(bench)
    assert names(bench, seq) == []
    (fault,) = bench.dut.call("get", variable="sys.faults")
    assert (fault["type"], fault["sub_type"]) == READER_LOST.identity
    assert brain.sent("StatusNotification")[-1]["errorCode"] == "ReaderFailure"
    assert brain.sent("StatusNotification")[-1]["status"] == "Charging"
    assert [row["usable"] for row in reader.desk.state()] == [False]
    reader.plug()
    bench.clock.run_for(8)
    assert bench.dut.call("get", variable="sys.faults") == [fault], "it may go again"
    bench.clock.run_for(4)
    assert bench.dut.call("get", variable="sys.faults") == []
    assert brain.sent("StatusNotification")[-1]["errorCode"] == "NoError"
    assert [row["usable"] for row in reader.desk.state()] == [True]
    assert closed(bench)
    reader.hold(CARD)
    bench.clock.run_until(lambda: not closed(bench), within=10)
    bench.clock.run_for(5)
    assert "TransactionFinished" in names(bench, seq)


@pytest.mark.station(authorization="list")
def test_a_card_that_lies_on_a_reader_which_comes_back_ends_nothing(bench: Bench) -> None:
    reader = ReaderOnTheBench(bench)
    bench.ev.plug()
    reader.reader.chip.place(CARD)
    carrying_current(bench)
    reader.unplug()
    bench.clock.run_for(60)
    reader.plug()
    bench.clock.run_for(60)
    assert closed(bench)
    assert reader.verdicts() == ["accepted"]


@pytest.mark.station(authorization="list")
def test_who_asks_why_learns_that_the_reader_is_gone(bench: Bench) -> None:
    reader = ReaderOnTheBench(bench)
    bench.ev.plug()
    bench.clock.run_for(5)
    assert bench.probe.why().endswith("present a token of the configured list.")
    reader.unplug()
    bench.clock.run_for(1)
    assert "A reader of cards can not be used" in bench.probe.why()


@pytest.mark.station(evses=2, authorization="list")
def test_a_reader_of_one_evse_starts_that_one(bench: Bench) -> None:
    reader = ReaderOnTheBench(bench, evses=(2,))
    bench.ev.plug()
    bench.at(2).ev.plug()
    reader.hold(CARD)
    carrying_current(bench.at(2))
    assert not closed(bench)
    assert reader.shown == [((2,), Verdict.ACCEPTED)]
    reader.unplug()
    bench.clock.run_for(1)
    core = sim_of(bench).station.core
    lost = {evse: READER_LOST in session.faults for evse, session in core.sessions.items()}
    assert lost == {1: False, 2: True}
