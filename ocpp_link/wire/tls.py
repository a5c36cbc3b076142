"""TLS to the back office: the client's context, what it checks, and what a failure is.

TLS 1.2 or later, no compression, no renegotiation, no key log. Beyond what the library checks, a
handshake ends here where the certificate is for a wildcard name that is not allowed, or, while the
machine's clock is plainly wrong, where the certificates were not valid at the time that is known
to have passed (see `Tls.judged_ms`).

Source: OCPP 1.6 security whitepaper A00.FR.307 to 322, A00.FR.411 to 426.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import msgspec

CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",  # A00.FR.318, as the next
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",  # what servers with an RSA certificate should choose
    "ECDHE-RSA-AES256-GCM-SHA384",
    "AES128-GCM-SHA256",  # what every Central System has to have (A00.FR.317), as the next
    "AES256-GCM-SHA384",
)
"""Of TLS 1.2, the preferred one first. Those of TLS 1.3 are OpenSSL's: all of them are sound, and
this library can not choose among them."""
NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which the library passes on and has no name for."""
CLOCK_TOLERANCE_MS = 3_600_000
"""Clocks that are set by a back office differ by seconds, or lie behind by years."""
_DER = 2  # X509_FILETYPE_ASN1

OnVerified = Callable[[list[bytes]], None]


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt trusts, and what it shows."""

    roots_pem: str = ""
    system_roots: bool = True
    """Trust what the operating system trusts, too."""
    chain: Path | None = None
    """The station's certificate and the authorities behind it (security profile 3)."""
    key: Path | None = None
    ciphers: str = ":".join(CIPHERS)
    """In OpenSSL's words."""
    wildcards: bool = False
    """A certificate for `*.example.com` is good for `csms.example.com`."""
    judged_ms: int
    """The time to judge certificates by, ms since 1970. Where the machine's clock, by which the
    library judges, lies far behind it (a board without a battery wakes up in 1970), the library is
    told not to look at times, and this is used."""
    clock_ms: int | None = None
    """The machine's clock; None: as it is when the context is made."""

    @property
    def has_no_clock(self) -> bool:
        """The machine's clock is not to be believed."""
        now_ms = time.time_ns() // 1_000_000 if self.clock_ms is None else self.clock_ms
        return self.judged_ms - now_ms > CLOCK_TOLERANCE_MS


def client_context(tls: Tls, on_verified: OnVerified = lambda _chain: None) -> ssl.SSLContext:
    """Reads files. `on_verified` hears, in the thread of each good handshake, which certificates
    it stands on: DER, the server's first, the root last; empty where that can not be found out.
    Raises OSError (ssl.SSLError is one) for files that can not be used, ValueError for cipher
    strings that name nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    try:
        context.set_ciphers(tls.ciphers)
    except ssl.SSLError as error:
        raise ValueError(f"the cipher string {tls.ciphers!r} names no cipher suite") from error
    # An installed authority is trusted although its own issuer is not here (whitepaper §7.1).
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    has_no_clock = tls.has_no_clock
    if has_no_clock:
        context.verify_flags |= NO_CHECK_TIME
    if tls.system_roots:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if tls.roots_pem:
        context.load_verify_locations(cadata=tls.roots_pem)
    if tls.chain is not None:
        _load_own(context, tls.chain, tls.key)
    context.sslobject_class = _checked(tls, has_no_clock, on_verified)
    return context


def _load_own(context: ssl.SSLContext, chain: Path, key: Path | None) -> None:
    """Raises OSError that names the files: what the library says does not."""
    try:
        context.load_cert_chain(chain, key)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise OSError(f"the certificate in {chain} is for another key than {key}") from error
        words = error.reason or str(error)
        raise OSError(f"{chain} and {key} are no certificate and its key: {words}") from error
    except OSError as error:
        raise OSError(f"{chain} or {key} cannot be read: {error.strerror}") from error


def _checked(tls: Tls, has_no_clock: bool, on_verified: OnVerified) -> type[ssl.SSLObject]:
    """The library's own way to take part in a handshake."""

    class Checked(ssl.SSLObject):
        def do_handshake(self) -> None:
            """Raises ssl.SSLCertVerificationError, as the library does."""
            super().do_handshake()
            if not tls.wildcards:
                _check_name(self.getpeercert() or {}, self.server_hostname or "")
            chain = verified_chain(self)
            if has_no_clock:
                _check_times(chain, tls.judged_ms)
            on_verified(chain)

    return Checked


def verified_chain(connection: ssl.SSLObject) -> list[bytes]:
    """The path that the library found, in DER; empty where it does not tell."""
    if hasattr(connection, "get_verified_chain"):  # Python 3.13
        return list(connection.get_verified_chain())
    inner: Any = getattr(connection, "_sslobj", None)
    if not hasattr(inner, "get_verified_chain"):
        return []
    return [certificate.public_bytes(_DER) for certificate in inner.get_verified_chain() or ()]


def _check_name(certificate: dict[str, Any], host: str) -> None:
    """The library found the name to fit; let it do so without a wildcard (A00.FR.308)."""
    if _is_address(host):
        return
    names = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
    if not names:
        subject = [pair for parts in certificate.get("subject", ()) for pair in parts]
        names = [value for kind, value in subject if kind == "commonName"]
    if host.casefold() not in (name.casefold() for name in names):
        shown = ", ".join(names)[:100]
        raise _refusal(f"the certificate is for {shown}, and wildcards are not allowed here")


def _check_times(chain: list[bytes], judged_ms: int) -> None:
    """Without a clock a certificate can be told to have expired, and not that it is too young: the
    time that is known to have passed may lie years back."""
    from cryptography import x509

    from ocpp_link.security import pki

    if not chain:
        raise _refusal("this machine's clock is wrong, and no validity can be judged without it")
    for der in chain:
        certificate = x509.load_der_x509_certificate(der)
        if judged_ms > pki.validity_ms(certificate)[1]:
            raise _refusal(f"certificate has expired: {pki.subject(certificate)}")


def _refusal(words: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, f"[SSL: CERTIFICATE_VERIFY_FAILED] {words}")
    error.verify_message = words
    error.verify_code = 0
    return error


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
