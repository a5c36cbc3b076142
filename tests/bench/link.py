"""The OCPP link: CPU per request, and a long queue that drains."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from evse.clock import VirtualClock, rfc3339
from hil.csms.brain import CsmsBrain, InlineCsms
from ocpp_link.charge_point import ChargePoint
from ocpp_link.dialects import Dialects
from ocpp_link.memory.database import Database
from ocpp_link.memory.store import InlineStore
from ocpp_link.ports import CoreReply, StationInfo
from tests.bench.measure import Line, line, rss_mb

SESSIONS = 2_000
"""Each is a start, a stop and three samples: five messages of the queue."""
REQUESTS = 2_000


class _Core:
    """A core that answers yes."""

    def call(
        self, _method: str, _params: dict[str, Any], on_reply: Callable[[CoreReply], None]
    ) -> None:
        on_reply(CoreReply(result=True))

    def acknowledge(self, seq: int) -> None:
        """Nothing to forget."""


class Station:
    """An engine and a back office in one process."""

    def __init__(self) -> None:
        self.clock = VirtualClock(1_000_000)
        ids = itertools.count(1)
        self.csms = InlineCsms(CsmsBrain(self.clock))
        self.engine = ChargePoint(
            StationInfo(vendor="PiEVSE", model="bench"),
            core=_Core(),
            store=InlineStore(Database(":memory:")),
            clock=self.clock,
            dialects=Dialects(),
            new_id=lambda: str(next(ids)),
        )

    def exchange(self) -> int:
        """Carry frames until both are silent; how many went out."""
        sent = 0
        while frames := self.engine.take_frames():
            sent += len(frames)
            for frame in frames:
                for answer in self.csms.receive(frame):
                    self.engine.on_frame(answer)
        return sent

    def connect(self) -> None:
        self.engine.on_core_connected()
        self.engine.on_connected()
        self.exchange()


def lines() -> Iterator[Line]:
    yield line("CPU per OCPP request answered", "ms", _requests(), must=0.5)
    drained, grown_mb = _drain()
    yield line("queued transaction messages drained", "1/s", [drained])
    yield line(f"memory for {SESSIONS * 2} queued messages", "MB", [grown_mb])


def _requests() -> list[float]:
    station = Station()
    station.connect()
    body = {"key": ["HeartbeatInterval", "NoSuchKey"]}
    found = []
    for round_ in range(7):
        frames = [
            json.dumps([2, f"{round_}-{n}", "GetConfiguration", body]) for n in range(REQUESTS)
        ]
        begin_s = time.process_time()
        for frame in frames:
            station.engine.on_frame(frame)
            station.engine.take_frames()
        found.append((time.process_time() - begin_s) / REQUESTS * 1e3)
    return found


def _drain() -> tuple[float, float]:
    """Messages a second, and megabytes that the queue took."""
    station = Station()
    station.connect()
    station.engine.on_disconnected()
    before_mb = rss_mb()
    seq = itertools.count(1)
    for number in range(SESSIONS):
        for event in _session(number, station.clock):
            station.engine.on_session_event(1, event, next(seq))
    grown_mb = rss_mb() - before_mb
    begin_s = time.perf_counter()
    station.engine.on_connected()
    sent = station.exchange()
    return sent / (time.perf_counter() - begin_s), grown_mb


def _session(number: int, clock: VirtualClock) -> Iterator[dict[str, Any]]:
    clock.advance_to(clock.now_ms() + 1_000)
    time_ = rfc3339(clock.utc())
    meter = {"timestamp": time_, "energy_Wh_import": {"total": 100.0 * number}}
    token = {"id_token": {"value": "04A1B2C3", "type": "ISO14443"}, "authorization_type": "RFID"}
    head = {"uuid": f"session-{number}", "timestamp": time_}
    started = {"reason": "EVConnected", "meter_value": meter}
    yield {**head, "event": "SessionStarted", "session_started": started}
    begun = {"id_tag": token, "meter_value": meter}
    yield {**head, "event": "TransactionStarted", "transaction_started": begun}
    ended = {"reason": "EVDisconnected", "meter_value": meter}
    yield {**head, "event": "TransactionFinished", "transaction_finished": ended}
    yield {**head, "event": "SessionFinished", "session_finished": {"meter_value": meter}}
