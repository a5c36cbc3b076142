"""`[[rfid]]` in the configuration file: what is taken, and every mistake in words."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from evse.cli.run import simulated
from evse.config.load import effective, parse
from evse.config.read import ConfigError

STATION = """
[station]
identity = "CP-1"
[board]
kind = "serial"
port = "/dev/ttyACM0"
[authorization]
mode = "door"
[[evse]]
id = 1
evse_id = "DE*PNX*E1*1"
connector = "cable"
max_current_a = 16
meter = { kind = "modbus", port = "/dev/ttyUSB0" }
[[evse.derating]]
at_c = 60
factor = 0.5
leave_c = 55
"""


def reader(*lines: str, kind: str = "pn532", port: str = "/dev/ttyAMA0") -> str:
    return "\n".join(["[[rfid]]", f'kind = "{kind}"', f'port = "{port}"', *lines, ""])


@pytest.mark.parametrize(
    "text",
    [
        reader(),
        reader("evses = [1]", "allow_random = true", 'byte_order = "reversed"'),
        reader('terminator = "etx"', 'token_type = "Local"', "baud = 9600", kind="serial_line"),
        reader('format = "decimal"', "uid_bytes = 7", kind="keyboard"),
        reader('token_type = "KeyCode"', 'format = "text"', kind="keyboard"),
        reader() + reader(kind="keyboard", port="/dev/input/by-id/x-event-kbd"),
    ],
)
def test_a_reader_is_taken_and_shown_as_it_is(text: str) -> None:
    config = parse(STATION + text)
    assert len(config.rfid) == text.count("[[rfid]]")
    assert parse(effective(config)) == config


def test_a_station_without_a_reader_is_as_good() -> None:
    assert parse(STATION).rfid == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (reader("baudrate = 9600"), "baudrate is not known"),
        (reader(kind="rc522"), 'kind = "rc522" must be one of'),
        ('[[rfid]]\nkind = "pn532"\n', "port is missing"),
        (reader(port=""), "port is missing"),
        (reader(port="ttyAMA0"), "an absolute path"),
        (reader(port="/dev/ttyUSB0"), "already that of something else"),
        (reader(port="/dev/ttyACM0"), "already that of something else"),
        (reader() + reader(), "[rfid 2] port = /dev/ttyAMA0 is already"),
        (reader("evses = [1, 2]"), "evses names 2: the station has [1]"),
        (reader("baud = 9600", kind="keyboard"), "baud is for"),
        (reader('terminator = "etx"'), 'terminator is for kind = "serial_line"'),
        (reader('format = "decimal"'), 'format is for kind = "serial_line or keyboard"'),
        (reader('token_type = "ISO15693"'), "what a PN532 reads here is ISO14443"),
        (reader('token_type = "KeyCode"', kind="keyboard"), 'needs format = "text"'),
        (reader("uid_bytes = 7", kind="keyboard"), 'needs format = "decimal"'),
        (reader("gone_ms = 100"), "gone_ms = 100 must be a whole number from 1000"),
        (reader('format = "text"', 'byte_order = "reversed"', kind="keyboard"), "for UIDs"),
        (
            reader("allow_random = true", 'token_type = "Local"', kind="keyboard"),
            "no random UIDs",
        ),
    ],
)
def test_a_mistake_is_named_with_its_table(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(STATION + text)
    (problem, *_) = caught.value.problems
    assert says in problem
    assert "[rfid " in problem


def test_sim_leaves_the_readers_of_a_real_board_out_and_keeps_those_of_a_simulated_one() -> None:
    real = parse(STATION + reader())
    assert simulated(real).rfid == ()
    at_a_desk = parse(STATION.replace('"serial"\nport = "/dev/ttyACM0"', '"simulated"') + reader())
    assert len(simulated(at_a_desk).rfid) == 1


def test_the_examples_of_the_page_are_taken() -> None:
    page = (Path(__file__).parents[3] / "docs" / "rfid.md").read_text("utf-8")
    blocks = re.findall(r"(?:^    .*\n|^\n)+", page, re.MULTILINE)
    (example,) = [block for block in blocks if "[[rfid]]" in block]
    second = (
        STATION[STATION.index("[[evse]]") :].replace("id = 1", "id = 2").replace("E1*1", "E2*1")
    )
    second = second.replace("/dev/ttyUSB0", "/dev/ttyUSB1")
    config = parse(STATION + second + textwrap.dedent(example))
    assert [table.kind for table in config.rfid] == ["pn532", "serial_line", "keyboard"]
