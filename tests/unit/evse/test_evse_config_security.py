"""`[ocpp.security]`: what contradicts itself is told; the rest reaches the link."""

from __future__ import annotations

from pathlib import Path

import pytest

from evse.config.load import parse
from evse.config.read import ConfigError
from evse.run.ocpp import link_config
from hil.bench.station import StationSetup
from ocpp_link.config import LinkConfig
from ocpp_link.security.certificates import KeyType
from ocpp_link.security.events import CRITICAL, EventType


def linked(tmp_path: Path, url: str, lines: str = "", *, key: bool = False) -> LinkConfig:
    text = StationSetup(authorization="ocpp").toml(ocpp_url=url)
    if key:
        path = tmp_path / "key"
        path.write_text("sixteen or more!")
        text = text.replace("[ocpp]\n", f'[ocpp]\nbasic_auth_key_file = "{path}"\n')
        assert "basic_auth_key_file" in text
    config = parse(f"{text}\n[ocpp.security]\n{lines}\n", "station.toml")
    return link_config(config, state_dir=tmp_path, door=tmp_path / "door")


@pytest.mark.parametrize(
    ("url", "key", "lines", "profile"),
    [
        ("ws://host", False, "", 0),
        ("wss://host", False, "", 0),
        ("ws://host", True, "", 1),
        ("wss://host", True, "", 2),
        ("ws://host", True, 'tls_url = "wss://host"', 2),
        ("wss://host", True, 'certificate_file = "/c"\ncertificate_key_file = "/k"', 3),
        ("wss://host", True, "profile = 0", 0),
        ("ws://host", True, "profile = 2", 2),
    ],
)
def test_left_out_the_profile_is_the_highest_that_is_prepared(
    tmp_path: Path, url: str, key: bool, lines: str, profile: int
) -> None:
    assert linked(tmp_path, url, lines, key=key).secured.profile == profile


def test_every_option_reaches_the_link(tmp_path: Path) -> None:
    lines = """
    tls_url = "wss://two"
    certificate_url = "wss://three/x"
    csms_roots_file = "/roots"
    manufacturer_roots_file = "/maker"
    certificate_file = "/own"
    certificate_key_file = "/own.key"
    system_roots = false
    wildcards = true
    ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256"
    additional_root_check = true
    max_roots = 5
    key_type = "RSA-2048"
    cpo_name = "CPO"
    events = "critical"
    """
    config = linked(tmp_path, "wss://one", lines, key=True)
    found = config.secured
    assert (found.url, found.secure_url, found.mutual_url) == (
        "wss://one",
        "wss://two",
        "wss://three/x",
    )
    assert (found.csms_roots, found.manufacturer_roots) == (Path("/roots"), Path("/maker"))
    assert (found.certificate, found.certificate_key) == (Path("/own"), Path("/own.key"))
    assert (found.system_roots, found.wildcards, found.max_roots) == (False, True, 5)
    assert found.ciphers == "ECDHE-ECDSA-AES128-GCM-SHA256"
    assert found.key_type is KeyType.RSA2048
    assert found.additional_root_check
    assert found.told == CRITICAL < frozenset(EventType)
    assert found.key == b"sixteen or more!"
    assert config.settings.cpo_name == "CPO"
    assert found.directory == tmp_path / "ocpp-security"


@pytest.mark.parametrize(
    ("url", "lines", "words"),
    [
        ("wss://h", 'certificate_file = "/c"', "go together"),
        ("wss://h", "profile = 2", "needs [ocpp] basic_auth_key_file"),
        ("ws://h", "profile = 1", "needs [ocpp] basic_auth_key_file"),
        ("wss://h", "profile = 3", "needs certificate_file"),
        ("wss://h", "profile = 4", "profile"),
        ("wss://h", 'tls_url = "ws://h"', "wss://, a host"),
        ("wss://h", 'ciphers = "a b"', "ciphers"),
        (
            "wss://h",
            'profile = 3\nsystem_roots = false\ncertificate_file = "/c"\n'
            'certificate_key_file = "/k"',
            "nothing else vouches",
        ),
    ],
)
def test_what_can_not_be_is_told(tmp_path: Path, url: str, lines: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        linked(tmp_path, url, lines)
    assert words in str(caught.value)
    assert "ocpp.security" in str(caught.value)


def test_profile_1_is_no_tls(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="profile = 1 is a plain connection"):
        linked(tmp_path, "wss://h", "profile = 1", key=True)
