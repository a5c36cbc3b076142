"""One session's way out of itself: to the journal, the board, the meter, and whoever listens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import msgspec

from evse.fault_model import FaultChange
from evse.journal.journal import Journal
from evse.model import CommandVerb
from evse.ports import BoardPort, MeterPort, SessionLog, SignerPort
from evse.session.rebuild import rebuilt
from evse.session.record import Snapshot
from evse.types.ocmf import TransactionReq
from evse.types.session import SessionEvent, SessionEventEnum

_BILLED = frozenset(
    {
        SessionEventEnum.SessionStarted,
        SessionEventEnum.TransactionStarted,
        SessionEventEnum.TransactionFinished,
        SessionEventEnum.SessionFinished,
    }
)
"""Given up last where a disk takes nothing for long."""


class Outlets:
    """What all sessions of a station share."""

    def __init__(
        self,
        journal: Journal,
        board: BoardPort,
        meters: MeterPort,
        *,
        signer: SignerPort | None = None,
        on_event: Callable[[int, SessionEventEnum], None],
        on_fault: Callable[[int, FaultChange], None],
    ) -> None:
        self.journal = journal
        self.board = board
        self.meters = meters
        self.signer = signer
        self.on_event = on_event
        self.on_fault = on_fault
        self.log: SessionLog | None = None
        """A folder a session, where it is configured; set by the owner of the disk."""


class EvsePorts:
    """SessionPorts of one EVSE."""

    def __init__(self, evse: int, outlets: Outlets) -> None:
        self._evse = evse
        self._outlets = outlets

    def emit(self, event: SessionEvent, snapshot: bytes) -> None:
        outlets, vital = self._outlets, event.event in _BILLED
        outlets.journal.append(self._evse, msgspec.json.encode(event), snapshot, vital=vital)
        outlets.on_event(self._evse, event.event)
        if outlets.log is not None:
            outlets.log.on_event(self._evse, event)

    def checkpoint(self, snapshot: bytes) -> None:
        self._outlets.journal.checkpoint(self._evse, snapshot)

    def command(self, verb: CommandVerb) -> None:
        self._outlets.board.command(self._evse, verb)

    def read_meter(self) -> None:
        self._outlets.meters.read_now(self._evse)

    def sign_begin(self, request: TransactionReq) -> None:
        if self._outlets.signer is not None:
            self._outlets.signer.begin(self._evse, request)

    def sign_end(self, request: TransactionReq) -> None:
        if self._outlets.signer is not None:
            self._outlets.signer.end(self._evse, request)

    def tell_fault(self, change: FaultChange) -> None:
        if self._outlets.log is not None:
            self._outlets.log.on_fault(self._evse, change)
        self._outlets.on_fault(self._evse, change)

    def log_path(self, uuid: str, utc: datetime) -> str | None:
        log = self._outlets.log
        return None if log is None else log.path(uuid, utc)


class Stored:
    """What a start finds of the sessions, by EVSE."""

    def __init__(
        self,
        bodies: Mapping[int, bytes],
        last_session: Callable[[int], Iterable[bytes]],
        say: Callable[[str], None],
    ) -> None:
        self._bodies = bodies
        self._last_session = last_session
        self._say = say
        self.unread: list[int] = []
        """EVSEs whose snapshot could not be read; their sessions go by their events."""

    def snapshot(self, evse: int) -> Snapshot:
        body = self._bodies.get(evse)
        if body is None:
            return Snapshot()
        try:
            return Snapshot.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._say(
                f"evse {evse}: the stored session can not be read ({error}); going by its events"
            )
            self.unread.append(evse)
            return rebuilt(self._last_session(evse))
