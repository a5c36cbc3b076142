"""What a hostile back office, a slow disk and a core that comes back must not do to a bill."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocpp_rig import FakeClock, Rig, token
from test_v201_slice import rig_201

from evse.clock import rfc3339
from evse.types.authorization import AuthorizationStatus
from ocpp_link.memory.acknowledgements import Acknowledgements
from ocpp_link.memory.database import Database
from ocpp_link.ports import CoreReply, RestartKind
from ocpp_link.records import Verdict
from ocpp_link.rpc.outcome import Outcome
from ocpp_link.rpc.rpc import MAX_WAITING

REMOTE = {"idToken": {"idToken": "CARD", "type": "ISO14443"}, "remoteStartId": 77, "evseId": 2}


def remote_start_ids(rig: Rig) -> list[tuple[str, int | None]]:
    told = [json.loads(frame)[3] for frame in rig.sent if '"TransactionEvent"' in frame]
    return [
        (event["eventType"], event["transactionInfo"].get("remoteStartId"))
        for event in told
        if event["eventType"] != "Updated"
    ]


# --- a core with a new journal, a core that tells again -------------------------------------------


def test_what_became_durable_of_an_old_journal_acknowledges_nothing_of_the_new_one() -> None:
    rig = Rig(latency_ms=500)
    rig.start()
    rig.engine.on_journal("old", first_seq=1, from_seq=1)
    rig.seq = 500
    rig.plug_in()
    rig.engine.on_core_lost()
    rig.engine.on_core_connected()
    rig.engine.on_journal("new", first_seq=1, from_seq=1)
    rig.run(2)
    assert (rig.core.acknowledged, rig.engine.next_seq) == (0, 1)
    rig.seq = 0
    rig.plug_in()
    rig.run(2)
    assert (rig.core.acknowledged, rig.engine.next_seq) == (2, 3)


def test_an_event_that_is_told_again_on_its_way_to_the_disk_counts_once() -> None:
    rig, _ = rig_201(latency_ms=3_000)
    rig.start()
    rig.run(10)
    rig.plug_in()
    rig.event("Authorized")
    started = {"id_tag": token(), "meter_value": rig.meter()}
    charging = {"meter_value": rig.meter()}
    first = rig.event("TransactionStarted", transaction_started=started)
    rig.event("ChargingStarted", charging_state_changed_event=charging)
    rig.engine.on_core_lost()
    rig.engine.on_core_connected()
    rig.seq = first - 1
    rig.event("TransactionStarted", transaction_started=started)
    rig.event("ChargingStarted", charging_state_changed_event=charging)
    rig.stop_transaction()
    rig.run(60)
    told = [json.loads(frame)[3]["seqNo"] for frame in rig.sent if '"TransactionEvent"' in frame]
    assert told == [0, 1, 2]


@pytest.mark.parametrize("link_too", [False, True])
def test_a_transaction_of_a_core_that_lost_its_memory_ends_with_what_its_meter_showed_last(
    tmp_path: Path, link_too: bool
) -> None:
    """OCPP 1.6 §4.10: the back office is told of every end, or it bills for ever."""
    rig = Rig(evses=2, database=Database(tmp_path / "link.db"))
    rig.engine.on_journal("old", first_seq=1, from_seq=1)
    rig.start()
    rig.plug_in()
    rig.start_transaction()
    rig.event("ReservationStart", 2, "")
    rig.charge(60)
    rig.engine.on_core_lost()
    if link_too:
        rig.database.close()
        rig = Rig(evses=2, database=Database(tmp_path / "link.db"), brain=rig.brain)
    rig.engine.on_journal("new", first_seq=1, from_seq=1)
    rig.core.acknowledged = rig.seq = 0
    rig.start()
    rig.event("Enabled")
    rig.event("Enabled", 2)
    rig.run(5)
    (stop,) = rig.brain.sent("StopTransaction")
    used_wh = 0 if link_too else int(7_360 * 60 / 3_600)
    assert (stop["transactionId"], stop["reason"]) == (1, "Other")
    assert stop["meterStop"] - rig.brain.sent("StartTransaction")[0]["meterStart"] == used_wh
    assert rig.brain.statuses == {0: "Available", 1: "Available", 2: "Available"}
    rig.engine.on_journal("new", first_seq=1, from_seq=2)
    rig.session("s-2", seconds=1)
    assert [stop["transactionId"] for stop in rig.brain.sent("StopTransaction")] == [1, 2]


def forgetful(journal_holds: object) -> Rig:
    """A transaction runs; the core forgets ten events behind it, and holds this as its newest."""
    rig = Rig()
    rig.engine.on_journal("one", first_seq=1, from_seq=1)
    rig.start()
    rig.plug_in()
    rig.start_transaction()
    rig.charge(60)
    rig.engine.on_core_lost()
    rig.core.replies["get"] = CoreReply(result=journal_holds)
    rig.seq += 10
    rig.engine.on_journal("one", first_seq=rig.seq + 1, from_seq=rig.engine.next_seq)
    rig.engine.on_core_connected()
    rig.flush()
    return rig


def ends(rig: Rig) -> list[tuple[int, str]]:
    return [(end["transactionId"], end["reason"]) for end in rig.brain.sent("StopTransaction")]


def test_4_10_a_transaction_ends_whose_end_the_core_forgot_with_all_else() -> None:
    """OCPP 1.6 §4.10: the journal holds no event of the EVSE, and none will end it."""
    rig = forgetful(None)
    assert ends(rig) == [(1, "Other")]
    rig.session("s-2", seconds=1)
    assert [number for number, _ in ends(rig)] == [1, 2]


def test_4_10_a_transaction_ends_whose_end_the_core_forgot_as_soon_as_another_session_shows() -> (
    None
):
    """OCPP 1.6 §4.10: also where that is told from its middle on."""
    rig = forgetful({"uuid": "s-2", "event": "SessionFinished"})
    assert ends(rig) == []
    rig.plug_out(uuid="s-2")
    assert ends(rig) == [(1, "Other")]
    rig.run(5)
    assert rig.brain.statuses[1] == "Available"


def test_4_10_a_transaction_that_outlives_what_was_forgotten_ends_once() -> None:
    """OCPP 1.6 §4.10: with the meter of its own end."""
    rig = forgetful({"uuid": "s-1", "event": "ChargingPausedEV"})
    rig.charge(60)
    assert ends(rig) == []
    rig.stop_transaction()
    rig.plug_out()
    rig.session("s-2", seconds=1)
    assert [number for number, _ in ends(rig)] == [1, 2]
    used_wh = rig.brain.sent("StopTransaction")[0]["meterStop"] - 1_000_000
    assert used_wh == int(7_360 * 120 / 3_600)


def test_4_10_a_core_that_can_not_tell_what_it_holds_ends_nothing() -> None:
    """OCPP 1.6 §4.10: its disk is busy; the next event tells."""
    rig = forgetful(True)
    rig.core.replies["get"] = CoreReply(error="busy")
    rig.engine.on_journal("one", first_seq=rig.seq + 1, from_seq=rig.engine.next_seq)
    rig.flush()
    assert ends(rig) == []
    rig.session("s-2", seconds=1)
    assert [number for number, _ in ends(rig)] == [1, 2]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 6)), max_size=40))
def test_only_what_is_durable_of_the_present_journal_is_acknowledged(
    steps: list[tuple[int, int]],
) -> None:
    acknowledged: list[int] = []
    known = Acknowledgements(acknowledged.append)
    taken: list[tuple[int, int, Any]] = []
    journal, durable = 0, set[tuple[int, int]]()
    for step, seq in steps:
        if step == 0 and (done := known.expect(seq)) is not None:
            taken.append((journal, seq, done))
        elif step == 1 and taken:
            of, which, done = taken.pop(0)
            durable.add((of, which))
            done()
        elif step == 2:
            journal += 1
            known.restart(0)
            acknowledged.clear()
        assert all((journal, seq) in durable for seq in acknowledged)


# --- a back office that answers nothing and asks for everything -----------------------------------


def test_3_7_1_a_flood_of_triggers_costs_no_bill() -> None:
    """OCPP 1.6 §3.7.1: a record is given up only when the back office failed to process it."""
    rig = Rig().start()
    rig.plug_in()
    rig.start_transaction()
    numbers = itertools.count()

    def flood(times: int) -> None:
        for _ in range(times):
            for number in itertools.islice(numbers, 300):
                trigger = {"requestedMessage": "Heartbeat"}
                rig.engine.on_frame(json.dumps([2, f"t{number}", "TriggerMessage", trigger]))
                rig.engine.take_frames()
            rig.clock.advance_to(rig.clock.now_ms() + 10_000)
            rig.engine.poll()
            rig.engine.take_frames()

    flood(1)
    finished = {"meter_value": rig.meter(), "reason": "Local"}
    event = {"uuid": "s-1", "event": "TransactionFinished", "transaction_finished": finished}
    at = {"timestamp": rfc3339(rig.clock.utc())}
    rig.engine.on_session_event(1, {**event, **at}, rig.seq + 1)
    flood(40)
    assert rig.engine.transactions.queue.dropped == 0
    assert len(rig.engine.transactions.queue) == 1
    rig.disconnect()
    rig.connect()
    assert [sent["transactionId"] for sent in rig.brain.sent("StopTransaction")] == [1]


def test_the_room_that_is_reserved_is_for_one_call() -> None:
    rig = Rig().start()
    rpc = rig.engine.station.rpc
    lost: list[Outcome] = []
    for _ in range(MAX_WAITING + 1):
        rpc.call("Heartbeat", {}, lost.append, 0)
    assert lost == []
    rpc.call("Heartbeat", {}, lost.append, 0)
    assert [outcome.kind.value for outcome in lost] == ["unsendable"]
    rpc.call("Heartbeat", {}, lost.append, 0, is_reserved=True)
    assert len(lost) == 1


# --- a time that no clock can show ----------------------------------------------------------------


@pytest.mark.parametrize("may_set_clock", [True, False])
@pytest.mark.parametrize(
    "told", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "2100-01-01T00:00:00Z"]
)
def test_4_6_a_back_office_at_the_end_of_the_calendar_is_not_believed(
    told: str, may_set_clock: bool
) -> None:
    """OCPP 1.6 §4.6: the time is set from what is told, and what can not be is not."""
    rig = Rig().start()
    rig.system.may_set_clock = may_set_clock
    before = rig.engine.station.clock.utc()
    rig.engine.station.time.told(told, rig.clock.now_ms())
    rig.run(60)
    assert (rig.engine.station.clock.utc() - before).total_seconds() == 60
    assert rig.system.set == []


# --- whose remote start a transaction is ----------------------------------------------------------


def test_f02_the_end_of_another_transaction_does_not_use_up_a_remote_start() -> None:
    """OCPP 2.0.1 F02.FR.01: its own transaction tells the remoteStartId."""
    rig, _ = rig_201(evses=2)
    rig.start()
    rig.plug_in(1, "s-1")
    rig.start_transaction(1, "s-1")
    assert rig.ask("RequestStartTransaction", REMOTE)[1]["status"] == "Accepted"
    finished = {"meter_value": rig.meter(1), "reason": "Local", "id_tag": token()}
    rig.event("TransactionFinished", 1, "s-1", transaction_finished=finished)
    rig.plug_in(2, "s-2")
    rig.start_transaction(2, "s-2", authorization_type="OCPP")
    assert remote_start_ids(rig) == [("Started", None), ("Ended", None), ("Started", 77)]


@pytest.mark.parametrize("is_refused", [True, False])
def test_f02_a_remote_start_that_came_to_nothing_is_not_that_of_a_later_swipe(
    is_refused: bool,
) -> None:
    """OCPP 2.0.1 F02.FR.01: nor does anybody else's."""
    rig, _ = rig_201(evses=2)
    rig.start()
    if is_refused:
        rig.core.replies["auth_token_provider.present"] = CoreReply(result="Rejected")
    rig.ask("RequestStartTransaction", REMOTE)
    rig.run(600)
    rig.plug_in(2, "s-2")
    rig.start_transaction(2, "s-2")
    assert remote_start_ids(rig) == [("Started", None)]


