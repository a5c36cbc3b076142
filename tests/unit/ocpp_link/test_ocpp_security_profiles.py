"""Security profiles and the AuthorizationKey: OCPP 1.6 security whitepaper A01, A05, §7.2, §7.6.

TC_073_CS, TC_083_CS, TC_084_CS, TC_085_CS; pitfall 43.
"""

from __future__ import annotations

import ssl
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from security_rig import PLAIN_KEY, Secured, secured, with_root
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from hil.csms.authority import START, Authority
from ocpp_link.dialects import Dialects
from ocpp_link.ports import CoreReply
from ocpp_link.security import profiles
from ocpp_link.security.access import RESET_MS, TRIAL_MS
from ocpp_link.security.credentials import CredentialFile
from ocpp_link.security.part import CREDENTIALS
from ocpp_link.security.profiles import Means, Standing

HEX_KEY = "4F43415F4F4354545F61646D696E5F74657374"
EVERYTHING = Means(key=True, root=True, certificate=True)


@pytest.fixture(scope="module")
def root() -> Authority:
    return Authority("Root A")


def refused(status: int) -> ConnectionError:
    """What the connection tells of an HTTP answer."""
    error = ConnectionError("no")
    error.__cause__ = InvalidStatus(Response(status, "", Headers()))
    return error


# The AuthorizationKey


def test_a01_fr_01_a_new_key_is_used_for_the_next_connection_and_after_a_start(
    tmp_path: Path,
) -> None:
    """Whitepaper A01.FR.01, A00.FR.205; TC_073_CS: hex is decoded, the reconnect unprompted, and
    behind the answer."""
    rig = secured(tmp_path, profile=1, key=b"0123456789abcdef")
    assert rig.access.endpoint().basic_auth_key == b"0123456789abcdef"

    assert rig.write("AuthorizationKey", HEX_KEY) == "Accepted"
    assert rig.reconnects == []
    rig.run(1)
    assert rig.reconnects == ["a new AuthorizationKey"]
    for each in (rig, rig.again()):
        assert each.access.endpoint().basic_auth_key == bytes.fromhex(HEX_KEY)


def test_a_reconnect_lets_no_call_go_without_its_answer(tmp_path: Path) -> None:
    """OCPP-J 1.6 §4.1.1: what is asked right behind a new key is answered before the connection
    goes."""
    rig = secured(tmp_path, profile=1, key=b"0123456789abcdef")
    rig.core.replies["evse_manager.force_unlock"] = None
    rig.write("AuthorizationKey", HEX_KEY)
    rig.ask("UnlockConnector", {"connectorId": 1})
    rig.run(5)
    assert rig.reconnects == []
    rig.core.pending.pop()(CoreReply(result=True))
    rig.flush()
    assert rig.csms.replies[-1] == ("result", {"status": "Unlocked"})
    rig.run(1)
    assert rig.reconnects == ["a new AuthorizationKey"]


def test_a01_fr_10_the_key_lies_in_a_file_of_its_owner_only(tmp_path: Path) -> None:
    """Whitepaper A01.FR.10."""
    rig = secured(tmp_path)
    rig.write("AuthorizationKey", PLAIN_KEY)
    assert stat.S_IMODE((tmp_path / CREDENTIALS).stat().st_mode) == 0o600


