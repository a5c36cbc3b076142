"""Board profiles: which wire of the computer goes where, as TOML.

A shipped profile is a file of drivers/board/profiles/; one of your own is named by its path in the
station's configuration. What a profile does not name is not fitted: never read, never driven.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from drivers.adc.plateau import FrontEnd
from drivers.board.pins import Use, channels, pins, twice
from drivers.errors import ProfileError
from drivers.gpio.contactor import ContactorPins
from drivers.gpio.indicator import LightPins
from drivers.gpio.inputs import Input
from drivers.gpio.lock import LockPins
from drivers.gpio.rcd import RcdPins
from drivers.gpio.wires import InputPin, OutputPin
from drivers.temperature.slow import FORM, MOST_SENSORS, is_sensor
from evse.config.read import nearest

LONGEST_BURST_US = 6_000
"""Of ring 1's period of 10 ms."""
MAX_FILE_BYTES = 65_536
Channel = Annotated[int, Meta(ge=0, le=7)]
Gpio = Annotated[int, Meta(ge=0, le=27)]
SPI0_PINS = (8, 9, 10, 11)
"""CE0, MISO, MOSI, SCLK of the header: never anybody else's while a converter is fitted."""

PWM_PINS = (12, 13, 18, 19)
"""Of the header, on every model (drivers/pilot/pwm_chip.py)."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of a profile."""


class ConverterSection(Section, frozen=True, kw_only=True):
    """`[converter]`: the analog-to-digital converter that everything analog goes to."""

    device: str = "/dev/spidev0.0"
    chip: Literal["mcp3208", "mcp3008"] = "mcp3208"
    reference_mv: Annotated[int, Meta(ge=1_000, le=5_500)] = 3_300


class ChannelSection(Section, frozen=True, kw_only=True):
    """A voltage at one channel: mV = (counts - zero_counts) * gain_mv."""

    channel: Channel
    zero_counts: float = 0.0
    gain_mv: float

    @property
    def scale(self) -> FrontEnd:
        return FrontEnd(self.zero_counts, self.gain_mv)


class BurstSection(ChannelSection, frozen=True, kw_only=True, tag="burst", tag_field="method"):
    """`[evse.pilot]` with `method = "burst"`: the pilot itself at the converter."""

    pwm_gpio: Gpio
    inverted: bool = False
    """The level shifter makes -12 V of a high pin."""
    zero_counts: float
    samples: Annotated[int, Meta(ge=32, le=160)] = 64
    spacing_us: Annotated[int, Meta(ge=30, le=120)] = 60


class PeaksSection(Section, frozen=True, kw_only=True, tag="peaks", tag_field="method"):
    """`[evse.pilot]` with `method = "peaks"`: a peak detector for each half-wave."""

    pwm_gpio: Gpio
    inverted: bool = False
    high: ChannelSection
    low: ChannelSection
    reset: OutputPin


class ProximitySection(Section, frozen=True, kw_only=True):
    """`[evse.proximity]`: PP of a socket, behind a pull-up (IEC 61851-1 Annex B)."""

    channel: Channel
    pull_up_ohm: Annotated[int, Meta(ge=100, le=100_000)]
    supply_mv: Annotated[int, Meta(ge=1_000, le=15_000)]
    gain: Annotated[float, Meta(gt=0, le=20)] = 1.0
    """Volts at PP for each volt at the converter."""


class NtcSection(Section, frozen=True, kw_only=True, tag="ntc", tag_field="kind"):
    """`[evse.temperature]` with `kind = "ntc"`: a thermistor to ground behind a pull-up."""

    trip_c: Annotated[float, Meta(ge=40, le=120)]
    channel: Channel
    pull_up_ohm: Annotated[int, Meta(ge=100, le=1_000_000)] = 10_000
    ohm_25c: Annotated[int, Meta(ge=100, le=1_000_000)] = 10_000
    beta_k: Annotated[int, Meta(ge=1_000, le=6_000)] = 3_950


class SlowSection(Section, frozen=True, kw_only=True, tag="slow", tag_field="kind"):
    """`[evse.temperature]` with `kind = "slow"`: sensors that make their reader wait, read by a
    process of their own; the hottest counts."""

    trip_c: Annotated[float, Meta(ge=40, le=120)]
    sensors: Annotated[tuple[str, ...], Meta(min_length=1, max_length=8)]
    """As `w1:28-0316a2795bff` or `lm75:/dev/i2c-1:0x48` (drivers/temperature/slow.py)."""


class PhaseContactSection(Section, frozen=True, kw_only=True):
    """`[evse.phase_contact]`: a contact in L2 and L3 of its own."""

    coil: OutputPin
    """On: all phases."""
    feedback: InputPin | None = None


