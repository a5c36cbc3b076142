"""Whom to call, and with which credentials: asked for at each attempt, so that a change of either
is in effect at the next one."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable
from typing import Protocol

import msgspec


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt's back office. Made anew each time; `tls` is called only for wss://."""

    url: str
    """Of the CSMS, without the identity."""
    identity: str
    basic_auth_key: bytes = b""
    """Password of HTTP Basic, with the identity as user; empty: none is sent."""
    tls: Callable[[], ssl.SSLContext] = ssl.create_default_context
    """May raise OSError or LinkError: the attempt fails then, in its words."""
    shows_certificate: bool = False
    """`tls` has a certificate of the station, for whoever asks for it."""
    interface: str = ""
    """To go out through: the name of a network interface, or a local IP address."""

    def __repr__(self) -> str:
        return f"Endpoint({self.url}, {self.identity})"

    @property
    def headers(self) -> dict[str, str]:
        """Of the first request: a back office that knows no station without its key answers 401,
        and some drop the connection at once."""
        if not self.basic_auth_key:
            return {}
        return {"Authorization": basic_authorization(self.identity, self.basic_auth_key)}


class EndpointSource(Protocol):
    """Who hands out endpoints and hears what came of them, on the thread of the connection's
    loop."""

    def endpoint(self) -> Endpoint:
        """For the attempt that begins now. Never raises."""

    def succeeded(self) -> None:
        """The attempt's WebSocket stands, with an OCPP version agreed on."""

    def failed(self, error: BaseException) -> None:
        """The attempt came to nothing. `error` is what the library raised: security events are
        told from it."""


def basic_authorization(identity: str, key: bytes) -> str:
    """The Authorization header of HTTP Basic (RFC 7617), as OCPP-J's security profiles use it.
    `identity` holds no colon."""
    return "Basic " + base64.b64encode(identity.encode() + b":" + key).decode("ascii")
