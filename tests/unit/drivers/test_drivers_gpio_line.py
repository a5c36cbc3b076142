"""Lines over the real gpiozero: levels, pulls, errors, floating wires, two functions on one pin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import GpioUnavailable, ProfileError
from drivers.gpio.chatter import CALM_MS, MOST_CHANGES, WINDOW_MS, Chatter
from drivers.gpio.line import InputLine
from drivers.gpio.lines import MOVED_BY_OTHERS, Lines
from drivers.gpio.release import PARAMETERS, outputs_outlive_process
from drivers.gpio.wires import Contact, InputPin, OutputPin, WiredTo
from evse.board_faults import Wiring
from hil.pi.header import MockHeader

NAMES = {"coil": 17, "light": 27, "door": 22, "sda": 2}


def bench() -> tuple[MockHeader, Lines]:
    header = MockHeader(NAMES)
    return header, Lines(header.factory)


# --- outputs -------------------------------------------------------------------------------------


def test_an_output_is_off_when_claimed_and_off_when_closed() -> None:
    header, lines = bench()
    seen: list[bool] = []
    header.watch("coil", seen.append)
    coil = lines.output(OutputPin(17), "coil")
    assert not coil.is_on
    coil.write(True)
    lines.close()
    assert seen == [True, False]
    assert header.pad("coil").driven is None
    assert header.pad("coil").pull == "floating"


def test_an_active_low_output_is_high_when_off() -> None:
    header, lines = bench()
    header.drive("light", True)  # the resistor outside
    lamp = lines.output(OutputPin(27, active_high=False), "light")
    assert header.level("light")
    lamp.write(True)
    assert not header.level("light")


def test_an_active_low_output_blinks_when_it_is_claimed() -> None:
    """Why it is refused for everything that moves."""
    header, lines = bench()
    header.drive("light", True)
    seen: list[bool] = []
    header.watch("light", seen.append)
    lines.output(OutputPin(27, active_high=False), "light")
    assert seen == [False, True]


def test_an_active_low_coil_is_refused_before_its_pin_is_touched() -> None:
    header, lines = bench()
    header.lose()
    with pytest.raises(ProfileError, match=r"GPIO17 \(coil\): active_high = false would switch"):
        lines.power(OutputPin(17, active_high=False), "coil")


@pytest.mark.parametrize("gpio", MOVED_BY_OTHERS)
def test_a_pin_that_is_high_while_the_computer_starts_moves_nothing(gpio: int) -> None:
    _, lines = bench()
    with pytest.raises(ProfileError, match=rf"GPIO{gpio} \(coil\) .*: take another pin"):
        lines.power(OutputPin(gpio), "coil")
    assert lines.output(OutputPin(gpio), "light").pin.gpio == gpio


def test_an_order_that_failed_is_given_again() -> None:
    header, lines = bench()
    coil = lines.output(OutputPin(17), "coil")
    header.lose()
    with pytest.raises(GpioUnavailable, match=r"GPIO17 \(coil\) takes no orders: .*No such device"):
        coil.write(True)
    assert coil.is_on, "nobody knows, so it counts as on"
    with pytest.raises(GpioUnavailable):
        coil.write(False)
    header.find()
    coil.write(False)
    assert not coil.is_on


def test_a_gpio_error_is_also_an_oserror_so_that_the_guard_ends_on_it() -> None:
    header, lines = bench()
    header.lose()
    with pytest.raises(OSError, match="can not be claimed"):
        lines.output(OutputPin(17), "coil")
    header.find()


def test_a_pin_that_the_header_does_not_have_is_named() -> None:
    _, lines = bench()
    with pytest.raises(GpioUnavailable, match=r"GPIO77 \(coil\) can not be claimed"):
        lines.output(OutputPin(77), "coil")


def test_a_dimmed_light_has_a_duty() -> None:
    header, lines = bench()
    lamp = lines.light(OutputPin(27), "light", 40)
    assert header.pad("light").driven == 0.0
    lamp.write(True)
    assert header.pad("light").driven == 0.4
    assert header.pad("light").frequency == 200
    lines.close()
    assert header.pad("light").driven is None


def test_closing_switches_everything_off_before_it_releases_anything() -> None:
    header, lines = bench()
    coil = lines.output(OutputPin(17), "coil")
    lamp = lines.output(OutputPin(27), "light")
    coil.write(True)
    lamp.write(True)
    order: list[str] = []
    header.watch("coil", lambda high: order.append(f"coil {header.pad('light').driven}"))
    header.watch("light", lambda high: order.append("light"))
    lines.close()
    lines.close()
    assert order == ["coil 1.0", "light"]


def test_closing_a_header_that_is_gone_says_so_until_it_is_back() -> None:
    header, lines = bench()
    lines.output(OutputPin(17), "coil").write(True)
    lines.input(InputPin(22), "door")
    header.lose()
    for _ in range(2):
        with pytest.raises(GpioUnavailable, match="coil"):
            lines.close()
    assert header.level("coil"), "which is what the watchdog of the coil's supply is for"
    header.find()
    lines.close()
    assert not header.level("coil")


# --- claims --------------------------------------------------------------------------------------


def test_a_pin_used_twice_names_both_functions() -> None:
    _, lines = bench()
    lines.of("EVSE 1").output(OutputPin(17), "coil")
    with pytest.raises(
        ProfileError, match="GPIO17 is given to two functions: EVSE 1 coil and EVSE 2 door"
    ):
        lines.of("EVSE 2").input(InputPin(17), "door")


def test_a_pin_of_another_driver_is_reserved() -> None:
    _, lines = bench()
    lines.reserve(18, "pilot PWM")
    with pytest.raises(ProfileError, match=r"GPIO18 .* pilot PWM and buzzer"):
        lines.output(OutputPin(18), "buzzer")


# --- inputs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contact", "wired_to", "pull", "at_rest", "broken"),
    [
        (Contact.NC, WiredTo.GROUND, "up", False, True),
        (Contact.NC, WiredTo.SUPPLY, "down", True, True),
        (Contact.NO, WiredTo.GROUND, "up", True, False),
        (Contact.NO, WiredTo.SUPPLY, "down", False, False),
    ],
)
def test_what_a_contact_reads_as(
    contact: Contact, wired_to: WiredTo, pull: str, at_rest: bool, broken: bool
) -> None:
    """`at_rest`, `broken`: level of the pad with the contact at rest; reading of a cut wire."""
    header, lines = bench()
    header.drive("door", at_rest)
    line = lines.input(InputPin(22, contact, wired_to), "door")
    assert header.pad("door").pull == pull
    assert line.read(0) is False
    header.drive("door", not at_rest)
    assert line.read(10) is True
    header.drive("door", None)
    assert line.read(20) is broken


def test_a_resistor_outside_leaves_the_one_inside_off() -> None:
    header, lines = bench()
    header.drive("door", True)
    assert lines.input(InputPin(22, external_pull=True), "door").read(0) is True
    assert header.pad("door").pull == "floating"


def test_the_fixed_pull_of_gpio2_is_told_by_name() -> None:
    _, lines = bench()
    with pytest.raises(GpioUnavailable, match=r"GPIO2 \(door\) can not be claimed: .*pull-up"):
        lines.input(InputPin(2, wired_to=WiredTo.SUPPLY), "door")


def test_a_protecting_input_must_be_a_contact_that_opens() -> None:
    _, lines = bench()
    with pytest.raises(ProfileError, match=r'GPIO22 \(door\): contact = "no" can not tell'):
        lines.safety_input(InputPin(22, Contact.NO), "door")


def test_an_input_that_can_not_be_read_is_named() -> None:
    header, lines = bench()
    line = lines.input(InputPin(22), "door")
    header.lose()
    with pytest.raises(GpioUnavailable, match=r"GPIO22 \(door\) can not be read"):
        line.read(0)
    header.find()
    assert line.read(10) is True
    line.close()
    with pytest.raises(GpioUnavailable, match="is closed"):
        line.read(20)


# --- floating wires ------------------------------------------------------------------------------


def hum(line: InputLine, header: MockHeader, from_ms: int, until_ms: int) -> list[bool]:
    """Readings while the wire changes at each period."""
    found = []
    for now_ms in range(from_ms, until_ms, 10):
        header.drive("door", not header.level("door"))
        found.append(line.read(now_ms))
    return found


def test_a_floating_protecting_input_reads_as_active() -> None:
    header, lines = bench()
    header.drive("door", False)
    line = lines.safety_input(InputPin(22), "door", floating=Wiring.RCD_FLOATING)
    readings = hum(line, header, 0, 300)
    assert True in readings[:2], "it does not wait for the verdict"
    assert all(readings[MOST_CHANGES + 1 :])
    assert line.wiring is Wiring.RCD_FLOATING


def test_a_floating_feedback_reads_as_it_is() -> None:
    header, lines = bench()
    line = lines.input(InputPin(22), "mirror", floating=Wiring.MIRROR_FLOATING)
    readings = hum(line, header, 0, 300)
    assert not all(readings[10:])
    assert line.wiring is Wiring.MIRROR_FLOATING


def test_a_wire_put_back_is_believed_after_a_calm_second() -> None:
    header, lines = bench()
    line = lines.safety_input(InputPin(22), "door")
    hum(line, header, 0, 300)
    header.drive("door", False)
    line.read(300)
    readings = {now_ms: line.read(now_ms) for now_ms in range(310, 1_600, 10)}
    assert readings[300 + CALM_MS - 10] is True
    assert readings[300 + CALM_MS] is False
    assert line.wiring is Wiring(0)


def test_three_quick_presses_are_not_floating() -> None:
    chatter = Chatter()
    for now_ms in range(0, 6 * 30, 30):
        chatter.changed(now_ms)
    assert not chatter.floating


@pytest.mark.parametrize(("gap_ms", "floating"), [(30, True), (40, True), (50, False)])
def test_it_floats_with_the_seventh_change_in_a_window(gap_ms: int, floating: bool) -> None:
    chatter = Chatter()
    for now_ms in range(0, 6 * gap_ms, gap_ms):
        chatter.changed(now_ms)
    assert not chatter.floating
    chatter.changed(WINDOW_MS if gap_ms == 40 else 6 * gap_ms)
    assert chatter.floating is floating


@given(st.lists(st.integers(10, 400), max_size=60))
def test_it_floats_exactly_when_a_window_holds_too_many_changes(gaps: list[int]) -> None:
    chatter, times, expected = Chatter(), [], False
    now_ms = 0
    for gap in gaps:
        now_ms += gap
        times.append(now_ms)
        chatter.changed(now_ms)
        expected |= sum(now_ms - t <= WINDOW_MS for t in times) > MOST_CHANGES
        assert chatter.floating is expected


# --- the kernel ----------------------------------------------------------------------------------


class Files:
    """A machine of which only its files are asked."""

    def __init__(self, **files: str) -> None:
        self.files = files

    def read_text(self, path: str) -> str:
        for part, text in self.files.items():
            if part in path:
                return text
        raise FileNotFoundError(2, "No such file or directory", path)


@pytest.mark.parametrize(
    ("files", "outlive"),
    [({}, None), ({"bcm2835": "Y\n"}, True), ({"rp1": "N\n"}, False)],
)
def test_whether_outputs_outlive_the_process_is_read_from_the_kernel(
    files: dict[str, str], outlive: bool | None
) -> None:
    assert len(PARAMETERS) == 2
    assert outputs_outlive_process(Files(**files)) is outlive  # type: ignore[arg-type]  # a part of it


@pytest.mark.parametrize("keeps_outputs", [True, False])
def test_a_killed_process_leaves_its_coil_as_the_kernel_decides(keeps_outputs: bool) -> None:
    header, lines = bench()
    lines.output(OutputPin(17), "coil").write(True)
    header.die(keeps_outputs=keeps_outputs)
    assert header.level("coil") is keeps_outputs
    del lines
    assert header.level("coil") is keeps_outputs
    Lines(header.factory).output(OutputPin(17), "coil")
    assert not header.level("coil"), "whoever claims it next begins with off"
