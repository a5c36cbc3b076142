"""What check-config says of the meters before a station is started with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.metering.settings import meter_problems, meter_warnings, reading_ms
from evse.cli import main
from evse.config.evse import MeterTable
from evse.config.load import parse
from evse.config.station import StationConfig

HEAD = """
[station]
identity = "M-1"
[board]
kind = "serial"
port = "/dev/ttyS0"
[authorization]
mode = "free"
"""


def text_with(*meters: str) -> str:
    text = HEAD
    for number, meter in enumerate(meters, start=1):
        text += f"""
[[evse]]
id = {number}
evse_id = "DE*PNX*E{number}*1"
connector = "cable"
max_current_a = 16.0
[evse.meter]
kind = "modbus"
port = "/dev/ttyUSB0"
unit = {number}
{meter}
"""
    return text


def station(*meters: str) -> StationConfig:
    return parse(text_with(*meters))


def test_a_model_without_known_line_settings_asks_for_them() -> None:
    (problem,) = meter_problems(station('model = "eem350"'))
    assert problem.startswith("[evse 1.meter] how the Phoenix Contact EEM-350-D-MCB is delivered")
    assert "say baud, parity, stop_bits" in problem
    given = 'model = "eem350"\nbaud = 9600\nparity = "N"\nstop_bits = 1'
    assert meter_problems(station(given)) == []


def test_a_shared_line_has_one_setting() -> None:
    assert meter_problems(station('model = "sdm630"', 'model = "iem3155"')) == [
        "[evse 2.meter] is set to 19200 8E1, and [evse 1.meter] on the same port /dev/ttyUSB0 to "
        "9600 8N1: a line has one setting"
    ]


def test_an_unknown_model_is_named_with_the_nearest() -> None:
    (problem,) = meter_problems(station('model = "smd630"'))
    assert problem == "[evse 1.meter] meter model 'smd630' is not known; did you mean sdm630?"


def test_eight_meters_at_9600_can_not_be_read_each_second() -> None:
    """165 bytes of ten bits are 172 ms, and 50 ms of turning round: eight take 1.8 s."""
    assert reading_ms(MeterTable(kind="modbus")) == 222
    assert list(meter_warnings(station(*["poll_ms = 1000"] * 4))) == []
    assert list(meter_warnings(station(*["poll_ms = 2000"] * 7, "poll_ms = 1000"))) == [
        "[evse 8.meter] poll_ms = 1000 can not be met: to read the 8 meters on /dev/ttyUSB0 once "
        "takes about 1.8 s at 9600 8N1; set poll_ms = 2000, or a higher baud rate"
    ]


def test_what_is_doubtful_of_a_model_is_told() -> None:
    (warning,) = meter_warnings(station('model = "em24"'))
    assert warning == (
        "[evse 1.meter] meter model em24 is not sure in all: 9600 8N1 as delivered is not confirmed"
    )


def test_a_meter_without_currents_is_told_to_watch_nothing() -> None:
    _doubt, warning = meter_warnings(station('model = "sdm72d_m"'))
    assert warning == (
        "[evse 1.meter] meter model sdm72d_m tells no currents: a car that takes more than it is "
        "offered is not noticed by it"
    )
    mains = """
[mains]
max_mains_a = 25
[mains.meter]
kind = "modbus"
model = "em111"
port = "/dev/ttyUSB1"
unit = 9
"""
    *_others, warning = meter_warnings(parse(text_with("") + mains))
    assert warning.startswith("[mains.meter] meter model em111 tells no currents: nothing can be")


def test_check_config_refuses_and_warns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "station.toml"
    file.write_text(text_with('model = "abb_b23"'))
    assert main(["check-config", str(file)]) == 1
    assert "station.toml: [evse 1.meter] how the ABB" in capsys.readouterr().err
    file.write_text(text_with('model = "em24"'))
    assert main(["check-config", str(file)]) == 0
    assert "warning: [evse 1.meter] meter model em24 is not sure" in capsys.readouterr().err
