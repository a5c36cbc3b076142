"""Reading the frame log again: CALLs paired with their answers, and what they add up to. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from evse.clock import parse_time
from ocpp_link.wire.frame_log import Direction, Line

MAX_PENDING = 1_000


class Exchange(msgspec.Struct, frozen=True):
    """A CALL and its answer; or a line that is neither (`answer` is None then, too)."""

    line: Line
    """The CALL; or an unreadable frame, an answer to nothing, or what befell the link."""
    answer: Line | None = None
    latency_ms: int | None = None
    """From CALL to answer by the clock that wrote the log; None without an answer."""

    @property
    def is_call(self) -> bool:
        return self.line.type in (2, 6)

    @property
    def is_unanswered(self) -> bool:
        return self.line.type == 2 and self.answer is None

    @property
    def is_error(self) -> bool:
        """A CALLERROR, a CALL without an answer, an answer without a CALL, an unreadable frame."""
        if self.line.direction is Direction.LINK or self.line.type == 6:
            return False
        return self.answer is None or self.answer.type != 3


def read_line(text: bytes | str) -> Line | None:
    """A line of the log; None for what is none, such as one that a power cut has torn."""
    try:
        return msgspec.json.decode(text, type=Line)
    except (msgspec.MsgspecError, UnicodeError):
        return None


def time_of(line: Line) -> datetime | None:
    try:
        return parse_time(line.time)
    except ValueError:
        return None


class Pairing:
    """Give it the lines in order; it returns exchanges as they are complete."""

    def __init__(self) -> None:
        self._pending: dict[tuple[Direction, str], Line] = {}

    def take(self, line: Line) -> Iterator[Exchange]:
        """What `line` completes. Whatever befalls the link leaves what is pending unanswered."""
        if line.direction is Direction.LINK:
            yield from self.rest()
            yield Exchange(line)
        elif line.type == 2:
            yield from self._call(line)
        elif line.type in (3, 4):
            yield self._answer(line)
        else:
            yield Exchange(line)

    def rest(self) -> Iterator[Exchange]:
        """The CALLs that are still without an answer, which they no longer wait for."""
        pending, self._pending = self._pending, {}
        yield from (Exchange(call) for call in pending.values())

    def _call(self, line: Line) -> Iterator[Exchange]:
        key = line.direction, line.id
        for old in (key, next(iter(self._pending), key)):
            if old in self._pending and (old == key or len(self._pending) >= MAX_PENDING):
                yield Exchange(self._pending.pop(old))
        self._pending[key] = line

    def _answer(self, line: Line) -> Exchange:
        theirs = Direction.RECEIVED if line.direction is Direction.SENT else Direction.SENT
        call = self._pending.pop((theirs, line.id), None)
        if call is None:
            return Exchange(line)
        return Exchange(call, line, _latency_ms(call, line))


def _latency_ms(call: Line, answer: Line) -> int | None:
    """None where the clock was set back in between."""
    asked, answered = time_of(call), time_of(answer)
    if asked is None or answered is None or answered < asked:
        return None
    return round((answered - asked).total_seconds() * 1_000)


class ActionCount(msgspec.Struct):
    """What one action, in one direction, adds up to."""

    calls: int = 0
    errors: int = 0
    """CALLERRORs."""
    unanswered: int = 0
    latencies_ms: list[int] = msgspec.field(default_factory=list)

    @property
    def median_ms(self) -> int | None:
        return sorted(self.latencies_ms)[len(self.latencies_ms) // 2] if self.latencies_ms else None

    @property
    def longest_ms(self) -> int | None:
        return max(self.latencies_ms, default=None)


class Statistics:
    """Adds exchanges up, by direction and action."""

    def __init__(self) -> None:
        self.actions: dict[tuple[Direction, str], ActionCount] = {}
        self.connections = 0
        self.losses = 0
        self.unreadable = 0
        self.unmatched = 0
        """Answers without a CALL: late ones, or a log that begins between the two."""

    def add(self, exchange: Exchange) -> None:
        line = exchange.line
        if line.direction is Direction.LINK:
            connected = line.words.startswith("connected")
            self.connections += connected
            self.losses += line.words.startswith("no connection")
        elif exchange.is_call:
            self._add_call(exchange)
        elif line.type in (3, 4):
            self.unmatched += 1
        else:
            self.unreadable += 1

    def _add_call(self, exchange: Exchange) -> None:
        key = exchange.line.direction, exchange.line.action
        count = self.actions.setdefault(key, ActionCount())
        count.calls += 1
        count.unanswered += exchange.is_unanswered
        count.errors += exchange.answer is not None and exchange.answer.type == 4
        if exchange.latency_ms is not None:
            count.latencies_ms.append(exchange.latency_ms)
