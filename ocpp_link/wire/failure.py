"""Why there is no connection, for people and for whoever reacts to it. Pure.

An attempt passes through phases; the one in which it ended says where to look.
"""

from __future__ import annotations

import enum
import errno
import socket
import ssl

import msgspec
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    NegotiationError,
)

from ocpp_link.errors import LinkError
from ocpp_link.wire.address import Address

MAX_WORDS = 400
HTTP_WORDS = {
    400: "it calls the request bad: often an OCPP version that it does not know, or a wrong path",
    401: "it does not accept the identity with this AuthorizationKey, or without one",
    403: "it forbids this station to connect",
    404: "it does not know this path or this identity",
    426: "it wants another kind of connection: is this the port of its OCPP service?",
    429: "it is asked too often",
    502: "a proxy is there, and the back office behind it is not",
    503: "it is out of service for the moment",
    504: "a proxy is there, and the back office behind it does not answer",
}
CERTIFICATE_WORDS = {
    9: "is not valid yet: is this station's clock right?",
    10: "has expired",
    18: "is signed by itself, and not installed here",
    19: "comes from an authority that signed itself and is not installed here",
    20: "comes from an authority that is not installed here",
    21: "comes without the authorities between it and a root",
    62: "is for another host name",
    64: "is not for this IP address: use the name that it was made for",
}
"""By OpenSSL's X509_V_ERR_…"""
TLS_WORDS = {
    "WRONG_VERSION_NUMBER": "it speaks no TLS there: is it a port for ws://?",
    "UNSUPPORTED_PROTOCOL": "it offers only a version of TLS that is too old",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it wants another version of TLS",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "it shares no cipher suite, or wants a certificate of this "
    "station",
    "NO_SHARED_CIPHER": "it shares no cipher suite with this station",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it wants a certificate of this station",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "it calls this station's certificate expired",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it refuses this station's certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it refuses this station's certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not know the authority of this station's certificate",
}
NETWORK_WORDS = {
    errno.ECONNREFUSED: "nothing listens there, or a firewall refuses",
    errno.ENETUNREACH: "no network leads there: is the cable in, the modem up?",
    errno.EHOSTUNREACH: "the network leads nowhere near: the machine or its router is off",
    errno.ETIMEDOUT: "nobody answers there",
    errno.ECONNRESET: "the other side cut the connection",
    errno.ENODEV: "there is no such network interface",
    errno.EPERM: "this process may not bind to a network interface",
    errno.EADDRNOTAVAIL: "this machine does not have the address to bind to",
}


class Phase(enum.Enum):
    """How far an attempt came."""

    ADDRESS = "address"
    DNS = "DNS"
    TCP = "TCP"
    TLS = "TLS"
    HTTP = "HTTP"
    SUBPROTOCOL = "subprotocol"
    OPEN = "open"
    """The connection stood."""


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why an attempt, or a connection, ended."""

    phase: Phase
    words: str
    """A sentence; no secret is in it."""
    status: int = 0
    """Of HTTP, where the server answered with one that is not 101."""
    is_wanted: bool = False
    """This station ended it, for a reason of its own."""

    def __str__(self) -> str:
        return f"{self.phase.value}: {self.words}"


class AttemptFailed(LinkError, ConnectionError):
    """No connection came to be; `failure` says why, `__cause__` is what the library raised."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


def explain(phase: Phase, error: BaseException, where: Address) -> Failure:
    """What `error`, raised in `phase` of an attempt to reach `where`, means."""
    found = _told_by_type(phase, error, where)
    return msgspec.structs.replace(found, words=found.words[:MAX_WORDS])


def _told_by_type(phase: Phase, error: BaseException, where: Address) -> Failure:
    place = where.place
    match error:
        case AttemptFailed():
            return error.failure
        case socket.gaierror():
            return Failure(Phase.DNS, _unresolved(error, where.host))
        case ssl.SSLCertVerificationError():
            return Failure(Phase.TLS, f"the certificate of {place} {_certificate(error)}")
        case ssl.SSLError():
            reason = error.reason or ""
            words = TLS_WORDS.get(reason) or reason or str(error)
            return Failure(Phase.TLS, f"{place} and TLS: {words}")
        case InvalidStatus():
            return _status(error, place)
        case ValueError() if isinstance(error.__cause__, InvalidStatus):
            return _status(error.__cause__, place)  # a redirect, which is never followed
        case NegotiationError():
            return Failure(Phase.SUBPROTOCOL, f"{place} chose what was not offered: {error}")
        case InvalidMessage():
            doubt = "does it want a certificate of this station?"  # and its alert was lost
            doubt = doubt if where.secure else "is it a port for wss://?"
            words = f"{place} does not speak HTTP, or cut the connection: {doubt}"
            return Failure(Phase.HTTP, words)
        case InvalidHandshake():
            return Failure(Phase.HTTP, f"{place} sent a wrong handshake: {error}")
        case ConnectionClosed():
            return Failure(Phase.OPEN, _closed(error, place))
        case TimeoutError():
            return Failure(phase, f"{place} did not answer in time")
        case ConnectionResetError() if phase is Phase.TLS:
            words = "it cut the connection in the handshake: is it a port for ws://?"
            return Failure(Phase.TLS, f"{place} and TLS: {words}")
        case OSError():
            known = NETWORK_WORDS.get(error.errno or 0)
            return Failure(
                phase, f"{place}: {known or error.strerror or str(error) or type(error).__name__}"
            )
        case _:
            return Failure(phase, f"{place}: {type(error).__name__}: {error}")


def _unresolved(error: socket.gaierror, host: str) -> str:
    if error.errno == socket.EAI_NONAME:
        return f"no name server knows {host}"
    if error.errno == socket.EAI_AGAIN:
        return f"no name server answers, so {host} can not be looked up"
    return f"{host} can not be looked up: {error.strerror}"


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    code: int | None = getattr(error, "verify_code", None)
    said: str = getattr(error, "verify_message", "") or str(error)
    return CERTIFICATE_WORDS.get(code or 0) or f"can not be trusted: {said}"


def _status(error: InvalidStatus, place: str) -> Failure:
    response = error.response
    status = response.status_code
    words = f"{place} answered HTTP {status}"
    if 300 <= status < 400:
        target = response.headers.get("Location", "elsewhere")
        words += f": it redirects to {target}, which is not followed; put that into the URL"
    elif known := HTTP_WORDS.get(status):
        words += f": {known}"
    return Failure(Phase.HTTP, words, status)


def _closed(error: ConnectionClosed, place: str) -> str:
    if error.rcvd is None:
        return f"the connection to {place} broke"
    reason = f": {error.rcvd.reason}" if error.rcvd.reason else ""
    return f"{place} closed the connection with {error.rcvd.code}{reason}"
