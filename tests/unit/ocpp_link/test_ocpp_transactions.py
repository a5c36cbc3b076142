"""OCPP 1.6 §3.7, §4.7, §4.8, §4.10: the bill is whole, whatever happens to the link or the disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from ocpp_rig import Rig, token

from evse.clock import VirtualClock
from hil.csms.brain import CsmsBrain, Misbehaviour
from ocpp_link.device.settings import Settings
from ocpp_link.memory.database import Database
from ocpp_link.timekeeping import LinkClock


def actions(rig: Rig) -> list[str]:
    wanted = ("StartTransaction", "MeterValues", "StopTransaction")
    return [action for action, _ in rig.brain.log if action in wanted]


def test_a_session_is_billed(rig: Rig) -> None:
    rig.session(seconds=3_600)
    (line,) = rig.brain.bill_lines()
    assert (line.start_wh, line.energy_wh, line.reason) == (1_000_000, 7_360, "EVDisconnected")
    assert line.price(0.40) == 2.94
    assert line.duration_s == 3_600
    assert line.samples == 60
    assert rig.brain.complaints == []
    assert rig.core.acknowledged == rig.seq
    assert len(rig.engine.transactions.queue) == 0


def test_start_and_stop_carry_the_times_of_the_events(rig: Rig) -> None:
    rig.run(5)
    rig.plug_in()
    rig.start_transaction(tag="TAG")
    rig.charge(10)
    rig.stop_transaction(reason="Remote")
    assert rig.brain.sent("StartTransaction") == [
        {
            "connectorId": 1,
            "idTag": "TAG",
            "meterStart": 1_000_000,
            "timestamp": "2026-01-01T00:00:05.000Z",
        }
    ]
    assert rig.brain.sent("StopTransaction") == [
        {
            "transactionId": 1,
            "meterStop": 1_000_020,
            "timestamp": "2026-01-01T00:00:15.000Z",
            "reason": "Remote",
        }
    ]


def test_7_36_reasons_that_1_6_lacks_are_other(rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    rig.stop_transaction(reason="EVSEDisabled")
    assert rig.brain.sent("StopTransaction")[0]["reason"] == "Other"


def test_4_10_the_verdict_on_the_token_that_stopped_is_remembered(rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    rig.brain.refused["CARD"] = "Blocked"
    finished = {"meter_value": rig.meter(), "reason": "Local", "id_tag": token("CARD")}
    rig.event("TransactionFinished", transaction_finished=finished)
    assert rig.brain.sent("StopTransaction")[0]["idTag"] == "CARD"
    assert rig.engine.authorization.known.find("CARD").status.value == "Blocked"


def test_sampling_follows_the_interval_and_its_changes(rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    rig.charge(59)
    assert actions(rig) == ["StartTransaction"]
    rig.charge(2)
    assert actions(rig) == ["StartTransaction", "MeterValues"]
    rig.ask("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "10"})
    rig.charge(30)
    assert actions(rig).count("MeterValues") == 4
    rig.ask("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "0"})
    rig.charge(100)
    assert actions(rig).count("MeterValues") == 4


def test_a_meter_that_says_nothing_new_is_not_sampled(rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    rig.run(600)
    assert actions(rig).count("MeterValues") == 1


def test_3_7_offline_then_online_order_is_kept_nothing_lost_nothing_doubled(rig: Rig) -> None:
    rig.disconnect()
    rig.session("s-1", seconds=130)
    rig.session("s-2", seconds=130)
    rig.run(60)
    rig.connect()
    rig.run(1)
    one = ["StartTransaction", "MeterValues", "MeterValues", "StopTransaction"]
    assert actions(rig) == one + one
    assert [line.energy_wh for line in rig.brain.bill_lines()] == [265, 266]
    assert rig.brain.complaints == []


def test_a_long_offline_time_keeps_memory_flat_and_drains(rig: Rig) -> None:
    rig.disconnect()
    for number in range(120):
        rig.session(f"s-{number}", seconds=61)
    queue = rig.engine.transactions.queue
    assert len(queue) == 480  # start, charging, a sample, end
    assert len(queue._window) <= 64
    rig.connect()
    assert len(queue) == 0
    assert len(rig.brain.bill) == 120
    assert rig.brain.complaints == []


@pytest.mark.parametrize("action", ["StartTransaction", "MeterValues", "StopTransaction"])
@pytest.mark.parametrize("how", [Misbehaviour.DROP, Misbehaviour.DROP_AFTER])
def test_a_lost_connection_costs_no_attempt_and_no_record(action: str, how: Misbehaviour) -> None:
    rig = Rig(settings=Settings(message_attempts=1)).start()
    rig.brain.misbehave(action, how, how, how)
    rig.plug_in()
    rig.start_transaction()
    for _ in range(10):
        rig.charge(20)
        if not rig.engine.connected:
            rig.connect()
    rig.stop_transaction()
    rig.plug_out()
    for _ in range(4):
        if not rig.engine.connected:
            rig.connect()
    (line,) = rig.brain.bill_lines()
    assert line.energy_wh == 408
    assert rig.engine.transactions.queue.dropped == 0
    assert rig.brain.complaints == []


@pytest.mark.parametrize("how", [Misbehaviour.CALLERROR, Misbehaviour.GARBAGE])
def test_3_7_1_retries_wait_the_interval_times_the_attempts(how: Misbehaviour, rig: Rig) -> None:
    rig.brain.misbehave("StartTransaction", how, how)
    rig.plug_in()
    rig.start_transaction()
    assert "StartTransaction" not in actions(rig)
    rig.run(60)
    rig.run(119)
    assert "StartTransaction" not in actions(rig)
    rig.run(1)
    assert "StartTransaction" in actions(rig)


def test_3_7_1_a_record_without_an_answer_is_given_up_where_others_are_answered(rig: Rig) -> None:
    rig.ask("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "20"})
    rig.brain.misbehave("StartTransaction", *[Misbehaviour.NO_ANSWER] * 3)
    rig.plug_in()
    rig.start_transaction()
    rig.run(600)
    assert rig.engine.transactions.queue.dropped == 1


def test_a_back_office_that_hangs_for_a_night_costs_no_bill(rig: Rig) -> None:
    hung = [Misbehaviour.NO_ANSWER] * 2_000
    for action in ("Heartbeat", "StatusNotification", "StartTransaction", "MeterValues"):
        rig.brain.misbehave(action, *hung)
    rig.session(seconds=8 * 3_600)
    rig.brain.misbehaviour.clear()
    rig.run(600)
    assert [line.energy_wh for line in rig.brain.bill_lines()] == [8 * 7_360 - 1]
    assert rig.engine.transactions.queue.dropped == 0
    assert rig.brain.complaints == []


def test_3_7_1_other_messages_go_on_between_attempts(rig: Rig) -> None:
    rig.brain.misbehave("StartTransaction", Misbehaviour.CALLERROR)
    rig.plug_in()
    rig.start_transaction()
    assert rig.brain.sent("StatusNotification")[-1]["status"] == "Charging"


def test_errata_3_18_a_start_that_is_given_up_leaves_the_id_minus_one(rig: Rig) -> None:
    rig.brain.misbehave("StartTransaction", *[Misbehaviour.CALLERROR] * 3)
    rig.session(seconds=70)
    rig.run(300)
    assert rig.brain.bill == {}
    assert [p["transactionId"] for p in rig.brain.sent("MeterValues")] == [-1]
    assert [p["transactionId"] for p in rig.brain.sent("StopTransaction")] == [-1]
    assert rig.engine.transactions.queue.dropped == 1
    rig.session("s-2", seconds=70)
    assert [line.energy_wh for line in rig.brain.bill_lines()] == [143]


def test_4_8_an_unaccepted_start_stops_the_transaction(rig: Rig) -> None:
    rig.brain.refused["CARD"] = "Blocked"
    rig.plug_in()
    rig.start_transaction()
    assert rig.core.called("stop_transaction") == [
        {"evse": 1, "request": {"reason": "DeAuthorized"}}
    ]


def test_4_8_without_stop_on_invalid_it_only_suspends(rig: Rig) -> None:
    rig.ask("ChangeConfiguration", {"key": "StopTransactionOnInvalidId", "value": "false"})
    rig.brain.refused["CARD"] = "ConcurrentTx"
    rig.plug_in()
    rig.start_transaction()
    assert rig.core.called("stop_transaction") == []
    assert rig.core.called("pause_charging") == [{"evse": 1}]


def test_a_late_refusal_does_not_touch_the_next_session(rig: Rig) -> None:
    rig.brain.refused["CARD"] = "Blocked"
    rig.disconnect()
    rig.session("s-1", seconds=61)
    rig.plug_in(uuid="s-2")
    rig.start_transaction(uuid="s-2", tag="OTHER")
    rig.connect()
    assert rig.core.called("stop_transaction") == []


def test_an_event_is_acknowledged_only_when_it_is_durable() -> None:
    rig = Rig(latency_ms=2_000).start()
    rig.plug_in()
    rig.start_transaction()
    assert rig.core.acknowledged == 0
    assert rig.ask("GetConfiguration", {"key": ["X"]})[0] == "result", "the disk delays no answer"
    assert rig.brain.sent("StatusNotification")[-1]["status"] == "Charging"
    assert rig.brain.bill == {}, "what is not durable is not sent"
    rig.run(2)
    assert rig.core.acknowledged == rig.seq
    rig.run(3)
    assert len(rig.brain.bill) == 1


def test_a_replayed_event_adds_nothing(rig: Rig) -> None:
    rig.session(seconds=61)
    kept = rig.seq
    rig.seq = 0
    rig.clock = VirtualClock()
    rig.engine.station.clock = LinkClock(rig.clock)
    rig.wh = 1_000_000.0
    rig.plug_in()
    rig.start_transaction()
    rig.stop_transaction()
    rig.plug_out()
    assert rig.seq == kept
    assert rig.brain.repeated_starts == rig.brain.repeated_stops == 0
    assert len(rig.brain.bill) == 1


def test_a_journal_that_begins_anew_is_acknowledged_anew(rig: Rig) -> None:
    rig.session("s-1", seconds=1)
    rig.engine.on_journal("old", first_seq=1, from_seq=rig.engine.next_seq)
    rig.engine.on_journal("new", first_seq=1, from_seq=1)
    rig.core.acknowledged = rig.seq = 0
    assert rig.engine.next_seq == 1
    rig.session("s-2", seconds=1)
    assert rig.core.acknowledged == rig.seq
    assert len(rig.brain.bill) == 2


def test_which_journal_was_followed_survives_a_restart_with_its_number(tmp_path: Path) -> None:
    rig = Rig(database=Database(tmp_path / "link.db"))
    assert rig.engine.journal_id is None
    rig.engine.on_journal("old", first_seq=1, from_seq=1)
    rig.start().session("s-1", seconds=1)
    rig.engine.on_journal("new", first_seq=1, from_seq=1)
    rig.database.close()
    again = Rig(database=Database(tmp_path / "link.db"))
    assert (again.engine.journal_id, again.engine.next_seq) == ("new", 1)


def test_a_link_that_lost_its_memory_goes_on_behind_what_it_had_acknowledged(
    tmp_path: Path,
) -> None:
    """Its old transactions are not billed once more."""
    rig = Rig(database=Database(tmp_path / "link.db"))
    rig.engine.on_journal("one", first_seq=1, from_seq=41)
    assert (rig.engine.journal_id, rig.engine.next_seq) == ("one", 41)
    rig.database.close()
    again = Rig(database=Database(tmp_path / "link.db"))
    assert again.engine.next_seq == 41


def test_events_that_were_forgotten_before_they_were_seen_are_said(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.engine.on_journal("one", first_seq=1, from_seq=1)
    rig.engine.on_journal("one", first_seq=41, from_seq=1)
    assert [r.getMessage()[:44] for r in caplog.records] == [
        "events 1 to 40 of the core are forgotten the"
    ]
    assert rig.engine.journal_id == "one"


class Crash(Exception):
    """The power went at this write."""


class CrashingDatabase(Database):
    """Loses power at its n-th commit: before it (the write is lost) or right after it."""

    def __init__(self, path: Path, commits: int, *, after: bool) -> None:
        super().__init__(path)
        self._left = commits
        self._after = after

    def commit(self) -> None:
        self._left -= 1
        if self._left < 0 and not self._after:
            raise Crash
        super().commit()
        if self._left < 0:
            raise Crash


class Journal:
    """The core's side: events with numbers, replayed from the one after the last acknowledged."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def feed(self, rig: Rig) -> None:
        """Hand out what is not acknowledged, one by one."""
        rig.seq = rig.engine.next_seq - 1
        for name, payload in self.events[rig.seq :]:
            rig.event(name, **payload)


