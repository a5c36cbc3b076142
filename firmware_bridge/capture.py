"""Recording what crosses a port: a ring in memory, and a bounded file that a person can read.

One line a piece: milliseconds, `>` to the board or `<` from it, the bytes in hexadecimal.
`evse link decode FILE` turns it into messages (firmware_bridge/dump.py).
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from evse.clock import Clock
from firmware_bridge.errors import CaptureError
from firmware_bridge.transports import Transport

HEADER = "pievse-link-capture 1"
RING_RECORDS = 512
"""About half a minute of one EVSE: enough to see what led to a fault."""


class Direction(enum.Enum):
    TO_BOARD = ">"
    FROM_BOARD = "<"


class Record(msgspec.Struct, frozen=True):
    t_ms: int
    direction: Direction
    data: bytes

    def line(self) -> str:
        return f"{self.t_ms} {self.direction.value} {self.data.hex()}"


class Recorder:
    """Keeps the last records, and hands each to `sink` if there is one. Touches no disk."""

    def __init__(self, sink: Callable[[Record], None] | None = None) -> None:
        self._ring: deque[Record] = deque(maxlen=RING_RECORDS)
        self._sink = sink

    def add(self, record: Record) -> None:
        self._ring.append(record)
        if self._sink is not None:
            self._sink(record)

    def records(self) -> list[Record]:
        """The last ones, oldest first."""
        return list(self._ring)


class RecordedTransport:
    """A transport that tells a recorder what it carries."""

    def __init__(self, transport: Transport, recorder: Recorder, clock: Clock) -> None:
        self._transport = transport
        self._recorder = recorder
        self._clock = clock

    @property
    def name(self) -> str:
        return self._transport.name

    @property
    def ready(self) -> bool:
        return self._transport.ready

    def start(
        self,
        on_data: Callable[[bytes], None],
        on_ready: Callable[[], None],
        on_lost: Callable[[str], None],
    ) -> None:
        def recorded(data: bytes) -> None:
            self._add(Direction.FROM_BOARD, data)
            on_data(data)

        self._transport.start(recorded, on_ready, on_lost)

    def write(self, data: bytes) -> None:
        self._add(Direction.TO_BOARD, data)
        self._transport.write(data)

    def close(self) -> None:
        self._transport.close()

    def _add(self, direction: Direction, data: bytes) -> None:
        self._recorder.add(Record(self._clock.now_ms(), direction, data))


class CaptureFile:
    """A capture on disk of at most twice `max_bytes`: when it is full, it becomes `NAME.1`.

    It writes at once and may wait for the disk: for the storage thread or a tool, never for an
    event loop. A process that dies leaves at worst a last line without its end.
    """

    def __init__(self, path: Path, *, max_bytes: int = 4_000_000) -> None:
        """Begin a new file at `path`. Raises OSError."""
        self._path = path
        self._max_bytes = max_bytes
        self._begin()

    def append(self, record: Record) -> None:
        """Write one record. Raises OSError (disk full)."""
        line = record.line() + "\n"
        if self._size + len(line) > self._max_bytes:
            self.close()
            self._path.replace(self._path.with_name(self._path.name + ".1"))
            self._begin()
        self._file.write(line)
        self._size += len(line)

    def close(self) -> None:
        """Idempotent."""
        self._file.close()

    def _begin(self) -> None:
        self._file = self._path.open("w", encoding="ascii", buffering=1)
        self._file.write(HEADER + "\n")
        self._size = len(HEADER) + 1


def read_capture(lines: Iterable[str]) -> Iterator[Record]:
    """The records of a capture file. Raises CaptureError naming the line.

    A last line without its end, as a killed recorder leaves it, is passed over.
    """
    numbered = enumerate(lines, start=1)
    if next(numbered, (1, ""))[1].rstrip("\n") != HEADER:
        raise CaptureError(f"line 1 is not {HEADER!r}: this is no link capture")
    for number, line in numbered:
        if line.endswith("\n"):
            yield _record(number, line)


def _record(number: int, line: str) -> Record:
    try:
        t_ms, direction, data = line.split()
        return Record(int(t_ms), Direction(direction), bytes.fromhex(data))
    except ValueError as error:
        raise CaptureError(f"line {number} is no record: {line.strip()[:60]!r}") from error
