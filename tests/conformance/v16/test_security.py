"""Security profiles, certificates and passwords."""

from __future__ import annotations

import hashlib
import ssl
from datetime import timedelta
from typing import Any

import pytest
from conformance_csms import Visit
from conformance_pki import CPO, PASSWORD
from conformance_v16 import Bench16
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.x509.oid import NameOID

from ocpp_link.wire.endpoint import basic_authorization

HEX_KEY = "4F43415F4F4354545F61646D696E5F74657374"
BACK_S = 600.0
"""How long a station may take to come back to a back office that was away."""
AES_ECDSA = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"}
AES_RSA = {"AES128-GCM-SHA256", "AES256-GCM-SHA384"}


def came_back(bench: Bench16, known: int, *, within_s: float = BACK_S) -> Visit:
    """The first connection after so many."""
    bench.run(bench.csms.until(lambda: len(bench.csms.visits) > known), within_s)
    bench.reconnected()
    return bench.csms.visits[known]


def set_key(bench: Bench16, key: str, password: bytes) -> None:
    """Change the password; the station comes back with it by itself."""
    known = len(bench.csms.visits)
    bench.csms.rules.authorization = basic_authorization(bench.station.identity, password)
    bench.accepted("ChangeConfiguration", key="AuthorizationKey", value=key)
    came_back(bench, known)


@pytest.mark.look(security_profile=1)
def test_TC_073_CS(bench: Bench16) -> None:
    """Change the basic-auth password: hex is decoded, and the reconnect unprompted."""
    set_key(bench, HEX_KEY, bytes.fromhex(HEX_KEY))
    set_key(bench, PASSWORD.hex(), PASSWORD)
    bench.quiet(30)
    assert not bench.sent("BootNotification")


def asked_to_sign(bench: Bench16) -> str:
    """The station asks for a new certificate; returns its request, whose subject is right."""
    bench.configure(CpoName=CPO)
    bench.accepted("ExtendedTriggerMessage", requestedMessage="SignChargePointCertificate")
    request = str(bench.expect("SignCertificate", within_s=60)["csr"])
    subject = x509.load_pem_x509_csr(request.encode()).subject
    assert subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == CPO
    assert subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == bench.station.serial
    return request


def renewed(bench: Bench16) -> x509.Certificate:
    """A new certificate that the station has accepted."""
    now = bench.station.clock.utc()
    signed = bench.pki.csms_root.sign(asked_to_sign(bench), start=now - timedelta(hours=1))
    bench.accepted("CertificateSigned", certificateChain=signed.chain_pem)
    return signed.certificate


def client_certificate(visit: Visit) -> x509.Certificate:
    assert visit.tls is not None
    der = visit.tls.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der)


@pytest.mark.look(security_profile=3)
def test_TC_074_CS(bench: Bench16) -> None:
    """Renew the charge point certificate: the next handshake really is with the new one."""
    known = len(bench.csms.visits)
    fresh = renewed(bench)
    assert client_certificate(came_back(bench, known)) == fresh


def hash_data(certificate: x509.Certificate, algorithm: str) -> dict[str, str]:
    """Of a root that signed itself, as RFC 6960 hashes it."""
    key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    point = certificate.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    assert point in key, "a key on P-256"
    make = getattr(hashlib, algorithm.lower())
    return {
        "hashAlgorithm": algorithm,
        "issuerNameHash": make(certificate.issuer.public_bytes()).hexdigest(),
        "issuerKeyHash": make(point).hexdigest(),
        "serialNumber": f"{certificate.serial_number:x}",
    }


def installed(bench: Bench16, kind: str) -> list[dict[str, Any]]:
    answer = bench.call("GetInstalledCertificateIds", certificateType=kind)
    found: list[dict[str, Any]] = answer.get("certificateHashData", [])
    assert answer["status"] == ("Accepted" if found else "NotFound")
    return found


def installs(bench: Bench16, kind: str) -> None:
    """A root is installed, and listed with the right hashes."""
    root = bench.pki.new_root(kind)
    bench.accepted("InstallCertificate", certificateType=kind, certificate=root.pem)
    found = installed(bench, kind)
    expected = [hash_data(root.certificate, row["hashAlgorithm"]) for row in found]
    lower = [
        {name: text if name == "hashAlgorithm" else text.lower() for name, text in row.items()}
        for row in found
    ]
    assert any(row == wanted for row, wanted in zip(lower, expected, strict=True))


@pytest.mark.look(security_profile=2)
def test_TC_075_1_CS(bench: Bench16) -> None:
    """Install a manufacturer root."""
    installs(bench, "ManufacturerRootCertificate")


@pytest.mark.look(security_profile=2)
def test_TC_075_2_CS(bench: Bench16) -> None:
    """Install a Central System root."""
    installs(bench, "CentralSystemRootCertificate")


