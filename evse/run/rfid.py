"""The readers of cards of a running core: a token provider on this computer's own ports.

What a card does is the broker's matter (evse/authorization/). Here a reader's words become a
presented token, the broker's verdict becomes a signal for whoever stands before the reader, and a
reader that is gone becomes a fault that keeps nobody from charging.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from drivers.rfid.events import Back, Dialect, Lost, ReaderEvent, Refused, Token
from drivers.rfid.keyboard import Keyboard
from drivers.rfid.pn532 import Pn532
from drivers.rfid.ports import KeyboardPort, Opener, SerialPort
from drivers.rfid.presentations import Presentations, TokenRules
from drivers.rfid.reader import Reader
from drivers.rfid.serial_line import SerialLine
from evse.authorization.outcome import STATUS_VARIABLE
from evse.authorization.tokens import key_of
from evse.clock import Clock
from evse.config.rfid import DEFAULT_BAUD, RfidTable
from evse.core import Core
from evse.door.hub import Hub
from evse.faults import CoreCondition
from evse.types.authorization import (
    AuthorizationType,
    IdToken,
    IdTokenType,
    ProvidedIdToken,
    TokenValidationStatus,
    TokenValidationStatusMessage,
)

_log = logging.getLogger(__name__)

S = TokenValidationStatus
AGAIN_MS = 5_000
"""Within it the card that was accepted last is the same presentation, at whichever reader (own)."""
MAX_PENDING = 16
"""Presented tokens whose verdict is awaited; of more, the oldest gets no signal."""


class Verdict(enum.Enum):
    """What somebody who holds a card to a reader is to see."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Feedback(Protocol):
    """LEDs and buzzers."""

    def on_feedback(self, evses: tuple[int, ...], verdict: Verdict) -> None:
        """A card at the reader for these EVSEs. It neither waits nor raises."""


_VERDICTS = {
    S.Accepted: Verdict.ACCEPTED,
    S.UsedToStart: Verdict.ACCEPTED,
    S.UsedToStop: Verdict.ACCEPTED,
    S.UsedToReauthorize: Verdict.ACCEPTED,
    S.Rejected: Verdict.REJECTED,
    S.TimedOut: Verdict.REJECTED,
    S.Withdrawn: Verdict.REJECTED,
}
"""But for Processing, which is none yet."""


