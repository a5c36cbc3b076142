"""The certificate store: OCPP 1.6 security whitepaper §2.6, A02, A03, M03 to M05, §6.1."""

from __future__ import annotations

import hashlib
import os
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from hil.csms.authority import START, Authority, weak_root
from ocpp_link.errors import CertificateInvalid
from ocpp_link.security.certificates import (
    DeleteStatus,
    HashAlgorithm,
    HashData,
    Installed,
    InstallStatus,
    KeyType,
    Root,
    Use,
)
from ocpp_link.security.descriptions import describe_root
from ocpp_link.security.store import CertificateStore

DAY_MS = 86_400_000
NOW_MS = round((START + timedelta(days=100)).timestamp() * 1_000)
LIMIT = 64


@pytest.fixture
def store(tmp_path: Path) -> CertificateStore:
    return CertificateStore(tmp_path / "certificates")


@pytest.fixture(scope="module")
def root() -> Authority:
    return Authority("Root A")


def install(
    store: CertificateStore, pem: str, use: Use = Use.CSMS, *, limit: int = LIMIT, **more: bool
) -> Installed:
    return store.roots.install(use, pem, NOW_MS, limit=limit, **more)


def again(store: CertificateStore) -> CertificateStore:
    """A start on what is on disk."""
    return CertificateStore(store.directory._index.parent)


def free(_root: object) -> bool:
    return False


def request(store: CertificateStore, key_type: KeyType = KeyType.P256) -> str:
    return store.own.request(key_type, common_name="CP-1", organization="CPO")


def accept(store: CertificateStore, chain: str, at_ms: int = NOW_MS) -> str:
    return store.own.accept(chain, at_ms, common_name="CP-1", organization="CPO")


# Installing


def test_m05_fr_02_an_installed_root_is_listed_and_survives_a_start(
    store: CertificateStore, root: Authority
) -> None:
    """Whitepaper M05.FR.02, M03.FR.04; TC_075_2_CS."""
    assert install(store, root.pem).status is InstallStatus.ACCEPTED

    for held in (store.contents, again(store).contents):
        assert [r.subject for r in held.of(Use.CSMS)] == ["CN=Root A,O=Test Operator"]
        assert held.of(Use.MANUFACTURER) == ()
    assert store.directory.roots_pem(Use.CSMS).strip() == root.pem.strip()


@pytest.mark.parametrize("algorithm", list(HashAlgorithm))
def test_6_1_hash_data_is_what_openssl_hashes_for_ocsp(
    store: CertificateStore, algorithm: HashAlgorithm, root: Authority
) -> None:
    """Whitepaper §6.1: over the issuer's DER name, over its bare public key, serial in hex without
    zeros in front."""
    install(store, root.pem)
    (found,) = (h for h in store.contents.roots[0].hashes if h.algorithm is algorithm)

    function = getattr(hashlib, algorithm.lower())
    point = root.certificate.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    assert found.issuer_name_hash == function(root.certificate.issuer.public_bytes()).hexdigest()
    assert found.issuer_key_hash == function(point).hexdigest()
    assert found.serial_number == f"{root.certificate.serial_number:X}"


def test_6_1_an_authority_below_a_root_is_named_by_the_roots_key(
    store: CertificateStore, root: Authority
) -> None:
    """Whitepaper §6.1: the issuer's key, not the certificate's own."""
    below = Authority("Below", issuer=root)
    install(store, root.pem)
    assert install(store, below.pem).status is InstallStatus.ACCEPTED

    of_root, of_below = store.contents.roots
    assert of_root.hashes[0].issuer_key_hash == of_below.hashes[0].issuer_key_hash
    assert of_root.hashes[0].serial_number != of_below.hashes[0].serial_number