@pytest.mark.look(security_profile=2)
def test_TC_076_CS(bench: Bench16) -> None:
    """Delete a certificate."""
    installs(bench, "ManufacturerRootCertificate")
    for row in installed(bench, "ManufacturerRootCertificate"):
        bench.accepted("DeleteCertificate", certificateHashData=row)
        assert row not in installed(bench, "ManufacturerRootCertificate")


@pytest.mark.look(security_profile=3)
def test_TC_077_CS(bench: Bench16) -> None:
    """Invalid charge point certificate: refused, told, and the old one stays in use."""
    before = client_certificate(bench.csms.visits[-1])
    false = bench.pki.stranger.sign(asked_to_sign(bench))
    bench.answered("Rejected", "CertificateSigned", certificateChain=false.chain_pem)
    bench.of("SecurityEventNotification", {"type": "InvalidChargePointCertificate"})
    known = len(bench.csms.visits)
    bench.csms.hang_up()
    assert client_certificate(came_back(bench, known)) == before


@pytest.mark.look(security_profile=2)
def test_TC_078_CS(bench: Bench16) -> None:
    """Invalid Central System certificate: refused while it is served, and told afterwards."""
    bench.configure_if_present(AllowCSMSTLSWildcards=False)
    known = len(bench.csms.visits)
    begin_s = bench.now_s
    bench.csms.hang_up()
    came_back(bench, known)
    retry_s = bench.now_s - begin_s
    bench.stop_csms()
    bench.start_csms(bench.pki.false_rules(2))
    bench.wait(2 * retry_s + 10)
    assert len(bench.csms.visits) == known + 1, "it connected to a stranger"
    assert bench.csms.rules.hellos, "it did not try"
    bench.stop_csms()
    bench.start_csms(bench.pki.rules(bench.station, 2))
    came_back(bench, known + 1)
    bench.of("SecurityEventNotification", {"type": "InvalidCentralSystemCertificate"}, within_s=60)


def raised(bench: Bench16, profile: int) -> None:
    """The next security profile, in use after a reset."""
    bench.configure(SecurityProfile=profile)
    bench.accepted("Reset", type="Hard")
    bench.disconnected(within_s=60)
    bench.stop_csms()
    bench.start_csms(bench.pki.rules(bench.station, profile))
    bench.reported(bench.boot(within_s=BACK_S))


@pytest.mark.look(security_profile=1)
def test_TC_083_CS(bench: Bench16) -> None:
    """Upgrade the security profile, 1 to 2: there is no way back."""
    root = bench.pki.csms_root.pem
    kind = "CentralSystemRootCertificate"
    bench.accepted("InstallCertificate", certificateType=kind, certificate=root)
    raised(bench, 2)
    assert bench.csms.visits[-1].tls is not None
    known = len(bench.csms.visits)
    bench.stop_csms()
    bench.start_csms(bench.pki.rules(bench.station, 1))
    bench.wait(900)
    assert len(bench.csms.visits) == known, "it fell back"
    bench.stop_csms()
    bench.start_csms(bench.pki.rules(bench.station, 2))
    assert came_back(bench, known).tls is not None


@pytest.mark.look(security_profile=2)
def test_TC_083_CS_from_2(bench: Bench16) -> None:
    """Upgrade the security profile, 2 to 3."""
    renewed(bench)
    bench.reconnected()
    raised(bench, 3)
    assert client_certificate(bench.csms.visits[-1])


@pytest.mark.look(security_profile=2)
def test_TC_084_CS(bench: Bench16) -> None:
    """Downgrade the security profile."""
    bench.answered("Rejected", "ChangeConfiguration", key="SecurityProfile", value="1")


@pytest.mark.look(security_profile=1)
def test_TC_085_CS(bench: Bench16) -> None:
    """Basic authentication: the identity of the URL, and the password."""
    visit = bench.csms.visits[0]
    identity = visit.path.rpartition("/")[2]
    assert visit.headers["Authorization"] == basic_authorization(identity, PASSWORD)
    assert not bench.csms.turned_away


def judged_tls(tls: ssl.SSLObject | None) -> ssl.SSLObject:
    assert tls is not None
    assert tls.version() in ("TLSv1.2", "TLSv1.3")
    offered = {name for name, _, _ in tls.shared_ciphers() or []}
    assert offered >= AES_ECDSA or offered >= AES_RSA
    return tls


@pytest.mark.look(security_profile=2)
def test_TC_086_CS(bench: Bench16) -> None:
    """TLS, server certificate."""
    visit = bench.csms.visits[0]
    judged_tls(visit.tls)
    identity = visit.path.rpartition("/")[2]
    assert visit.headers["Authorization"] == basic_authorization(identity, PASSWORD)


@pytest.mark.look(security_profile=3)
def test_TC_087_CS(bench: Bench16) -> None:
    """TLS, client certificate."""
    visit = bench.csms.visits[0]
    judged_tls(visit.tls)
    certificate = client_certificate(visit)
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey):
        assert key.key_size >= 2048
    else:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert key.key_size >= 224
    name = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    assert name == bench.station.serial
    assert certificate.serial_number > 0
