"""Certificates of a hostile back office: whatever the bytes, an answer, and the store is sound.

On the storage thread an error would end the link (OCPP 1.6 security whitepaper M05, A02).
"""

from __future__ import annotations

import random
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from hil.csms.authority import Authority, Identity
from ocpp_link.security.certificates import InstallStatus, KeyType, Use
from ocpp_link.security.chain import verify_chain
from ocpp_link.security.store import CertificateStore
from ocpp_link.security.times import RELEASED_MS

SEEDS = (1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 40)))
EXAMPLES = 400
NAME = {"common_name": "CP", "organization": "CPO"}


def mutated(rng: random.Random, der: bytes) -> bytes:
    """A few bytes changed, taken out or put in."""
    found = bytearray(der)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        place = rng.randrange(len(found))
        match rng.randrange(4):
            case 0:
                found[place] = rng.randrange(256)
            case 1:
                del found[place : place + rng.randrange(1, 5)]
            case 2:
                found[place:place] = rng.randbytes(rng.randrange(1, 5))
            case _:
                found[place] ^= 1 << rng.randrange(8)
    return bytes(found)


@pytest.mark.parametrize("seed", SEEDS)
def test_m05_a02_mutated_certificates_are_refused_in_words(tmp_path: Path, seed: int) -> None:
    """Whitepaper M05.FR.06, A02.FR.07: nothing raises, and nothing that was changed is taken."""
    rng = random.Random(seed)
    store = CertificateStore(tmp_path)
    root = Authority("Root")
    store.roots.install(Use.CSMS, root.pem, RELEASED_MS, limit=1_000)
    asked = store.own.request(KeyType.P256, **NAME)
    leaf = root.sign(asked, usages=[ExtendedKeyUsageOID.CLIENT_AUTH])
    sound: list[Identity] = [
        root,
        Authority("RSA", key=rsa.generate_private_key(65_537, 2048)),
        Authority("Sub", issuer=root, path_length=1),
        leaf,
    ]
    ders = [identity.certificate.public_bytes(Encoding.DER) for identity in sound]
    for _ in range(EXAMPLES):
        der = mutated(rng, rng.choice(ders))
        if der in ders:
            continue
        text = ssl.DER_cert_to_PEM_cert(der)
        done = store.roots.install(rng.choice(list(Use)), text, RELEASED_MS, limit=1_000)
        assert done.status is InstallStatus.REJECTED
        assert done.words
        assert store.own.accept(text, RELEASED_MS, **NAME)
        assert store.own.accept(text + root.pem, RELEASED_MS, **NAME)
        if rng.random() < 0.2:  # as an authority in the middle
            assert store.own.accept(leaf.pem.replace("MII", "MIJ", 1) + text, RELEASED_MS, **NAME)
    assert [known.subject for known in store.contents.roots] == ["CN=Root,O=Test Operator"]
    assert store.own.accept(leaf.chain_pem, RELEASED_MS, **NAME) == ""
    own = x509.load_pem_x509_certificates(leaf.chain_pem.encode())[0]
    assert verify_chain(own, [], [root.certificate], RELEASED_MS)[-1] == root.certificate