def script(clock: VirtualClock) -> Journal:
    journal = Journal()
    recorder = Rig(clock=clock)
    taken = recorder.engine.on_session_event

    def record(evse: int, event: dict[str, object], seq: int) -> None:
        payload = {key: event[key] for key in event if key not in ("event", "timestamp")}
        journal.events.append((str(event["event"]), payload))
        taken(evse, event, seq)

    recorder.engine.on_session_event = record
    recorder.session("s-1", seconds=61)
    recorder.session("s-2", seconds=61)
    return journal


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_every_write_leaves_the_bill_whole(tmp_path: Path, after: bool) -> None:
    journal = script(VirtualClock())
    crashes = 0
    for commits in range(200):
        path = tmp_path / f"{after}-{commits}.db"
        brain = CsmsBrain(VirtualClock())
        database: Database = CrashingDatabase(path, commits, after=after)
        crashed = False
        try:
            rig = Rig(database=database, brain=brain).start()
            journal.feed(rig)
        except Crash:
            crashed = True
        database.close()
        rig = Rig(database=Database(path), brain=brain).start()
        journal.feed(rig)
        rig.run(1)
        assert brain.complaints == []
        assert [line.energy_wh for line in brain.bill_lines()] == [124, 125]
        assert rig.core.acknowledged in (0, len(journal.events))
        rig.database.close()
        if not crashed:
            break
        crashes += 1
    assert crashes > 15


