"""Certificates between back office and station: OCPP 1.6 security whitepaper A02, A03, M03 to M05.

TC_074_CS to TC_077_CS.
"""

from __future__ import annotations

import hashlib
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from security_rig import PLAIN_KEY, Secured, secured

from hil.csms.authority import START, Authority, Identity
from hil.csms.brain import Misbehaviour
from ocpp_link.device.settings import Settings
from ocpp_link.files.ports import SignerVerdict
from ocpp_link.security.certificates import Use
from ocpp_link.security.renewal import DAY_MS, RENEW_MS
from ocpp_link.security.times import RELEASED_MS, judged_ms
from ocpp_link.wire import tls

CSMS, MANUFACTURER = "CentralSystemRootCertificate", "ManufacturerRootCertificate"
ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}


@pytest.fixture(scope="module")
def root() -> Authority:
    return Authority("Root A")


def install(rig: Secured, kind: str, pem: str) -> dict[str, Any]:
    payload = {"certificateType": kind, "certificate": pem}
    return rig.ask("InstallCertificate", payload)[1]


def listed(rig: Secured, kind: str) -> dict[str, Any]:
    return rig.ask("GetInstalledCertificateIds", {"certificateType": kind})[1]


def delete(rig: Secured, known: dict[str, str]) -> dict[str, Any]:
    return rig.ask("DeleteCertificate", {"certificateHashData": known})[1]


def trigger(rig: Secured) -> str:
    """The status, and what follows it."""
    payload = {"requestedMessage": "SignChargePointCertificate"}
    return str(rig.ask("ExtendedTriggerMessage", payload)[1]["status"])


def requests(rig: Secured) -> list[str]:
    return [str(payload["csr"]) for payload in rig.brain.sent("SignCertificate")]


def signed(rig: Secured, identity: Identity) -> dict[str, Any]:
    return rig.ask("CertificateSigned", {"certificateChain": identity.chain_pem})[1]


def stands_on(rig: Secured, *chain: Identity) -> None:
    """The next connection's handshake found this path."""
    rig.disconnect()
    rig.access.endpoint()
    rig.engine.security.authorities._verified(
        [ssl.PEM_cert_to_DER_cert(identity.pem) for identity in chain]
    )
    rig.connect()


def owning(root: Authority, directory: Path, *, days: int = 900, **more: Any) -> Secured:
    """A station at security profile 3, whose certificate lasts so many days from START."""
    directory.mkdir(exist_ok=True)
    chain, key = root.station("SN-1", "CPO", days=days).files(directory, "own")
    trusted = directory / "root.pem"
    trusted.write_text(root.pem)
    rig = Secured(
        directory / "state",
        profile=3,
        csms_roots=trusted,
        certificate=chain,
        certificate_key=key,
        **more,
    )
    rig.engine.model.set("cpo_name", "CPO")
    rig.access.endpoint()
    rig.start()
    return rig


# Roots


@pytest.mark.parametrize("kind", [CSMS, MANUFACTURER])
def test_m05_fr_02_an_installed_root_is_in_the_list_of_its_kind(
    tmp_path: Path, root: Authority, kind: str
) -> None:
    """Whitepaper M05.FR.02, M03.FR.02 to FR.04; TC_075_1_CS, TC_075_2_CS."""
    rig = secured(tmp_path)
    assert listed(rig, kind) == {"status": "NotFound"}
    assert install(rig, kind, root.pem) == ACCEPTED

    (known,) = listed(rig, kind)["certificateHashData"]
    name = hashlib.sha256(root.certificate.subject.public_bytes()).hexdigest()
    assert (known["hashAlgorithm"], known["issuerNameHash"]) == ("SHA256", name)
    assert known["serialNumber"] == f"{root.certificate.serial_number:X}"
    other = {CSMS: MANUFACTURER, MANUFACTURER: CSMS}[kind]
    assert listed(rig, other) == {"status": "NotFound"}
    assert "ReconfigurationOfSecurityParameters" in rig.log()


