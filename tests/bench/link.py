"""The OCPP link: CPU per request, and a long queue that drains."""

from __future__ import annotations

import itertools
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from evse.clock import VirtualClock
from evse.types.powermeter import Powermeter
from hil.csms.brain import CsmsBrain, InlineCsms
from ocpp_link.charge_point import ChargePoint
from ocpp_link.dialects import Dialects
from ocpp_link.memory.database import Database
from ocpp_link.memory.store import InlineStore
from ocpp_link.ports import CoreReply, StationInfo
from ocpp_link.records import RecordKind, TxRecord
from tests.bench.measure import Line, line, rss_mb

QUEUED = 100_000
"""Messages of the queue: each session is a start, three samples and a stop."""
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

    def __init__(self, database: Database | None = None, csms: Any = None) -> None:
        self.clock = VirtualClock(1_000_000)
        ids = itertools.count(1)
        self.csms = csms or InlineCsms(CsmsBrain(self.clock))
        self.engine = ChargePoint(
            StationInfo(vendor="PiEVSE", model="bench"),
            core=_Core(),
            store=InlineStore(database or Database(":memory:")),
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
    yield line(f"memory grown by draining {QUEUED} messages", "MB", [grown_mb])


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


class _Counter:
    """A back office that keeps nothing, so that what grows is the station's."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()

    def receive(self, frame: str) -> list[str]:
        _, unique_id, action, _ = msgspec.json.decode(frame)
        self.counted[action] += 1
        answer = self._answers.get(action, {})
        if action == "StartTransaction":
            answer = {"transactionId": self.counted[action], "idTagInfo": {"status": "Accepted"}}
        return [msgspec.json.encode([3, unique_id, answer]).decode()]

    _answers: ClassVar[dict[str, dict[str, Any]]] = {
        "BootNotification": {
            "status": "Accepted",
            "currentTime": "2026-01-01T00:00:00Z",
            "interval": 0,
        },
    }


def _drain() -> tuple[float, float]:
    """Messages a second off a file on the disk, and megabytes that the process grew by meanwhile.
    Raises AssertionError where a message is lost."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "link.db")
        database.begin()
        for number in range(QUEUED // 5):
            for record in _records(number):
                database.append(record)
        database.commit()
        station = Station(database, _Counter())
        before_mb = rss_mb()
        begin_s = time.perf_counter()
        station.connect()
        took_s = time.perf_counter() - begin_s
        grown_mb = rss_mb() - before_mb
        counted = station.csms.counted
        wanted = {"StartTransaction": 1, "MeterValues": 3, "StopTransaction": 1}
        assert {name: counted[name] * 5 // QUEUED for name in wanted} == wanted, counted
        database.close()
    return QUEUED / took_s, grown_mb


def _records(number: int) -> Iterator[TxRecord]:
    """Of one session: start, three samples, stop."""
    meter = msgspec.convert(
        {
            "timestamp": "2026-01-01T00:00:00.000Z",
            "energy_Wh_import": {"total": 100.0 * number},
            "power_W": {"total": 11_000.0},
            "current_A": {"L1": 16.0, "L2": 16.0, "L3": 16.0},
            "voltage_V": {"L1": 230.0, "L2": 230.0, "L3": 230.0},
        },
        Powermeter,
    )
    kinds = (RecordKind.STARTED, *[RecordKind.SAMPLE] * 3, RecordKind.FINISHED)
    for place, kind in enumerate(kinds):
        yield TxRecord(
            session=f"session-{number}",
            kind=kind,
            seq=number * 5 + place,
            evse=1,
            timestamp=meter.timestamp,
            meter=meter,
            token="04A1B2C3" if kind is RecordKind.STARTED else "",
        )