def test_a_restart_in_a_transaction_goes_on_with_its_id_and_its_samples(tmp_path: Path) -> None:
    path = tmp_path / "link.db"
    rig = Rig(database=Database(path)).start()
    rig.plug_in()
    rig.start_transaction()
    rig.charge(61)
    rig.database.close()
    again = Rig(database=Database(path), brain=rig.brain, clock=rig.clock).start()
    again.seq, again.wh = rig.seq, rig.wh
    assert again.engine.next_seq == rig.seq + 1
    again.charge(61)
    again.stop_transaction()
    assert [p["transactionId"] for p in again.brain.sent("MeterValues")] == [1, 1]
    assert again.brain.bill[1].energy_wh == 249
    assert again.brain.complaints == []


def test_a_power_loss_is_billed_with_the_last_known_register(tmp_path: Path) -> None:
    path = tmp_path / "link.db"
    rig = Rig(database=Database(path)).start()
    rig.plug_in()
    rig.start_transaction()
    rig.charge(61)
    rig.database.close()
    again = Rig(database=Database(path), brain=rig.brain, clock=rig.clock)
    again.seq, again.wh = rig.seq, rig.wh
    again.event("SessionResumed")
    finished = {"meter_value": again.meter(publish=False), "reason": "PowerLoss"}
    again.event("TransactionFinished", transaction_finished=finished)
    again.start()
    assert again.brain.bill[1].reason == "PowerLoss"