class EvseSection(Section, frozen=True, kw_only=True):
    """`[[evse]]`: what belongs to one EVSE."""

    pilot: BurstSection | PeaksSection
    contactor: ContactorPins
    lock: LockPins | None = None
    lock_reserve: ChannelSection | None = None
    """The voltage of the capacitor that unlocks on power loss."""
    rcd: RcdPins | None = None
    proximity: ProximitySection | None = None
    temperature: NtcSection | SlowSection | None = None
    phase_contact: PhaseContactSection | None = None
    inputs: dict[Input, InputPin] = {}
    """Of this EVSE alone."""
    light: LightPins | None = None
    buzzer: OutputPin | None = None


class BoardProfile(Section, frozen=True, kw_only=True):
    """One board."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,24}\Z")]
    says: str
    """One line for a person who chooses."""
    seen_on_metal: bool
    """Has anybody run it on the real thing?"""
    converter: ConverterSection
    heartbeat: OutputPin | None = None
    """The coil supply's watchdog; without it nothing but this computer opens the contactor."""
    inputs: dict[Input, InputPin] = {}
    """Of the whole station."""
    supply_12v: ChannelSection | None = None
    supply_minus_12v: ChannelSection | None = None
    evse: Annotated[tuple[EvseSection, ...], Meta(min_length=1, max_length=4)]


def profile_names() -> list[str]:
    """Those that are shipped."""
    entries = resources.files("drivers.board").joinpath("profiles").iterdir()
    return sorted(e.name.removesuffix(".toml") for e in entries if e.name.endswith(".toml"))


def load_profile(name: str) -> BoardProfile:
    """The shipped profile `name`, or the file at that path where it has a slash. Raises
    ProfileError."""
    if "/" in name:
        return parse_profile(_read(Path(name)), Path(name).name)
    if name not in profile_names():
        raise ProfileError(f"board profile {name!r} is not known{nearest(name, profile_names())}")
    file = resources.files("drivers.board").joinpath("profiles", f"{name}.toml")
    return parse_profile(file.read_text("utf-8"), f"{name}.toml")


def parse_profile(text: str, file: str) -> BoardProfile:
    """Raises ProfileError that names `file` and the place in it."""
    try:
        profile = msgspec.convert(tomllib.loads(text), BoardProfile)
    except (ValueError, RecursionError) as error:
        raise ProfileError(f"{file}: {error}") from error
    if problems := [f"{file}: {one}" for one in contradictions(profile)]:
        raise ProfileError("\n".join(problems))
    return profile


def contradictions(profile: BoardProfile) -> list[str]:
    """What no board can be, as sentences."""
    problems = []
    bursts = sum(isinstance(each.pilot, BurstSection) for each in profile.evse)
    if bursts > 1:
        problems.append(
            "[[evse]] two bursts do not fit into ring 1's period of 10 ms: give all but one EVSE "
            'peak detectors, method = "peaks"'
        )
    for number, each in enumerate(profile.evse, start=1):
        pilot = each.pilot
        if isinstance(pilot, BurstSection) and pilot.samples * pilot.spacing_us > LONGEST_BURST_US:
            problems.append(
                f"[evse {number}] pilot: {pilot.samples} samples every {pilot.spacing_us} us take "
                f"longer than {LONGEST_BURST_US} us, and ring 1 has 10 000 us for everything"
            )
    reserved = [Use(gpio, "SPI") for gpio in SPI0_PINS]
    problems += twice("GPIO", [*reserved, *pins(profile)])
    problems += twice("channel ", channels(profile))
    slow = len(slow_sensors(profile, len(profile.evse)))
    if slow > MOST_SENSORS:
        problems.append(
            f"[evse] temperature.sensors: {slow} in all, and one reader can keep {MOST_SENSORS} "
            "fresh: leave some out, or fit NTCs"
        )
    for number, each in enumerate(profile.evse, start=1):
        if each.pilot.pwm_gpio not in PWM_PINS:
            problems.append(
                f"[evse {number}] pilot.pwm_gpio = {each.pilot.pwm_gpio} has no hardware PWM: one "
                f"of {', '.join(map(str, PWM_PINS))}"
            )
        if isinstance(each.temperature, SlowSection):
            problems += [
                f"[evse {number}] temperature.sensors: {text!r} is none: as {FORM}"
                for text in each.temperature.sensors
                if not is_sensor(text)
            ]
        reserve = each.lock is not None and each.lock.reserve_min_mv is not None
        if reserve != (each.lock_reserve is not None):
            problems.append(
                f"[evse {number}] lock.reserve_min_mv and lock_reserve go together: the level, and "
                "the channel where it is measured"
            )
    return problems


def slow_sensors(profile: BoardProfile, evses: int) -> list[str]:
    """Those that a process of their own has to read, each once."""
    found: dict[str, None] = {}
    for section in profile.evse[:evses]:
        if isinstance(section.temperature, SlowSection):
            found |= dict.fromkeys(section.temperature.sensors)
    return list(found)


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise ProfileError(f"{path}: is larger than {MAX_FILE_BYTES} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ProfileError(f"{path}: is not UTF-8 text") from error
