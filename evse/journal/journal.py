"""The journal: every domain event, numbered, durable, handed to consumers from where they stand.

Guarantees: numbers count up without reuse, also over a crash; an event is handed to consumers
only once it is on disk, in order; an event and the session snapshot that goes with it are written
in one transaction. A slow, hung or full disk delays consumers and nothing else: what is not yet
written waits in memory, within a bound, and is tried again. The file is bounded too; what that
costs a consumer that does not read is said, and `first_seq` tells it.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from typing import Any

from evse.clock import Clock, earliest
from evse.journal.entries import (
    Acknowledgement,
    Entry,
    Record,
    Write,
    give_up_one,
    thin,
    unwritten,
)
from evse.journal.reader import Reader
from evse.journal.retention import Pruner, Retention
from evse.journal.rows import Found, find, forget_consumer, write_all, write_rest
from evse.journal.spool import Spool
from evse.journal.storage import Storage

MAX_WAITING = 4_096
"""Events held in memory for a disk that takes none: some 4 MB, and weeks of one EVSE's sessions."""
MAX_CONSUMERS = 16
LATE_MS = 10_000
"""A disk that has taken nothing for so long is told as a fault: five times the stall that the
design calls normal."""


class TooManyConsumers(ValueError):
    """A further name would have to be remembered for ever."""