def _bad_roots(root: Authority) -> dict[str, tuple[str, str]]:
    return {
        "rubbish": ("no certificate", "no X.509 certificate"),
        "empty": ("", "no X.509 certificate"),
        "cut": (root.pem[:200], "no X.509 certificate"),
        "two": (root.pem + Authority("B").pem, "one can be installed"),
        "expired": (Authority("Old", days=10).pem, "expired"),
        "leaf": (root.server().pem, "no certificate authority"),
        "may not sign": (Authority("Mute", may_sign=False).pem, "may not sign"),
        "weak": (weak_root().pem, "too weak"),
        "stranger's": (Authority("Sub", issuer=Authority("Else")).pem, "no installed root"),
    }


@pytest.mark.parametrize("kind", list(_bad_roots(Authority())))
def test_m05_fr_06_what_is_no_usable_root_is_rejected(
    store: CertificateStore, root: Authority, kind: str
) -> None:
    """Whitepaper M05.FR.06, A00.FR.501 to 503."""
    text, words = _bad_roots(root)[kind]
    done = install(store, text)

    assert done.status is InstallStatus.REJECTED
    assert words in done.words
    assert store.contents.roots == ()


def test_m05_fr_03_a_full_store_takes_no_more(store: CertificateStore, root: Authority) -> None:
    """Whitepaper M05.FR.03, §7.4: roots of every use count."""
    install(store, root.pem, Use.MANUFACTURER, limit=2)
    install(store, Authority("B").pem, limit=2)

    assert install(store, Authority("C").pem, limit=2).status is InstallStatus.REJECTED
    assert install(store, root.pem, Use.MANUFACTURER, limit=2).status is InstallStatus.ACCEPTED
    assert len(store.contents.roots) == 2


def test_m05_fr_04_a_disk_that_fails_is_no_fault_of_the_certificate(
    store: CertificateStore, root: Authority
) -> None:
    """Whitepaper M05.FR.04."""
    directory = store.directory.root_path  # a directory stands where the file should go
    path = directory(_described(root))
    path.mkdir()

    assert install(store, root.pem).status is InstallStatus.FAILED
    assert store.contents.roots == ()


def test_m05_fr_10_a_root_that_the_old_one_did_not_sign_is_rejected(
    store: CertificateStore, root: Authority
) -> None:
    """Whitepaper M05.FR.09, FR.10 (AdditionalRootCertificateCheck)."""
    assert install(store, root.pem, must_be_signed=True).status is InstallStatus.ACCEPTED

    done = install(store, Authority("Else").pem, must_be_signed=True)
    assert done.status is InstallStatus.REJECTED
    assert [r.subject for r in store.contents.roots] == ["CN=Root A,O=Test Operator"]


def test_m05_fr_11_the_replaced_root_stays_as_fallback_until_the_new_one_worked(
    store: CertificateStore, root: Authority
) -> None:
    """Whitepaper M05.FR.08, FR.11, FR.12."""
    install(store, root.pem, must_be_signed=True)
    second = Authority("Root B", issuer=root)
    assert install(store, second.pem, must_be_signed=True).status is InstallStatus.ACCEPTED

    old, new = store.contents.roots
    assert (old.replaced_by, new.replaced_by) == (new.fingerprint, "")
    third = Authority("Root C", issuer=second)
    assert install(store, third.pem, must_be_signed=True).status is InstallStatus.ACCEPTED
    assert [r.subject.partition(",")[0] for r in store.contents.roots] == ["CN=Root B", "CN=Root C"]

    store.roots.drop_fallbacks(Use.CSMS)
    assert [r.subject.partition(",")[0] for r in again(store).contents.roots] == ["CN=Root C"]


# Deleting


def test_m04_fr_02_a_deleted_root_is_gone(store: CertificateStore, root: Authority) -> None:
    """Whitepaper M04.FR.02; TC_076_CS. Case and zeros in front do not count."""
    install(store, root.pem)
    known = store.contents.roots[0].hashes[2]
    asked = HashData(
        known.algorithm,
        known.issuer_name_hash.upper(),
        known.issuer_key_hash.upper(),
        "00" + known.serial_number.lower(),
    )

    assert store.roots.delete(asked, free) is DeleteStatus.ACCEPTED
    assert store.contents.roots == ()
    assert not list(store.directory._roots.iterdir())
    assert again(store).contents.roots == ()