# --- whom a group opens what ----------------------------------------------------------------------


@pytest.mark.parametrize(("evses", "is_asked"), [((2,), True), ((1,), False), (None, False)])
def test_c01_a_group_ends_its_transaction_unasked_and_starts_no_other_one(
    evses: tuple[int, ...] | None, is_asked: bool
) -> None:
    """OCPP 2.0.1 C01.FR.02, FR.03: where LocalPreAuthorize is off, a start is asked about."""
    rig, brain = rig_201(evses=2)
    rig.start()
    rig.plug_in(1, "s-1")
    rig.start_transaction(1, "s-1", tag="A")
    for value in ("A", "B"):
        verdict = Verdict(AuthorizationStatus.Accepted, "FLEET")
        rig.engine.authorization.known.remember(value, verdict)
    before = len(brain.sent("Authorize"))
    where = {} if evses is None else {"connectors": evses}
    rig.engine.validate(token("B", **where), lambda _reply: None)
    rig.flush()
    assert (len(brain.sent("Authorize")) > before) is is_asked


# --- a core that is away --------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_5_12_a_stop_that_nobody_can_carry_out_is_not_promised(version: str) -> None:
    """OCPP 1.6 §5.12, 2.0.1 F03: a driver who was told of a stop would leave."""
    rig = Rig().start() if version == "1.6" else rig_201()[0].start()
    rig.plug_in()
    rig.start_transaction()
    rig.engine.on_core_lost()
    stop: tuple[str, dict[str, Any]] = ("RemoteStopTransaction", {"transactionId": 1})
    if version == "2.0.1":
        stop = ("RequestStopTransaction", {"transactionId": "s-1"})
    assert rig.ask(*stop)[1]["status"] == "Rejected"
    assert rig.core.called("stop_transaction") == []
    rig.engine.on_core_connected()
    assert rig.ask(*stop)[1]["status"] == "Accepted"
    assert len(rig.core.called("stop_transaction")) == 1


