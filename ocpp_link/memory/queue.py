"""The order in which transaction records reach the back office: one at a time, oldest first.

Rules of OCPP 1.6 §3.7.1: a record leaves only when the back office processed it, or failed to
as often as configured; a lost connection costs no attempt; nothing overtakes. Only what is
durable is sent. Memory stays flat: a window of the queue is in RAM, the rest on disk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ocpp_link.memory.database import Database
from ocpp_link.ports import Store
from ocpp_link.records import EvseState, RecordKind, StoredRecord, TxRecord

WINDOW = 64
REFILL_BELOW = 16
THIN_STEPS = 10
"""A queue that is too long is thinned out each time it has grown by a tenth of its bound."""


class TransactionQueue:
    """The head of the durable queue. `on_ready` is called when a head appears."""

    def __init__(self, store: Store, waiting: int, on_ready: Callable[[], None]) -> None:
        self._store = store
        self._on_ready = on_ready
        self._window: deque[StoredRecord] = deque()
        self._last_row = 0
        self._on_disk = waiting
        """Durable records that are not in the window."""
        self._loading = False
        self._attempts = 0
        self._not_before_ms = 0
        self._leaving = 0
        """Removals that are not durable yet."""
        self.in_flight = False
        self._first_row: int | None = None
        """Of what this process queued; what is older was found on the disk."""
        self._newest_row = 0
        self._cut_row = 0
        self.dropped = 0
        self.thinned = 0
        """Samples that were dropped because too much waited."""
        self._thinning = False
        self._thin_at = 0
        """So much may wait until the disk is asked to thin it out."""

    def __len__(self) -> int:
        return len(self._window) + self._on_disk

    def keep(
        self,
        state: EvseState | None,
        record: TxRecord | None,
        seq: int | None,
        on_durable: Callable[[], None],
    ) -> None:
        """Make what the core's event `seq` changed durable: the EVSE's state, and its record."""

        def done(stored: StoredRecord | None) -> None:
            self._added(stored)
            on_durable()

        self._store.submit(lambda database: database.keep(state, record, seq), done)

    def append(self, state: EvseState | None, record: TxRecord) -> None:
        """Queue a record of the link's own, with the state of its EVSE that counts it, if any."""
        self.keep(state, record, None, _nobody)

    def refill(self) -> None:
        """Fetch the next part of the queue, if the window runs low and there is more."""
        if self._loading or not self._on_disk or len(self._window) >= REFILL_BELOW:
            return
        self._loading = True
        row, limit = self._last_row, WINDOW - len(self._window)
        self._store.submit(lambda database: database.waiting_after(row, limit), self._loaded)

    def head(self, now_ms: int) -> StoredRecord | None:
        """What is to be sent now, if anything. A transaction's end waits until what went before it
        is known on the disk as gone: a start of this process would tell it again, after the end."""
        if self.in_flight or not self._window or now_ms < self._not_before_ms:
            return None
        head = self._window[0]
        return None if self._leaving and head.record.kind is RecordKind.FINISHED else head

    def holds(self, session: str) -> bool:
        """Does anything of this session wait? What lies on the disk beyond the window counts as
        if it might."""
        return bool(self._on_disk) or any(
            stored.record.session == session for stored in self._window
        )

    def cut_off(self) -> None:
        """The back office went: whatever waits now has waited for it."""
        self._cut_row = self._newest_row

    def was_cut_off(self, row: int) -> bool:
        """Has the back office been out of reach since this row was queued?"""
        is_found = self._first_row is None or row < self._first_row
        return is_found or row <= self._cut_row

    @property
    def next_deadline_ms(self) -> int | None:
        """When a record that waits for its next attempt is due."""
        waits = self._window and not self.in_flight and self._not_before_ms
        return self._not_before_ms if waits else None

    def sent(self) -> None:
        self.in_flight = True

    def remove(self, then: Callable[[Database], None] | None = None) -> None:
        """The head is processed, or given up; `then` joins the same commit. Where there is a
        `then`, the next record waits until that is durable."""
        row = self._window.popleft().row
        self._attempts = 0
        self._not_before_ms = 0
        self.in_flight = then is not None
        self._leaving += 1

        def work(database: Database) -> None:
            database.deliver(row)
            if then:
                then(database)

        self._store.submit(work, lambda _: self._left(released=then is not None))
        self.refill()

    @property
    def is_first_attempt(self) -> bool:
        """The head has not failed yet."""
        return self._attempts == 0

    def failed(self, now_ms: int, *, attempts: int, retry_s: int, may_give_up: bool) -> bool:
        """The back office failed to process the head. True when it is given up."""
        self._attempts += 1
        self.in_flight = False
        if self._attempts < attempts or not may_give_up:
            self._not_before_ms = now_ms + retry_s * 1_000 * min(self._attempts, attempts)
            return False
        self.dropped += 1
        return True

    def link_lost(self) -> None:
        """The head's fate is unknown: it stays, and no attempt is counted."""
        self.in_flight = False

    def _left(self, *, released: bool) -> None:
        self._leaving -= 1
        if released:
            self.in_flight = False
        if released or not self._leaving:
            self._on_ready()

    def _added(self, stored: StoredRecord | None) -> None:
        if stored is None:
            return
        self._newest_row = stored.row
        if self._first_row is None:
            self._first_row = stored.row
        if self._on_disk or self._loading or len(self._window) >= WINDOW:
            self._on_disk += 1
            self.refill()
            self._thin_out()
            return
        self._window.append(stored)
        self._last_row = stored.row
        self._on_ready()

    def _thin_out(self) -> None:
        """Where too much waits; what lies in the window stays."""
        if self._loading or self._thinning or self._on_disk < self._thin_at:
            return
        self._thinning = True
        row = self._last_row

        def done(found: tuple[int, int]) -> None:
            dropped, may_wait = found
            self._thinning = False
            self.thinned += dropped
            self._on_disk = max(0, self._on_disk - dropped)
            self._thin_at = max(may_wait, self._on_disk) + may_wait // THIN_STEPS

        self._store.submit(lambda database: (database.thin(row), database.max_waiting), done)

    def _loaded(self, records: list[StoredRecord]) -> None:
        self._loading = False
        self._window.extend(records)
        self._on_disk = max(0, self._on_disk - len(records)) if records else 0
        if records:
            self._last_row = records[-1].row
            self._on_ready()


def _nobody() -> None:
    """Waits for this to be durable."""
