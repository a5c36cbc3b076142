"""A certificate authority for tests: roots, sub-authorities, servers, stations, and bad ones.

Keys are on P-256, which takes half a millisecond to make.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 3_650


class Identity:
    """A certificate, its key, and the authorities between it and its root."""

    def __init__(
        self, certificate: x509.Certificate, key: Key | None, between: tuple[str, ...] = ()
    ) -> None:
        self.certificate = certificate
        self.key = key
        self.between = between

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")

    @property
    def chain_pem(self) -> str:
        """The certificate, and what a peer needs to find the root."""
        return "".join((self.pem, *self.between))

    @property
    def key_pem(self) -> bytes:
        assert self.key is not None
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def files(self, directory: Path, name: str) -> tuple[Path, Path]:
        """Writes chain and key; returns their paths."""
        chain, key = directory / f"{name}.pem", directory / f"{name}.key"
        chain.write_text(self.chain_pem, "ascii")
        key.write_bytes(self.key_pem)
        return chain, key


class Authority(Identity):
    """Signs. `issuer`: None for a root that signs itself."""

    def __init__(
        self,
        name: str = "Test Root",
        *,
        issuer: Authority | None = None,
        key: Key | None = None,
        start: datetime = START,
        days: int = DAYS,
        path_length: int | None = None,
        may_sign: bool = True,
        is_ca: bool = True,
    ) -> None:
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = _name(name, "Test Operator")
        builder = _begun(subject, issuer.certificate.subject if issuer else subject, start, days)
        builder = builder.public_key(key.public_key()).add_extension(
            x509.BasicConstraints(ca=is_ca, path_length=path_length if is_ca else None),
            critical=True,
        )
        builder = builder.add_extension(_usage(key_cert_sign=may_sign), critical=True)
        signer = issuer.key if issuer else key
        assert signer is not None
        super().__init__(builder.sign(signer, hashes.SHA256()), key)
        self._below_root: tuple[str, ...] = ()
        if issuer is not None:
            self.between = issuer._below_root
            self._below_root = (self.pem, *issuer._below_root)

    def server(
        self,
        host: str = "localhost",
        *,
        common_name: str = "",
        start: datetime = START,
        days: int = DAYS,
        rsa_key: bool = False,
    ) -> Identity:
        """A CSMS's certificate for a host name (`*.x` too) or an IP address."""
        key = rsa.generate_private_key(65_537, 2048) if rsa_key else _key()
        names: x509.GeneralName
        try:
            names = x509.IPAddress(ip_address(host))
        except ValueError:
            names = x509.DNSName(host)
        builder = _begun(
            _name(common_name or host, "Test Operator"), self.certificate.subject, start, days
        )
        builder = builder.public_key(key.public_key()).add_extension(
            x509.SubjectAlternativeName([names]), critical=False
        )
        return self._issue(builder, key)

    def station(
        self,
        common_name: str,
        organization: str = "CPO",
        *,
        start: datetime = START,
        days: int = DAYS,
        key: Key | None = None,
    ) -> Identity:
        """A charge point's certificate."""
        key = key or _key()
        name = _name(common_name, organization)
        builder = _begun(name, self.certificate.subject, start, days)
        return self._issue(builder.public_key(key.public_key()), key)

    def sign(
        self,
        request_pem: str,
        *,
        start: datetime = START,
        days: int = DAYS,
        common_name: str = "",
        organization: str = "",
        other_key: bool = False,
        critical: str = "",
        usages: Sequence[x509.ObjectIdentifier] = (),
    ) -> Identity:
        """The answer to a CSR; the options make it a wrong one."""
        request = x509.load_pem_x509_csr(request_pem.encode())
        assert request.is_signature_valid
        subject = request.subject
        if common_name or organization:
            subject = _name(
                common_name or _value(subject, NameOID.COMMON_NAME),
                organization or _value(subject, NameOID.ORGANIZATION_NAME),
            )
        builder = _begun(subject, self.certificate.subject, start, days)
        key = request.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
        builder = builder.public_key(_key().public_key() if other_key else key)
        if critical:
            unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier(critical), b"\x05\x00")
            builder = builder.add_extension(unknown, critical=True)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        return self._issue(builder, None)

    def _issue(self, builder: x509.CertificateBuilder, key: Key | None) -> Identity:
        builder = builder.add_extension(
            x509.BasicConstraints(ca=False, path_length=None), critical=True
        )
        assert self.key is not None
        return Identity(builder.sign(self.key, hashes.SHA256()), key, self._below_root)


def weak_root() -> Identity:
    """A root with an RSA key of 1024 bits."""
    return Authority("Weak", key=rsa.generate_private_key(65_537, 1024))


def _key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def _name(common_name: str, organization: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _value(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    return str(name.get_attributes_for_oid(oid)[0].value)


def _begun(
    subject: x509.Name, issuer: x509.Name, start: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
    )


def _usage(*, key_cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        encipher_only=False,
        decipher_only=False,
    )
