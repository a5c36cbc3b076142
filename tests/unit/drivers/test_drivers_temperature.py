"""Temperatures: the sensors at the kernel's edge, and who waits for the slow ones."""

from __future__ import annotations

import errno
import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pi_rig import Computer

from drivers.errors import ProfileError, SensorSilent
from drivers.raspberry_pi import RaspberryPi
from drivers.temperature.__main__ import main
from drivers.temperature.i2c import CHIPS, I2cSensor
from drivers.temperature.ntc import COLDEST_DC, HOTTEST_DC, Ntc
from drivers.temperature.one_wire import OneWireSensor, decode
from drivers.temperature.reading import Temperature, hottest
from drivers.temperature.slow import (
    EARLY_MS,
    LOOK_MS,
    MOST_SENSORS,
    OLDEST_MS,
    PAUSE_MS,
    READ_MS,
    Publisher,
    SlowTemperatures,
    fresh_ms,
    sensor_of,
)
from evse.board_faults import Wiring
from evse.clock import VirtualClock
from hil.pi.i2c import I2cBus
from hil.pi.one_wire import CONVERSION_MS, OneWireBus, checksum

ROM = "28-0316a2795bff"
FRESH_MS = fresh_ms(2)
SILENT = Temperature(None, Wiring.TEMPERATURE_SILENT)
LOST = Temperature(None, Wiring.TEMPERATURE_RANGE)

# several together


def test_the_hottest_counts_and_an_unknown_one_makes_all_unknown() -> None:
    assert hottest([Temperature(200), Temperature(-50)]) == Temperature(200)
    assert hottest([Temperature(200), SILENT]) == SILENT
    assert hottest([LOST, SILENT]).wiring == Wiring.TEMPERATURE_SILENT | Wiring.TEMPERATURE_RANGE
    assert hottest([]) == Temperature(None)


# NTC


def ntc_mv(ntc: Ntc, dc: float) -> float:
    """What the divider shows at a temperature: the other way round."""
    kelvin = dc / 10 + 273.15
    ohm = ntc.r25_ohm * math.exp(ntc.beta_k * (1 / kelvin - 1 / 298.15))
    return ntc.supply_mv * ohm / (ohm + ntc.pull_up_ohm)


@given(dc=st.integers(COLDEST_DC + 1, HOTTEST_DC - 1), beta_k=st.sampled_from([3_435, 3_950]))
def test_an_ntc_gives_its_temperature_back(dc: int, beta_k: int) -> None:
    ntc = Ntc(supply_mv=3_300, beta_k=beta_k)
    found = ntc.temperature(ntc_mv(ntc, dc))
    assert found.dc is not None
    assert abs(found.dc - dc) <= 1


def test_an_ntc_of_10_kilohms_at_half_the_supply_has_25_degrees() -> None:
    assert Ntc(supply_mv=3_300).temperature(1_650) == Temperature(250)


@given(pin_mv=st.one_of(st.floats(-100, 50), st.floats(3_280, 3_400)))
def test_an_open_and_a_shorted_ntc_are_told_and_not_believed(pin_mv: float) -> None:
    assert Ntc(supply_mv=3_300).temperature(pin_mv) == LOST


@given(pin_mv=st.floats(allow_nan=True, allow_infinity=True))
def test_no_voltage_upsets_an_ntc(pin_mv: float) -> None:
    found = Ntc(supply_mv=3_300).temperature(pin_mv)
    assert found == LOST or COLDEST_DC <= (found.dc or 0) <= HOTTEST_DC


@pytest.mark.parametrize("part", ["supply_mv", "pull_up_ohm", "r25_ohm", "beta_k"])
def test_a_part_that_can_not_be_is_refused(part: str) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Ntc(**{"supply_mv": 3_300, part: 0})


# 1-wire


def one_wire(milli_c: int = 23_125) -> tuple[OneWireBus, OneWireSensor]:
    bus = OneWireBus({ROM: milli_c})
    return bus, OneWireSensor(Computer(bus), ROM)


@given(sixteenths=st.integers(-55 * 16, 125 * 16))
def test_a_1_wire_sensor_tells_tenths_of_a_degree(sixteenths: int) -> None:
    milli_c = sixteenths * 1_000 // 16
    if milli_c != 85_000:
        assert one_wire(milli_c)[1].read() == round(milli_c / 100)


