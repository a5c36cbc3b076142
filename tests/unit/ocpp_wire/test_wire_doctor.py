"""`evse ocpp doctor` against back offices that are well and others."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection
from wire_rig import Office, raw_server, run

from evse.cli import main
from hil.csms.authority import Authority
from ocpp_link.doctor import examination
from ocpp_link.doctor.examination import Plan, examine
from ocpp_link.doctor.finding import (
    HTTP_ADVICE,
    PHASE_ADVICE,
    Finding,
    Verdict,
    exit_code,
    judged_clock,
    of_failure,
)
from ocpp_link.doctor.standing import endpoint_of
from ocpp_link.ports import StationInfo
from ocpp_link.security.certificates import InstallStatus, Use
from ocpp_link.security.config import SecurityConfig
from ocpp_link.security.credentials import CredentialFile, Credentials
from ocpp_link.security.part import CERTIFICATES, CREDENTIALS
from ocpp_link.security.profiles import Standing
from ocpp_link.security.store import CertificateStore
from ocpp_link.wire.dial import dial
from ocpp_link.wire.endpoint import Endpoint
from ocpp_link.wire.failure import HTTP_WORDS, AttemptFailed, Failure, Phase
from ocpp_link.wire.tls import Tls, client_context

KEY = b"0123456789abcdef"
STATION = StationInfo(vendor="PiEVSE", model="doctor")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "STAYS_S", 0.05)


def utc() -> datetime:
    return datetime.now(UTC)


def plan(url: str, **options: Any) -> Plan:
    endpoint = {
        name: options.pop(name)
        for name in ("basic_auth_key", "tls", "interface", "identity")
        if name in options
    }
    given: dict[str, Any] = {"versions": ("ocpp1.6",), "utc": utc, **options}
    return Plan(endpoint=Endpoint(**{"url": url, "identity": "CP1", **endpoint}), **given)


def findings(office: Office | None = None, url: str = "", **options: Any) -> list[Finding]:
    found: list[Finding] = []

    async def test() -> None:
        if office is not None:
            await office.open()
        found.extend(
            [f async for f in examine(plan(url or (office.url if office else ""), **options))]
        )
        if office is not None:
            await office.close()

    run(test)
    return found


def of(found: list[Finding], step: str) -> Finding:
    (finding,) = [finding for finding in found if finding.step == step]
    return finding


def locked(office: Office, key: bytes = KEY) -> Office:
    """Lets nobody in without the key."""
    wanted = "Basic " + base64.b64encode(b"CP1:" + key).decode()

    def admit(connection: ServerConnection, request: Any) -> Any:
        if request.headers.get("Authorization") == wanted:
            return None
        return connection.respond(HTTPStatus.UNAUTHORIZED, "")

    office.admit = admit
    return office


def test_a_back_office_that_is_well_is_found_so() -> None:
    found = findings(locked(Office(("ocpp2.0.1", "ocpp1.6"))), basic_auth_key=KEY)
    assert exit_code(found) == 0
    assert [finding.step for finding in found] == [
        "address",
        "address",
        "TCP",
        "subprotocol",
        "authentication",
        "ping",
        "clock",
        "connection",
    ]
    assert of(found, "subprotocol").words == "accepts ocpp1.6, ocpp2.0.1; refuses ocpp2.1"
    assert "nobody is let in without one" in of(found, "authentication").words
    assert found[1].verdict is Verdict.NOTE, "the key crosses the network unencrypted"


def test_a_wrong_key_is_named() -> None:
    found = findings(locked(Office()), basic_auth_key=b"wrong")
    assert exit_code(found) == 1
    assert found[-1].step == "authentication"
    assert "AuthorizationKey" in found[-1].advice
    assert "wrong" not in str(found)


def test_a_key_that_nobody_looks_at_is_told() -> None:
    assert "not looked at" in of(findings(Office(), basic_auth_key=KEY), "authentication").words
    assert "none was asked for" in of(findings(Office()), "authentication").words


@pytest.mark.parametrize("chooses_nothing", [True, False])
def test_a_version_that_is_not_spoken_there_is_a_problem(chooses_nothing: bool) -> None:
    """It answers without one, or calls the request bad: both are about the version."""
    office = Office(("ocpp2.0.1",))
    if not chooses_nothing:

        def admit(connection: ServerConnection, request: Any) -> Any:
            if "ocpp2.0.1" in request.headers["Sec-WebSocket-Protocol"]:
                return None
            return connection.respond(HTTPStatus.BAD_REQUEST, "")

        office.admit = admit
    found = findings(office)
    assert (found[-1].step, found[-1].verdict) == ("subprotocol", Verdict.PROBLEM)
    assert "accepts ocpp2.0.1; refuses ocpp1.6, ocpp2.1" in found[-1].words


def test_a_server_that_chokes_on_the_list_is_told() -> None:
    office = Office()
    office.choose = lambda offered: offered[0] if len(offered) == 1 else None
    found = findings(office, versions=("ocpp2.0.1", "ocpp1.6"))
    assert exit_code(found) == 0
    assert any("offered as a list" in finding.words for finding in found)


@pytest.mark.parametrize(
    ("url", "step"),
    [
        ("https://host", "address"),
        ("ws://name.invalid/x", "DNS"),
        ("ws://127.0.0.1:1/x", "TCP"),
    ],
)
def test_the_examination_ends_where_the_way_ends(url: str, step: str) -> None:
    found = findings(url=url)
    assert (found[-1].step, found[-1].verdict) == (step, Verdict.PROBLEM)
    assert found[-1].advice


def test_a_path_that_is_unknown_is_told() -> None:
    office = Office()
    office.admit = lambda connection, _request: connection.respond(HTTPStatus.NOT_FOUND, "")
    assert "check the path" in findings(office)[-1].advice


def test_a_server_that_does_not_answer_pings_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "PONG_TIMEOUT_S", 0.05)
    monkeypatch.setattr(ServerConnection, "data_received", _deaf(ServerConnection.data_received))
    assert of(findings(Office()), "ping").verdict is Verdict.PROBLEM


def _deaf(receive: Callable[[Any, bytes], None]) -> Callable[[Any, bytes], None]:
    """Past the handshake nothing is heard but the end."""

    def received(self: Any, data: bytes) -> None:
        if data[:1] != b"\x89":
            receive(self, data)

    return received


def test_a_server_that_throws_out_at_once_is_told() -> None:
    office = Office()

    async def throw_out(websocket: ServerConnection, _text: str) -> None:
        await websocket.close(1008, "who are you?")

    async def test() -> None:
        await office.open()
        office.on_heard = throw_out
        found = [f async for f in examine(plan(office.url, boot_as=STATION))]
        assert of(found, "registration").verdict is Verdict.PROBLEM
        assert "1008: who are you?" in of(found, "open").words
        await office.close()

    run(test)


@pytest.mark.parametrize(
    ("answer", "verdict", "words"),
    [
        ({"status": "Accepted", "interval": 300}, Verdict.GOOD, "each 300 s"),
        ({"status": "Pending", "interval": 0}, Verdict.NOTE, "pending"),
        ({"status": "Rejected", "interval": 0}, Verdict.PROBLEM, "rejected"),
        ({"status": "Sure"}, Verdict.PROBLEM, "breaks the schema"),
        (None, Verdict.PROBLEM, "CALLERROR: InternalError no"),
    ],
)
def test_boot_registers_and_reads_the_other_clock(
    answer: dict[str, Any] | None, verdict: Verdict, words: str
) -> None:
    office = Office()

    async def reply(websocket: ServerConnection, text: str) -> None:
        _, id_, action, _ = json.loads(text)
        assert action == "BootNotification"
        await websocket.send("no JSON")
        await websocket.send('[2,"x","ClearCache",{}]')
        late = (utc() - timedelta(seconds=30)).isoformat()
        frame = (
            [3, id_, {"currentTime": late, **answer}]
            if answer
            else [4, id_, "InternalError", "no", {}]
        )
        await websocket.send(json.dumps(frame))

    office.on_heard = reply
    found = findings(office, boot_as=STATION)
    assert (of(found, "registration").verdict, words in of(found, "registration").words) == (
        verdict,
        True,
    )
    if verdict is Verdict.GOOD:
        assert "30 s ahead" in [f for f in found if f.step == "clock"][1].words


def test_without_boot_nothing_is_said_to_the_back_office() -> None:
    office = Office()
    findings(office)
    assert office.heard == []


@pytest.mark.parametrize(
    ("ahead_s", "verdict"),
    [(0.4, Verdict.GOOD), (-15, Verdict.NOTE), (400, Verdict.PROBLEM), (-1e9, Verdict.PROBLEM)],
)
def test_a_clock_is_judged(ahead_s: float, verdict: Verdict) -> None:
    assert judged_clock(ahead_s).verdict is verdict


def test_an_identity_and_an_interface_that_can_not_be_used_are_advised_on() -> None:
    assert (
        "another identity" in of(findings(url="ws://127.0.0.1:1", identity="a:b"), "address").advice
    )
    assert "ip link" in of(findings(url="ws://127.0.0.1:1", interface="wwan7"), "TCP").advice


def test_every_reason_has_its_advice() -> None:
    assert set(PHASE_ADVICE) == set(Phase)
    for status in (*HTTP_WORDS, 418):
        assert of_failure(Failure(Phase.HTTP, "x", status)).advice
    assert HTTP_ADVICE.keys() <= HTTP_WORDS.keys()


# TLS


class Tower:
    """An authority, a server that it vouches for, and a station that trusts it."""

    def __init__(self, folder: Path, **server: Any) -> None:
        self.root = Authority("Root A")
        host = server.pop("host", "127.0.0.1")
        identity = self.root.server(host, **server)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*identity.files(folder, "server"))
        self.folder = folder

    def trust(self, root: Authority | None = None) -> Callable[[], ssl.SSLContext]:
        now_ms = round(utc().timestamp() * 1_000)
        settings = Tls(
            roots_pem=(root or self.root).pem,
            system_roots=False,
            clock_ms=now_ms,
            judged_ms=now_ms,
        )
        return lambda: client_context(settings)


def test_over_tls_chain_and_versions_are_told(tmp_path: Path) -> None:
    tower = Tower(tmp_path)
    found = findings(locked(Office(tls=tower.context)), basic_auth_key=KEY, tls=tower.trust())
    assert exit_code(found) == 0
    assert of(found, "TLS").words.startswith("TLSv1.3, TLS_")
    assert of(found, "TLS versions").words == "accepts TLS 1.2 and TLS 1.3"
    assert "CN=127.0.0.1" in next(f for f in found if f.step == "certificate").words
    tower.context.minimum_version = ssl.TLSVersion.TLSv1_3
    found = findings(Office(tls=tower.context), tls=tower.trust())
    assert of(found, "TLS versions").words == "accepts TLS 1.3, not TLS 1.2"


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ({"host": "other.example"}, "is not for this IP address"),
        ({"days": 30}, "has expired"),
        ({"start": datetime(2040, 1, 1, tzinfo=UTC), "days": 30}, "is not valid yet"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_told_and_the_certificate_shown(
    tmp_path: Path, server: dict[str, Any], words: str
) -> None:
    """Pitfall 41: a clear sentence where others drop silently."""
    tower = Tower(tmp_path, **server)
    found = findings(Office(tls=tower.context), tls=tower.trust())
    assert exit_code(found) == 1
    assert words in of(found, "TLS").words
    assert [f for f in found if f.step == "certificate"]


def test_an_authority_that_is_not_installed_is_told(tmp_path: Path) -> None:
    tower = Tower(tmp_path)
    found = findings(Office(tls=tower.context), tls=tower.trust(Authority("Root B")))
    assert "authority that is not installed here" in of(found, "TLS").words
    assert "csms_roots_file" in of(found, "TLS").advice


def test_a_certificate_for_another_host_is_told_with_the_hosts_that_it_is_for(
    tmp_path: Path,
) -> None:
    tower = Tower(tmp_path, host="csms.example")
    found = findings(Office(tls=tower.context), tls=tower.trust())
    assert "csms.example" in next(f for f in found if f.step == "certificate").words
    assert "name that the certificate is for" in of(found, "TLS").advice


def test_a_back_office_that_wants_a_certificate_is_understood(tmp_path: Path) -> None:
    """With TLS 1.3 it says so behind the handshake, and whether that arrives is chance."""
    tower = Tower(tmp_path)
    tower.context.verify_mode = ssl.CERT_REQUIRED
    tower.context.load_verify_locations(cadata=tower.root.pem)
    found = findings(Office(tls=tower.context), tls=tower.trust())
    told = found[-1]
    assert told.verdict is Verdict.PROBLEM
    assert "want" in told.words
    assert "a certificate of this station" in told.words
    assert "certificate_file" in told.advice


def test_an_alert_behind_the_handshake_is_heard(tmp_path: Path) -> None:
    tower = Tower(tmp_path)
    tower.context.verify_mode = ssl.CERT_REQUIRED
    tower.context.load_verify_locations(cadata=tower.root.pem)
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse() -> None:
        accepted, _ = listener.accept()
        secured = tower.context.wrap_socket(
            accepted, server_side=True, do_handshake_on_connect=False
        )
        with pytest.raises(ssl.SSLError):
            secured.do_handshake()
        with socket.socket(fileno=secured.detach()) as rest:
            while rest.recv(4_096):  # a close with something unread would take the alert away
                pass

    async def test() -> None:
        endpoint = Endpoint(
            url=f"wss://127.0.0.1:{listener.getsockname()[1]}", identity="CP1", tls=tower.trust()
        )
        server = asyncio.create_task(asyncio.to_thread(refuse))
        with pytest.raises(AttemptFailed) as failed:
            await dial(endpoint, ("ocpp1.6",))
        await server
        assert failed.value.failure.phase is Phase.TLS
        assert "it wants a certificate of this station" in failed.value.failure.words

    run(test)
    listener.close()


@pytest.mark.parametrize("speaks_tls", [False, True])
def test_the_wrong_one_of_ws_and_wss_is_told(tmp_path: Path, speaks_tls: bool) -> None:
    tower = Tower(tmp_path)
    office = Office(tls=tower.context if speaks_tls else None)
    found: list[Finding] = []

    async def test() -> None:
        await office.open()
        port = office.url.partition("://")[2]
        wrong = f"{'ws' if speaks_tls else 'wss'}://{port}"
        found.extend([f async for f in examine(plan(wrong, tls=tower.trust()))])
        await office.close()

    run(test)
    right = "wss://" if speaks_tls else "ws://"
    assert right in found[-1].words
    assert f"write the URL with {right}" in found[-1].advice


def test_a_certificate_that_ends_soon_is_told(tmp_path: Path) -> None:
    began = utc() - timedelta(days=10)
    tower = Tower(tmp_path, start=began, days=20)
    found = findings(Office(tls=tower.context), tls=tower.trust())
    assert exit_code(found) == 0
    assert any("ends in 9 days" in f.words for f in found if f.step == "certificate")


def test_a_port_that_speaks_no_tls_is_told(tmp_path: Path) -> None:
    async def test() -> None:
        async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        async with raw_server(babble) as url:
            tower = Tower(tmp_path)
            secure = plan(url.replace("ws:", "wss:"), tls=tower.trust())
            found = [f async for f in examine(secure)]
        assert "speaks no TLS" in of(found, "TLS").words

    run(test)


def test_a_wildcard_is_told_with_the_setting_that_allows_it(tmp_path: Path) -> None:
    found = of_failure(Failure(Phase.TLS, "…, and wildcards are not allowed here"))
    assert "wildcards = true" in found.advice


# What the station itself would connect with


def test_what_the_back_office_has_set_since_counts_and_no_file_is_touched(tmp_path: Path) -> None:
    """Key, profile and roots that were changed over OCPP are the ones that are examined with."""
    tower = Tower(tmp_path)
    folder = tmp_path / "security"
    store = CertificateStore(folder / CERTIFICATES)
    now_ms = round(utc().timestamp() * 1_000)
    assert (
        store.roots.install(Use.CSMS, tower.root.pem, now_ms, limit=9, must_be_signed=False).status
        is InstallStatus.ACCEPTED
    )
    config = SecurityConfig(
        url="ws://127.0.0.1:1/ocpp",
        secure_url="wss://127.0.0.1:2/ocpp",
        identity="CP1",
        profile=1,
        key=KEY,
        directory=folder,
        system_roots=False,
    )
    before = endpoint_of(config, now_ms)
    assert (before.url, before.basic_auth_key) == ("ws://127.0.0.1:1/ocpp", KEY)
    standing = Standing(configured=1, proven=2)
    beside = hashlib.sha256(KEY).hexdigest()
    CredentialFile(folder / CREDENTIALS).save(Credentials(standing, (bytes(16),), beside))
    files = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}

    found: list[Finding] = []

    async def test() -> None:
        office = locked(Office(tls=tower.context), bytes(16))
        await office.open()
        there = msgspec.structs.replace(config, secure_url=office.url)
        endpoint = endpoint_of(there, now_ms)
        found.extend(
            [f async for f in examine(Plan(endpoint=endpoint, versions=("ocpp1.6",), utc=utc))]
        )
        await office.close()

    run(test)
    assert exit_code(found) == 0
    assert "nobody is let in without one" in of(found, "authentication").words
    assert files == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_station_of_profile_3_shows_its_certificate(tmp_path: Path) -> None:
    tower = Tower(tmp_path)
    tower.context.verify_mode = ssl.CERT_REQUIRED
    tower.context.load_verify_locations(cadata=tower.root.pem)
    trusted = tmp_path / "roots.pem"
    trusted.write_text(tower.root.pem, "ascii")
    chain, key = tower.root.station("CP1").files(tmp_path, "station")
    folder = tmp_path / "security"
    CertificateStore(folder / CERTIFICATES).own.adopt(chain, key, round(utc().timestamp() * 1_000))
    now_ms = round(utc().timestamp() * 1_000)
    found: list[Finding] = []

    async def test() -> None:
        office = Office(tls=tower.context)
        await office.open()
        config = SecurityConfig(
            url=office.url,
            identity="CP1",
            profile=3,
            key=KEY,
            csms_roots=trusted,
            directory=folder,
            system_roots=False,
        )
        endpoint = endpoint_of(config, now_ms)
        assert endpoint.basic_auth_key == b"", "a certificate is shown instead"
        found.extend(
            [f async for f in examine(Plan(endpoint=endpoint, versions=("ocpp1.6",), utc=utc))]
        )
        await office.close()

    run(test)
    assert exit_code(found) == 0
    assert of(found, "authentication").verdict is Verdict.GOOD


def test_files_that_are_no_pair_or_no_certificates_are_named(tmp_path: Path) -> None:
    """What the library says of them names neither file nor key of the configuration."""
    root = Authority("Root A")
    chain, _ = root.station("CP1").files(tmp_path, "station")
    _, other = root.station("CP2").files(tmp_path, "other")
    now_ms = round(utc().timestamp() * 1_000)
    config = SecurityConfig(
        url="wss://127.0.0.1:1", identity="CP1", profile=3, certificate=chain, certificate_key=other
    )
    with pytest.raises(OSError, match=f"certificate in {chain} is for another key than {other}"):
        endpoint_of(config, now_ms).tls()
    roots = msgspec.structs.replace(config, csms_roots=other)
    with pytest.raises(ValueError, match=f"csms_roots_file = {other}: no X.509 certificate"):
        endpoint_of(roots, now_ms)
    roots = msgspec.structs.replace(config, csms_roots=tmp_path / "none")
    with pytest.raises(ValueError, match=r"csms_roots_file = .*none cannot be read: No such file"):
        endpoint_of(roots, now_ms)


# The command


def test_the_command_prints_and_exits(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["ocpp", "doctor", "ws://127.0.0.1:1/x", "--identity", "CP1"]) == 1
    out = capsys.readouterr().out
    assert "ok       address         ws://127.0.0.1:1/x/CP1" in out
    assert "PROBLEM  TCP " in out
    assert main(["ocpp", "doctor", "ws://127.0.0.1:1", "--identity", "CP1", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[1]["verdict"] == "PROBLEM"


def test_the_command_takes_the_stations_own_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = Path(examination.__file__).parents[2] / "hil" / "station_demo.toml"
    config = tmp_path / "station.toml"
    config.write_text(demo.read_text("utf-8").replace("127.0.0.1:9000", "127.0.0.1:1"), "utf-8")
    state = ["--state-dir", str(tmp_path / "state")]
    assert main(["ocpp", "doctor", "--config", str(config), *state]) == 1
    assert "ws://127.0.0.1:1/ocpp/" in capsys.readouterr().out
    monkeypatch.setenv("PIEVSE_CONFIG", str(config))
    assert main(["ocpp", "doctor", "--identity", "OTHER"]) == 1
    assert "/ocpp/OTHER" in capsys.readouterr().out


def test_wrong_usage_is_two(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PIEVSE_CONFIG", raising=False)
    monkeypatch.setattr("evse.cli.ocpp_doctor.CONFIG_PLACES", ())
    assert main(["ocpp", "doctor"]) == 2
    assert "name a back office" in capsys.readouterr().err
    missing = ["ws://127.0.0.1:1", "--identity", "CP", "--key-file", str(tmp_path / "none")]
    assert main(["ocpp", "doctor", *missing]) == 2
    assert "--key-file" in (told := capsys.readouterr().err)
    assert "cannot be read" in told
    assert main(["ocpp", "doctor", *missing[:3], "--ca", str(tmp_path / "none")]) == 2
    assert "--ca = " in capsys.readouterr().err
    assert main(["ocpp", "doctor", missing[0]]) == 2
    assert "name the station, too" in capsys.readouterr().err
