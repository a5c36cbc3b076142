"""Board profiles: each mistake is named with its place, before any pin moves."""

from __future__ import annotations

import subprocess
import sys
from importlib import resources
from pathlib import Path

import msgspec
import pytest

from drivers.board.fitted import board_problems, hardware, missing, of_station
from drivers.board.pins import channels, pins
from drivers.board.profile import (
    MAX_FILE_BYTES,
    load_profile,
    parse_profile,
    profile_names,
    slow_sensors,
)
from drivers.errors import ProfileError
from drivers.temperature.slow import is_sensor, sensor_of
from evse.cli import main
from evse.cli.check_config import needs
from evse.cli.run import units
from evse.config.station import StationConfig
from hil.bench.station import StationSetup
from hil.pi.desk import Desk

ROOT = Path(__file__).parents[3]
REFERENCE = "pievse-reference"
TEXT = resources.files("drivers.board").joinpath("profiles", f"{REFERENCE}.toml").read_text("utf-8")
NTC = 'kind = "ntc"\nchannel = 2\ntrip_c = 80'
SLOW = 'kind = "slow"\ntrip_c = 80\nsensors = ["w1:28-0316a2795bff", "lm75:/dev/i2c-1:0x48"]'


def changed(*changes: tuple[str, str]) -> str:
    text = TEXT
    for old, new in changes:
        assert old in text, f"the reference profile has no {old!r} any more"
        text = text.replace(old, new, 1)
    return text


def refusal(*changes: tuple[str, str]) -> str:
    with pytest.raises(ProfileError) as caught:
        parse_profile(changed(*changes), "mine.toml")
    assert all(line.startswith("mine.toml: ") for line in str(caught.value).splitlines())
    return str(caught.value)


@pytest.mark.parametrize("name", profile_names())
def test_a_shipped_profile_is_whole_and_claims_honestly(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert not profile.seen_on_metal
    desk = Desk(profile, len(profile.evse), lambda: 0)
    assert desk.pi.header.factory is not None
    assert len({use.number for use in pins(profile)}) == len(pins(profile))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('says = "', 'sais = "', "unknown field `sais`"),
        ("seen_on_metal = false", 'seen_on_metal = "no"', "`$.seen_on_metal`"),
        ("pwm_gpio = 12", "pwm_gpio = 30", "`$.evse[0].pilot.pwm_gpio`"),
        ("pwm_gpio = 12", "pwm_gpio = 14", "[evse 1] pilot.pwm_gpio = 14 has no hardware PWM"),
        ('method = "burst"', 'method = "guess"', "`$.evse[0].pilot.method`"),
        ("mirrors = [{ gpio = 22 }]", "", "missing required field `mirrors`"),
        ("mirrors = [{ gpio = 22 }]", "mirrors = [{ pin = 22 }]", "`$.evse[0].contactor.mirrors"),
        ("[inputs.tilt]", "[inputs.tillt]", "`$.inputs"),
        ("trip_c = 80", "trip_c = 300", "`$.evse[0].temperature.trip_c`"),
        ('chip = "mcp3208"', 'chip = "ads1115"', "`$.converter.chip`"),
        ("reserve_min_mv = 10000", "", "lock.reserve_min_mv and lock_reserve go together"),
        ("gpio = 22", "gpio = 17", "GPIO17 is given to two functions: evse 1.contactor.coils 1"),
        ("gpio = 22", "gpio = 8", "GPIO8 is given to two functions: SPI and evse 1.contactor"),
        ("gpio = 23", "gpio = 12", "GPIO12 is given to two functions: heartbeat and evse 1.pilot"),
        ("channel = 2", "channel = 0", "channel 0 is given to two functions: evse 1.pilot.channel"),
        ("[[evse]]", "[[evse]", "at line"),
    ],
)
def test_a_mistake_is_named_with_its_place(old: str, new: str, says: str) -> None:
    assert says in refusal((old, new))


def test_every_contradiction_is_told_not_only_the_first() -> None:
    told = refusal(("gpio = 22", "gpio = 17"), ("reserve_min_mv = 10000", ""))
    assert len(told.splitlines()) == 2


def test_two_bursts_are_refused() -> None:
    second = TEXT[TEXT.index("[[evse]]") :]
    with pytest.raises(ProfileError, match="two bursts do not fit"):
        parse_profile(TEXT + second, "mine.toml")