# --- a reset under way ----------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_5_11_nothing_is_started_that_a_reset_is_about_to_end(version: str) -> None:
    """OCPP 1.6 §5.11, §5.14; 2.0.1 B12: an accepted start would never come to be."""
    rig = Rig(evses=2).start() if version == "1.6" else rig_201(evses=2)[0].start()
    rig.plug_in()
    rig.start_transaction()
    start: tuple[str, dict[str, Any]] = ("RequestStartTransaction", REMOTE)
    if version == "1.6":
        start = ("RemoteStartTransaction", {"connectorId": 2, "idTag": "OTHER"})
    rig.ask("Reset", {"type": "Soft" if version == "1.6" else "OnIdle"})
    assert rig.ask(*start)[1]["status"] == "Rejected"
    rig.stop_transaction()
    rig.run(600)
    assert rig.system.restarts == [RestartKind.APPLICATION] * 2
    assert not rig.engine.reset.under_way
    assert rig.ask(*start)[1]["status"] == "Accepted"


# --- a clock that somebody else sets --------------------------------------------------------------


def test_5_13_a_reservation_expires_by_a_clock_that_was_set_meanwhile() -> None:
    """OCPP 1.6 §5.13: at its expiry it is over, whatever the clock said when it was made."""
    clock = FakeClock(-400 * 86_400)
    rig = Rig(evses=2, clock=clock)
    rig.core.replies["reservation.reserve_now"] = CoreReply(result="Accepted")
    rig.start()
    at = {"expiryDate": "2026-01-01T00:10:00Z", "idTag": "A", "reservationId": 1}
    assert rig.ask("ReserveNow", {"connectorId": 0, **at})[1]["status"] == "Accepted"
    clock.wrong = timedelta(0)
    rig.plug_in(1)
    assert rig.engine.reservations.keeps_free(2)
    rig.run(700)
    assert not rig.engine.reservations.keeps_free(2)


# --- what is promised -----------------------------------------------------------------------------


def test_5_11_a_car_that_pauses_elsewhere_frees_nothing_that_is_promised() -> None:
    """OCPP 1.6 §5.11: the one EVSE that is free is for the start that was accepted first."""
    rig = Rig(evses=2).start()
    rig.plug_in(2, "s-2")
    rig.start_transaction(2, "s-2")
    rig.core.replies["auth_token_provider.present"] = CoreReply(result="Processing")
    first, second = {"idTag": "FIRST"}, {"idTag": "SECOND"}
    assert rig.ask("RemoteStartTransaction", first)[1]["status"] == "Accepted"
    rig.event("ChargingPausedEV", 2, "s-2")
    assert rig.ask("RemoteStartTransaction", second)[1]["status"] == "Rejected"
    rig.event("Authorized", 1, "s-1")
    rig.stop_transaction(2, "s-2")
    rig.plug_out(2, "s-2")
    assert rig.ask("RemoteStartTransaction", second)[1]["status"] == "Accepted"
