"""What the core asks of the world outside; evse/run/ and the simulations supply it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from evse.fault_model import FaultChange
from evse.limits import Effective
from evse.model import BoardStatus, CommandVerb, MeterReading
from evse.types.ocmf import TransactionReq
from evse.types.session import SessionEvent


class BoardPort(Protocol):
    """Commands to ring 1. Permits are not sent: the live loop fetches them from the core."""

    def command(self, evse: int, verb: CommandVerb) -> None:
        """Queue a stop-and-wait command; its loss is reported as a lost board."""


class MeterPort(Protocol):
    """The billing meters."""

    def read_now(self, evse: int) -> None:
        """Read ahead of the next poll; the reading arrives as any other."""

    def accept(self, evse: int) -> bool:
        """Believe the counter from now on (MeterDesk.accept). False where nothing is doubted."""


class SignerPort(Protocol):
    """Billing meters that sign. Both calls return at once; what comes of them goes, in the order
    of the calls, to Core.on_signed_begin and on_signed_end."""

    def begin(self, evse: int, request: TransactionReq) -> None:
        """Sign the begin of a transaction."""

    def end(self, evse: int, request: TransactionReq) -> None:
        """Sign the end of the transaction that `request` began, or end what may be left of it."""


class Publisher(Protocol):
    """Where variables of the interface go."""

    def __call__(self, variable: str, evse: int | None, value: object) -> None: ...


class SessionLog(Protocol):
    """Hears what happens to the EVSEs (evse/session_log/). It never waits and never raises."""

    def path(self, uuid: str, utc: datetime) -> str | None:
        """Where the log of a session that begins now will be."""

    def on_event(self, evse: int, event: SessionEvent) -> None: ...
    def on_status(self, evse: int, status: BoardStatus) -> None: ...
    def on_limit(self, evse: int, limit: Effective) -> None: ...
    def on_reading(self, evse: int, reading: MeterReading) -> None: ...
    def on_fault(self, evse: int, change: FaultChange) -> None: ...
    def delete_before(self, before: datetime, done: Callable[[int | str], None]) -> None:
        """Forget the logs of sessions that were over before then; `done` gets how many, or why
        not."""


class SessionPorts(Protocol):
    """What a session needs done; evse/session_ports.py supplies it."""

    def emit(self, event: SessionEvent, snapshot: bytes) -> None:
        """Journal an event."""

    def checkpoint(self, snapshot: bytes) -> None:
        """Journal a snapshot alone."""

    def command(self, verb: CommandVerb) -> None:
        """Send the board a command."""

    def read_meter(self) -> None:
        """Ask for a reading at once."""

    def sign_begin(self, request: TransactionReq) -> None:
        """Have the meter sign the begin of a transaction; it answers later, or not at all."""

    def sign_end(self, request: TransactionReq) -> None:
        """Have it sign the end, or end what may be left open."""

    def tell_fault(self, change: FaultChange) -> None:
        """Publish that a fault was raised or cleared."""

    def log_path(self, uuid: str, utc: datetime) -> str | None:
        """Where the log of a session that begins now will be; None where there is none."""


NewUuid = Callable[[], str]
ReadingSink = Callable[[int, MeterReading], None]