class ReaderDesk:
    """Between the readers and the core. Synchronous; `heard` is called from the core's loop."""

    def __init__(
        self, core: Core, tables: Sequence[RfidTable], feedback: Feedback | None = None
    ) -> None:
        self._core = core
        self._tables = tables
        self.feedback = feedback
        """None: nothing lights and nothing sounds."""
        self._pending: dict[str, tuple[int, ...]] = {}
        """Token -> the EVSEs of its reader, until the broker has said what becomes of it."""
        self._state: list[Back | Lost | None] = [None] * len(tables)
        self._taken = ""
        """The card that was accepted last, at whichever reader."""
        self._taken_ms: int | None = None

    def listen(self, hub: Hub) -> None:
        """Hear verdicts that come after a validator was asked. Raises ValueError where somebody
        else hears them already."""
        if STATUS_VARIABLE in hub.taps:
            raise ValueError(f"{STATUS_VARIABLE} has a tap already")
        hub.taps[STATUS_VARIABLE] = lambda _evse, value: self._told(value)

    def heard(self, number: int, event: ReaderEvent) -> None:
        """`number`: of the reader, as in the configuration file, from 1."""
        table = self._tables[number - 1]
        evses = table.evses or tuple(self._core.sessions)
        if isinstance(event, Token):
            _log.info("%s: a token of %d characters", name(number, table), len(event.value))
            self._presented(table, evses, event)
        elif isinstance(event, Refused):
            _log.warning("%s: %s", name(number, table), event.says)
            self._signal(evses, Verdict.REJECTED)
        else:
            _log.log(*_words(name(number, table), event))
            self._state[number - 1] = event
            self._show(evses)

    def state(self) -> list[dict[str, Any]]:
        """For `sys.state`: each reader, and whether it can be used; None: not known yet."""
        return [
            {
                "reader": number,
                "kind": table.kind,
                "port": table.port,
                "usable": None if told is None else isinstance(told, Back),
                "says": told.why if isinstance(told, Lost) else told.says if told else "",
                "hint": told.hint if isinstance(told, Lost) else "",
            }
            for number, (table, told) in enumerate(
                zip(self._tables, self._state, strict=True), start=1
            )
        ]

    def _presented(self, table: RfidTable, evses: tuple[int, ...], event: Token) -> None:
        if self._is_repeated(event.value):
            self._signal(evses, Verdict.ACCEPTED)
            return
        token = ProvidedIdToken(
            id_token=IdToken(value=event.value, type=event.type),
            authorization_type=AuthorizationType.RFID,
            connectors=table.evses or msgspec.UNSET,
        )
        self._pending.pop(key_of(token), None)  # what comes of it meanwhile is its return value
        status = self._core.authorization.present(token)
        if status is S.Processing:
            self._pending[key_of(token)] = evses
            if len(self._pending) > MAX_PENDING:
                del self._pending[next(iter(self._pending))]
        verdict = _VERDICTS.get(status, Verdict.PENDING)
        self._note(event.value, verdict)
        self._signal(evses, verdict)
        self._core.poll()

    def _is_repeated(self, value: str) -> bool:
        """Has this very card just been accepted? Then somebody was not sure, and must not end what
        has just begun."""
        taken_ms = self._taken_ms if value.casefold() == self._taken else None
        return taken_ms is not None and self._core.clock.now_ms() - taken_ms < AGAIN_MS

    def _note(self, value: str, verdict: Verdict) -> None:
        if verdict is Verdict.ACCEPTED:
            self._taken, self._taken_ms = value.casefold(), self._core.clock.now_ms()

    def _told(self, message: TokenValidationStatusMessage) -> None:
        verdict = _VERDICTS.get(message.status)
        evses = self._pending.get(key_of(message.token))
        if verdict is not None and evses is not None:
            del self._pending[key_of(message.token)]
            self._note(message.token.id_token.value, verdict)
            self._signal(evses, verdict)

    def _signal(self, evses: tuple[int, ...], verdict: Verdict) -> None:
        if self.feedback is not None:
            self.feedback.on_feedback(evses, verdict)

    def _show(self, evses: tuple[int, ...]) -> None:
        """The fault stands at each EVSE of which any reader is lost."""
        lost = {
            evse
            for table, told in zip(self._tables, self._state, strict=True)
            if isinstance(told, Lost)
            for evse in table.evses or self._core.sessions
        }
        for evse in evses:
            self._core.sessions[evse].show(CoreCondition.READER_LOST, evse in lost)
        self._core.poll()


class Readers:
    """All readers of a station on the event loop."""

    def __init__(
        self,
        tables: Sequence[RfidTable],
        clock: Clock,
        on_event: Callable[[int, ReaderEvent], None],
    ) -> None:
        """`on_event` gets the reader's number, from 1."""
        self._readers = [
            _reader(number, table, clock, on_event) for number, table in enumerate(tables, start=1)
        ]

    async def run(self) -> None:
        """Until cancelled, also where there is none."""
        async with asyncio.TaskGroup() as group:
            for number, reader in enumerate(self._readers, start=1):
                group.create_task(reader.run(), name=f"reader {number}")
            await asyncio.get_running_loop().create_future()


def name(number: int, table: RfidTable) -> str:
    """How logs and people call a reader."""
    return f"reader {number} ({table.kind} at {table.port})"


def dialect_of(table: RfidTable) -> Dialect:
    """What the reader speaks."""
    presentations = Presentations(
        TokenRules(
            type=IdTokenType(table.token_type),
            format=table.format,
            uid_bytes=table.uid_bytes,
            reversed=table.byte_order == "reversed",
            allow_random=table.allow_random,
            gone_ms=table.gone_ms,
        )
    )
    if table.kind == "pn532":
        return Pn532(presentations)
    if table.kind == "serial_line":
        return SerialLine(presentations, table.terminator)
    return Keyboard(presentations)


def opener_of(table: RfidTable) -> Opener:
    """How its port is opened."""
    if table.kind == "keyboard":
        return lambda: KeyboardPort(table.port)
    baud = table.baud or DEFAULT_BAUD[table.kind]
    return lambda: SerialPort(table.port, baud)


def _reader(
    number: int, table: RfidTable, clock: Clock, on_event: Callable[[int, ReaderEvent], None]
) -> Reader:
    return Reader(dialect_of(table), opener_of(table), clock, lambda event: on_event(number, event))


def _words(who: str, event: Lost | Back) -> tuple[int, str, str]:
    if isinstance(event, Lost):
        return logging.WARNING, "%s", f"{who} {event.why}. {event.hint}"
    return logging.INFO, "%s", f"{who} {event.says}"