def test_m04_fr_04_an_unknown_certificate_is_not_found(
    store: CertificateStore, root: Authority
) -> None:
    """Whitepaper M04.FR.04; the hash algorithm counts."""
    install(store, root.pem)
    known = store.contents.roots[0].hashes[0]
    wrong = HashData(
        HashAlgorithm.SHA384, known.issuer_name_hash, known.issuer_key_hash, known.serial_number
    )

    assert store.roots.delete(wrong, free) is DeleteStatus.NOT_FOUND


def test_m04_fr_06_the_root_that_the_connection_stands_on_stays(
    store: CertificateStore, root: Authority
) -> None:
    """Whitepaper M04.FR.06."""
    install(store, root.pem)
    known = store.contents.roots[0].hashes[0]

    assert store.roots.delete(known, lambda _root: True) is DeleteStatus.FAILED
    assert len(store.contents.roots) == 1


def test_m04_fr_05_the_stations_own_certificate_can_not_be_deleted(
    store: CertificateStore, root: Authority
) -> None:
    """Whitepaper M04.FR.05."""
    install(store, root.pem)
    mine = root.sign(request(store))
    assert accept(store, mine.chain_pem) == ""
    found = HashData(
        HashAlgorithm.SHA256,
        store.contents.roots[0].hashes[0].issuer_name_hash,
        store.contents.roots[0].hashes[0].issuer_key_hash,
        f"{mine.certificate.serial_number:X}",
    )

    assert store.roots.delete(found, free) is DeleteStatus.NOT_FOUND
    assert len(store.contents.own) == 1


# The station's own


@pytest.mark.parametrize("key_type", list(KeyType))
def test_a02_fr_03_the_request_is_for_this_station_and_a_new_key(
    store: CertificateStore, key_type: KeyType
) -> None:
    """Whitepaper A02.FR.02, FR.03, FR.13, A00.FR.511; the schema allows 5500 characters."""
    first, second = (x509.load_pem_x509_csr(request(store, key_type).encode()) for _ in range(2))

    assert first.is_signature_valid
    names = {a.oid: a.value for a in first.subject}
    assert names == {NameOID.COMMON_NAME: "CP-1", NameOID.ORGANIZATION_NAME: "CPO"}
    assert first.public_key() != second.public_key()
    assert len(request(store, key_type)) <= 5_500


def test_a02_fr_05_keys_are_readable_for_their_owner_only(
    store: CertificateStore, root: Authority
) -> None:
    """Whitepaper A02.FR.05."""
    old = os.umask(0)
    try:
        install(store, root.pem)
        accept(store, root.sign(request(store)).chain_pem)
        request(store)
    finally:
        os.umask(old)

    keys = list(store.directory._station.glob("*.key"))
    assert len(keys) == 2
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert {stat.S_IMODE(p.stat().st_mode) for p in store.directory._roots.iterdir()} == {0o644}


def test_a02_fr_06_a_chain_through_a_sub_authority_is_accepted_and_kept(
    store: CertificateStore, root: Authority
) -> None:
    """Whitepaper A02.FR.06, §5.1; survives a start between request and answer (TC_074_CS)."""
    install(store, root.pem)
    asked = request(store)
    store = again(store)
    signed = Authority("Sub", issuer=root).sign(asked)

    assert accept(store, signed.chain_pem) == ""
    (own,) = again(store).contents.own
    chain, key = store.directory.own_paths(own)
    assert chain.read_text() == signed.chain_pem
    assert accept(store, signed.chain_pem) == "no certificate was asked for"
    assert key.exists()


