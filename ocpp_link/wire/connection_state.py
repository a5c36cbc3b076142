"""How it stands with the connection, as the door and people are told it."""

from __future__ import annotations

import msgspec


class ConnectionState(msgspec.Struct, frozen=True):
    """At one moment."""

    is_connected: bool
    wanted: bool
    """False: told to stay away."""
    url: str
    subprotocol: str
    """Agreed on; empty while not connected."""
    attempts: int
    faults: int
    """Connections that a defect of this program ended."""
    failed_in: str
    """The phase of the last failure: address, DNS, TCP, TLS, HTTP, subprotocol, open; empty while
    connected."""
    last_error: str
    """It, in words; stays until the next one, or until a connection stands."""
    round_trip_ms: int | None
    """Of the last ping."""