def test_the_bus_s_checksum_is_that_of_a_published_scratchpad() -> None:
    """Of the datasheet's application note on the CRC: A2 for this ROM code."""
    assert checksum(bytes((0x02, 0x1C, 0xB8, 0x01, 0x00, 0x00, 0x00))) == 0xA2


def test_a_true_85_degrees_is_told_and_that_of_power_on_is_not() -> None:
    bus, sensor = one_wire(85_000)
    assert sensor.read() == 850
    bus.powered_down = True
    with pytest.raises(SensorSilent, match="power-on"):
        sensor.read()


@pytest.mark.parametrize("trouble", ["garbled", "unanswered"])
def test_a_wrong_checksum_and_no_answer_are_silence(trouble: str) -> None:
    bus, sensor = one_wire()
    setattr(bus, trouble, True)
    with pytest.raises(SensorSilent, match="checksum"):
        sensor.read()


def test_a_sensor_that_is_not_there_is_told_with_the_overlay() -> None:
    with pytest.raises(SensorSilent, match="dtoverlay=w1-gpio"):
        OneWireSensor(Computer(OneWireBus({})), ROM).read()


@given(text=st.text(alphabet="0123456789abcdef t=YESNO:crc\n-", max_size=120))
def test_no_text_of_a_1_wire_sensor_does_more_than_silence_it(text: str) -> None:
    with suppress(SensorSilent):
        assert decode(text, "here") >= -550


# I2C


def i2c(kind: str, word: int) -> tuple[I2cBus, I2cSensor]:
    bus = I2cBus()
    chip = CHIPS[kind]
    bus.registers[0x48] = {chip.register: word.to_bytes(2, "big"), 0x7F: b"\x12\x34"}
    return bus, I2cSensor(Computer(devices={bus.path: bus.open}), bus.path, 0x48, chip)


@pytest.mark.parametrize(
    ("kind", "word", "dc"),
    [
        ("lm75", 0x7D00, 1_250),
        ("lm75", 0x1900, 250),
        ("lm75", 0x0080, 5),
        ("lm75", 0xE700, -250),
        ("lm75", 0xC900, -550),
        ("tmp102", 0x4B00, 750),
        ("tmp102", 0x1900, 250),
        ("tmp102", 0xFFF0, -1),
        ("mcp9808", 0xC194, 252),
        ("mcp9808", 0x0190, 250),
        ("mcp9808", 0x1FF0, -10),
    ],
)
def test_each_chip_s_register_is_decoded_as_its_datasheet_has_it(
    kind: str, word: int, dc: int
) -> None:
    assert i2c(kind, word)[1].read() == dc


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (errno.ENOENT, "dtparam=i2c_arm=on"),
        (errno.EACCES, "group i2c"),
        (errno.ETIMEDOUT, "holds the bus low"),
        (errno.EIO, "still there"),
    ],
)
def test_a_bus_that_fails_is_told_with_what_to_do_and_opened_anew(code: int, hint: str) -> None:
    bus, sensor = i2c("lm75", 0x1900)
    sensor.read()
    bus.errno = code
    with pytest.raises(SensorSilent, match=hint):
        sensor.read()
    assert bus.opened == 0
    bus.errno = None
    assert sensor.read() == 250
    sensor.close()
    sensor.close()
    assert bus.opened == 0


def test_a_chip_that_does_not_answer_is_told_by_its_address() -> None:
    bus = I2cBus()
    sensor = I2cSensor(Computer(devices={bus.path: bus.open}), bus.path, 0x49, CHIPS["lm75"])
    with pytest.raises(SensorSilent, match=r"0x49.*nothing answers"):
        sensor.read()


def test_the_arguments_are_such_as_the_real_ioctl_takes() -> None:
    sensor = I2cSensor(RaspberryPi(), "/dev/null", 0x48, CHIPS["lm75"])
    with pytest.raises(SensorSilent, match="Inappropriate ioctl"):
        sensor.read()


# sensors by name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "w1:",
        "w1:28 1",
        "w1:../../etc",
        "lm75",
        "lm75:0x48",
        "lm75:/dev/i2c-1:0x00",
        "lm75:/dev/i2c 1:0x48",
        "mcp9808:/dev/i2c-1:eighteen",
        "ds1:/dev/i2c-1:0x48",
    ],
)
def test_a_sensor_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(ProfileError, match="temperature sensor"):
        sensor_of(Computer(), text)


