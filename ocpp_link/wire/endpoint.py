"""What a connection asks anew at each attempt: where to go, as whom, and how to secure it.

Who decides about these (keys, certificates, security profiles) hears how each attempt ended.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable
from typing import Protocol

import msgspec


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt's credentials. Holds a secret: never log it, never keep it."""

    url: str
    """Of the CSMS, without the identity; its scheme is that of the security profile."""
    identity: str
    headers: tuple[tuple[str, str], ...] = ()
    """To send with the first request on, without waiting for a 401."""
    tls: Callable[[], ssl.SSLContext] | None = None
    """Makes the context of a wss:// URL; None for ws://. It reads files and may take some 10 ms:
    call it on a thread. Raises OSError (ssl.SSLError among them) for what can not be read."""


class EndpointSource(Protocol):
    """Who hands out endpoints. All calls come from the thread of the connection's loop."""

    def endpoint(self) -> Endpoint:
        """For the attempt that begins now. Never raises."""

    def succeeded(self) -> None:
        """The attempt's WebSocket stands, with an OCPP version agreed on."""

    def failed(self, error: BaseException) -> None:
        """The attempt ended without one. `error` is what the library raised, not its words."""


class Reconnects(Protocol):
    """The connection, for who changes what it connects with."""

    def reconnect(self, reason: str) -> None:
        """Write what is still unsent, close, and connect again at once with a new endpoint.
        Without a connection: cut the wait for the next attempt short. `reason` is for the log."""


def basic_authorization(identity: str, key: bytes) -> tuple[str, str]:
    """The Authorization header of HTTP Basic (RFC 7617). `identity` holds no colon."""
    credentials = identity.encode() + b":" + key
    return "Authorization", "Basic " + base64.b64encode(credentials).decode("ascii")
