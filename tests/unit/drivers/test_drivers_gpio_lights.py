"""Status light and buzzer: every state is told from all others by a light of any kind."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.gpio.buzzer import Buzzer
from drivers.gpio.indicator import LightPins, StatusLight
from drivers.gpio.lines import Lines
from drivers.gpio.patterns import (
    DARK,
    GREEN,
    PATTERNS,
    RED,
    SIGNALS,
    Colour,
    beeps,
    colour,
    on_two,
    signal_colour,
)
from drivers.gpio.wires import OutputPin
from evse.panel import Indicator, Sound
from hil.pi.header import MockHeader

PINS = (OutputPin(5), OutputPin(6), OutputPin(13))
LONGEST_ROUND_MS = 4_000


# --- the table -----------------------------------------------------------------------------------


def test_every_state_has_a_pattern_and_every_sound_a_signal() -> None:
    assert set(PATTERNS) == set(Indicator)
    assert set(SIGNALS) == set(Sound)


LIGHTS: dict[str, Callable[[Colour], object]] = {"one": any, "two": on_two, "three": Colour._make}


@pytest.mark.parametrize("kind", LIGHTS)
def test_no_two_states_look_alike(kind: str) -> None:
    """Whatever the moment at which somebody begins to look."""
    rounds = {
        state: [LIGHTS[kind](colour(state, at_ms)) for at_ms in range(0, LONGEST_ROUND_MS, 10)]
        for state in Indicator
    }
    for one, other in combinations(Indicator, 2):
        twice = rounds[one] * 2
        assert not any(
            twice[start : start + len(rounds[other])] == rounds[other]
            for start in range(0, len(rounds[one]), 5)
        ), f"{one.name} and {other.name}"


@given(st.sampled_from(Indicator), st.integers(0, 2**40))
def test_a_pattern_repeats_within_four_seconds(state: Indicator, now_ms: int) -> None:
    assert colour(state, now_ms) == colour(state, now_ms + LONGEST_ROUND_MS)
    assert colour(state, now_ms) in (DARK, PATTERNS[state].colour)


def test_no_part_of_a_pattern_is_shorter_than_what_the_guard_can_show() -> None:
    """Its period is 10 ms, or 20 ms on the smallest computer."""
    for pattern in PATTERNS.values():
        assert all(length_ms == 0 or length_ms >= 80 for length_ms in pattern.rhythm)


def test_nothing_flashes_more_than_three_times_in_a_second() -> None:
    """WCAG 2.2, 2.3.1: what flashes more often can start a seizure."""
    rhythms = [row.rhythm for row in PATTERNS.values()] + [row.flash for row in SIGNALS.values()]
    for rhythm in rhythms:
        at_ms, begins = 0, []
        while at_ms < 10_000:
            begins.append(at_ms)
            at_ms += rhythm[0] + rhythm[1]
            rhythm = rhythm[2:] + rhythm[:2]
        if rhythm[1]:
            assert all(sum(t <= b < t + 1_000 for b in begins) <= 3 for t in begins)


@pytest.mark.parametrize("sound", Sound)
def test_a_signal_flashes_as_often_as_asked_and_ends(sound: Sound) -> None:
    flash_ms = sum(SIGNALS[sound].flash)
    shown = [signal_colour(sound, at_ms, 3) for at_ms in range(0, 3 * flash_ms + 10, 10)]
    assert shown[-1] is None
    lit = [one is not None and one != DARK for one in shown]
    assert sum(now and not before for before, now in zip([False, *lit], lit, strict=False)) == 3
    assert signal_colour(sound, 0, 0) is None
    assert signal_colour(sound, -10, 3) is None


@pytest.mark.parametrize(("sound", "count"), [(Sound.ACCEPTED, 1), (Sound.REJECTED, 3)])
def test_a_sound_beeps_and_ends(sound: Sound, count: int) -> None:
    heard = [beeps(sound, at_ms) for at_ms in range(-50, 5_000, 10)]
    assert sum(now and not before for before, now in zip([False, *heard], heard, strict=False)) == (
        count
    )
    assert not heard[0]
    assert not any(heard[100:])


# --- the light -----------------------------------------------------------------------------------


class Lamp:
    """A status light and what one sees of it: letters r, g, b."""

    def __init__(self, leds: int = 3, **options: object) -> None:
        self.header = MockHeader({"r": 5, "g": 6, "b": 13})
        self.leds = leds
        pins = msgspec.convert({"leds": PINS[:leds], **options}, LightPins)
        self.light = StatusLight(Lines(self.header.factory), pins)

    def shows(self, state: Indicator, now_ms: int) -> str:
        self.light.write(state, now_ms)
        return "".join(name for name in "rgb"[: self.leds] if self.header.level(name))


def test_three_colours() -> None:
    lamp = Lamp()
    assert lamp.shows(Indicator.OFF, 0) == ""
    assert lamp.shows(Indicator.AVAILABLE, 0) == "g"
    assert lamp.shows(Indicator.CHARGING, 0) == "b"
    assert lamp.shows(Indicator.CHARGING, 1_950) == ""
    assert lamp.shows(Indicator.FAULTED, 0) == "r"
    assert lamp.shows(Indicator.STARTING, 0) == "rgb"


def test_red_and_green_alone() -> None:
    lamp = Lamp(2)
    assert lamp.shows(Indicator.CHARGING, 0) == "g"
    assert lamp.shows(Indicator.WAITING, 0) == "rg"
    assert lamp.shows(Indicator.FAULTED, 0) == "r"


def test_one_light() -> None:
    lamp = Lamp(1)
    assert lamp.shows(Indicator.AVAILABLE, 0) == "r", "its only one, of whatever colour"
    assert lamp.shows(Indicator.SUSPENDED, 50) == "r"
    assert lamp.shows(Indicator.SUSPENDED, 150) == ""


@pytest.mark.parametrize(("sound", "letter"), [(Sound.ACCEPTED, "g"), (Sound.REJECTED, "r")])
def test_a_cards_answer_flashes_over_the_pattern_which_then_goes_on(
    sound: Sound, letter: str
) -> None:
    lamp = Lamp()
    lamp.light.signal(sound, 0)
    shown = {now_ms: lamp.shows(Indicator.CHARGING, now_ms) for now_ms in range(0, 3_000, 10)}
    assert shown[0] == letter
    over_ms = 3 * sum(SIGNALS[sound].flash)
    assert {shown[now_ms] for now_ms in range(0, over_ms, 10)} == {letter, ""}
    assert shown[over_ms] == "b"


def test_dark_after_make_safe_until_written() -> None:
    lamp = Lamp()
    lamp.shows(Indicator.AVAILABLE, 0)
    lamp.light.make_safe()
    assert not any(lamp.header.level(name) for name in "rgb")


def test_brightness_where_the_profile_says_so() -> None:
    lamp = Lamp(dimmable=True, intensity_percent=30)
    assert lamp.shows(Indicator.AVAILABLE, 0) == "g"
    assert lamp.header.pad("g").driven == 0.3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"leds": 0}, "one to three LEDs"),
        ({"intensity_percent": 50}, "needs dimmable"),
        ({"intensity_percent": 101, "dimmable": True}, "0 to 100"),
        ({"blink_repeat": -1}, "blink_repeat"),
    ],
)
def test_a_light_that_can_not_be_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        Lamp(**options)  # type: ignore[arg-type]  # the profile is what is tested


# --- the buzzer ----------------------------------------------------------------------------------


def test_a_buzzer_plays_the_last_signal_once_and_is_silent_after_make_safe() -> None:
    header = MockHeader({"buzzer": 12})
    buzzer = Buzzer(Lines(header.factory), OutputPin(12))
    heard: list[bool] = []
    header.watch("buzzer", heard.append)
    buzzer.write(0)
    assert heard == []
    buzzer.signal(Sound.REJECTED, 0)
    for now_ms in range(0, 5_000, 10):
        buzzer.write(now_ms)
    assert heard == [True, False] * 3
    buzzer.signal(Sound.ACCEPTED, 5_000)
    buzzer.write(5_000)
    buzzer.make_safe()
    buzzer.write(5_010)
    assert heard[6:] == [True, False]


def test_colours_of_signals() -> None:
    assert SIGNALS[Sound.ACCEPTED].colour is GREEN
    assert SIGNALS[Sound.REJECTED].colour is RED
