"""The mock header: levels as metal has them."""

from __future__ import annotations

import pytest
from gpiozero import InputDevice, OutputDevice

from drivers.gpio.lines import Lines
from drivers.gpio.wires import InputPin, OutputPin
from hil.pi.header import PI_5, ZERO_2_W, MockHeader


def test_a_pad_before_anybody_claims_it_is_where_its_pull_takes_it() -> None:
    header = MockHeader()
    assert [header.level(gpio) for gpio in (0, 8, 9, 27)] == [True, True, False, False]
    header.drive(8, False)
    assert not header.level(8)


def test_the_computer_wins_over_what_is_wired_to_its_output() -> None:
    header = MockHeader({"coil": 17})
    header.drive("coil", True)
    coil = OutputDevice(17, pin_factory=header.factory)
    assert not header.level("coil")
    coil.close()
    assert header.level("coil")


def test_an_output_wired_to_an_input() -> None:
    header = MockHeader({"coil": 17})
    header.name("mirror", 22)
    lines = Lines(header.factory)
    coil = lines.output(OutputPin(17), "coil")
    mirror = lines.input(InputPin(22), "mirror")
    header.wire("coil", "mirror")
    for on in (False, True, False):
        coil.write(on)
        assert mirror.read(0) is on
    header.wire("coil", "mirror", inverted=True)
    assert mirror.read(0) is True


def test_a_watcher_hears_each_change_once() -> None:
    header = MockHeader()
    heard: list[bool] = []
    header.watch(22, heard.append)
    header.drive(22, True)
    header.drive(22, True)
    header.drive(22, None)
    assert heard == [True, False]


@pytest.mark.parametrize("revision", [ZERO_2_W, PI_5])
def test_other_boards_have_the_same_header(revision: str) -> None:
    header = MockHeader(revision=revision)
    assert InputDevice(22, pull_up=True, pin_factory=header.factory).value == 0
    assert header.factory.board_info.model in ("Zero2W", "5B")


def test_two_lines_of_the_chip_may_fail_alone() -> None:
    header = MockHeader({"coil": 17})
    coil = OutputDevice(17, pin_factory=header.factory)
    other = OutputDevice(27, pin_factory=header.factory)
    header.lose("coil")
    other.on()
    with pytest.raises(OSError, match="No such device"):
        coil.on()
    header.find()
    coil.on()
    assert header.level("coil")
