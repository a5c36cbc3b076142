"""The journal: nothing that was handed out is lost, doubled, renumbered or out of order."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from journal_rig import Consumer, JournalRig

from evse.journal.entries import Write
from evse.journal.journal import LATE_MS, MAX_CONSUMERS, MAX_WAITING, TooManyConsumers
from evse.journal.retention import PRUNE_EVERY_MS, Retention
from evse.journal.rows import find, snapshots
from evse.journal.spool import RETRY_MS

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


def test_what_a_consumer_causes_while_it_is_told_comes_after_for_everybody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = JournalRig()
    first, second = rig.follow(1), rig.follow(1)
    rig.storage.drain()
    heard = first.send

    def reacts(line: bytes) -> None:
        heard(line)
        if len(first.got) == 1:
            rig.append("caused")
            rig.storage.drain()

    monkeypatch.setattr(first, "send", reacts)
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


def old(rig: JournalRig, days: int = 366) -> None:
    """Time passes, and the journal looks what may go."""
    rig.wait(days * DAY_MS)
    rig.storage.drain()


def test_old_events_go_only_when_every_consumer_has_them() -> None:
    rig = JournalRig(retention=Retention(days=30))
    for number in range(4):
        rig.append(str(number))
    rig.settle()
    rig.journal.acknowledge("ocpp", 4)
    rig.journal.acknowledge("web", 2)
    rig.storage.drain()
    assert seqs(rig) == [1, 2, 3, 4], "they are not old yet"
    rig.append("young")
    old(rig, 31)
    assert seqs(rig) == [3, 4, 5]
    assert rig.said == []


def test_a_consumer_that_never_acknowledges_holds_events_no_longer_than_the_longest_time() -> None:
    rig = JournalRig(retention=Retention(days=30, unread_days=300))
    rig.journal.acknowledge("uninstalled", 0)
    for number in range(5):
        rig.append(str(number))
    rig.settle()
    old(rig, 299)
    assert seqs(rig) == [1, 2, 3, 4, 5]
    rig.append("young")
    rig.settle()
    old(rig, 2)
    assert seqs(rig) == [6]
    assert rig.said == [
        "events 1 to 5 are forgotten although uninstalled never acknowledged them: "
        "they are older than 300 days"
    ]
    old(rig, 1)
    assert len(rig.said) == 1, "said once"


def test_a_consumer_that_is_gone_can_be_forgotten() -> None:
    rig = JournalRig(retention=Retention(days=30))
    rig.journal.acknowledge("ocpp", 0)
    for number in range(3):
        rig.append(str(number))
    rig.settle()
    rig.journal.forget_consumer("ocpp")
    rig.journal.forget_consumer("never heard of")
    old(rig, 31)
    assert seqs(rig) == [3]
    assert rig.rows("SELECT * FROM consumer") == []
    assert rig.said == []


def test_the_journal_never_grows_beyond_its_share_of_the_disk() -> None:
    """Whoever has read it or not; the pages that were freed are used again."""
    rig = JournalRig(retention=Retention(max_bytes=400_000))
    rig.journal.acknowledge("ocpp", 0)
    pages = []
    for _ in range(12):
        for number in range(1_000):
            rig.append(f"{number} " + "x" * 200)
        rig.settle()
        rig.wait(PRUNE_EVERY_MS)
        rig.storage.drain()
        pages.append(rig.rows("PRAGMA page_count")[0][0])
        free = rig.rows("PRAGMA freelist_count")[0][0]
        assert (pages[-1] - free) * 4_096 <= 400_000
    assert pages[-1] <= pages[3] + 2, "the file has stopped growing"
    assert seqs(rig)[-1] == 12_000
    assert seqs(rig)[0] == rig.journal.first_seq > 10_000
    assert (
        "forgotten although ocpp never acknowledged them: the journal is over its 0.4 MB"
        in (rig.said[0])
    )


def test_who_asks_too_late_learns_of_the_gap() -> None:
    rig = JournalRig(retention=Retention(days=30, unread_days=30))
    for number in range(5):
        rig.append(str(number))
    rig.settle()
    assert rig.follow(1).told == {
        "last_seq": 5,
        "first_seq": 1,
        "journal": rig.journal.journal_id,
        "from_seq": 1,
    }
    old(rig, 31)
    late = rig.follow(2)
    rig.settle()
    assert late.told["first_seq"] == 5
    assert [seq for seq, _, _ in late.got] == [5]
    rig.boot()
    assert rig.follow(2).told["first_seq"] == 5, "also after a restart"


def test_another_journal_has_another_name() -> None:
    one, other = JournalRig(), JournalRig()
    assert one.journal.journal_id != other.journal.journal_id
    before = one.journal.journal_id
    one.boot()
    assert one.journal.journal_id == before


def test_events_from_before_the_clock_was_set_are_not_taken_for_old() -> None:
    """A computer without a battery clock begins in 1970."""
    rig = JournalRig()
    for number in range(4):
        rig.append(str(number))
    rig.settle()
    rig.disk.execute("UPDATE event SET utc = 60.0 WHERE seq <= 3")
    rig.wait(PRUNE_EVERY_MS)
    rig.storage.drain()
    assert seqs(rig) == [1, 2, 3, 4]
    rig.append("young")
    rig.settle()
    old(rig)
    assert seqs(rig) == [5]


def test_a_clock_that_stood_in_the_future_keeps_nothing_back_for_ever() -> None:
    rig = JournalRig(retention=Retention(max_bytes=100_000))
    for number in range(600):
        rig.append(f"{number} " + "x" * 200)
    rig.settle()
    rig.disk.execute("UPDATE event SET utc = 4e9 WHERE seq = 1")
    rig.wait(PRUNE_EVERY_MS)
    rig.storage.drain()
    assert seqs(rig)[0] > 1


def test_a_failing_disk_does_not_stop_the_forgetting_for_ever() -> None:
    rig = JournalRig()
    rig.append("one")
    rig.append("two")
    rig.settle()
    rig.wait(366 * DAY_MS)
    rig.storage.work(fails=True)
    rig.storage.deliver()
    assert rig.journal.failures == 1
    rig.wait(PRUNE_EVERY_MS)
    rig.storage.drain()
    assert seqs(rig) == [2]


def test_numbers_go_on_after_everything_that_may_go_is_gone() -> None:
    rig = JournalRig()
    for number in range(3):
        rig.append(str(number))
    rig.settle()
    rig.journal.acknowledge("ocpp", 3)
    old(rig)
    assert seqs(rig) == [3], "the newest event remembers the last number"
    rig.boot()
    assert rig.append("later") == 4


def test_one_more_consumer_than_can_be_remembered_is_refused() -> None:
    rig = JournalRig()
    for number in range(MAX_CONSUMERS):
        rig.journal.acknowledge(f"c{number}", 0)
    with pytest.raises(TooManyConsumers, match="one too many would be one more than the 16"):
        rig.journal.acknowledge("one too many", 0)
    rig.journal.acknowledge("c1", 0)


# --- a disk that takes nothing --------------------------------------------------------------------


@pytest.mark.parametrize("full", [True, False])
def test_a_disk_that_takes_nothing_is_told_and_memory_stays_bounded(full: bool) -> None:
    """Full or hung: the caller is never held, events wait, and plain ones go before bills."""
    rig = JournalRig()
    consumer = rig.follow(1)
    rig.storage.drain()
    rig.storage.full = full
    assert rig.journal.trouble(rig.clock.now_ms()) == ""
    for number in range(MAX_WAITING + 300):
        vital = number % 10 == 0
        body = msgspec.json.encode({"n": f"{'vital' if vital else 'plain'} {number}"})
        rig.journal.append(1, body, b"snapshot", vital=vital)
        rig.journal.checkpoint(2, b"%d" % number)
        rig.journal.acknowledge("ocpp", number)
        if full:
            rig.storage.work()
            rig.storage.deliver()
        rig.wait(100)
    waiting = rig.journal._spool.waiting
    assert len(waiting) <= MAX_WAITING + 4
    assert sum(e.snapshot is not None for e in waiting if isinstance(e, Write)) <= 4
    rig.wait(30 * DAY_MS)
    assert len(rig.storage.jobs) <= 2, "one write and one look for what is old"
    words = rig.journal.trouble(rig.clock.now_ms())
    assert words.startswith("the disk has taken no event for ")
    assert words.endswith("database or disk is full" if full else "it does not answer")
    assert 290 <= rig.journal.lost <= 310
    assert len(rig.said) == 1
    assert rig.said[0].startswith("the disk takes nothing and memory is full of 4096 events")
    rig.storage.full = False
    rig.settle()
    told = [text for _, _, text in consumer.got]
    assert [t for t in told if t.startswith("vital")] == [
        f"vital {n}" for n in range(0, MAX_WAITING + 300, 10)
    ]
    assert len(told) == MAX_WAITING + 300 - rig.journal.lost
    assert told[-1] == f"plain {MAX_WAITING + 299}"
    assert snapshots(rig.disk) == {1: b"snapshot", 2: b"%d" % (MAX_WAITING + 299)}
    assert rig.journal.trouble(rig.clock.now_ms()) == ""


def test_sqlites_own_full_is_waited_out() -> None:
    """SQLITE_FULL comes with the first page that is not there, in the middle of a batch."""
    rig = JournalRig()
    consumer = rig.follow(1)
    rig.settle()
    (pages,) = rig.rows("PRAGMA page_count")[0]
    rig.disk.execute(f"PRAGMA max_page_count = {pages + 2}")
    for number in range(100):
        rig.append(f"{number} " + "x" * 300)
        rig.storage.drain()
    stuck = len(consumer.got)
    assert 0 < stuck < 100
    assert rig.journal.last_failure == "database or disk is full"
    rig.wait(LATE_MS)
    assert rig.journal.trouble(rig.clock.now_ms()).endswith("database or disk is full")
    rig.disk.execute("PRAGMA max_page_count = 1000000")
    rig.settle()
    assert [seq for seq, _, _ in consumer.got] == list(range(1, 101))
    assert rig.journal.lost == 0


def test_where_only_bills_wait_the_oldest_goes() -> None:
    rig = JournalRig()
    for number in range(MAX_WAITING + 10):
        rig.journal.append(1, msgspec.json.encode({"n": str(number)}), b"s", vital=True)
    rig.settle()
    assert len(seqs(rig)) == MAX_WAITING + 1
    assert seqs(rig)[-1] == MAX_WAITING + 10


def test_a_short_stall_is_no_fault() -> None:
    rig = JournalRig()
    rig.append("one")
    rig.wait(LATE_MS - 1)
    assert rig.journal.trouble(rig.clock.now_ms()) == ""
    rig.wait(1)
    assert rig.journal.trouble(rig.clock.now_ms()) == (
        "the disk has taken no event for 10 s: it does not answer"
    )
    rig.settle()
    assert rig.journal.trouble(rig.clock.now_ms()) == ""


def test_questions_do_not_pile_up_before_a_hung_disk() -> None:
    rig = JournalRig()
    for _ in range(64):
        rig.follow(1)
    assert rig.journal.busy
    refused = Consumer(rig.hub, 1, expects_error=True)
    assert refused.error == "the disk has not answered earlier questions yet"
    rig.settle()
    assert not rig.journal.busy


def test_closing_a_full_disk_says_what_is_missing() -> None:
    rig = JournalRig()
    rig.append("one")
    rig.storage.full = True
    assert rig.journal.close() == (
        "database or disk is full; not known to be written: events 1 to 1, "
        "the session of EVSE 1, late acknowledgements"
    )


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
        assert self.rig.journal.last_seq == find(self.rig.disk).last_seq
        self.rig.disk.close()


JournalLife.TestCase.settings = settings(max_examples=80, stateful_step_count=30)
TestJournalLife = JournalLife.TestCase
