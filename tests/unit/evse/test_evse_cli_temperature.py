"""`evse temperature`, the process beside a guard whose board has slow sensors."""

from __future__ import annotations

import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from evse.cli import main

ROOT = Path(__file__).parents[3]
WITHIN_S = 20


@pytest.fixture
def station(tmp_path: Path) -> Path:
    """A native station with two sensors of which this computer has none."""
    shipped = resources.files("drivers.board").joinpath("profiles", "pievse-reference.toml")
    slow = 'kind = "slow"\nsensors = ["w1:28-0316a2795bff", "lm75:/dev/i2c-99:0x48"]\n'
    profile = tmp_path / "slow.toml"
    text = shipped.read_text("utf-8").replace('kind = "ntc"\nchannel = 2\n', slow)
    profile.write_text(text, "utf-8")
    config = (ROOT / "hil" / "station_free.toml").read_text("utf-8")
    native = f'kind = "native"\nprofile = "{profile}"\nbench = true'
    config = config.replace('kind = "simulated"', native)
    config = config.replace('kind = "modbus"', 'kind = "modbus"\nport = "/dev/ttyUSB0"')
    path = tmp_path / "station.toml"
    path.write_text(config, "utf-8")
    return path


def test_silent_sensors_are_told_with_what_to_do_and_the_file_is_there(
    station: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "evse", "temperature", "--config", str(station)]
    with subprocess.Popen(
        [*command, "--run-dir", str(tmp_path)], stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as reader:
        assert reader.stderr is not None
        told = [reader.stderr.readline() for _ in range(2)]
        reader.terminate()
        reader.wait(WITHIN_S)
    assert "/sys/bus/w1/devices/28-0316a2795bff/w1_slave: No such file" in told[0]
    assert "is it wired to the pin of dtoverlay=w1-gpio?" in told[0]
    assert "/dev/i2c-99 at 0x48" in told[1]
    assert (tmp_path / "temperature").read_text() == ""


def test_a_run_directory_that_is_not_there_is_said(
    station: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = str(tmp_path / "nowhere")
    assert main(["temperature", "--config", str(station), "--run-dir", nowhere]) == 1
    told = capsys.readouterr().err
    assert nowhere in told
    assert "a folder in RAM that is there" in told


def test_board_check_and_check_config_know_the_sensors(
    station: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check-config", str(station), "--needs", "temperature"]) == 0
    options = ["--config", str(station), "--step", "evse1.temperature"]
    assert main(["board", "check", *options]) == 2
    assert "w1:28-0316a2795bff, lm75:/dev/i2c-99:0x48" in capsys.readouterr().out
