"""Every frame that crosses the wire, as a line of JSON without its secrets.

Guarantee: nothing here waits for a disk, or raises because of one or of what a peer sends. Lines
wait in memory for a while and go out together; what a disk does not take is counted and left out.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from evse.clock import Clock, rfc3339
from ocpp_link.wire.redaction import Redaction

FLUSH_S = 2.0
MAX_WAITING_BYTES = 256 * 1024
MAX_PAYLOAD_CHARS = 16_384
"""A longer one is left out: one list of tokens must not push out a day of frames."""
MAX_UNREADABLE_CHARS = 200
MAX_TEXT_CHARS = 255
MAX_OPEN = 64
"""CALLs whose answers are still awaited; hostile ones must not grow without end."""


class Level(enum.Enum):
    """What is written."""

    OFF = "off"
    ERRORS = "errors"
    """CALLERRORs with the CALLs that they answer, unreadable frames, and what befell the link."""
    ALL = "all"


class Direction(enum.Enum):
    SENT = "sent"
    """By the station."""
    RECEIVED = "received"
    LINK = "link"
    """No frame: something befell the connection."""


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the log."""

    time: str
    """RFC 3339 in UTC, of this machine's clock."""
    direction: Direction
    type: int = 0
    """MessageTypeId of OCPP-J (2 CALL, 3 CALLRESULT, 4 CALLERROR, …); 0: no readable frame."""
    id: str = ""
    action: str = ""
    """Also of an answer, where its CALL was seen."""
    payload: msgspec.Raw | UnsetType = UNSET
    """Of a CALLERROR its details."""
    code: str = ""
    """Of a CALLERROR."""
    words: str = ""
    """Of a CALLERROR its description; of an unreadable frame its beginning; of the link what
    happened."""
    left_out_chars: int = 0
    """Length of a payload that was too long to be written."""


Write = Callable[[bytes, Callable[[], None]], None]
"""Take these lines, and call back, in the loop's thread, when more may follow."""


class FrameLog:
    """Listens at the wire. `later` calls back after so many seconds (`loop.call_later`)."""

    def __init__(
        self,
        write: Write,
        clock: Clock,
        later: Callable[[float, Callable[[], None]], object],
        *,
        level: Level = Level.ALL,
        redaction: Redaction | None = None,
    ) -> None:
        self._write = write
        self._clock = clock
        self._later = later
        self._level = level
        self._redaction = redaction or Redaction()
        self._open: dict[tuple[Direction, str], tuple[str, bytes]] = {}
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._flush_is_due = False
        self._writing = False
        self._lost = 0

    def sent(self, text: str) -> None:
        """A frame of ours went out."""
        self._frame(Direction.SENT, text)

    def received(self, text: str) -> None:
        """A frame of the peer came in."""
        self._frame(Direction.RECEIVED, text)

    def note(self, words: str) -> None:
        """Something befell the connection; what is unanswered now stays so."""
        self._open.clear()
        if self._level is not Level.OFF:
            self._put(_encoded(Line(self._now(), Direction.LINK, words=words)))

    def flush(self) -> None:
        """Hand over what waits, unless a write is under way."""
        self._flush_is_due = False
        if self._writing or not self._waiting:
            return
        lines, self._waiting, self._waiting_bytes = self._waiting, [], 0
        if self._lost:
            words = f"{self._lost} lines are missing here: the disk did not take them in time"
            lines.append(_encoded(Line(self._now(), Direction.LINK, words=words)))
            self._lost = 0
        self._writing = True
        self._write(b"".join(lines), self._written)

    def _frame(self, direction: Direction, text: str) -> None:
        if self._level is Level.OFF:
            return
        line = self._line(direction, text)
        encoded = _encoded(line)
        if line.type == 2:
            self._remember(direction, line, encoded)
        if self._level is Level.ALL:
            self._put(encoded)
        elif line.type in (0, 4, 5):
            _, call = self._open.get((_other(direction), line.id), ("", b""))
            self._put(call + encoded)
        if line.type in (3, 4):
            self._open.pop((_other(direction), line.id), None)

    def _line(self, direction: Direction, text: str) -> Line:
        try:
            frame = self._parts(text)
            return self._read(direction, frame, len(text))
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            words = self._redaction.unreadable(text)[:MAX_UNREADABLE_CHARS]
            return Line(self._now(), direction, words=words)

    def _parts(self, text: str) -> list[msgspec.Raw]:
        """The elements of a frame, on one line and without secrets."""
        if self._redaction.concerns(text) or "\n" in text or "\r" in text:
            decoded = self._redaction.value(msgspec.json.decode(text, type=list[Any]))
            text = msgspec.json.encode(decoded).decode()
        return msgspec.json.decode(text, type=list[msgspec.Raw])

    def _read(self, direction: Direction, frame: list[msgspec.Raw], length: int) -> Line:
        """Raises MsgspecError for what is no frame of OCPP-J."""
        type_ = msgspec.json.decode(frame[0], type=int) if frame else 0
        texts = [_text(part) for part in frame[1:-1]]
        match type_, texts:
            case ((2 | 6), [id_, action]):
                code = words = ""
            case 3, [id_]:
                action = code = words = ""
            case ((4 | 5), [id_, code, words]):
                action = ""
            case _:
                raise msgspec.DecodeError("no frame of OCPP-J")
        action = action or self._open.get((_other(direction), id_), ("", b""))[0]
        left_out = length if length > MAX_PAYLOAD_CHARS else 0
        payload = UNSET if left_out else frame[-1]
        return Line(self._now(), direction, type_, id_, action, payload, code, words, left_out)

    def _remember(self, direction: Direction, line: Line, encoded: bytes) -> None:
        if len(self._open) >= MAX_OPEN:
            del self._open[next(iter(self._open))]
        kept = encoded if self._level is Level.ERRORS else b""
        self._open[direction, line.id] = line.action, kept

    def _put(self, lines: bytes) -> None:
        if self._waiting_bytes + len(lines) > MAX_WAITING_BYTES:
            self._lost += 1
            return
        self._waiting.append(lines)
        self._waiting_bytes += len(lines)
        if not self._flush_is_due and not self._writing:
            self._flush_is_due = True
            self._later(FLUSH_S, self.flush)

    def _written(self) -> None:
        self._writing = False
        if self._waiting and not self._flush_is_due:
            self._flush_is_due = True
            self._later(FLUSH_S, self.flush)

    def _now(self) -> str:
        return rfc3339(self._clock.utc())


def _other(direction: Direction) -> Direction:
    return Direction.RECEIVED if direction is Direction.SENT else Direction.SENT


def _text(part: msgspec.Raw) -> str:
    """A string of a frame's head; a longer one is hostile."""
    return msgspec.json.decode(part, type=str)[:MAX_TEXT_CHARS]


def _encoded(line: Line) -> bytes:
    return msgspec.json.encode(line) + b"\n"