def test_sensors_are_named_as_in_a_profile() -> None:
    bus = I2cBus()
    bus.registers[0x18] = {5: b"\x01\x90"}
    machine = Computer(OneWireBus({ROM: 20_000}), devices={bus.path: bus.open})
    assert sensor_of(machine, f"w1:{ROM}").read() == 200
    assert sensor_of(machine, "mcp9808:/dev/i2c-1:0x18").read() == 250


# the slow ones


class Scripted:
    """A sensor that says what it is told to."""

    def __init__(self, dc: int | None) -> None:
        self.dc = dc

    def read(self) -> int:
        if self.dc is None:
            raise SensorSilent("gone")
        return self.dc


class SlowBench:
    """Reader and ring 1 with a real file between them."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "temperatures"
        self.sensors = {"enclosure": Scripted(312), "inlet": Scripted(455)}
        self.publisher = Publisher(self.sensors, self.path)
        self.ring1 = SlowTemperatures(
            RaspberryPi(), str(self.path), frozenset(("enclosure", "inlet"))
        )

    def turn(self, now_ms: int) -> None:
        for name in self.sensors:
            self.publisher.turn(name, now_ms)


def test_ring_1_is_told_the_hottest(tmp_path: Path) -> None:
    bench = SlowBench(tmp_path)
    bench.turn(1_000)
    assert bench.ring1.temperature(1_000) == Temperature(455)


def test_before_the_first_reading_nothing_is_known(tmp_path: Path) -> None:
    assert SlowBench(tmp_path).ring1.temperature(0) == SILENT


def test_one_silent_sensor_is_told_once_its_last_word_is_old(tmp_path: Path) -> None:
    bench = SlowBench(tmp_path)
    bench.turn(0)
    bench.sensors["inlet"].dc = None
    known = {}
    for now_ms in range(0, 2 * FRESH_MS, 100):
        bench.turn(now_ms)
        known[now_ms] = bench.ring1.temperature(now_ms)
    assert known[FRESH_MS] == Temperature(455)
    assert known[FRESH_MS + 100] == SILENT
    assert bench.publisher.silent == {"inlet": "gone"}
    bench.sensors["inlet"].dc = 400
    bench.turn(2 * FRESH_MS + LOOK_MS)
    assert bench.ring1.temperature(2 * FRESH_MS + LOOK_MS) == Temperature(400)
    assert bench.publisher.silent == {}


def test_a_reader_that_hangs_or_is_gone_ends_in_silence(tmp_path: Path) -> None:
    bench = SlowBench(tmp_path)
    bench.turn(0)
    assert bench.ring1.temperature(FRESH_MS) == Temperature(455)
    assert bench.ring1.temperature(FRESH_MS + 1) == SILENT


@pytest.mark.parametrize("count", range(1, MOST_SENSORS + 1))
def test_sensors_that_all_answer_are_fresh_however_many_one_reader_may_have(
    tmp_path: Path, count: int
) -> None:
    """Each keeps the reader for its whole time, as 1-wire does: ring 1 never misses one of them."""
    clock = VirtualClock()
    path = tmp_path / "t"
    roms = [f"28-{index:012x}" for index in range(count)]
    names = [f"w1:{rom}" for rom in roms]
    ring1 = SlowTemperatures(RaspberryPi(), str(path), frozenset(names))
    heard: list[Temperature] = []

    class Bus(OneWireBus):
        def read_text(self, path: str) -> str:
            for _ in range(READ_MS // 50):
                clock.advance_to(clock.now_ms() + 50)
                heard.append(ring1.temperature(clock.now_ms()))
            return super().read_text(path)

    def pause(seconds: float) -> None:
        clock.advance_to(clock.now_ms() + int(seconds * 1_000))
        heard.append(ring1.temperature(clock.now_ms()))
        if clock.now_ms() > 60_000:
            raise Ended

    with pytest.raises(Ended):
        main(
            [str(path), *names],
            machine=Computer(Bus(dict.fromkeys(roms, 20_000))),
            clock=clock,
            pause=pause,
        )
    first = heard.index(Temperature(200))
    assert set(heard[first:]) == {Temperature(200)}


def test_more_sensors_than_one_reader_keeps_fresh_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fresh_ms(MOST_SENSORS) <= OLDEST_MS < fresh_ms(MOST_SENSORS + 1)
    assert fresh_ms(1) == 2 * (READ_MS + PAUSE_MS) + 400 == 3_000
    names = [f"w1:28-{index:012x}" for index in range(MOST_SENSORS + 1)]
    assert main([str(tmp_path / "t"), *names], machine=Computer()) == 2
    assert f"can keep {MOST_SENSORS} fresh" in capsys.readouterr().err


def test_a_reading_of_this_very_period_is_not_of_the_future(tmp_path: Path) -> None:
    """Ring 1's time was taken before its burst, the reader's a few milliseconds later."""
    bench = SlowBench(tmp_path)
    bench.turn(1_000 + EARLY_MS)
    assert bench.ring1.temperature(999) == SILENT
    assert bench.ring1.temperature(1_000) == Temperature(455)


def test_one_board_s_sensors_are_read_in_one_turn(tmp_path: Path) -> None:
    """Those of another EVSE keep the reader too."""
    bench = SlowBench(tmp_path)
    ring1 = SlowTemperatures(RaspberryPi(), str(bench.path), frozenset(["inlet"]), sensors=6)
    bench.turn(0)
    assert ring1.temperature(fresh_ms(6)) == Temperature(455)
    assert ring1.temperature(fresh_ms(6) + 1) == SILENT


def test_a_file_of_the_boot_before_is_not_believed(tmp_path: Path) -> None:
    """Monotonic time began anew, so its lines lie ahead."""
    bench = SlowBench(tmp_path)
    bench.turn(900_000)
    assert bench.ring1.temperature(100) == SILENT


@given(text=st.text(max_size=60))
def test_no_content_of_the_file_upsets_ring_1(text: str) -> None:
    class File:
        def read_text(self, path: str) -> str:
            return text

    ring1 = SlowTemperatures(File(), "temperatures", frozenset(("a",)))  # type: ignore[arg-type]  # it only reads
    assert ring1.temperature(0) == SILENT or text.startswith("a")


def test_ring_1_opens_the_file_four_times_a_second(tmp_path: Path) -> None:
    bench = SlowBench(tmp_path)
    bench.turn(0)
    bench.ring1.temperature(0)
    bench.path.unlink()
    bench.sensors["inlet"].dc = 500
    bench.turn(10)
    assert bench.ring1.temperature(LOOK_MS - 1) == Temperature(455)
    assert bench.ring1.temperature(LOOK_MS) == Temperature(500)


# the reader's process


class Ended(Exception):
    """The reader was ended from outside."""


def ending_after(turns: int, clock: VirtualClock) -> Callable[[float], None]:
    left = [turns]

    def pause(seconds: float) -> None:
        clock.advance_to(clock.now_ms() + int(seconds * 1_000))
        left[0] -= 1
        if not left[0]:
            raise Ended

    return pause


def test_the_reader_reads_in_turn_and_tells_a_silence_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bus = OneWireBus({ROM: 23_125})
    clock = VirtualClock(5_000)
    path = tmp_path / "temperatures"
    arguments = [str(path), f"w1:{ROM}", "w1:28-000000000000"]
    with pytest.raises(Ended):
        main(arguments, machine=Computer(bus), clock=clock, pause=ending_after(3, clock))
    assert path.read_text() == f"w1:{ROM} 6000 231\n"
    assert bus.waited_ms == 3 * CONVERSION_MS
    assert capsys.readouterr().err.count("28-000000000000") == 1


def test_the_reader_tells_when_a_sensor_answers_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bus = OneWireBus({ROM: 20_000})
    bus.unanswered = True
    clock = VirtualClock()
    end = ending_after(3, clock)

    def mend_and_pause(seconds: float) -> None:
        bus.unanswered = False
        end(seconds)

    with pytest.raises(Ended):
        main(
            [str(tmp_path / "t"), f"w1:{ROM}"],
            machine=Computer(bus),
            clock=clock,
            pause=mend_and_pause,
        )
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert said[1] == f"w1:{ROM}: answers again"


@pytest.mark.parametrize(
    "arguments", [[], ["file"], ["file", "a"], ["file", "w1:28 0"], ["file", "w1:1", "lm75"]]
)
def test_arguments_that_name_no_sensor_end_it(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments, machine=Computer()) == 2
    assert "w1:28-" in capsys.readouterr().err


def test_a_folder_that_is_not_there_ends_the_reader_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(tmp_path / "gone" / "t"), f"w1:{ROM}"]
    assert main(arguments, machine=Computer(OneWireBus({ROM: 20_000}))) == 1
    assert "folder in RAM" in capsys.readouterr().err
