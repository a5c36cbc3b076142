"""A core with its journal, a back office with its books, and between them a link that dies.

The link is the product's engine on a database that outlives it; what was not committed when it
died is gone, as are the frames on the wire. It starts again at once, and the core tells it again
whatever it had not acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from evse.clock import VirtualClock, rfc3339
from hil.csms.brain import CsmsBrain, InlineCsms
from hil.csms.brain201 import Brain201
from hil.cuts.knife import Cut, CutDatabase, Knife
from ocpp_link.charge_point import ChargePoint
from ocpp_link.device.settings import Settings
from ocpp_link.dialects import Dialects
from ocpp_link.memory.store import InlineStore
from ocpp_link.ports import CoreReply, EvseInfo, StationInfo

JOURNAL = "journal-of-the-core"
EVSES = 2
FULL_MS = 40_000
DISK_MS = 3
"""A commit takes this long, so that there is something to lose at every moment."""


class JumpingClock(VirtualClock):
    """Its wall time may be set."""

    def __init__(self) -> None:
        super().__init__()
        self.offset_s = 0.0

    def utc(self) -> datetime:
        return super().utc() + timedelta(seconds=self.offset_s)


class JournalCore:
    """The core as the link sees it: accepts every command, keeps its events."""

    def __init__(self) -> None:
        self.events: list[tuple[int, dict[str, Any]]] = []
        """By sequence number from 1: EVSE and event."""
        self.acknowledged = 0

    def call(
        self, _method: str, _params: dict[str, Any], on_reply: Callable[[CoreReply], None]
    ) -> None:
        on_reply(CoreReply(result=True))

    def acknowledge(self, seq: int) -> None:
        assert seq <= len(self.events), "acknowledged what was never told"
        self.acknowledged = max(self.acknowledged, seq)


class LinkWorld:
    """`knife` decides where the link dies; every input survives that. `version`: of OCPP."""

    def __init__(self, knife: Knife, version: str = "1.6") -> None:
        self.knife = knife
        self._version = version
        self.clock = JumpingClock()
        self.core = JournalCore()
        self.brain: CsmsBrain | Brain201 = (
            CsmsBrain(self.clock) if version == "1.6" else Brain201(self.clock)
        )
        self.database = CutDatabase(knife)
        self.csms = InlineCsms[CsmsBrain | Brain201](self.brain)
        self.deaths = 0
        self.drops = 0
        self.network = True
        self._ids = 0
        self._told = 0
        self._disk_ms = DISK_MS
        self.engine: ChargePoint
        self._alive(self._begin)

    # --- what may happen to the link --------------------------------------------------------------

    def event(self, evse: int, event: dict[str, Any]) -> None:
        """The core writes an event into its journal, and tells it."""
        self.core.events.append((evse, event))
        self._alive(self._tell)
        self._alive(self._flush)

    def meter(self, evse: int, value: dict[str, Any]) -> None:
        self._alive(lambda: self.engine.on_powermeter(evse, value))

    def run(self, seconds: float) -> None:
        """Let time pass, deadline by deadline."""
        end_ms = self.clock.now_ms() + round(seconds * 1_000)
        while (due_ms := self.engine.next_deadline_ms) is not None and due_ms <= end_ms:
            self.clock.advance_to(max(due_ms, self.clock.now_ms()))
            self._alive(self.engine.poll)
            self._alive(self._flush)
        self.clock.advance_to(end_ms)

    def cut_network(self) -> None:
        self.network = False
        self._alive(self._hang_up)

    def mend_network(self) -> None:
        self.network = True
        self._alive(self._connect)

    def fill_disk(self) -> None:
        """It takes nothing for long: what is written waits (a disk that fails is a slow one)."""
        self._disk_ms = self._store.latency_ms = FULL_MS

    def free_disk(self) -> None:
        self._disk_ms = self._store.latency_ms = DISK_MS

    def restart_csms(self) -> None:
        """It forgets its connections and keeps its books."""
        self._alive(self._hang_up)
        self.csms = InlineCsms(self.brain)
        self._alive(self._connect)

    def inject(self, frame: str) -> None:
        """A frame that nobody asked for."""
        if self.engine.connected:
            self._alive(lambda: self.engine.on_frame(frame))

    # --- inside -----------------------------------------------------------------------------------

    def _alive(self, act: Callable[[], None]) -> None:
        """Do something with a link that may die of it."""
        try:
            act()
        except Cut:
            self.deaths += 1
            self.database.rollback()
            self._begin()

    def _begin(self) -> None:
        """The process starts on what its disk holds. (It is killed once only.)"""
        self._store = store = InlineStore(self.database, latency_ms=self._disk_ms)
        store.poll(self.clock.now_ms())
        self.engine = ChargePoint(
            StationInfo(vendor="PiEVSE", model="Cut", evses=(EvseInfo(),) * EVSES),
            core=self.core,
            store=store,
            clock=self.clock,
            dialects=Dialects((self._version,)),
            new_id=self._new_id,
            defaults=Settings(sample_interval_s=60, message_retry_s=5, message_attempts=5),
        )
        engine = self.engine
        from_seq = engine.next_seq if engine.journal_id is not None else 1
        engine.on_journal(JOURNAL, first_seq=1, from_seq=from_seq)
        self._told = from_seq - 1
        self._tell()
        engine.on_core_connected()
        self._connect()

    def _tell(self) -> None:
        """The core tells what it has not told this process yet."""
        while self._told < len(self.core.events):
            self._told += 1
            evse, event = self.core.events[self._told - 1]
            self.engine.on_session_event(evse, event, self._told)
            self.knife.point("after an event")

    def _connect(self) -> None:
        if self.network and not self.engine.connected:
            self.engine.on_connected()
            self._flush()

    def _hang_up(self) -> None:
        if self.engine.connected:
            self.drops += 1
            self.engine.on_disconnected()

    def _flush(self) -> None:
        """Carry frames both ways until nobody has anything to say."""
        while self.engine.connected and (frames := self.engine.take_frames()):
            for frame in frames:
                self.knife.point("before a frame leaves")
                answers = self.csms.receive(frame)
                self.knife.point("after a frame left")
                if self.csms.dropped:
                    self.csms.dropped = False
                    self._hang_up()
                    self._connect()
                    return
                for answer in answers:
                    self.engine.on_frame(answer)
                    self.knife.point("after an answer")

    def _new_id(self) -> str:
        self._ids += 1
        return f"cut-{self._ids}"

    def at(self) -> str:
        """Wall time as the core stamps it."""
        return rfc3339(self.clock.utc())
