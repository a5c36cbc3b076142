"""What a TLS handshake tells of the server: version, cipher suite, chain, and how long it lasts."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ocpp_link.doctor.finding import Finding, good, note, of_failure, problem
from ocpp_link.wire.address import Address
from ocpp_link.wire.failure import Phase, explain
from ocpp_link.wire.resolve import resolve
from ocpp_link.wire.tcp import open_tcp
from ocpp_link.wire.tls import verified_chain

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

HANDSHAKE_S = 10.0
SHOWN_NAMES = 5
SOON_DAYS = 30
"""A certificate that ends within this time is told of."""
VERSIONS = {"TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}

Context = Callable[[], ssl.SSLContext]


async def examine(
    where: Address, context: Context, now: datetime, interface: str = ""
) -> list[Finding]:
    """Shake hands as the station would, then with each version of TLS alone. Where the certificate
    is not trusted, it is looked at without trust, and nothing is sent to the server then. The
    first finding is the handshake's.
    """
    try:
        shaken = await _shake_hands(where, await asyncio.to_thread(context), interface)
    except ssl.SSLCertVerificationError as error:
        found = of_failure(explain(Phase.TLS, error, where))
        return [found, *await _untrusted(where, interface, now)]
    except (OSError, ValueError) as error:
        return [of_failure(explain(Phase.TLS, error, where))]
    version, cipher, chain = shaken
    findings = [good("TLS", f"{version}, {cipher}")]
    findings += _about(chain, now)
    findings += [finding async for finding in _versions(where, context, interface)]
    return findings


async def _shake_hands(
    where: Address, context: ssl.SSLContext, interface: str
) -> tuple[str, str, list[bytes]]:
    """Raises what the library raises."""
    sock = await open_tcp(await resolve(where), interface)
    try:
        _, writer = await asyncio.open_connection(
            sock=sock,
            ssl=context,
            server_hostname=where.host,
            ssl_handshake_timeout=HANDSHAKE_S,
            ssl_shutdown_timeout=1.0,
        )
    except BaseException:
        sock.close()
        raise
    try:
        connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
        cipher = connection.cipher()
        chain = verified_chain(connection)
        if not chain and (leaf := connection.getpeercert(binary_form=True)):
            chain = [leaf]
        return connection.version() or "TLS", cipher[0] if cipher else "?", chain
    finally:
        writer.transport.abort()


async def _untrusted(where: Address, interface: str, now: datetime) -> list[Finding]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with contextlib.suppress(OSError):
        _, _, chain = await _shake_hands(where, context, interface)
        return list(_about(chain, now))
    return []


async def _versions(where: Address, context: Context, interface: str) -> AsyncIterator[Finding]:
    accepted: list[str] = []
    refused: list[str] = []
    for name, version in VERSIONS.items():
        alone = await asyncio.to_thread(context)
        alone.minimum_version = alone.maximum_version = version
        try:
            await _shake_hands(where, alone, interface)
        except ssl.SSLError as error:
            why = explain(Phase.TLS, error, where).words.removeprefix(f"{where.place} and TLS: ")
            refused.append(f"{name} ({why})")
        except OSError:
            refused.append(name)
        else:
            accepted.append(name)
    words = f"accepts {' and '.join(accepted)}"
    if refused:
        yield note("TLS versions", f"{words}, not {' and '.join(refused)}")
    else:
        yield good("TLS versions", words)


def _about(chain: list[bytes], now: datetime) -> Iterator[Finding]:
    """The certificates, the server's own first; `now` is this machine's time."""
    from cryptography import x509

    for place, der in enumerate(chain):
        certificate = x509.load_der_x509_certificate(der)
        subject = certificate.subject.rfc4514_string()
        issuer = certificate.issuer.rfc4514_string()
        until = certificate.not_valid_after_utc
        names = f", for {_names(certificate)}" if place == 0 else ""
        words = f"{subject}{names}, until {until:%Y-%m-%d}" + (
            f", issued by {issuer}" if place == len(chain) - 1 and issuer != subject else ""
        )
        yield _judged(words, certificate.not_valid_before_utc, until, now)


def _names(certificate: Certificate) -> str:
    """The hosts that it is for, the first few of them."""
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return "no host that it names"
    names = [*found.get_values_for_type(x509.DNSName)]
    names += map(str, found.get_values_for_type(x509.IPAddress))
    return ", ".join(names[:SHOWN_NAMES]) + (", …" if len(names) > SHOWN_NAMES else "")


def _judged(words: str, since: datetime, until: datetime, now: datetime) -> Finding:
    step = "certificate"
    if now > until:
        return problem(
            step, f"{words}: expired", "let the back office renew it, or set this clock right"
        )
    if now < since:
        return problem(
            step,
            f"{words}: not valid before {since:%Y-%m-%d}",
            f"set this machine's clock: it says {now.astimezone(UTC):%Y-%m-%d}",
        )
    days = (until - now).days
    if days < SOON_DAYS:
        return note(step, f"{words}: ends in {days} days", "let the back office renew it")
    return good(step, words)
