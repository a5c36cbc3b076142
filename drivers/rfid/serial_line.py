"""Readers that print each card as a line of text on a serial port. Pure."""

from __future__ import annotations

from typing import Literal

from drivers.rfid.events import Back, ReaderEvent
from drivers.rfid.presentations import Presentations

Terminator = Literal["newline", "etx", "gap"]
"""How a line ends: CR, LF or both; ETX (03 hex); a pause of GAP_MS."""
ENDS: dict[Terminator, bytes] = {"newline": b"\r\n", "etx": b"\x03\r\n", "gap": b""}
SILENT = frozenset(b"\x00\x02")
"""STX and padding around a line are no part of it."""
MAX_LINE = 64
GAP_MS = 100
UNFINISHED_MS = 2_000
"""A line whose end has not come by then has none."""


class SerialLine:
    """drivers.rfid.events.Dialect. It asks nothing of its reader, so that it is back as soon as
    its port is; one that keeps silent can not be told from one without a card."""

    def __init__(self, presentations: Presentations, terminator: Terminator) -> None:
        self._presentations = presentations
        self._ends = ENDS[terminator]
        self._by_gap = terminator == "gap"
        self._line = bytearray()
        self._due_ms: int | None = None

    @property
    def next_deadline_ms(self) -> int | None:
        return self._due_ms

    def opened(self, now_ms: int) -> list[ReaderEvent]:
        self._presentations.resume(now_ms)
        return [Back("is there and may print a card at any time")]

    def closed(self, now_ms: int) -> None:
        self._presentations.pause(now_ms)
        self._forget()

    def take_output(self) -> bytes:
        return b""

    def received(self, data: bytes, now_ms: int) -> list[ReaderEvent]:
        found: list[ReaderEvent] = []
        for byte in data:
            if byte in self._ends:
                found += self._finish(now_ms)
            elif byte not in SILENT and len(self._line) < MAX_LINE:
                self._line.append(byte)
        if self._line:
            self._due_ms = now_ms + (GAP_MS if self._by_gap else UNFINISHED_MS)
        return found

    def poll(self, now_ms: int) -> list[ReaderEvent]:
        if self._due_ms is None or now_ms < self._due_ms:
            return []
        if self._by_gap:
            return self._finish(now_ms)
        text = self._line.decode("latin-1")
        self._forget()
        says = "a line without an end: check terminator and baud"
        return self._presentations.unreadable(text, says, now_ms)

    def _finish(self, now_ms: int) -> list[ReaderEvent]:
        text = self._line.decode("latin-1").strip()
        self._forget()
        if not text:
            return []
        if not (text.isascii() and text.isprintable()):
            return self._presentations.unreadable(text, "no text: check baud", now_ms)
        return self._presentations.line(text, now_ms)

    def _forget(self) -> None:
        self._line.clear()
        self._due_ms = None