@pytest.mark.parametrize(("count", "fits"), [(6, True), (7, False)])
def test_more_slow_sensors_than_one_reader_keeps_fresh_are_refused(count: int, fits: bool) -> None:
    names = ", ".join(f'"w1:28-{index:012x}"' for index in range(count))
    text = changed((NTC, f'kind = "slow"\ntrip_c = 80\nsensors = [{names}]'))
    if fits:
        parse_profile(text, "mine.toml")
        return
    with pytest.raises(ProfileError, match="7 in all, and one reader can keep 6 fresh"):
        parse_profile(text, "mine.toml")


def test_a_sensor_that_is_none_is_named() -> None:
    told = refusal((NTC, SLOW.replace("w1:28-0316a2795bff", "w1:../../etc")))
    assert "[evse 1] temperature.sensors: 'w1:../../etc' is none: as w1:28-" in told


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("w1:28-0316a2795bff", True),
        ("lm75:/dev/i2c-1:0x48", True),
        ("mcp9808:/dev/i2c-11:0x18", True),
        ("w1:28-0316a2795bff ", False),
        ("w1:28-0316A2795BFF", False),
        ("lm75:/dev/i2c-1:0x4 8", False),
        ("lm75:/etc/passwd:0x48", False),
        ("lm75:/dev/i2c-1:72", False),
        ("w1:28-0316a2795bff\n", False),
        ("", False),
    ],
)
def test_the_name_of_a_sensor_is_one_word_that_names_nothing_else(text: str, is_one: bool) -> None:
    assert is_sensor(text) is is_one
    if is_one:
        assert sensor_of(Desk(load_profile(REFERENCE), 1, lambda: 0).pi, text) is not None


def test_channels_are_found_in_every_section() -> None:
    assert [use.number for use in channels(load_profile(REFERENCE))] == [3, 4, 0, 5, 1, 2]


# files


def test_a_profile_of_ones_own_is_named_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(changed(('name = "pievse-reference"', 'name = "mine"')), "utf-8")
    assert load_profile(str(path)).name == "mine"


def test_a_profile_that_can_not_be_had_is_told(tmp_path: Path) -> None:
    for content, says in ((b"\xff", "is not UTF-8"), (b"#" * (MAX_FILE_BYTES + 1), "larger than")):
        (tmp_path / "x.toml").write_bytes(content)
        with pytest.raises(ProfileError, match=says):
            load_profile(str(tmp_path / "x.toml"))
    with pytest.raises(ProfileError, match="cannot be read: No such file"):
        load_profile(str(tmp_path / "none.toml"))
    with pytest.raises(ProfileError, match="did you mean pievse-reference"):
        load_profile("pievse-referense")


# what the station needs of it


def station(profile: str = REFERENCE, **wanted: object) -> StationConfig:
    config = StationSetup(**wanted).config()  # type: ignore[arg-type]  # as a marker has them
    board = msgspec.structs.replace(config.board, kind="native", profile=profile, bench=True)
    return msgspec.structs.replace(config, board=board)


def bare(tmp_path: Path) -> str:
    """A profile with a pilot and a contactor and nothing else."""
    head = TEXT[: TEXT.index("[heartbeat]")]
    body = TEXT[TEXT.index("[[evse]]") : TEXT.index("[evse.lock]")]
    path = tmp_path / "bare.toml"
    path.write_text(head + body, "utf-8")
    return str(path)


def test_what_the_board_lacks_is_refused_in_words(tmp_path: Path) -> None:
    config = station(bare(tmp_path), phase_switch="both")
    told = board_problems(config)
    assert told == [
        "[evse 1] has a socket with a lock, and board profile pievse-reference drives none",
        "[evse 1] has a socket, and board profile pievse-reference does not read PP",
        "[evse 1] switches phases, and board profile pievse-reference has no phase contact",
    ]
    with pytest.raises(ProfileError) as caught:
        of_station(load_profile(config.board.profile), config.evses)
    assert str(caught.value).splitlines() == told


