"""A disk that does one thing at a time, when the test says so, and can fail, stall or crash."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from evse.clock import VirtualClock
from evse.door.hub import Connection, Hub
from evse.door.roles import Role
from evse.door.variables import SESSION_EVENT, Variables
from evse.journal.journal import Journal
from evse.journal.retention import Retention
from evse.journal.rows import MIGRATIONS, find
from evse.journal.storage import Done, Job, open_database, run_job, verdict_of


def new_disk() -> sqlite3.Connection:
    return open_database(":memory:", MIGRATIONS, utc=VirtualClock().utc(), say=print)


class SteppedStorage:
    """Jobs and their outcomes wait in two queues, like those of a thread and of a loop."""

    def __init__(self, disk: sqlite3.Connection) -> None:
        self._disk = disk
        self.jobs: list[tuple[Job, Done]] = []
        self.outcomes: list[tuple[Done, Any]] = []
        self.hangs = False
        """The disk answers no more."""
        self.full = False
        """Every job fails."""

    def submit(self, job: Job, done: Done) -> None:
        self.jobs.append((job, done))

    def work(self, *, fails: bool = False) -> None:
        """The thread does one job."""
        if self.jobs:
            job, done = self.jobs.pop(0)
            failure = sqlite3.OperationalError(
                "database or disk is full" if self.full else "disk I/O error"
            )
            self.outcomes.append((done, failure if fails or self.full else self._run(job)))

    def deliver(self) -> None:
        """The loop takes one outcome."""
        if self.outcomes:
            done, outcome = self.outcomes.pop(0)
            done(outcome)

    def drain(self) -> None:
        while self.jobs or self.outcomes:
            self.work()
            self.deliver()

    def close(self, last: Job | None = None) -> str:
        if self.hangs:
            return "the disk did not finish in time"
        self.drain()
        if last is None:
            return ""
        return "database or disk is full" if self.full else verdict_of(self._run(last))

    def _run(self, job: Job) -> Any:
        return run_job(self._disk, job)


class Consumer:
    """A peer at the door that writes down the events it gets."""

    def __init__(
        self,
        hub: Hub,
        from_seq: int | None,
        evse: int | None = None,
        *,
        journal: str | None = None,
        consumer: str | None = None,
        expects_error: bool = False,
    ) -> None:
        self.expects_error = expects_error
        self.error = ""
        self.told: dict[str, Any] = {}
        self.from_seq = from_seq or 1
        self.evse = evse
        self.got: list[tuple[int, int, str]] = []
        """(seq, evse, what the event said)."""
        self.connection: Connection = hub.connect(self, Role.ADMIN)
        where = {"evse": evse, "from_seq": from_seq, "journal": journal, "consumer": consumer}
        named = {name: value for name, value in where.items() if value is not None}
        params = {"variable": SESSION_EVENT, **named}
        body = {"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": params}
        hub.receive(self.connection, msgspec.json.encode(body))

    def send(self, line: bytes) -> None:
        message = msgspec.json.decode(line)
        if "error" in message:
            assert self.expects_error, message
            self.error = message["error"]["message"]
        elif "result" in message:
            self.told = message["result"]
        elif "method" in message:
            params = message["params"]
            self.got.append((params["seq"], params["evse"], params["value"]["n"]))


class JournalRig:
    """A journal at a hub, on a disk that outlives both."""

    def __init__(
        self,
        disk: sqlite3.Connection | None = None,
        evses: int = 2,
        retention: Retention | None = None,
    ) -> None:
        self.disk = disk or new_disk()
        self.clock = VirtualClock(1_000)
        self.evses = list(range(1, evses + 1))
        self.boots = 0
        self.retention = retention
        self.said: list[str] = []
        self.boot()

    def boot(self) -> None:
        """Start, or start again: what waited in memory and in the queues is gone."""
        self.boots += 1
        self.storage = SteppedStorage(self.disk)
        self.journal = Journal(
            self.storage,
            self.clock,
            found=find(self.disk),
            retention=self.retention,
            say=self.said.append,
        )
        self.hub = Hub()
        self.variables = Variables(self.hub, self.journal, self.evses)
        self.consumers: list[Consumer] = []

    def append(self, text: str, evse: int = 1) -> int:
        body = msgspec.json.encode({"n": text})
        return self.journal.append(evse, body, f"after {text}".encode())

    def follow(
        self,
        from_seq: int | None,
        evse: int | None = None,
        *,
        journal: str | None = None,
        consumer: str | None = None,
    ) -> Consumer:
        made = Consumer(self.hub, from_seq, evse, journal=journal, consumer=consumer)
        self.consumers.append(made)
        return made

    def wait(self, ms: int) -> None:
        self.clock.advance_to(self.clock.now_ms() + ms)
        self.journal.poll(self.clock.now_ms())

    def settle(self) -> None:
        """The disk works again and catches up."""
        for _ in range(4):
            self.storage.drain()
            self.wait(2_000)
        self.storage.drain()

    def rows(self, sql: str) -> list[Any]:
        return self.disk.execute(sql).fetchall()
