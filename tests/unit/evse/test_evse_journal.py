"""The journal: nothing that was handed out is lost, doubled, renumbered or out of order."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from journal_rig import JournalRig

from evse.journal import PRUNE_EVERY_MS, RETRY_MS, last_seq, snapshots

DAY_MS = 86_400_000


def seqs(rig: JournalRig) -> list[int]:
    return [row[0] for row in rig.rows("SELECT seq FROM event ORDER BY seq")]


def test_an_event_is_handed_out_once_it_is_on_disk_and_not_before() -> None:
    rig = JournalRig()
    consumer = rig.follow(1)
    rig.storage.drain()
    rig.append("one")
    assert consumer.got == []
    rig.storage.work()
    assert seqs(rig) == [1]
    rig.storage.deliver()
    assert consumer.got == [(1, 1, "one")]


def test_an_event_and_its_snapshot_are_one_transaction() -> None:
    rig = JournalRig()
    rig.append("one")
    rig.append("two", evse=2)
    rig.journal.checkpoint(1, b"checkpoint")
    for _ in range(4):
        texts = [row[0] for row in rig.rows("SELECT body FROM event ORDER BY seq")]
        stored = snapshots(rig.disk)
        assert len(texts) in (0, 1, 2)
        assert stored.get(1) == (b"after one", b"checkpoint")[len(texts) > 1] if texts else True
        rig.storage.work()
        rig.storage.deliver()
    assert snapshots(rig.disk) == {1: b"checkpoint", 2: b"after two"}


def test_under_load_one_write_takes_all_that_waits() -> None:
    rig = JournalRig()
    for number in range(100):
        rig.append(str(number))
    rig.storage.work()
    rig.storage.deliver()
    assert len(rig.storage.jobs) == 1
    rig.storage.drain()
    assert rig.journal.durable_seq == 100


@pytest.mark.parametrize("failures", [1, 2, 7])
def test_a_failing_disk_keeps_order_and_loses_nothing(failures: int) -> None:
    rig = JournalRig()
    consumer = rig.follow(1)
    rig.storage.drain()
    for attempt in range(failures):
        rig.append(str(attempt))
        rig.storage.work(fails=True)
        rig.storage.deliver()
        assert consumer.got == []
        assert rig.journal.last_failure == "disk I/O error"
        assert rig.journal.next_deadline_ms == rig.clock.now_ms() + RETRY_MS
        rig.wait(RETRY_MS)
    rig.append("last")
    rig.settle()
    assert [text for _, _, text in consumer.got] == [*map(str, range(failures)), "last"]
    assert rig.journal.failures == failures
    assert rig.journal.last_failure is None
    assert rig.journal.next_deadline_ms is None


def test_a_failed_read_is_tried_again_and_the_consumer_misses_nothing() -> None:
    rig = JournalRig()
    rig.append("one")
    rig.storage.drain()
    consumer = rig.follow(1)
    rig.storage.work(fails=True)
    rig.storage.deliver()
    assert rig.journal.next_deadline_ms is not None
    rig.append("two")
    rig.settle()
    assert [seq for seq, _, _ in consumer.got] == [1, 2]


def test_a_stalled_disk_delays_consumers_and_nothing_else() -> None:
    """DESIGN: a two-second stall of an fsync drops no event. The caller is never held."""
    rig = JournalRig()
    consumer = rig.follow(1)
    rig.storage.drain()
    for number in range(20):
        assert rig.append(str(number)) == number + 1
        rig.wait(100)
    assert consumer.got == []
    rig.storage.drain()
    assert [seq for seq, _, _ in consumer.got] == list(range(1, 21))


def test_closing_writes_what_waits_behind_a_write_that_is_under_way() -> None:
    rig = JournalRig()
    rig.append("one")
    rig.append("two")
    rig.journal.checkpoint(2, b"kept")
    rig.storage.work()  # on disk, but the loop never hears of it
    rig.journal.close()
    assert seqs(rig) == [1, 2]
    assert snapshots(rig.disk) == {1: b"after two", 2: b"kept"}


def test_closing_never_brings_back_a_snapshot_that_an_event_has_overtaken() -> None:
    rig = JournalRig()
    rig.append("before")
    rig.journal.checkpoint(1, b"a transaction runs")
    rig.append("the transaction ended")
    rig.storage.work()
    rig.storage.deliver()
    rig.storage.work()  # all three on disk, but the loop never hears of the last two
    rig.journal.close()
    assert seqs(rig) == [1, 2]
    assert snapshots(rig.disk) == {1: b"after the transaction ended"}


def test_closing_tries_once_more_what_had_failed() -> None:
    rig = JournalRig()
    rig.append("one")
    rig.storage.work(fails=True)
    rig.storage.deliver()
    rig.append("two")
    rig.journal.close()
    assert seqs(rig) == [1, 2]


def test_closing_beside_a_hung_disk_says_what_may_be_missing() -> None:
    rig = JournalRig()
    rig.append("one")
    rig.append("two")
    rig.journal.checkpoint(2, b"kept")
    rig.storage.hangs = True
    said = rig.journal.close()
    assert "events 1 to 2" in said
    assert "EVSE 1, 2" in said


def test_closing_a_sound_disk_says_nothing() -> None:
    rig = JournalRig()
    rig.append("one")
    assert rig.journal.close() == ""


def test_what_a_consumer_causes_while_it_is_told_comes_after_for_everybody() -> None:
    rig = JournalRig()
    first, second = rig.follow(1), rig.follow(1)
    rig.storage.drain()
    heard = first.send

    def reacts(line: bytes) -> None:
        heard(line)
        if len(first.got) == 1:
            rig.append("caused")
            rig.storage.drain()

    first.send = reacts  # type: ignore[method-assign]  # a peer in the same process
    rig.append("one")
    rig.append("two")
    rig.settle()
    texts = ["one", "two", "caused"]
    assert [t for _, _, t in first.got] == [t for _, _, t in second.got] == texts


# --- acknowledgements and pruning -----------------------------------------------------------------


def test_an_acknowledgement_never_moves_back() -> None:
    rig = JournalRig()
    for seq in (3, 1, 2):
        rig.journal.acknowledge("ocpp", seq)
    rig.storage.drain()
    assert rig.rows("SELECT * FROM consumer") == [("ocpp", 3)]


def test_old_events_go_only_when_every_consumer_has_them() -> None:
    rig = JournalRig()
    for number in range(4):
        rig.append(str(number))
    rig.settle()
    rig.journal.acknowledge("ocpp", 4)
    rig.journal.acknowledge("web", 2)
    rig.storage.drain()
    assert seqs(rig) == [1, 2, 3, 4], "they are not old yet"
    rig.wait(366 * DAY_MS)
    rig.append("young")
    rig.journal.acknowledge("ocpp", 4)
    rig.storage.drain()
    assert seqs(rig) == [3, 4, 5]


def test_looking_for_old_events_is_not_done_with_each_acknowledgement() -> None:
    rig = JournalRig()
    rig.append("one")
    rig.storage.drain()
    rig.journal.acknowledge("ocpp", 0)
    rig.wait(366 * DAY_MS)
    rig.journal.acknowledge("ocpp", 1)
    rig.append("two")
    rig.journal.acknowledge("ocpp", 2)
    rig.storage.drain()
    assert seqs(rig) == [2]
    rig.wait(366 * DAY_MS - 1)
    rig.journal.acknowledge("ocpp", 2)
    rig.storage.drain()
    rig.wait(PRUNE_EVERY_MS)
    rig.journal.acknowledge("ocpp", 2)
    rig.storage.drain()
    assert seqs(rig) == []


def test_old_events_go_where_nobody_follows_them() -> None:
    rig = JournalRig()
    rig.append("old")
    rig.settle()
    rig.wait(366 * DAY_MS)
    rig.storage.drain()
    assert seqs(rig) == [1], "the last number is remembered by its event"
    rig.append("young")
    rig.settle()
    rig.wait(PRUNE_EVERY_MS)
    rig.storage.drain()
    assert seqs(rig) == [2]


def test_numbers_go_on_after_everything_was_pruned() -> None:
    rig = JournalRig()
    for number in range(3):
        rig.append(str(number))
    rig.settle()
    rig.wait(366 * DAY_MS)
    rig.journal.acknowledge("ocpp", 3)
    rig.storage.drain()
    assert seqs(rig) == []
    rig.boot()
    assert rig.append("later") == 4


# --- crashes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("crash_at", range(12))
def test_a_crash_between_any_two_steps_loses_nothing_that_was_handed_out(crash_at: int) -> None:
    """Six events; the crash comes after `crash_at` steps of disk and loop. Whatever a consumer
    heard keeps its number, and what comes later gets another one."""
    rig = JournalRig()
    consumer = rig.follow(1)
    rig.storage.drain()
    for number in range(6):
        rig.append(str(number))
    for step in range(crash_at):
        (rig.storage.work, rig.storage.deliver)[step % 2]()
    heard = list(consumer.got)
    rig.boot()
    later = rig.append("later")
    rig.settle()
    replayed = rig.follow(1)
    rig.settle()
    assert replayed.got[: len(heard)] == heard
    assert [seq for seq, _, _ in replayed.got] == list(range(1, later + 1))
    assert replayed.got[-1] == (later, 1, "later")
    assert snapshots(rig.disk)[1] == b"after later"


class JournalLife(RuleBasedStateMachine):
    """Appends, followers, a disk that works, fails, stalls, and crashes, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = JournalRig()
        self.heard: dict[int, tuple[int, str]] = {}
        """Every number that anybody ever heard of, over all crashes."""
        self.count = 0

    @rule(evse=st.sampled_from([1, 2]), many=st.integers(1, 3))
    def append(self, evse: int, many: int) -> None:
        for _ in range(many):
            self.count += 1
            self.rig.append(str(self.count), evse)

    @rule(steps=st.integers(1, 4))
    def disk_works(self, steps: int) -> None:
        for _ in range(steps):
            self.rig.storage.work()

    @rule()
    def disk_fails(self) -> None:
        self.rig.storage.work(fails=True)

    @rule(steps=st.integers(1, 4))
    def loop_hears(self, steps: int) -> None:
        for _ in range(steps):
            self.rig.storage.deliver()

    @rule(ms=st.sampled_from([100, RETRY_MS]))
    def time(self, ms: int) -> None:
        self.rig.wait(ms)

    @rule(evse=st.sampled_from([None, 1, 2]), share=st.floats(0, 1))
    def follow(self, evse: int | None, share: float) -> None:
        from_seq = 1 + int(share * self.rig.journal.durable_seq)
        self.rig.follow(from_seq, evse)

    @rule(share=st.floats(0, 1))
    def acknowledge(self, share: float) -> None:
        self.rig.journal.acknowledge("ocpp", int(share * self.rig.journal.durable_seq))

    @rule()
    def crash(self) -> None:
        self.rig.boot()

    @invariant()
    def every_follower_got_a_span_without_gap_or_double(self) -> None:
        for consumer in self.rig.consumers:
            numbers = [seq for seq, _, _ in consumer.got]
            assert numbers == sorted(set(numbers))
            if consumer.evse is None and numbers:
                first = max(1, consumer.from_seq)
                assert numbers == list(range(first, first + len(numbers)))

    @invariant()
    def a_number_means_one_event_for_ever(self) -> None:
        for consumer in self.rig.consumers:
            for seq, evse, text in consumer.got:
                assert self.heard.setdefault(seq, (evse, text)) == (evse, text)
        assert len(set(self.heard.values())) == len(self.heard)

    def teardown(self) -> None:
        """The disk works again: every follower has all, and all that was heard is on disk."""
        self.rig.settle()
        rows = self.rig.rows("SELECT seq, evse, body FROM event ORDER BY seq")
        stored = [(seq, evse, msgspec.json.decode(body)["n"]) for seq, evse, body in rows]
        for consumer in self.rig.consumers:
            wanted = [
                row
                for row in stored
                if row[0] >= consumer.from_seq and consumer.evse in (None, row[1])
            ]
            assert consumer.got == wanted
        on_disk = {seq: (evse, text) for seq, evse, text in stored}
        assert self.heard.items() <= on_disk.items()
        assert self.rig.journal.last_seq == last_seq(self.rig.disk)
        self.rig.disk.close()


JournalLife.TestCase.settings = settings(max_examples=80, stateful_step_count=30)
TestJournalLife = JournalLife.TestCase
