"""The core of a simulated station: killed and started again on the same databases."""

from __future__ import annotations

import functools
import random
import sqlite3
import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from evse.clock import VirtualClock
from evse.config.station import StationConfig
from evse.core import Core
from evse.door import jsonrpc
from evse.door.hub import Hub
from evse.door.jsonrpc import RpcError
from evse.door.methods import serve
from evse.door.roles import Role
from evse.door.variables import Variables
from evse.journal.journal import Journal
from evse.journal.rows import MIGRATIONS, find, of_last_session, snapshots
from evse.journal.storage import Done, Job, open_database, run_job, verdict_of
from evse.model import CommandVerb, MeterReading
from evse.ports import MeterPort, SignerPort
from hil.sim.link import SimLink

RUN_ID = "sim"


class StallingStorage:
    """In-process storage whose disk can stall: jobs then wait, in order."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._waiting: list[tuple[Job, Done]] = []
        self.stalled = False

    def submit(self, job: Job, done: Done) -> None:
        self._waiting.append((job, done))
        self.resume() if not self.stalled else None

    def resume(self) -> None:
        """Do what waited."""
        self.stalled = False
        while self._waiting:
            job, done = self._waiting.pop(0)
            done(run_job(self._connection, job))

    def close(self, last: Job | None = None) -> str:
        """The database stays: the simulation owns it."""
        if self._waiting:
            return "the disk stalls"
        return verdict_of(run_job(self._connection, last)) if last else ""


class _Board:
    def __init__(self, link: SimLink, clock: VirtualClock) -> None:
        self._link = link
        self._clock = clock

    def command(self, evse: int, verb: CommandVerb) -> None:
        self._link.command(evse, verb, self._clock.now_ms())


class SimStation:
    """A running core with its hub; `database` outlives it."""

    def __init__(
        self,
        config: StationConfig,
        *,
        clock: VirtualClock,
        link: SimLink,
        meters: MeterPort,
        database: sqlite3.Connection,
        rng: random.Random,
        boot_id: str,
        say: Callable[[str], None],
        signer: SignerPort | None = None,
    ) -> None:
        self.clock = clock
        self.storage = StallingStorage(database)
        self.hub = Hub()
        journal = Journal(self.storage, clock, found=find(database), say=say)
        self.core = Core(
            config,
            clock=clock,
            journal=journal,
            board=_Board(link, clock),
            meters=meters,
            publish=self.hub.publish,
            snapshots=snapshots(database),
            last_session=functools.partial(of_last_session, database),
            boot_id=boot_id,
            new_uuid=lambda: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
            say=say,
            signer=signer,
        )
        self.variables = Variables(self.hub, journal, list(self.core.sessions))
        serve(self.hub, self.core)
        self.core.authorization.attach(self.hub)

    def on_reading(self, evse: int, reading: MeterReading) -> None:
        self.core.on_reading(evse, reading)


def new_database(clock: VirtualClock, say: Callable[[str], None]) -> sqlite3.Connection:
    return open_database(":memory:", MIGRATIONS, utc=clock.utc(), say=say)


class LocalPeer:
    """A peer at a hub of the same process: calls by value, answers and notifications kept."""

    def __init__(self, hub: Hub, role: Role = Role.ADMIN) -> None:
        self._hub = hub
        self._connection = hub.connect(self, role)
        self._answers: dict[int, Callable[[Any, Any], None]] = {}
        self._next_id = 0
        self.on_notification: Callable[[str, dict[str, Any]], None] = lambda _m, _p: None
        self.on_request: Callable[[str, dict[str, Any], Callable[[Any], None]], None] | None = None
        """Serves what this peer provides: method, params, and where its result or RpcError goes."""

    def call(
        self, method: str, params: dict[str, Any], done: Callable[[Any, Any], None] | None = None
    ) -> None:
        """`done` takes (result, error): one of them is None."""
        self._next_id += 1
        self._answers[self._next_id] = done or (lambda _result, _error: None)
        body = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params}
        self._hub.receive(self._connection, msgspec.json.encode(body))

    def ask(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """The result of a call that is answered at once. Raises AssertionError on an error."""
        found: list[tuple[Any, Any]] = []
        self.call(method, params or {}, lambda result, error: found.append((result, error)))
        if not found:
            raise AssertionError(f"{method} was not answered at once")
        result, error = found[0]
        if error is not None:
            raise AssertionError(f"{method}: {error['message']}")
        return result

    def send(self, line: bytes) -> None:
        """A line from the hub."""
        message = msgspec.json.decode(line)
        if "method" in message and "id" in message:
            self._requested(message)
        elif "method" in message:
            self.on_notification(message["method"], message["params"])
        elif done := self._answers.pop(message["id"] or 0, None):
            done(message.get("result"), message.get("error"))

    def leave(self) -> None:
        self._hub.disconnect(self._connection)

    def _requested(self, message: dict[str, Any]) -> None:
        def reply(outcome: Any) -> None:
            if isinstance(outcome, RpcError):
                answer = jsonrpc.failure(message["id"], outcome)
            else:
                answer = jsonrpc.result(message["id"], outcome)
            self._hub.receive(self._connection, answer)

        if self.on_request is not None:
            self.on_request(message["method"], message["params"], reply)