class Journal:
    """Appends events and snapshots; tells `on_durable` when a record may be handed out.

    `found`: what the file held at the start (`find`). `say` gets plain sentences for the log.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        *,
        found: Found | None = None,
        retention: Retention | None = None,
        say: Callable[[str], None] = lambda _words: None,
    ) -> None:
        found = found or Found()
        self._storage = storage
        self._clock = clock
        self._say = say
        self._last_seq = found.last_seq
        self._consumers = dict(found.consumers)
        self._snapshots = dict(found.snapshots)
        self._spool = Spool[Entry](
            storage, clock, write=write_all, on_written=self._written, thin=thin
        )
        self._pruner = Pruner(storage, clock, retention or Retention(), say)
        self._pruner.on_forgotten = self._forgotten
        self._durable: deque[Record] = deque()
        self._handing_out = False
        self._reader = Reader(storage, clock)
        self.read = self._reader.read
        self.last = self._reader.last
        self.query = self._reader.query
        self.journal_id = found.journal_id
        self.first_seq = found.first_seq
        """The oldest event that can still be read."""
        self.durable_seq = found.last_seq
        self.lost = 0
        """Events that memory could not hold while the disk took none."""
        self.on_durable: Callable[[Record], None] = lambda _record: None

    @property
    def last_seq(self) -> int:
        return self._last_seq

    @property
    def busy(self) -> bool:
        """Ask nothing more for anybody outside: the disk has not answered what was asked."""
        return self._reader.busy

    @property
    def failures(self) -> int:
        """Writes and reads that the disk refused since the start."""
        return self._spool.failures + self._pruner.failures + self._reader.failures

    @property
    def last_failure(self) -> str | None:
        """Why the last write failed; None since one has succeeded."""
        return self._spool.last_failure

    @property
    def next_deadline_ms(self) -> int | None:
        late_ms = self._spool.late_since_ms
        told_at_ms = None if late_ms is None else late_ms + LATE_MS
        ahead = told_at_ms is not None and told_at_ms > self._clock.now_ms()
        return earliest(
            self._spool.next_deadline_ms,
            self._reader.next_deadline_ms,
            told_at_ms if ahead else None,
        )

    def trouble(self, now_ms: int) -> str:
        """Why events have been waiting for the disk for LATE_MS; empty while all is well."""
        since_ms = self._spool.late_since_ms
        late_ms = 0 if since_ms is None else now_ms - since_ms
        if late_ms < LATE_MS:
            return ""
        why = self.last_failure or "it does not answer"
        return f"the disk has taken no event for {late_ms // 1_000} s: {why}"

    # --- writing ----------------------------------------------------------------------------------

    def append(self, evse: int, body: bytes, snapshot: bytes, *, vital: bool = False) -> int:
        """Record an event with the session snapshot after it; returns its number. `vital`: it is
        the last to go where memory has to give way."""
        self._last_seq += 1
        self._snapshots[evse] = snapshot
        record = Record(self._last_seq, evse, body)
        self._put(Write(evse, self._clock.utc().timestamp(), record, snapshot, vital))
        return record.seq

    def checkpoint(self, evse: int, snapshot: bytes) -> None:
        """Replace the snapshot of `evse` without an event."""
        self._snapshots[evse] = snapshot
        self._put(Write(evse, snapshot=snapshot))

    def acknowledge(self, consumer: str, seq: int) -> None:
        """`consumer` holds everything up to `seq` durably itself; never moves back. Raises
        TooManyConsumers."""
        known = self._consumers.get(consumer)
        if known is None and len(self._consumers) >= MAX_CONSUMERS:
            raise TooManyConsumers(
                f"{consumer} would be one more than the {MAX_CONSUMERS} consumers that are known"
            )
        if known is not None and seq <= known:
            return
        self._consumers[consumer] = seq
        self._put(Acknowledgement(consumer, seq))

    def unread_from(self, consumer: str) -> int:
        """The first event that `consumer` has not acknowledged; the oldest there is, for one that
        is not known."""
        known = self._consumers.get(consumer)
        return self.first_seq if known is None else known + 1

    def forget_consumer(self, consumer: str) -> None:
        """It will never acknowledge again, and nothing is kept for it."""
        if self._consumers.pop(consumer, None) is not None:
            self._storage.submit(functools.partial(forget_consumer, name=consumer), _unheeded)

    def begin_anew(self) -> None:
        """A new file is in the place of a damaged one: what a restart must know goes there again.
        Numbers go on; what was before them is in the file that was set aside."""
        self.first_seq = self.durable_seq + 1
        for evse, snapshot in self._snapshots.items():
            self._put(Write(evse, snapshot=snapshot))
        for consumer, seq in self._consumers.items():
            self._put(Acknowledgement(consumer, seq))
        self._storage.submit(find, self._found)

    def poll(self, now_ms: int) -> None:
        """Try again what failed; now and then forget old events."""
        self._spool.poll(now_ms)
        self._pruner.poll(now_ms)
        self._reader.poll(now_ms)

    def close(self) -> str:
        """Write once more what waits, whether or not a write of it is under way or has failed.

        Returns "", or, when the disk refused or did not finish in time, what may be missing on it.
        """
        waiting = self._spool.waiting
        last = functools.partial(write_rest, batch=waiting) if waiting else None
        why = self._storage.close(last)
        return f"{why}; {unwritten(waiting)}" if why else ""

    def _put(self, entry: Entry) -> None:
        self._spool.put(entry)
        if len(self._spool.pending) > MAX_WAITING:
            self._make_room()

    def _make_room(self) -> None:
        """Of more than MAX_WAITING events the oldest that no bill needs goes first."""
        pending = self._spool.pending
        thin(pending)
        if len(pending) <= MAX_WAITING:
            return
        if not self.lost:
            self._say(
                f"the disk takes nothing and memory is full of {MAX_WAITING} events: the oldest "
                "are given up now, those of bills last"
            )
        give_up_one(pending)
        self.lost += 1

    def _found(self, outcome: Any) -> None:
        """What the new file calls itself. Not known now, it is at the next start."""
        if isinstance(outcome, Found):
            self.journal_id = outcome.journal_id

    def _forgotten(self, last_seq: int) -> None:
        self.first_seq = max(self.first_seq, last_seq + 1)

    def _written(self, batch: tuple[Entry, ...], _outcome: Any) -> None:
        self._durable.extend(
            entry.record for entry in batch if isinstance(entry, Write) and entry.record is not None
        )
        self._hand_out()

    def _hand_out(self) -> None:
        """One at a time: what a consumer causes while it is told waits until all are told."""
        if self._handing_out:
            return
        self._handing_out = True
        try:
            while self._durable:
                record = self._durable.popleft()
                self.durable_seq = record.seq
                self.on_durable(record)
        finally:
            self._handing_out = False


def _unheeded(_outcome: Any) -> None:
    """A consumer that is not forgotten now is so at the next start."""