def test_a02_fr_07_a_wrong_certificate_changes_nothing(
    store: CertificateStore, root: Authority
) -> None:
    """Whitepaper A02.FR.06, FR.07; TC_077_CS. The right one still is accepted after them."""
    install(store, root.pem)
    asked = request(store)
    bad = {
        "no X.509": "rubbish",
        "another key": root.sign(asked, other_key=True).chain_pem,
        "CN is": root.sign(asked, common_name="CP-2").chain_pem,
        "O is": root.sign(asked, organization="Else").chain_pem,
        "expired": root.sign(asked, days=10).chain_pem,
        "no installed root": Authority("Else").sign(asked).chain_pem,
        "critical extension": root.sign(asked, critical="1.2.3.4").chain_pem,
        "may not sign": Authority("Mute", issuer=root, may_sign=False).sign(asked).chain_pem,
        "is no certificate authority": Authority("Leaf", issuer=root, is_ca=False)
        .sign(asked)
        .chain_pem,
    }
    for words, chain in bad.items():
        assert words in accept(store, chain), words
        assert store.contents.own == ()
    assert accept(store, root.sign(asked).chain_pem) == ""


def test_rfc5280_4_2_1_9_a_path_may_not_be_longer_than_its_authority_allows(
    store: CertificateStore,
) -> None:
    """RFC 5280 §4.2.1.9, by way of whitepaper A02.FR.06."""
    top = Authority("Top", path_length=0)
    install(store, top.pem)
    asked = request(store)

    assert "below it" in accept(store, Authority("Sub", issuer=top).sign(asked).chain_pem)
    assert accept(store, top.sign(asked).chain_pem) == ""


def test_a02_fr_08_a_certificate_waits_for_its_time_and_the_newest_rules(
    store: CertificateStore, root: Authority
) -> None:
    """Whitepaper A02.FR.08, FR.09."""
    install(store, root.pem)
    now = root.sign(request(store))
    accept(store, now.chain_pem)
    later = root.sign(request(store), start=START + timedelta(days=110))
    assert accept(store, later.chain_pem) == ""

    serials = {
        own.fingerprint: i.certificate.serial_number
        for own in store.contents.own
        for i in (now, later)
        if own.fingerprint == i.certificate.fingerprint(hashes.SHA256()).hex()
    }
    before, after = (store.contents.own_valid(NOW_MS + d * DAY_MS) for d in (0, 11))
    assert [serials[own.fingerprint] for own in before] == [now.certificate.serial_number]
    assert serials[after[0].fingerprint] == later.certificate.serial_number


def test_a02_fr_10_an_old_certificate_stays_for_a_month(
    store: CertificateStore, root: Authority
) -> None:
    """Whitepaper A02.FR.10."""
    install(store, root.pem)
    accept(store, root.sign(request(store)).chain_pem)
    accept(store, root.sign(request(store), start=START + timedelta(days=99)).chain_pem)

    store.own.prune(NOW_MS + 30 * DAY_MS)
    assert len(store.contents.own) == 2
    store.own.prune(NOW_MS + 32 * DAY_MS)
    assert len(again(store).contents.own) == 1
    assert len(list(store.directory._station.iterdir())) == 2


def test_no_sub_authority_can_be_walked_round_in_circles(store: CertificateStore) -> None:
    """Two authorities that signed each other, and no root: refused, and soon."""
    one = Authority("One")
    two = Authority("Two", issuer=one)
    back = Authority("One", issuer=two, key=one.key)
    install(store, Authority("Root").pem)
    chain = two.sign(request(store)).pem + two.pem + back.pem + one.pem

    assert "no installed root" in accept(store, chain)


# The configuration's files


def test_a_configured_root_is_taken_over_once(
    store: CertificateStore, root: Authority, tmp_path: Path
) -> None:
    """What the back office deleted does not come back before the file changes."""
    path = tmp_path / "roots.pem"
    path.write_text(root.pem + Authority("Second").pem)
    store.roots.adopt(Use.CSMS, path, NOW_MS)
    assert len(store.contents.roots) == 2

    store.roots.delete(store.contents.roots[0].hashes[0], free)
    store = again(store)
    store.roots.adopt(Use.CSMS, path, NOW_MS)
    assert len(store.contents.roots) == 1


