"""Signatures of firmware: RSA-PSS or ECDSA over SHA-256 (whitepaper L01.FR.04, L01.FR.12).

`cryptography` is imported when a signature is first looked at.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

MIN_RSA_BITS = 2_048  # A00.FR.502
MIN_EC_BITS = 224  # A00.FR.503


def is_signed_digest(sha256: str, signature: str, certificate_pem: str) -> bool:
    """Did the certificate's key sign a file with this SHA-256 (hex)? `signature` is base64. False
    for whatever can not be read."""
    from cryptography import x509

    try:
        raw = base64.b64decode(signature, validate=False)
        key = x509.load_pem_x509_certificate(certificate_pem.encode()).public_key()
        return _verifies(key, raw, bytes.fromhex(sha256))
    except (ValueError, binascii.Error):
        return False


def is_signed(content: bytes, signature: bytes, key_pem: bytes) -> bool:
    """Did this public key (PEM) sign `content`? Raises ValueError for an unreadable key."""
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    return _verifies(load_pem_public_key(key_pem), signature, hashlib.sha256(content).digest())


def sign(content: bytes, key_pem: bytes) -> bytes:
    """As `is_signed` takes it, with an RSA or EC private key (PEM). Raises ValueError for another
    one."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(key_pem, password=None)
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        return key.sign(content, pss, hashes.SHA256())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(content, ec.ECDSA(hashes.SHA256()))
    raise ValueError("a package is signed with an RSA or an EC key")


def _verifies(key: object, signature: bytes, digest: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

    hashed = Prehashed(hashes.SHA256())
    try:
        if isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
            key.verify(signature, digest, pss, hashed)
        elif isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= MIN_EC_BITS:
            key.verify(signature, digest, ec.ECDSA(hashed))
        else:
            return False
    except InvalidSignature:
        return False
    return True
