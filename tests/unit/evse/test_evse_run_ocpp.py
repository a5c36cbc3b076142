"""From a station's configuration to its OCPP process: the AuthorizationKey's file."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import pytest
from station_rig import config

from evse.config.read import ConfigError
from evse.run.ocpp import link_config
from ocpp_link.config import LinkConfig

STATION = """
[station]
identity = "TEST-1"
[board]
kind = "simulated"
[[evse]]
id = 1
evse_id = "DE*PNX*E0001*1"
connector = "cable"
max_current_a = 16.0
[authorization]
mode = "ocpp"
[ocpp]
url = "ws://127.0.0.1:9/ocpp"
basic_auth_key_file = "{path}"
"""


def linked(key_file: str, place: Path) -> LinkConfig:
    station = config()
    assert station.ocpp is not None
    ocpp = msgspec.structs.replace(station.ocpp, basic_auth_key_file=key_file)
    station = msgspec.structs.replace(station, ocpp=ocpp)
    return link_config(station, state_dir=place, door=place / "core.sock")


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (b"secret", b"secret"),
        (b"secret\n", b"secret"),
        (b" a\n\n", b" a\n"),
        (b"k" * 64, b"k" * 64),
    ],
)
def test_the_key_is_the_file_without_one_line_break(
    content: bytes, key: bytes, tmp_path: Path
) -> None:
    (tmp_path / "key").write_bytes(content)
    assert linked(str(tmp_path / "key"), tmp_path).basic_auth_key == key


def test_without_a_file_there_is_no_key(tmp_path: Path) -> None:
    assert linked("", tmp_path).basic_auth_key == b""


@pytest.mark.parametrize("content", [b"", b"\n", b"k" * 65, b"k" * 65 + b"\n", b"k" * 999])
def test_a_file_that_holds_no_key_is_refused_without_showing_it(
    content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(ConfigError, match=r"basic_auth_key_file = .* must hold") as caught:
        linked(str(tmp_path / "key"), tmp_path)
    assert "kkk" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named_at_the_start() -> None:
    with tempfile.TemporaryDirectory() as folder:  # short enough for the path of a socket
        path = Path(folder) / "station.toml"
        path.write_text(STATION.format(path=f"{folder}/gone"), "utf-8")
        command = [sys.executable, "-m", "evse", "ocpp", "--config", str(path)]
        done = subprocess.run(
            [*command, "--state-dir", folder], capture_output=True, timeout=50, check=False
        )
    assert done.returncode == 1
    assert f"[ocpp] basic_auth_key_file = {folder}/gone cannot be read" in done.stderr.decode()


def test_9_1_7_the_link_knows_the_phase_rotation_of_the_configuration(tmp_path: Path) -> None:
    assert linked("", tmp_path).settings.phase_rotation == ("1.RST",)


def test_the_computer_s_clock_is_the_link_s_to_set_only_where_that_is_configured(
    tmp_path: Path,
) -> None:
    assert not linked("", tmp_path).sets_clock