def test_a_configured_file_without_a_root_is_told_with_its_name(
    store: CertificateStore, root: Authority, tmp_path: Path
) -> None:
    path = tmp_path / "roots.pem"
    path.write_text(root.server().pem)
    with pytest.raises(CertificateInvalid, match=r"roots\.pem: .*no certificate authority"):
        store.roots.adopt(Use.CSMS, path, NOW_MS)


def test_a00_fr_801_a_certificate_from_the_factory_is_taken_over_with_its_key(
    store: CertificateStore, root: Authority, tmp_path: Path
) -> None:
    """Whitepaper A00.FR.801, FR.804: signed by whomever."""
    chain, key = Authority("Factory").station("CP-1").files(tmp_path, "factory")
    store.own.adopt(chain, key, NOW_MS)
    (own,) = store.contents.own
    assert store.directory.own_paths(own)[1].read_bytes() == key.read_bytes()

    _, other = root.station("CP-1").files(tmp_path, "other")
    chain.write_text(root.station("CP-1").chain_pem)
    with pytest.raises(CertificateInvalid, match="another key"):
        store.own.adopt(chain, other, NOW_MS)


# Damage


def test_a_damaged_index_is_made_again_from_the_files(
    store: CertificateStore, root: Authority
) -> None:
    install(store, root.pem)
    install(store, Authority("Sub", issuer=root).pem)
    install(store, root.pem, Use.MANUFACTURER)
    accept(store, root.sign(request(store)).chain_pem)
    before = store.contents
    store.directory._index.write_bytes(b'{"version": 1, "contents": {"ro')

    after = again(store).contents
    assert set(after.roots) == set(before.roots)
    assert [own.fingerprint for own in after.own] == [own.fingerprint for own in before.own]


def test_an_index_of_another_layout_is_made_again(store: CertificateStore, root: Authority) -> None:
    install(store, root.pem)
    path = store.directory._index
    path.write_bytes(path.read_bytes().replace(b'"version":1', b'"version":9'))
    assert len(again(store).contents.roots) == 1


def test_a_root_that_was_tampered_with_is_not_trusted(
    store: CertificateStore, root: Authority
) -> None:
    """Deny by default: the file must be the one that was installed."""
    install(store, root.pem)
    (path,) = store.directory._roots.iterdir()
    path.write_text(Authority("Evil").pem)

    store = again(store)
    assert store.contents.roots == ()
    assert store.directory.roots_pem(Use.CSMS) == ""
    assert [p.name for p in store.directory._aside.iterdir()] == [path.name]


def test_a_root_that_nobody_installed_is_not_trusted(
    store: CertificateStore, root: Authority
) -> None:
    """A power cut between file and index, or a file that somebody put there."""
    install(store, root.pem)
    (store.directory._roots / f"{Use.CSMS}-{'0' * 32}.pem").write_text(Authority("Evil").pem)

    store = again(store)
    assert len(store.contents.roots) == 1
    assert len(list(store.directory._roots.iterdir())) == 1


def test_a_certificate_without_its_key_is_not_offered(
    store: CertificateStore, root: Authority
) -> None:
    install(store, root.pem)
    accept(store, root.sign(request(store)).chain_pem)
    store.directory.own_paths(store.contents.own[0])[1].unlink()
    assert again(store).contents.own == ()