def test_m05_fr_06_rubbish_is_rejected(tmp_path: Path) -> None:
    """Whitepaper M05.FR.06."""
    rig = secured(tmp_path)
    assert install(rig, CSMS, "rubbish") == REJECTED


def test_m05_fr_03_the_store_has_an_end_that_the_back_office_can_read(
    tmp_path: Path, root: Authority
) -> None:
    """Whitepaper M05.FR.03, §7.3, §7.4."""
    rig = secured(tmp_path, max_roots=1)
    assert rig.read("CertificateStoreMaxLength")["value"] == "1"
    assert rig.read("CertificateSignedMaxChainSize")["value"] == "10000"
    assert install(rig, CSMS, root.pem) == ACCEPTED
    assert install(rig, CSMS, Authority("B").pem) == REJECTED


def test_m04_fr_02_a_deleted_root_is_out_of_the_list(tmp_path: Path, root: Authority) -> None:
    """Whitepaper M04.FR.02, FR.04; TC_076_CS."""
    rig = secured(tmp_path)
    install(rig, MANUFACTURER, root.pem)
    (known,) = listed(rig, MANUFACTURER)["certificateHashData"]

    assert delete(rig, known) == ACCEPTED
    assert listed(rig, MANUFACTURER) == {"status": "NotFound"}
    assert delete(rig, known) == {"status": "NotFound"}


def test_m04_fr_06_the_root_under_the_connection_stays_and_another_goes(
    tmp_path: Path, root: Authority
) -> None:
    """Whitepaper M04.FR.06: whichever it is that the handshake stood on."""
    rig = secured(tmp_path, profile=2, key=PLAIN_KEY.encode(), url="wss://host")
    install(rig, CSMS, root.pem)
    install(rig, CSMS, Authority("B").pem)
    stands_on(rig, root.server(), root)
    used, spare = listed(rig, CSMS)["certificateHashData"]

    assert delete(rig, used) == {"status": "Failed"}
    assert delete(rig, spare) == ACCEPTED


def test_m04_fr_06_where_the_library_does_not_tell_all_of_them_stay(
    tmp_path: Path, root: Authority
) -> None:
    """Whitepaper M04.FR.06: deny by default."""
    rig = secured(tmp_path, profile=2, key=PLAIN_KEY.encode(), url="wss://host")
    install(rig, CSMS, root.pem)
    install(rig, MANUFACTURER, root.pem)
    stands_on(rig)
    assert delete(rig, listed(rig, CSMS)["certificateHashData"][0]) == {"status": "Failed"}


