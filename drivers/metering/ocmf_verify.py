"""Does a record's signature fit its text and the meter's public key?

The key is given as it is printed on meters and told in back offices: hexadecimal or Base64, DER of
a SubjectPublicKeyInfo, or the bare point. `cryptography` is imported when first asked for: it
takes longer to import than all the rest of a core.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

import msgspec

from drivers.errors import OcmfMalformed, OcmfUnsupported
from drivers.metering.ocmf import OcmfRecord, Signature

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

CURVES = {
    "ECDSA-secp192k1-SHA256": "",
    "ECDSA-secp256k1-SHA256": "SECP256K1",
    "ECDSA-secp192r1-SHA256": "SECP192R1",
    "ECDSA-secp256r1-SHA256": "SECP256R1",
    "ECDSA-brainpool256r1-SHA256": "BrainpoolP256R1",
    "ECDSA-brainpoolP256r1-SHA256": "BrainpoolP256R1",
    "ECDSA-secp384r1-SHA256": "SECP384R1",
    "ECDSA-brainpool384r1-SHA256": "BrainpoolP384R1",
    "ECDSA-brainpoolP384r1-SHA256": "BrainpoolP384R1",
}
"""The format's algorithms (OCMF Table 22) and their curves as `cryptography` calls them, "" where
it has none. All hash with SHA-256. Brainpool's own spelling has the P; meters write both."""
OCA_KEY = re.compile(r"oca:(base16|base64):asn1:(.+)", re.DOTALL)
"""How back offices are told a key (OCA, Signed Meter Values in OCPP 1.0, 3.2.2)."""
DER_SEQUENCE = 0x30
UNCOMPRESSED = b"\x04"


class Verdict(msgspec.Struct, frozen=True):
    """`why` says what does not fit; empty where all does."""

    valid: bool
    algorithm: str
    why: str = ""


def supported() -> list[str]:
    """The algorithms that can be checked here."""
    return [name for name, curve in CURVES.items() if curve]


def verify(record: OcmfRecord, key: str | bytes) -> Verdict:
    """Check the signature against the public key of the meter.

    Raises OcmfMalformed for a key or a signature that is none, and OcmfUnsupported for an
    algorithm that can not be checked: neither says that anything was changed.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    name = record.signature.algorithm
    curve = _curve(name)
    public = _public_key(key if isinstance(key, bytes) else key_bytes(key), curve)
    if public.curve.name != curve.name:
        return Verdict(False, name, f"the key is on {public.curve.name}, the signature is not")
    try:
        public.verify(signature_bytes(record.signature), record.signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return Verdict(False, name, "the text was changed, or another key signed it")
    return Verdict(True, name)


def key_bytes(text: str) -> bytes:
    """The key in `text`: hexadecimal (spaces, colons and a leading 0x are passed over), Base64, or
    `oca:…` in either. Raises OcmfMalformed."""
    text = text.strip()
    if found := OCA_KEY.fullmatch(text):
        text = found[2]
    digits = re.sub(r"[\s:]|^0[xX]", "", text)
    with_hex = re.fullmatch(r"(?:[0-9A-Fa-f]{2}){1,300}", digits)
    if with_hex:
        return bytes.fromhex(digits)
    try:
        raw = base64.b64decode(re.sub(r"\s", "", text), validate=True)
    except (binascii.Error, ValueError) as error:
        raise OcmfMalformed(f"the key {text[:20]!r} is neither hexadecimal nor Base64") from error
    if raw.startswith(b"oca:"):
        return key_bytes(raw.decode("ascii", "replace"))
    return raw


def signature_bytes(signature: Signature) -> bytes:
    """Raises OcmfMalformed."""
    try:
        if signature.encoding == "base64":
            return base64.b64decode(signature.data, validate=True)
        return bytes.fromhex(signature.data)
    except (binascii.Error, ValueError) as error:
        raise OcmfMalformed(f"signature: SD is not {signature.encoding}") from error


def _curve(name: str) -> ec.EllipticCurve:
    from cryptography.hazmat.primitives.asymmetric import ec

    if name not in CURVES:
        raise OcmfMalformed(f"signature: the format has no algorithm {name[:40]!r}")
    if not CURVES[name]:
        raise OcmfUnsupported(f"{name} can not be checked here; {', '.join(supported())} can")
    curve: ec.EllipticCurve = getattr(ec, CURVES[name])()
    return curve


def _public_key(raw: bytes, curve: ec.EllipticCurve) -> ec.EllipticCurvePublicKey:
    """A bare point is taken to be on `curve`, also without the octet that says that it is whole."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    if len(raw) == 2 * ((curve.key_size + 7) // 8):
        raw = UNCOMPRESSED + raw
    try:
        if raw[:1] != bytes([DER_SEQUENCE]):
            return ec.EllipticCurvePublicKey.from_encoded_point(curve, raw)
        key = load_der_public_key(raw)
    except ValueError as error:
        raise OcmfMalformed(f"the key is no point of {curve.name}, nor DER") from error
    except UnsupportedAlgorithm as error:
        raise OcmfUnsupported(f"the key is of a kind that can not be checked: {error}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise OcmfMalformed("the key is not one of an elliptic curve")
    return key
