"""What the master of a line saw of one request: the material that the bus doctor judges."""

from __future__ import annotations

import enum

import msgspec


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