def test_m05_fr_11_to_13_a_replaced_root_helps_out_until_the_new_one_worked(
    tmp_path: Path, root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whitepaper M05.FR.11, FR.12, FR.13 (AdditionalRootCertificateCheck)."""
    rig = secured(
        tmp_path, profile=2, key=PLAIN_KEY.encode(), url="wss://h", additional_root_check=True
    )
    assert rig.read("AdditionalRootCertificateCheck")["value"] == "true"
    second = Authority("Root B", issuer=root)
    install(rig, CSMS, root.pem)
    assert install(rig, CSMS, Authority("Else").pem) == REJECTED
    assert install(rig, CSMS, second.pem) == ACCEPTED
    trusted: list[str] = []
    monkeypatch.setattr(tls, "client_context", lambda t, _heard: trusted.append(t.roots_pem))

    rig.disconnect()
    rig.access.endpoint().tls()
    rig.access.failed(ssl.SSLCertVerificationError(1, "no"))
    rig.access.endpoint().tls()
    assert [pem.count("BEGIN") for pem in trusted] == [1, 2]

    stands_on(rig, root.server(), root)
    assert len(listed(rig, CSMS)["certificateHashData"]) == 2
    stands_on(rig, second.server(), second)
    assert len(listed(rig, CSMS)["certificateHashData"]) == 1


def test_l01_fr_23_a_signer_is_good_where_a_manufacturers_root_vouches(
    tmp_path: Path, root: Authority
) -> None:
    """Whitepaper L01.FR.12, FR.23, FR.24: and a root of the back office does not."""
    rig = secured(tmp_path)
    check = rig.engine.security.authorities.check_signer
    signer = root.station("Signer", "Maker")
    assert check(signer.pem) is SignerVerdict.INVALID
    install(rig, CSMS, root.pem)
    assert check(signer.pem) is SignerVerdict.INVALID
    install(rig, MANUFACTURER, root.pem)
    assert check(signer.pem) is SignerVerdict.VALID
    assert check(root.station("Signer", "Maker", days=10).pem) is SignerVerdict.INVALID
    assert check(Authority("Else").station("Signer").pem) is SignerVerdict.INVALID
    assert check("rubbish") is SignerVerdict.INVALID


# The station's own certificate


def test_a02_the_back_office_renews_the_certificate(tmp_path: Path, root: Authority) -> None:
    """Whitepaper A02.FR.02, FR.03, FR.09; TC_074_CS: a reconnect, unprompted, with the new one."""
    rig = owning(root, tmp_path)
    old = rig.access._shown
    assert trigger(rig) == "Accepted"
    (request,) = requests(rig)

    fresh = root.sign(request, start=START + timedelta(days=1))
    assert signed(rig, fresh) == ACCEPTED
    assert rig.reconnects == []
    rig.run(1)
    assert rig.reconnects == ["a new station certificate"]
    rig.come_back()
    assert rig.access._shown not in ("", old)
    assert rig.access.endpoint().tls().cert_store_stats()["x509_ca"] >= 1


def test_a02_fr_07_a_false_certificate_is_refused_told_and_not_used(
    tmp_path: Path, root: Authority
) -> None:
    """Whitepaper A02.FR.06, FR.07; TC_077_CS. And no further request by itself (2.0.1 A02.FR.20),
    while the right answer still is taken."""
    rig = owning(root, tmp_path)
    trigger(rig)
    (request,) = requests(rig)

    assert signed(rig, Authority("Else").sign(request)) == REJECTED
    assert (
        rig.brain.sent("SecurityEventNotification")[-1]["type"] == "InvalidChargePointCertificate"
    )
    rig.run(86_400)
    assert rig.reconnects == []
    assert len(requests(rig)) == 1
    assert signed(rig, root.sign(request)) == ACCEPTED


def test_5_1_a_chain_that_is_too_long_is_rejected(tmp_path: Path, root: Authority) -> None:
    """Whitepaper §7.3 (CertificateSignedMaxChainSize)."""
    rig = owning(root, tmp_path, max_chain_chars=500)
    trigger(rig)
    assert signed(rig, root.sign(requests(rig)[0])) == REJECTED


def test_a02_without_a_cpo_name_nothing_is_asked_for(tmp_path: Path) -> None:
    """Whitepaper A02, prerequisites: `Accepted` would promise a message that can not follow."""
    rig = secured(tmp_path)
    assert trigger(rig) == "Rejected"
    assert rig.write("CpoName", "CPO") == "Accepted"
    assert trigger(rig) == "Accepted"
    assert len(requests(rig)) == 1


def test_a00_fr_806_a_station_that_is_pending_can_be_given_a_certificate(tmp_path: Path) -> None:
    """Whitepaper A00.FR.806: factory credentials are replaced before it is let in."""
    rig = Secured(tmp_path)
    rig.engine.model.set("cpo_name", "CPO")
    rig.brain.boot_script.append(("Pending", 600))
    rig.start()
    assert trigger(rig) == "Accepted"
    assert len(requests(rig)) == 1
    assert rig.write("AuthorizationKey", PLAIN_KEY) == "Accepted"


def test_2_01_a02_fr_17_to_19_a_request_is_repeated_ever_more_seldom_and_then_no_more(
    tmp_path: Path, root: Authority
) -> None:
    """2.0.1 A02.FR.17 to FR.19 (CertSigningWaitMinimum, CertSigningRepeatTimes): the same CSR."""
    rig = owning(root, tmp_path)
    rig.write("CertSigningWaitMinimum", "100")
    rig.write("CertSigningRepeatTimes", "2")
    begin_ms = rig.clock.now_ms()
    trigger(rig)
    counts = []
    for at_s in (99, 101, 299, 301, 100_000):
        rig.run(at_s - (rig.clock.now_ms() - begin_ms) / 1_000)
        counts.append(len(requests(rig)))
    assert counts == [1, 2, 2, 3, 3]
    assert len(set(requests(rig))) == 1


def test_a03_fr_02_a_certificate_is_renewed_a_month_before_its_end(
    tmp_path: Path, root: Authority
) -> None:
    """Whitepaper A03.FR.02: looked at daily; the new one ends it."""
    rig = owning(root, tmp_path, days=740)  # NOW is day 700
    rig.run(8 * 86_400)
    assert requests(rig) == []
    rig.run(4 * 86_400)
    assert len(set(requests(rig))) == 1
    assert RENEW_MS == 30 * DAY_MS

    assert signed(rig, root.sign(requests(rig)[0], days=1_500)) == ACCEPTED
    count = len(requests(rig))
    rig.run(5 * 86_400)
    assert len(requests(rig)) == count


def test_a02_fr_08_a_certificate_is_used_when_its_time_has_come(
    tmp_path: Path, root: Authority
) -> None:
    """Whitepaper A02.FR.08: after hours by a timer, after days by the daily look."""
    rig = owning(root, tmp_path)
    for wait in (timedelta(hours=5), timedelta(days=3, hours=2)):
        rig.reconnects.clear()
        trigger(rig)
        begin = rig.clock.utc() + wait
        assert (
            signed(rig, root.sign(requests(rig)[-1], start=begin.replace(microsecond=0)))
            == ACCEPTED
        )
        rig.run(wait.total_seconds() - 60)
        assert rig.reconnects == []
        rig.run(86_400 + 120)
        assert len(rig.reconnects) >= 1
        rig.come_back()


def test_a_lost_request_is_sent_again(tmp_path: Path, root: Authority) -> None:
    """The link goes while the answer is on its way: the repetition finds the back office again."""
    rig = owning(root, tmp_path)
    rig.brain.misbehave("SignCertificate", Misbehaviour.DROP)
    trigger(rig)
    assert requests(rig) == []
    rig.connect()
    rig.run(61)
    assert len(requests(rig)) == 1


# The clock


def test_pitfall_41_it_is_not_before_the_day_of_the_release(tmp_path: Path) -> None:
    """Pitfall 41; and a back office that once told a time in the far future locks nobody out."""
    assert judged_ms(0) == RELEASED_MS
    assert judged_ms(RELEASED_MS + 9) == RELEASED_MS + 9
    rig = secured(tmp_path)
    assert rig.engine.security.authorities.judged_ms() == rig.engine.station.utc_ms() > RELEASED_MS


# Robustness


def test_a_fault_in_the_work_with_certificates_costs_an_answer_and_not_the_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a library raises for a stranger's certificate: on the storage thread it would end
    the process, at the back office's word."""
    rig = secured(tmp_path)
    store = rig.engine.security.authorities.store
    assert store is not None

    def burst(*_args: object, **_more: object) -> None:
        raise RuntimeError("of a kind that nobody has thought of")

    monkeypatch.setattr(store.roots, "install", burst)
    payload = {"certificateType": CSMS, "certificate": "x"}
    rig.engine.on_frame(rig.csms.call("InstallCertificate", payload))
    rig.flush()
    rig.run(30)
    assert rig.csms.replies[-1][0] == "InternalError"
    assert listed(rig, CSMS) == {"status": "NotFound"}


# What an unencrypted link does without


def test_a_station_without_a_place_for_certificates_says_so(rig: Any, root: Authority) -> None:
    payload = {"certificateType": CSMS, "certificate": root.pem}
    assert rig.ask("InstallCertificate", payload)[1] == {"status": "Failed"}
    assert rig.ask("GetInstalledCertificateIds", {"certificateType": CSMS})[1] == {
        "status": "NotFound"
    }
    chain = {"certificateChain": root.pem}
    assert rig.ask("CertificateSigned", chain)[1] == REJECTED
    assert rig.engine.station.settings == Settings(heartbeat_interval_s=300)
    assert rig.engine.security.authorities.contents.of(Use.CSMS) == ()
