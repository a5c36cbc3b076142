"""X.509: certificates, keys and requests, as the cryptography package has them.

Importing that costs 55 ms and 10 MB, so nobody imports this module (or chain.py) at its own top.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from ocpp_link.errors import CertificateInvalid
from ocpp_link.security.certificates import HashAlgorithm, HashData, KeyType

MAX_CERTIFICATES = 8
"""In one chain; real ones have two to four."""
UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    Warning,  # where the process makes errors of them
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
HASHES: dict[HashAlgorithm, hashes.HashAlgorithm] = {
    HashAlgorithm.SHA256: hashes.SHA256(),
    HashAlgorithm.SHA384: hashes.SHA384(),
    HashAlgorithm.SHA512: hashes.SHA512(),
}
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Certificate = x509.Certificate


def read_chain(pem: str, *, limit: int = MAX_CERTIFICATES) -> list[Certificate]:
    """The certificates of a PEM text, in its order: at least one. Raises CertificateInvalid."""
    try:
        chain = x509.load_pem_x509_certificates(pem.encode())
        for certificate in chain:
            _parse_whole(certificate)
    except UNREADABLE as error:
        raise CertificateInvalid(f"no X.509 certificate in PEM: {_short(error)}") from error
    if len(chain) > limit:
        raise CertificateInvalid(f"{len(chain)} certificates; at most {limit}")
    return chain


def _parse_whole(certificate: Certificate) -> None:
    """The library parses late: let what is damaged show here. Raises UNREADABLE."""
    _ = certificate.subject, certificate.issuer, certificate.extensions, certificate.public_key()
    _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if certificate.serial_number <= 0:
        raise ValueError("the serial number is not positive")  # security whitepaper A00.FR.508


def fingerprint(certificate: Certificate) -> str:
    return hashlib.sha256(der(certificate)).hexdigest()


def der(certificate: Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def pem(chain: Sequence[Certificate]) -> str:
    encoded = (c.public_bytes(serialization.Encoding.PEM).decode("ascii") for c in chain)
    return "".join(encoded)


def validity_ms(certificate: Certificate) -> tuple[int, int]:
    """First and last moment, in milliseconds since 1970."""
    return _ms(certificate.not_valid_before_utc), _ms(certificate.not_valid_after_utc)


def subject(certificate: Certificate) -> str:
    """The subject's name for people (RFC 4514)."""
    return certificate.subject.rfc4514_string()


def hash_data(certificate: Certificate, issuer: Certificate) -> tuple[HashData, ...]:
    """As GetInstalledCertificateIds wants it, in each algorithm (security whitepaper §6.1): the
    same hashes that an OCSP request about the certificate holds."""
    serial = f"{certificate.serial_number:X}"
    found = []
    for algorithm, function in HASHES.items():
        asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, function).build()
        name, key = asked.issuer_name_hash.hex(), asked.issuer_key_hash.hex()
        found.append(HashData(algorithm, name, key, serial))
    return tuple(found)


def is_self_signed(certificate: Certificate) -> bool:
    return certificate.subject == certificate.issuer and signed_by(certificate, certificate)


def signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Names fit and the signature is good."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def check_belongs(certificate: Certificate, *, common_name: str, organization: str) -> None:
    """Raises CertificateInvalid unless the subject is this station, of this CPO (A00.FR.509 and
    A00.FR.511)."""
    for oid, wanted, field in (
        (NameOID.COMMON_NAME, common_name, "CN"),
        (NameOID.ORGANIZATION_NAME, organization, "O"),
    ):
        found = [attribute.value for attribute in certificate.subject.get_attributes_for_oid(oid)]
        if wanted not in found:
            raise CertificateInvalid(f"{field} is {found or 'missing'}, and must be {wanted!r}")


def check_key(certificate: Certificate, key_pem: bytes) -> None:
    """Raises CertificateInvalid unless the certificate is for this key."""
    try:
        key = serialization.load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateInvalid(f"the key can not be read: {_short(error)}") from error
    if key.public_key() != certificate.public_key():
        raise CertificateInvalid(f"{subject(certificate)} is for another key")


def new_key(type_: KeyType) -> Key:
    if type_ is KeyType.RSA2048:
        return rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: Key) -> bytes:
    """Unencrypted PKCS #8: for a file that only its owner reads."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def signing_request(key: Key, *, common_name: str, organization: str) -> str:
    """A PKCS #10 request in PEM (RFC 2986; security whitepaper A02.FR.03, A02.FR.13)."""
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _ms(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _short(error: Exception) -> str:
    words, _, _ = str(error).partition(" See http")
    return words[:120] or type(error).__name__