def test_a01_fr_11_the_change_is_logged_and_the_key_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whitepaper A01.FR.11, FR.12."""
    rig = secured(tmp_path)
    rig.write("AuthorizationKey", PLAIN_KEY)
    rig.access.failed(refused(401))

    assert "ReconfigurationOfSecurityParameters" in rig.log()
    assert "AuthorizationKey" in rig.log()
    for text in (rig.log(), caplog.text, repr(rig.access.endpoint()), *rig.sent):
        assert PLAIN_KEY not in text


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_a01_fr_03_the_answer_waits_until_the_key_is_durable(tmp_path: Path, version: str) -> None:
    """Whitepaper A01.FR.03: a back office that was told takes no other key any more, and a power
    cut right after the answer must not bring the old one back. 2.0.1 part 2 A01.FR.02."""
    rig = Secured(tmp_path)
    rig.engine._dialects = Dialects((version,))
    rig.engine.subprotocols = rig.engine._dialects.subprotocols
    rig.engine.on_connected()
    rig.engine.take_frames()
    rig.store.latency_ms = 500
    row = {
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
        "attributeValue": PLAIN_KEY,
    }
    action, payload = {
        "1.6": ("ChangeConfiguration", {"key": "AuthorizationKey", "value": PLAIN_KEY}),
        "2.0.1": ("SetVariables", {"setVariableData": [row]}),
    }[version]
    rig.engine.on_frame(rig.csms.call(action, payload))
    assert rig.engine.take_frames() == []
    rig.clock.advance_to(rig.clock.now_ms() + 500)
    rig.engine.poll()
    (answer,) = rig.engine.take_frames()
    assert "Accepted" in answer
    assert CredentialFile(tmp_path / CREDENTIALS).load().passwords == (PLAIN_KEY.encode(),)


def test_7_2_the_key_is_write_only(tmp_path: Path) -> None:
    """Whitepaper §7.2: named by GetConfiguration, never shown."""
    rig = secured(tmp_path)
    rig.write("AuthorizationKey", PLAIN_KEY)
    assert rig.read("AuthorizationKey") == {"key": "AuthorizationKey", "readonly": False}


@pytest.mark.parametrize(
    "key", ["", "short", "x" * 15, "x" * 21, "x" * 32, "0" * 30, "0" * 33, "0" * 42, "x\n" * 8]
)
def test_pitfall_43_a_key_of_a_wrong_length_is_rejected_and_changes_nothing(
    tmp_path: Path, key: str
) -> None:
    """Whitepaper A00.FR.205; pitfall 43."""
    rig = secured(tmp_path, key=PLAIN_KEY.encode())
    assert rig.write("AuthorizationKey", key) == "Rejected"
    rig.run(1)
    assert rig.reconnects == []
    assert rig.access.endpoint().basic_auth_key == PLAIN_KEY.encode()


def test_pitfall_43_blanks_are_part_of_a_key(tmp_path: Path) -> None:
    """Pitfall 43: what the back office sends with them must be what it gets."""
    rig = secured(tmp_path)
    assert rig.write("AuthorizationKey", f" {PLAIN_KEY} ") == "Accepted"
    assert rig.access.endpoint().basic_auth_key == f" {PLAIN_KEY} ".encode()


def test_pitfall_43_a_back_office_that_took_the_digits_for_the_password_is_found(
    tmp_path: Path,
) -> None:
    """Pitfall 43: the decoded bytes first, then the digits, in turns."""
    rig = secured(tmp_path)
    rig.write("AuthorizationKey", HEX_KEY)
    tried = []
    for _ in range(3):
        tried.append(rig.access.endpoint().basic_auth_key)
        rig.access.failed(refused(401))
    assert tried == [bytes.fromhex(HEX_KEY), HEX_KEY.encode(), bytes.fromhex(HEX_KEY)]


def test_a_key_that_the_owner_configures_anew_takes_the_place_of_the_back_offices(
    tmp_path: Path,
) -> None:
    rig = secured(tmp_path, key=b"the first of all")
    rig.write("AuthorizationKey", PLAIN_KEY)
    assert rig.again().access.endpoint().basic_auth_key == PLAIN_KEY.encode()
    rig = rig.again(key=b"the owner's own.")
    assert rig.access.endpoint().basic_auth_key == b"the owner's own."


def test_a_configured_key_may_be_of_any_length(tmp_path: Path) -> None:
    """Back offices before the whitepaper gave all kinds of passwords."""
    assert secured(tmp_path, key=b"\xff\x00").access.endpoint().basic_auth_key == b"\xff\x00"


def test_2_01_a00_fr_205_a_password_of_2_0_1_is_its_characters() -> None:
    """OCPP 2.0.1 part 2 A00.FR.205: 16 to 40 of them, whatever they look like."""
    assert profiles.plain_key_of(HEX_KEY) == (HEX_KEY.encode(),)
    for text in ("x" * 15, "x" * 41, "x" * 20 + "\n"):
        with pytest.raises(ValueError):
            profiles.plain_key_of(text)


@given(st.text(max_size=50))
def test_keys_are_read_or_refused(text: str) -> None:
    try:
        readings = profiles.keys_of(text)
    except ValueError:
        return
    assert 16 <= len(readings[0]) <= 20
    assert text.encode() in readings


# Raising the profile


@pytest.mark.parametrize("now", range(4))
@pytest.mark.parametrize("wanted", range(4))
def test_a05_fr_01_a_profile_is_only_raised(now: int, wanted: int) -> None:
    """Whitepaper A05.FR.01, A00.FR.005; TC_084_CS."""
    objection = profiles.objection(Standing(now, now), wanted, EVERYTHING)
    assert bool(objection) is (wanted <= now)


@pytest.mark.parametrize(
    ("wanted", "lacking"),
    [(1, "key"), (2, "key"), (2, "root"), (3, "root"), (3, "certificate")],
)
def test_a05_fr_02_to_04_what_is_missing_refuses_the_profile(wanted: int, lacking: str) -> None:
    """Whitepaper A05.FR.02, FR.03, FR.04."""
    means = Means(**{name: name != lacking for name in ("key", "root", "certificate")})
    assert profiles.objection(Standing(0, 0), wanted, means)


def test_a05_fr_03_a_root_that_has_expired_is_none(tmp_path: Path) -> None:
    """Whitepaper A05.FR.03: a *valid* root."""
    rig = secured(tmp_path, key=PLAIN_KEY.encode())
    with_root(rig, Authority("Short", days=900))
    rig.clock.advance_to(600 * 86_400_000)
    assert rig.write("SecurityProfile", "2") == "Rejected"


def test_a05_fr_05_to_07_an_accepted_profile_is_used_for_the_next_connection(
    tmp_path: Path, root: Authority
) -> None:
    """Whitepaper A05.FR.05, FR.06, FR.07; scheme and profile go together."""
    rig = secured(tmp_path, url="ws://csms.example.com:8080/ocpp", key=PLAIN_KEY.encode())
    assert rig.write("SecurityProfile", "2") == "Rejected"
    with_root(rig, root)

    assert rig.write("SecurityProfile", "2") == "Accepted"
    assert rig.reconnects == []
    rig.run(RESET_MS / 1_000)
    assert rig.reconnects == ["security profile 2"]
    endpoint = rig.access.endpoint()
    assert endpoint.url == "wss://csms.example.com:8080/ocpp"
    assert endpoint.basic_auth_key == PLAIN_KEY.encode()
    assert endpoint.tls().verify_mode is ssl.CERT_REQUIRED
    assert rig.read("SecurityProfile")["value"] == "2"


def test_tc_083_a_reset_right_after_the_answer_comes_up_with_the_new_profile(
    tmp_path: Path, root: Authority
) -> None:
    """TC_083_CS: the next start connects with the new profile, and only with it."""
    rig = secured(tmp_path, key=PLAIN_KEY.encode())
    with_root(rig, root)
    rig.write("SecurityProfile", "2")
    rig = rig.again()

    assert rig.access.endpoint().url.startswith("wss:")
    rig.start()
    rig.run(2 * TRIAL_MS / 1_000)
    assert rig.access.profile == 2


def test_tc_083_once_it_worked_there_is_no_way_back(tmp_path: Path, root: Authority) -> None:
    """TC_083_CS; whitepaper A05.FR.09: however long the back office stays away, and over starts."""
    rig = secured(tmp_path, key=PLAIN_KEY.encode())
    with_root(rig, root)
    rig.write("SecurityProfile", "2")
    rig.come_back()
    rig.disconnect()
    rig.run(10 * TRIAL_MS / 1_000)

    for each in (rig, rig.again()):
        assert each.access.profile == 2
        assert each.access.endpoint().url.startswith("wss:")


def test_a05_fr_08_a_profile_with_which_nothing_connects_is_given_up(
    tmp_path: Path, root: Authority
) -> None:
    """Whitepaper A05.FR.08: the old one again, at once, and logged; the new one may be asked for
    again."""
    rig = secured(tmp_path, key=PLAIN_KEY.encode())
    with_root(rig, root)
    rig.write("SecurityProfile", "2")
    rig.run(RESET_MS / 1_000)
    rig.disconnect()
    rig.run(TRIAL_MS / 1_000)

    assert rig.reconnects[1:] == ["security profile 2 came to nothing, 0 again"]
    assert rig.access.endpoint().url.startswith("ws:")
    assert "came to nothing" in rig.log()
    rig.connect()
    assert rig.read("SecurityProfile")["value"] == "0"
    assert rig.again().access.profile == 0
    assert rig.write("SecurityProfile", "2") == "Accepted"


def test_a05_fr_09_only_a_connection_with_the_new_profile_proves_it(
    tmp_path: Path, root: Authority
) -> None:
    """Whitepaper A05.FR.07, FR.09: an attempt that began with the old one says nothing."""
    rig = secured(tmp_path, key=PLAIN_KEY.encode())
    with_root(rig, root)
    rig.access.endpoint()
    rig.write("SecurityProfile", "2")
    rig.disconnect()
    rig.connect()
    rig.run(TRIAL_MS / 1_000)
    assert rig.access.profile == 0


def test_a05_fr_08_a_trial_goes_on_over_a_start(tmp_path: Path, root: Authority) -> None:
    """Whitepaper A05.FR.08."""
    rig = secured(tmp_path, key=PLAIN_KEY.encode())
    with_root(rig, root)
    rig.write("SecurityProfile", "2")
    rig = rig.again()
    rig.run(TRIAL_MS / 1_000)
    assert rig.access.profile == 0


def test_a00_fr_005_the_owner_may_lower_the_profile(tmp_path: Path) -> None:
    """Whitepaper A00.FR.005: by another way than OCPP, which is the configuration."""
    rig = secured(tmp_path, profile=1, key=PLAIN_KEY.encode())
    assert rig.write("SecurityProfile", "0") == "Rejected"
    rig = rig.again(profile=0)
    assert rig.access.profile == 0
    assert rig.start().ask("GetConfiguration", {"key": ["SecurityProfile"]})[1][
        "configurationKey"
    ] == [{"key": "SecurityProfile", "readonly": False, "value": "0"}]


def test_a00_fr_005_a_profile_that_nobody_named_lowers_nothing() -> None:
    """Whitepaper A00.FR.005: a file that is added to the configuration says nothing of a profile
    that the back office raised further."""
    raised = profiles.connected(profiles.begun(Standing(0, 0), 2))
    assert profiles.at_start(raised, 1, is_owners_word=False) == raised
    assert profiles.at_start(raised, 3, is_owners_word=False) == Standing(3, 3)
    assert profiles.at_start(raised, 1) == Standing(1, 1)


def test_a00_fr_401_profile_3_shows_a_certificate_and_no_password(
    tmp_path: Path, root: Authority
) -> None:
    """Whitepaper A00.FR.401, FR.402; and each profile may have a URL of its own (A00.FR.006)."""
    chain, key = root.station("SN-1", "CPO").files(tmp_path, "station")
    rig = secured(
        tmp_path / "state",
        key=PLAIN_KEY.encode(),
        certificate=chain,
        certificate_key=key,
        mutual_url="wss://csms.example.com:8443",
    )
    with_root(rig, root)
    assert rig.write("SecurityProfile", "3") == "Accepted"

    endpoint = rig.access.endpoint()
    assert endpoint.basic_auth_key == b""
    assert endpoint.url == "wss://csms.example.com:8443"
    assert len(endpoint.tls().get_ca_certs()) >= 1


def test_a02_fr_10_a_refused_certificate_lets_the_older_one_try(
    tmp_path: Path, root: Authority
) -> None:
    """Whitepaper A02.FR.09, FR.10: the newest first; the old one is the fall-back."""
    chain, key = root.station("SN-1", "CPO").files(tmp_path, "old")
    rig = secured(tmp_path / "state", profile=3, certificate=chain, certificate_key=key)
    chain, key = root.station("SN-1", "CPO", start=START + timedelta(days=1)).files(tmp_path, "new")
    rig = rig.again(certificate=chain, certificate_key=key)
    contents = rig.engine.security.authorities.contents
    newest, oldest = contents.own_valid(rig.engine.station.utc_ms())
    rig.access.endpoint()
    assert rig.access._shown == newest.fingerprint

    alert = ssl.SSLError(1, "x")
    alert.reason = "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    rig.access.failed(alert)
    rig.access.endpoint()
    assert rig.access._shown == oldest.fingerprint


@given(
    st.lists(
        st.one_of(
            st.integers(0, 3).map(lambda n: ("ask", n)),
            st.sampled_from([("connected", 0), ("given up", 0), ("start", 0)]),
        ),
        max_size=30,
    )
)
def test_a05_whatever_happens_a_profile_that_worked_is_never_left(
    acts: list[tuple[str, int]],
) -> None:
    """Whitepaper A05.FR.08, FR.09 as a property."""
    standing, worked = Standing(0, 0), 0
    for act, number in acts:
        match act:
            case "ask" if not profiles.objection(standing, number, EVERYTHING):
                standing = profiles.begun(standing, number)
            case "connected":
                standing = profiles.connected(standing)
                worked = standing.in_use
            case "given up":
                standing = profiles.given_up(standing)
            case "start":
                standing = profiles.at_start(standing, 0)
        assert standing.in_use >= worked == standing.proven


# What an unencrypted link does without


def test_an_unencrypted_link_never_imports_cryptography(tmp_path: Path) -> None:
    """55 ms and 10 MB on a small machine: not for who has no certificate."""
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from security_rig import Secured
import hil.csms.authority
for name in [name for name in sys.modules if name.startswith("cryptography")]:
    del sys.modules[name]
sys.modules["cryptography"] = None
rig = Secured(Path({str(tmp_path)!r}), key=b"sixteen or more!")
rig.start()
rig.write("AuthorizationKey", "sixteen or more?")
rig.ask("GetInstalledCertificateIds", {{"certificateType": "CentralSystemRootCertificate"}})
assert rig.access.endpoint().basic_auth_key
rig.run(90_000)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# Warnings and damage


@pytest.mark.parametrize(("url", "warned"), [("ws://host/ocpp", True), ("wss://host/ocpp", False)])
def test_a00_fr_206_a_key_on_an_open_wire_is_warned_of(
    tmp_path: Path, url: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Whitepaper A00.FR.206."""
    Secured(tmp_path, url=url, key=b"key")
    assert ("unencrypted" in caplog.text) is warned


def test_a_damaged_file_of_credentials_is_set_aside(tmp_path: Path) -> None:
    rig = secured(tmp_path, key=PLAIN_KEY.encode())
    rig.write("AuthorizationKey", HEX_KEY)
    (tmp_path / CREDENTIALS).write_bytes(b"{")
    assert rig.again().access.endpoint().basic_auth_key == PLAIN_KEY.encode()
    assert (tmp_path / "set-aside" / CREDENTIALS).exists()
