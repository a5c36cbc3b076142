"""Readers and keypads that type like a keyboard, read from /dev/input/event*. Pure.

Codes and the layout of `struct input_event`: include/uapi/linux/input.h and input-event-codes.h of
Linux. The device is taken exclusively (drivers/rfid/ports.py), or what is typed would also land at
a login prompt.
"""

from __future__ import annotations

import struct

from drivers.rfid.events import Back, ReaderEvent
from drivers.rfid.presentations import Presentations

NATIVE_EVENT = struct.Struct("@llHHi")
"""Time in seconds and microseconds, type, code, value: 24 bytes for a program of 64 bits, 16 for
one of 32, whatever the kernel has."""
EV_SYN, EV_KEY = 0, 1
SYN_DROPPED = 3
"""The kernel's buffer overflowed: keys are missing."""
PRESSED = 1
"""Value of a key that goes down; 0: up, 2: repeats itself."""
MAX_LINE = 64
UNFINISHED_MS = 5_000
"""Keys without an end are forgotten: a person who typed half a code has gone."""

_ROWS = {2: "1234567890", 16: "qwertyuiop", 30: "asdfghjkl", 44: "zxcvbnm"}
_KEYPAD = {71: "789", 75: "456", 79: "1230"}
KEYS: dict[int, str] = {
    first + offset: letter
    for first, row in (*_ROWS.items(), *_KEYPAD.items())
    for offset, letter in enumerate(row)
} | {12: "-", 39: ":", 52: ".", 57: " "}
"""Key code -> what it types, on the layout that readers pretend to have (US)."""
ENDS = frozenset({15, 28, 96})
"""Tab, Enter, Enter of the keypad."""
SHIFTS = frozenset({42, 54})


class Keyboard:
    """drivers.rfid.events.Dialect."""

    def __init__(
        self, presentations: Presentations, *, event: struct.Struct = NATIVE_EVENT
    ) -> None:
        self._presentations = presentations
        self._event = event
        self._partial = b""
        self._line = ""
        self._shifted = False
        self._broken = False
        """Keys of this line are missing: it is dropped with its end."""
        self._due_ms: int | None = None

    @property
    def next_deadline_ms(self) -> int | None:
        return self._due_ms

    def opened(self, now_ms: int) -> list[ReaderEvent]:
        self._presentations.resume(now_ms)
        return [Back("is there and may type at any time")]

    def closed(self, now_ms: int) -> None:
        self._presentations.pause(now_ms)
        self._partial = b""
        self._shifted = False
        self._forget()

    def take_output(self) -> bytes:
        return b""

    def received(self, data: bytes, now_ms: int) -> list[ReaderEvent]:
        found: list[ReaderEvent] = []
        stream = self._partial + data
        whole = len(stream) - len(stream) % self._event.size
        self._partial = stream[whole:]
        for _s, _us, kind, code, value in self._event.iter_unpack(stream[:whole]):
            if kind == EV_SYN and code == SYN_DROPPED:
                self._broken = True
                self._due_ms = now_ms + UNFINISHED_MS
            elif kind == EV_KEY and code in SHIFTS:
                self._shifted = value != 0
            elif kind == EV_KEY and value == PRESSED:
                found += self._pressed(code, now_ms)
        return found

    def poll(self, now_ms: int) -> list[ReaderEvent]:
        if self._due_ms is not None and now_ms >= self._due_ms:
            self._forget()
        return []

    def _pressed(self, code: int, now_ms: int) -> list[ReaderEvent]:
        if code in ENDS:
            line, broken = self._line, self._broken
            self._forget()
            usable = line and not broken
            return self._presentations.line(line, now_ms) if usable else []
        typed = KEYS.get(code, "")
        if typed and len(self._line) < MAX_LINE:
            self._line += typed.upper() if self._shifted else typed
            self._due_ms = now_ms + UNFINISHED_MS
        return []

    def _forget(self) -> None:
        self._line = ""
        self._broken = False
        self._due_ms = None
