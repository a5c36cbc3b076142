"""What a failed attempt to connect means for security. Pure."""

from __future__ import annotations

import enum
import ssl
from collections.abc import Iterator

import msgspec
from websockets.exceptions import InvalidStatus

from ocpp_link.security.events import EventType

REFUSED = frozenset({401, 403})
"""HTTP statuses with which a back office turns credentials down."""
TOO_OLD = frozenset(
    {
        "UNSUPPORTED_PROTOCOL",
        "UNSUPPORTED_SSL_VERSION",
        "WRONG_SSL_VERSION",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "NO_PROTOCOLS_AVAILABLE",
    }
)
NO_CIPHER = frozenset(
    {
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "SSL/TLS_ALERT_HANDSHAKE_FAILURE",
        "TLSV1_ALERT_INSUFFICIENT_SECURITY",
        "NO_SHARED_CIPHER",
        "UNKNOWN_CIPHER_RETURNED",
        "WRONG_CIPHER_RETURNED",
        "DH_KEY_TOO_SMALL",
        "BAD_COMPRESSION_ALGORITHM",
    }
)
OWN_REFUSED = (
    "BAD_CERTIFICATE",
    "UNSUPPORTED_CERTIFICATE",
    "CERTIFICATE_REVOKED",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_UNKNOWN",
    "CERTIFICATE_REQUIRED",
    "ALERT_UNKNOWN_CA",
    "ALERT_ACCESS_DENIED",
    "ALERT_DECRYPT_ERROR",
)
"""Ends of the names of alerts that are about the certificate that the station showed. OpenSSL 3.0
begins them with SSLV3_, TLSV1_ or TLSV13_, later ones with SSL/TLS_."""


class Blame(enum.Enum):
    """Whose credentials an attempt failed for, if anybody's."""

    NOBODY = "nobody"
    SERVER = "server"
    KEY = "key"
    CERTIFICATE = "certificate"
    """Of the station."""


class Diagnosis(msgspec.Struct, frozen=True):
    """What a failed attempt was."""

    event: EventType | None = None
    """To raise; None: it has nothing to do with security."""
    blame: Blame = Blame.NOBODY
    words: str = ""


def diagnose(error: BaseException | None) -> Diagnosis:
    """From what was raised, or from what that came from."""
    for cause in _causes(error):
        if isinstance(cause, InvalidStatus) and cause.response.status_code in REFUSED:
            words = f"HTTP {cause.response.status_code}"
            return Diagnosis(EventType.FAILED_TO_AUTHENTICATE, Blame.KEY, words)
        if isinstance(cause, ssl.SSLCertVerificationError):
            words = getattr(cause, "verify_message", "") or str(cause)
            return Diagnosis(EventType.INVALID_CSMS_CERTIFICATE, Blame.SERVER, words)
        if isinstance(cause, ssl.SSLError):
            return _of_alert(cause.reason or "")
    return Diagnosis()


def _of_alert(reason: str) -> Diagnosis:
    if reason in TOO_OLD or reason.endswith("ALERT_PROTOCOL_VERSION"):
        return Diagnosis(EventType.INVALID_TLS_VERSION, Blame.SERVER, reason)
    if reason in NO_CIPHER:
        return Diagnosis(EventType.INVALID_CIPHER_SUITE, Blame.SERVER, reason)
    if reason.endswith(OWN_REFUSED):
        return Diagnosis(EventType.FAILED_TO_AUTHENTICATE, Blame.CERTIFICATE, reason)
    return Diagnosis()


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """What an error came from, itself first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