def test_a_derating_station_needs_a_temperature(tmp_path: Path) -> None:
    config = station(bare(tmp_path))
    (table,) = config.evses
    derating = msgspec.structs.replace(table, connector="cable", lock=None, derating=(object(),))
    told = missing(load_profile(config.board.profile), (derating,))
    assert told == [
        "[evse 1] derates by temperature, and board profile pievse-reference reads none"
    ]


def test_a_board_with_fewer_evses_is_refused() -> None:
    assert board_problems(station(evses=2)) == [
        "board profile pievse-reference has 1 EVSE(s), and the station has 2"
    ]
    assert board_problems(station("pievse-peaks", evses=2)) == []
    assert board_problems(StationSetup().config()) == []
    assert "is not known" in board_problems(station("nothing"))[0]


def test_what_is_fitted_follows_profile_and_station() -> None:
    config = station()
    profile = load_profile(REFERENCE)
    fitted = hardware(profile, profile.evse[0], config.evses[0])
    assert (fitted.lock, fitted.socket, fitted.rcd_self_test) == (True, True, True)
    assert fitted.temperature_trip_dc == 800
    assert fitted.unlocks_on_power_loss
    assert fitted.phase_switch, "a contact that is fitted is in the way of L2 and L3"
    peaks = load_profile("pievse-peaks")
    assert not hardware(peaks, peaks.evse[0], config.evses[0]).unlocks_on_power_loss


# from the command line


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A native station whose board has no second EVSE, and whose first needs phases."""
    text = (ROOT / "hil" / "station_free.toml").read_text("utf-8")
    native = 'kind = "native"\nprofile = "pievse-reference"\nbench = true'
    text = text.replace('kind = "simulated"', native)
    text = text.replace('kind = "modbus"', 'kind = "modbus"\nport = "/dev/ttyUSB0"')
    found = tmp_path / "station.toml"
    found.write_text(text, "utf-8")
    return found


def test_check_config_and_run_tell_what_the_board_lacks(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check-config", str(path)]) == 0
    path.write_text(path.read_text("utf-8").replace(REFERENCE, bare(tmp_path)), "utf-8")
    capsys.readouterr()
    assert main(["check-config", str(path)]) == 1
    assert "station.toml: [evse 1] has a socket with a lock" in capsys.readouterr().err
    assert main(["run", "--config", str(path), "--state-dir", str(tmp_path / "state")]) == 1
    assert "does not read PP" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


@pytest.fixture
def short_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a short name, wherever it is: sockets are to be in it."""
    return tmp_path_factory.mktemp("t")


@pytest.mark.parametrize("command", ["core", "ocpp"])
def test_core_and_link_do_not_load_the_libraries_of_the_pins(
    path: Path, short_dir: Path, command: str
) -> None:
    """Up to where they would begin to serve."""
    script = (
        "import sys\n"
        "import evse.cli.run as run\n"
        "from evse.cli import main\n"
        "def stop(*_):\n"
        "    print(sorted(n for n in sys.modules if n.split('.')[0] == 'gpiozero'))\n"
        "    return 0\n"
        "run._run_core = run._run_ocpp = stop\n"
        f"sys.exit(main([{command!r}, '--config', {str(path)!r}, '--state-dir', "
        f"{str(short_dir / 'state')!r}]))\n"
    )
    done = subprocess.run(
        (sys.executable, "-c", script), capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


def slow_profile(tmp_path: Path) -> str:
    path = tmp_path / "slow.toml"
    path.write_text(changed((NTC, SLOW)), "utf-8")
    return str(path)


def test_slow_sensors_have_a_process_of_their_own(tmp_path: Path) -> None:
    config = station(slow_profile(tmp_path))
    profile = load_profile(config.board.profile)
    assert slow_sensors(profile, 1) == ["w1:28-0316a2795bff", "lm75:/dev/i2c-1:0x48"]
    assert slow_sensors(profile, 0) == []
    wanted = units(config, tmp_path / "s.toml", tmp_path, tmp_path / "door.sock")
    assert [unit.name for unit in wanted] == ["guard", "temperature", "core"]
    assert needs(config, "temperature")
    assert not needs(station(), "temperature")
    assert not needs(station("nothing"), "temperature"), "somebody else says why"


def test_a_station_without_slow_sensors_reads_none(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["temperature", "--config", str(path)]) == 1
    assert "no board of this configuration has slow" in capsys.readouterr().err
