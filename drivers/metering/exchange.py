"""What the master of a line saw of one request: the material that the bus doctor judges."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterator

import msgspec

REMEMBERED = 16
"""Exchanges that are kept of each unit."""


class Outcome(enum.StrEnum):
    """How a request ended."""

    ANSWERED = "answered"
    SILENT = "silent"
    """Nothing came within the answer time, or an echo of the request alone."""
    GARBLED = "garbled"
    """Something came that is no answer to it."""
    DOUBLED = "doubled"
    """An answer came, and behind it another one by the same address."""
    REJECTED = "rejected"
    """A Modbus exception came."""
    PORT_MISSING = "port missing"
    """There is no such device, or it went away."""
    PORT_HELD = "port held"
    PORT_FORBIDDEN = "port forbidden"
    PORT_REFUSES = "port refuses"
    """The device takes no such baud rate, parity or stop bits."""
    PORT_FAILED = "port failed"


class Exchange(msgspec.Struct, frozen=True):
    """One request and what came of it."""

    unit: int
    outcome: Outcome
    sent: bytes = b""
    heard: bytes = b""
    """All that came, an echo of `sent` included; of what was answered, nothing is kept."""
    exception_code: int = 0
    echoed: bool = False
    """The adapter had been hearing itself by then."""


class History:
    """The last exchanges of a line, so many of each unit: one that is asked seldom is not pushed
    out by those that are asked often."""

    def __init__(self) -> None:
        self._by_unit: dict[int, deque[tuple[int, Exchange]]] = {}
        self._count = 0
        self._last: Exchange | None = None

    def add(self, exchange: Exchange) -> None:
        own = self._by_unit.setdefault(exchange.unit, deque(maxlen=REMEMBERED))
        own.append((self._count, exchange))
        self._count += 1
        self._last = exchange

    @property
    def last(self) -> Exchange:
        """The newest. Raises LookupError where nothing was asked yet."""
        if self._last is None:
            raise LookupError("nothing was asked yet")
        return self._last

    def __iter__(self) -> Iterator[Exchange]:
        """Oldest first."""
        numbered = (entry for own in self._by_unit.values() for entry in own)
        return (exchange for _number, exchange in sorted(numbered, key=lambda entry: entry[0]))
