"""Signatures of firmware: whom they name, and nobody else."""

from __future__ import annotations

import base64
import datetime
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from ocpp_link.files.signature import is_signed_digest

FILE = b"firmware"
DIGEST = hashlib.sha256(FILE).hexdigest()
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
LONG_PSS = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)


def certificate(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey,
) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Signer")])
    start = datetime.datetime(2026, 1, 1)
    issuer = ec.generate_private_key(ec.SECP256R1())
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=1))
        .sign(issuer, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


EC_KEY = ec.generate_private_key(ec.SECP256R1())
EC_PEM = certificate(EC_KEY)
EC_SIGNATURE = EC_KEY.sign(FILE, ec.ECDSA(hashes.SHA256()))


def text(signature: bytes) -> str:
    return base64.b64encode(signature).decode()


def test_l01_fr_04_ecdsa_over_sha_256() -> None:
    """Whitepaper L01.FR.04, L01.FR.12."""
    assert is_signed_digest(DIGEST, text(EC_SIGNATURE), EC_PEM)


@pytest.mark.parametrize("salt", [PSS, LONG_PSS], ids=["digest", "longest"])
def test_l01_fr_04_rsa_pss_over_sha_256(salt: padding.PSS) -> None:
    """Whitepaper L01.FR.04; whatever salt the signer took. PKCS #1 v1.5 is no RSA-PSS."""
    key = rsa.generate_private_key(65_537, 2_048)
    pem = certificate(key)
    assert is_signed_digest(DIGEST, text(key.sign(FILE, salt, hashes.SHA256())), pem)
    old = key.sign(FILE, padding.PKCS1v15(), hashes.SHA256())
    assert not is_signed_digest(DIGEST, text(old), pem)


def test_l01_fr_12_another_file_or_another_signer_does_not_pass() -> None:
    other = hashlib.sha256(b"other").hexdigest()
    assert not is_signed_digest(other, text(EC_SIGNATURE), EC_PEM)
    stranger = certificate(ec.generate_private_key(ec.SECP256R1()))
    assert not is_signed_digest(DIGEST, text(EC_SIGNATURE), stranger)


def test_a00_fr_502_weak_keys_and_other_kinds_of_keys_do_not_pass() -> None:
    """Whitepaper A00.FR.502: RSA of 2048 bits at least."""
    weak = rsa.generate_private_key(65_537, 1_024)
    signature = weak.sign(FILE, PSS, hashes.SHA256())
    assert not is_signed_digest(DIGEST, text(signature), certificate(weak))
    other = ed25519.Ed25519PrivateKey.generate()
    assert not is_signed_digest(DIGEST, text(other.sign(FILE)), certificate(other))


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80))
def test_what_can_not_be_read_is_no_signature(digest: str, signature: str, pem: str) -> None:
    assert not is_signed_digest(digest, signature, pem)
    assert not is_signed_digest(DIGEST, signature, EC_PEM)
    assert not is_signed_digest(digest, text(EC_SIGNATURE), EC_PEM)
    assert not is_signed_digest(DIGEST, text(EC_SIGNATURE), pem)
