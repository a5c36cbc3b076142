"""TLS handshakes in memory, between the station's context and servers good and bad.

OCPP 1.6 security whitepaper A00.FR.307 to 322 and A00.FR.411 to 426; TC_078_CS, TC_086_CS,
TC_087_CS; pitfall 41.
"""

from __future__ import annotations

import contextlib
import ssl
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from hil.csms.authority import DAYS, START, Authority, Identity
from ocpp_link.security.diagnosis import Blame, diagnose
from ocpp_link.security.events import EventType
from ocpp_link.wire.tls import CIPHERS, Tls, client_context

NOW_MS = round((START + timedelta(days=900)).timestamp() * 1_000)
"""The machine's clock is past this, and the test's certificates are valid for ten years."""
HOST = "csms.example.com"


@pytest.fixture(scope="module")
def root() -> Authority:
    return Authority("Root A")


def tls(root: Identity | None, **more: Any) -> Tls:
    given: dict[str, Any] = {"system_roots": False, "clock_ms": NOW_MS, "judged_ms": NOW_MS}
    return Tls(roots_pem=root.pem if root else "", **given | more)


def server_context(directory: Path, identity: Identity) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*identity.files(directory, "server"))
    return context


def shake(
    client: ssl.SSLContext, server: ssl.SSLContext, host: str = HOST
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """A handshake over memory, and one byte each way: TLS 1.3 tells of a refused client only
    then. Raises what the client raises."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname=host)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    going = [near, far]
    for end in going * 6:
        if end in going and _advanced(end, near):
            going.remove(end)
    with contextlib.suppress(ssl.SSLError):
        far.write(b"!")
    assert near.read(1) == b"!"
    return near, far


def _advanced(end: ssl.SSLObject, near: ssl.SSLObject) -> bool:
    """Is this end through with its handshake? What the server alone fails for, its alert tells."""
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return False
    except ssl.SSLError:
        if end is near:
            raise
    return True


def event_of(error: BaseException) -> tuple[EventType | None, Blame]:
    found = diagnose(error)
    return found.event, found.blame


def answer(status: int) -> InvalidStatus:
    return InvalidStatus(Response(status, "", Headers()))


def refused(client: ssl.SSLContext, server: ssl.SSLContext, host: str = HOST) -> ssl.SSLError:
    with pytest.raises(ssl.SSLError) as caught:
        shake(client, server, host)
    return caught.value


# What works


def test_a00_fr_307_a_chain_to_an_installed_root_is_verified(
    root: Authority, tmp_path: Path
) -> None:
    """Whitepaper A00.FR.307, FR.411; TC_086_CS. The engine hears what the connection stands on."""
    between = Authority("Sub", issuer=root)
    heard: list[list[bytes]] = []
    client = client_context(tls(root), heard.append)
    near, _ = shake(client, server_context(tmp_path, between.server(HOST)))

    assert near.version() in ("TLSv1.2", "TLSv1.3")
    assert len(heard) == 1
    assert heard[0][-1] == ssl.PEM_cert_to_DER_cert(root.pem)
    assert len(heard[0]) == 3


def test_a00_fr_402_the_stations_certificate_is_shown(root: Authority, tmp_path: Path) -> None:
    """Whitepaper A00.FR.401, FR.402; TC_087_CS."""
    chain, key = root.station("CP-1").files(tmp_path, "station")
    server = server_context(tmp_path, root.server(HOST))
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(cadata=root.pem)
    _, far = shake(client_context(tls(root, chain=chain, key=key)), server)

    shown = far.getpeercert()
    assert shown
    assert (("commonName", "CP-1"),) in shown["subject"]


@pytest.mark.parametrize("cipher", CIPHERS)
def test_a00_fr_318_each_suite_of_tls_1_2_is_really_spoken(
    root: Authority, tmp_path: Path, cipher: str
) -> None:
    """Whitepaper A00.FR.318; TC_086_CS."""
    server = server_context(tmp_path, root.server(HOST, rsa_key="ECDSA" not in cipher))
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    server.set_ciphers(cipher)
    near, _ = shake(client_context(tls(root)), server)
    assert (near.cipher() or ())[:2] == (cipher, "TLSv1.2")


def test_7_1_an_authority_is_trusted_without_its_own_issuer(
    root: Authority, tmp_path: Path
) -> None:
    """Whitepaper §7.1: partial chains, so that the old root may go."""
    second = Authority("Root B", issuer=root)
    server = server_context(tmp_path, second.server(HOST))
    shake(client_context(tls(second)), server)


def test_a00_fr_320_no_compression_no_renegotiation_no_key_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whitepaper A00.FR.320; SSLKEYLOGFILE in the environment has no effect."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    context = client_context(tls(None))
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.keylog_filename is None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_pitfall_41_the_systems_roots_are_an_option() -> None:
    """Pitfall 41: certificates of public authorities work where they are wanted."""
    wanted = client_context(tls(None, system_roots=True))
    assert client_context(tls(None)).cert_store_stats()["x509_ca"] == 0
    assert wanted.verify_mode is ssl.CERT_REQUIRED


# What must fail


def test_a00_fr_309_bad_server_certificates_end_the_handshake(
    root: Authority, tmp_path: Path
) -> None:
    """Whitepaper A00.FR.308 to 310; TC_078_CS: each raises InvalidCsmsCertificate."""
    bad = {
        "self-signed": Authority("Root A").server(HOST),
        "other host": root.server("else.example.com"),
        "expired": root.server(HOST, days=10),
        "not yet": root.server(HOST, start=START + timedelta(days=3_000)),
        "an authority's": Authority("Leaf", issuer=Authority("Else", is_ca=False)),
    }
    client = client_context(tls(root))
    for kind, identity in bad.items():
        error = refused(client, server_context(tmp_path, identity))
        assert isinstance(error, ssl.SSLCertVerificationError), kind
        assert event_of(error) == (EventType.INVALID_CSMS_CERTIFICATE, Blame.SERVER), kind


def test_a00_fr_308_wildcards_are_refused_unless_allowed(root: Authority, tmp_path: Path) -> None:
    """Whitepaper A00.FR.308 (AllowCSMSTLSWildcards is false by default; TC_078_CS)."""
    server = server_context(tmp_path, root.server("*.example.com"))

    error = refused(client_context(tls(root)), server)
    assert "wildcards are not allowed" in str(error)
    assert event_of(error)[0] is EventType.INVALID_CSMS_CERTIFICATE
    shake(client_context(tls(root, wildcards=True)), server)


def test_an_ip_address_is_checked_as_one(root: Authority, tmp_path: Path) -> None:
    server = server_context(tmp_path, root.server("192.0.2.7"))
    shake(client_context(tls(root)), server, "192.0.2.7")
    assert isinstance(
        refused(client_context(tls(root)), server, "192.0.2.8"), ssl.SSLCertVerificationError
    )


def test_a00_fr_315_an_old_version_is_refused(root: Authority, tmp_path: Path) -> None:
    """Whitepaper A00.FR.312, FR.315."""
    server = server_context(tmp_path, root.server(HOST))
    with pytest.deprecated_call():
        server.maximum_version = ssl.TLSVersion.TLSv1_1
    error = refused(client_context(tls(root)), server)
    assert event_of(error) == (EventType.INVALID_TLS_VERSION, Blame.SERVER)


def test_a00_fr_322_a_server_without_a_sound_suite_is_refused(
    root: Authority, tmp_path: Path
) -> None:
    """Whitepaper A00.FR.318, FR.322."""
    server = server_context(tmp_path, root.server(HOST))
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    server.set_ciphers("ECDHE-ECDSA-AES128-SHA")
    error = refused(client_context(tls(root)), server)
    assert event_of(error) == (EventType.INVALID_CIPHER_SUITE, Blame.SERVER)


def test_a00_fr_407_a_refused_station_certificate_is_told_apart(
    root: Authority, tmp_path: Path
) -> None:
    """Whitepaper A00.FR.407 from the station's side: the log names the station's credentials."""
    chain, key = Authority("Else").station("CP-1").files(tmp_path, "station")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        server = server_context(tmp_path, root.server(HOST))
        server.verify_mode = ssl.CERT_REQUIRED
        server.maximum_version = version
        server.load_verify_locations(cadata=root.pem)
        error = refused(client_context(tls(root, chain=chain, key=key)), server)
        assert event_of(error) == (EventType.FAILED_TO_AUTHENTICATE, Blame.CERTIFICATE)


@pytest.mark.parametrize("status", [401, 403])
def test_a00_fr_202_a_refused_key_is_told(status: int) -> None:
    """Whitepaper §8: FailedToAuthenticate for HTTP 401 and 403, and for no other status."""
    assert event_of(answer(status)) == (EventType.FAILED_TO_AUTHENTICATE, Blame.KEY)
    assert event_of(answer(503)) == (None, Blame.NOBODY)
    assert event_of(ConnectionRefusedError()) == (None, Blame.NOBODY)


def test_a_failure_inside_another_error_is_found() -> None:
    """The WebSocket library wraps what TLS 1.3 says after the handshake."""
    inner = ssl.SSLError(1, "x")
    inner.reason = "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    outer = ConnectionError("wrapped")
    outer.__cause__ = inner
    inner.__context__ = outer  # a ring must end
    assert event_of(outer)[1] is Blame.CERTIFICATE


# Without a clock


def test_pitfall_41_a_clock_of_1970_does_not_lock_the_station_out(
    root: Authority, tmp_path: Path
) -> None:
    """Pitfall 41: certificates are judged by the time that is known to have passed."""
    server = server_context(tmp_path, root.server(HOST))
    shake(client_context(tls(root, clock_ms=0)), server)


def test_pitfall_41_what_had_expired_by_then_stays_refused(root: Authority, tmp_path: Path) -> None:
    """The check is not off: what was over before this release was made is over."""
    server = server_context(tmp_path, root.server(HOST, days=10))
    error = refused(client_context(tls(root, clock_ms=0)), server)
    assert "expired" in str(error)
    assert event_of(error)[0] is EventType.INVALID_CSMS_CERTIFICATE


def test_pitfall_41_an_expired_sub_authority_stays_refused_too(
    root: Authority, tmp_path: Path
) -> None:
    between = Authority("Sub", issuer=root, days=10)
    error = refused(
        client_context(tls(root, clock_ms=0)), server_context(tmp_path, between.server(HOST))
    )
    assert isinstance(error, ssl.SSLCertVerificationError)


def test_the_ten_years_of_the_test_are_not_over() -> None:
    """Real handshakes read the machine's clock: this fails a year before they would."""
    assert time.time() < (START + timedelta(days=DAYS - 365)).timestamp()


# Files and options


def test_a_cipher_string_that_names_nothing_is_told() -> None:
    with pytest.raises(ValueError, match="'NOTHING' names no cipher suite"):
        client_context(tls(None, ciphers="NOTHING"))


def test_a_certificate_that_is_gone_is_an_os_error(tmp_path: Path) -> None:
    """The wire counts it as a failed attempt; the process goes on."""
    with pytest.raises(OSError):
        client_context(tls(None, chain=tmp_path / "gone", key=tmp_path / "gone.key"))
