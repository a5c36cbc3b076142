"""Who vouches for a certificate: path validation after RFC 5280 §6, for what stations meet.

Names, signatures, validity, basic constraints, key usage and the strength of keys count. A critical
extension that is not understood here refuses the certificate (name constraints are one).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from ocpp_link.errors import CertificateInvalid
from ocpp_link.security.pki import (
    MAX_CERTIFICATES,
    Certificate,
    signed_by,
    subject,
    validity_ms,
)

MIN_RSA_BITS = 2048  # security whitepaper A00.FR.502
MIN_EC_BITS = 224  # A00.FR.503
UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)


def check_authority(certificate: Certificate) -> None:
    """Raises CertificateInvalid where it may not sign certificates, or its key is weak."""
    _check_extensions(certificate)
    _check_key(certificate)
    if not _constraints(certificate).ca:
        raise CertificateInvalid(f"{subject(certificate)} is no certificate authority")
    usage = _usage(certificate)
    if usage is not None and not usage.key_cert_sign:
        raise CertificateInvalid(f"{subject(certificate)} may not sign certificates")


def check_leaf(certificate: Certificate) -> None:
    """Raises CertificateInvalid for an authority, a weak key, or what is not understood."""
    _check_extensions(certificate)
    _check_key(certificate)
    if _constraints(certificate).ca:
        raise CertificateInvalid(f"{subject(certificate)} is a certificate authority")


def check_client(certificate: Certificate) -> None:
    """Raises CertificateInvalid where it may be used for something, and not for a TLS client."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & {*usage}:
        raise CertificateInvalid(f"{subject(certificate)} is not for TLS clients")


def verify_chain(
    leaf: Certificate,
    between: Sequence[Certificate],
    roots: Sequence[Certificate],
    at_ms: int,
) -> list[Certificate]:
    """The path from `leaf` to one of the `roots`, which are trusted as they are.

    `between` may hold authorities in any order, and roots, which are then not needed. Raises
    CertificateInvalid, in words, where there is no path or something on it is not valid at
    `at_ms`.
    """
    check_leaf(leaf)
    _check_validity(leaf, at_ms)
    refused: list[str] = []
    path = _path([leaf], list(between), roots, at_ms, refused)
    if path is None:
        why = refused[0] if refused else "no installed root vouches for it"
        raise CertificateInvalid(f"{subject(leaf)}: {why}")
    return path


def _path(
    path: list[Certificate],
    between: list[Certificate],
    roots: Sequence[Certificate],
    at_ms: int,
    refused: list[str],
) -> list[Certificate] | None:
    """Depth first: two authorities may bear the same name, and only one have signed."""
    if len(path) > MAX_CERTIFICATES:
        return None
    for issuer in (*roots, *between):
        if issuer in path or not signed_by(path[-1], issuer):
            continue
        try:
            check_authority(issuer)
            _check_validity(issuer, at_ms)
            _check_length(issuer, len(path) - 1)
        except CertificateInvalid as error:
            refused.append(str(error))
            continue
        if issuer in roots:
            return [*path, issuer]
        if found := _path([*path, issuer], between, roots, at_ms, refused):
            return found
    return None


def _check_validity(certificate: Certificate, at_ms: int) -> None:
    first_ms, last_ms = validity_ms(certificate)
    if at_ms < first_ms:
        raise CertificateInvalid(f"{subject(certificate)} is not valid before {_day(first_ms)}")
    if at_ms > last_ms:
        raise CertificateInvalid(f"{subject(certificate)} expired on {_day(last_ms)}")


def _check_length(authority: Certificate, below: int) -> None:
    """How many authorities may stand below this one (RFC 5280 §4.2.1.9)."""
    allowed = _constraints(authority).path_length
    if allowed is not None and below > allowed:
        raise CertificateInvalid(f"{subject(authority)} may have {allowed} authorities below it")


def _check_extensions(certificate: Certificate) -> None:
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in UNDERSTOOD:
            name = extension.oid.dotted_string
            raise CertificateInvalid(f"{subject(certificate)} has a critical extension {name}")


def _check_key(certificate: Certificate) -> None:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateInvalid(f"its key can not be read: {error}") from error
    match key:
        case rsa.RSAPublicKey() | dsa.DSAPublicKey():
            weak = key.key_size < MIN_RSA_BITS
        case ec.EllipticCurvePublicKey():
            weak = key.key_size < MIN_EC_BITS
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            weak = False
        case _:
            weak = True
    if weak:
        raise CertificateInvalid(f"the key of {subject(certificate)} is too weak")


def _constraints(certificate: Certificate) -> x509.BasicConstraints:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return x509.BasicConstraints(ca=False, path_length=None)


def _usage(certificate: Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None


def _day(at_ms: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).date().isoformat()