@pytest.mark.parametrize("cut", range(12))
def test_a_power_cut_at_any_step_leaves_old_or_new(
    tmp_path: Path, root: Authority, cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every rename and every removal is a point where the power may go."""
    store = CertificateStore(tmp_path)
    install(store, root.pem)
    steps = 0
    real_replace, real_unlink = Path.replace, Path.unlink

    def counted(act: Callable[..., Any]) -> Callable[..., Any]:
        def step(self: Path, *args: Any, **more: Any) -> Any:
            nonlocal steps
            steps += 1
            if steps > cut:
                raise _PowerCut
            return act(self, *args, **more)

        return step

    monkeypatch.setattr(Path, "replace", counted(real_replace))
    monkeypatch.setattr(Path, "unlink", counted(real_unlink))
    try:
        install(store, Authority("B").pem)
        store.roots.delete(store.contents.roots[0].hashes[0], free)
        asked = request(store)
        accept(store, Authority("B").sign(asked).chain_pem)
    except _PowerCut:
        pass
    monkeypatch.undo()

    found = again(CertificateStore(tmp_path))
    subjects = [r.subject.partition(",")[0] for r in found.contents.roots]
    assert subjects in (["CN=Root A"], ["CN=Root A", "CN=B"], ["CN=B"])
    assert found.directory.roots_pem(Use.CSMS).count("BEGIN") == len(subjects)


class _PowerCut(BaseException):
    """Nothing may catch it, as nothing catches a power cut."""


# Robustness


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda b: b.decode("latin-1")))
def test_no_text_makes_an_installation_raise(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    store = CertificateStore(tmp_path_factory.getbasetemp() / "any")
    assert install(store, text).status is InstallStatus.REJECTED
    assert accept(store, text) != ""


@given(st.integers(0, 2_000), st.integers(0, 255))
def test_no_damaged_certificate_is_taken_or_raises(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int
) -> None:
    """One byte of the DER changed: rejected, or the change was none. On the storage thread an error
    would end the link."""
    store = CertificateStore(tmp_path_factory.getbasetemp() / "damaged")
    if not store.directory.request.exists():
        request(store)
    der = bytearray(SOUND.certificate.public_bytes(serialization.Encoding.DER))
    before = bytes(der)
    der[place % len(der)] = value
    text = ssl.DER_cert_to_PEM_cert(bytes(der))

    done = install(store, text)
    assert done.status is InstallStatus.REJECTED or bytes(der) == before
    assert accept(store, text + SOUND.pem) != ""


SOUND = Authority("Sound")


def test_values_do_not_import_cryptography() -> None:
    """An unencrypted link pays nothing for certificates."""
    code = (
        "import sys, pathlib, tempfile\n"
        "from ocpp_link.security.store import CertificateStore\n"
        "CertificateStore(pathlib.Path(tempfile.mkdtemp()))\n"
        "sys.exit('cryptography' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _described(root: Authority) -> Root:
    return describe_root(Use.CSMS, root.certificate, root.certificate)


def test_m04_fr_02_a_root_for_two_uses_is_deleted_for_both(
    store: CertificateStore, root: Authority
) -> None:
    """Whitepaper M04.FR.02: hash data name a certificate, and no use. Where one of the two is in
    use, both stay."""
    install(store, root.pem, Use.CSMS)
    install(store, root.pem, Use.MANUFACTURER)
    known = store.contents.roots[0].hashes[0]

    in_use = store.roots.delete(known, lambda found: found.use is Use.CSMS)
    assert (in_use, len(store.contents.roots)) == (DeleteStatus.FAILED, 2)
    assert store.roots.delete(known, free) is DeleteStatus.ACCEPTED
    assert store.contents.roots == ()


@pytest.mark.parametrize(
    ("usages", "problem"),
    [
        ([], ""),
        ([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH], ""),
        ([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE], ""),
        ([ExtendedKeyUsageOID.SERVER_AUTH], "not for TLS clients"),
    ],
)
def test_a00_fr_512_a_certificate_for_something_else_is_refused(
    store: CertificateStore, root: Authority, usages: list[x509.ObjectIdentifier], problem: str
) -> None:
    """Whitepaper A00.FR.512: a back office would not let the station in with it."""
    install(store, root.pem)
    signed = root.sign(request(store), usages=usages)
    assert problem in accept(store, signed.chain_pem)
    assert bool(store.contents.own) is not bool(problem)
