"""What the status light shows, and what the buzzer says: tables, and colour as a function of time.

Responsibility: every state has a rhythm of its own, so that it is told from all others by a light
of any kind: three colours, two, or one. Nothing flashes more than three times in a second (WCAG
2.2, success criterion 2.3.1). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from evse.panel import Indicator, Sound


class Colour(NamedTuple):
    """Which of three light sources are on."""

    red: bool
    green: bool
    blue: bool


DARK = Colour(False, False, False)
RED = Colour(True, False, False)
GREEN = Colour(False, True, False)
BLUE = Colour(False, False, True)
YELLOW = Colour(True, True, False)
MAGENTA = Colour(True, False, True)
CYAN = Colour(False, True, True)
WHITE = Colour(True, True, True)

Rhythm = tuple[int, ...]
"""Milliseconds on, off, on, off …, over and over."""

STEADY: Rhythm = (1_000, 0)
BLINK_REPEAT = 3
"""Flashes that answer a card, unless the profile says another number."""


class Pattern(msgspec.Struct, frozen=True):
    """A row of the table."""

    colour: Colour
    rhythm: Rhythm
    looks: str
    means: str


PATTERNS: Mapping[Indicator, Pattern] = {
    Indicator.OFF: Pattern(DARK, STEADY, "dark", "not in use"),
    Indicator.STARTING: Pattern(WHITE, (100, 900), "one flash every second", "starting"),
    Indicator.AVAILABLE: Pattern(GREEN, STEADY, "steady", "free: plug in or show a card"),
    Indicator.WAITING: Pattern(
        YELLOW,
        (1_000, 1_000),
        "blinks slowly, 1 s on and 1 s off",
        "waits for a card, or for a car",
    ),
    Indicator.PREPARING: Pattern(
        CYAN, (500, 500), "blinks evenly, once a second", "plugged in and allowed: getting ready"
    ),
    Indicator.CHARGING: Pattern(
        BLUE, (1_900, 100), "on, with a short gap every 2 s", "current may flow"
    ),
    Indicator.SUSPENDED: Pattern(
        BLUE, (100, 1_900), "one flash every 2 s", "paused by the car, by a limit, or by a person"
    ),
    Indicator.FINISHED: Pattern(
        GREEN, (100, 200, 100, 1_600), "two flashes every 2 s", "done: unplug the car"
    ),
    Indicator.RESERVED: Pattern(
        MAGENTA, (1_500, 150, 200, 150), "on, with two short gaps every 2 s", "kept for somebody"
    ),
    Indicator.UNAVAILABLE: Pattern(
        RED, (100, 3_900), "one flash every 4 s", "taken out of service"
    ),
    Indicator.FAULTED: Pattern(
        RED, (200, 200), "blinks hastily, five times in 2 s", "a fault: ask `evse why`"
    ),
    Indicator.NO_CORE: Pattern(
        MAGENTA,
        (100, 200, 100, 200, 100, 1_300),
        "three flashes every 2 s",
        "ring 1 is alone: nobody renews the permit",
    ),
}


class Signal(msgspec.Struct, frozen=True):
    """What a card's answer looks and sounds like."""

    colour: Colour
    flash: Rhythm
    """One flash, repeated as often as configured; over the pattern, which goes on afterwards."""
    beeps: Rhythm
    """Once."""


SIGNALS: Mapping[Sound, Signal] = {
    Sound.ACCEPTED: Signal(GREEN, (300, 300), (150,)),
    Sound.REJECTED: Signal(RED, (150, 200), (80, 80, 80, 80, 300)),
}


def colour(indicator: Indicator, now_ms: int) -> Colour:
    """Which sources are on at `now_ms`; all lights of a station blink together."""
    pattern = PATTERNS[indicator]
    return pattern.colour if is_on(pattern.rhythm, now_ms % sum(pattern.rhythm)) else DARK


def signal_colour(sound: Sound, age_ms: int, repeat: int) -> Colour | None:
    """Of a light `age_ms` after a card was answered; None when `repeat` flashes are over."""
    signal = SIGNALS[sound]
    length_ms = sum(signal.flash)
    if not 0 <= age_ms < repeat * length_ms:
        return None
    return signal.colour if is_on(signal.flash, age_ms % length_ms) else DARK


def beeps(sound: Sound, age_ms: int) -> bool:
    """Does the buzzer sound `age_ms` after a card was answered?"""
    return age_ms >= 0 and is_on(SIGNALS[sound].beeps, age_ms)


def on_two(wanted: Colour) -> tuple[bool, bool]:
    """Red and green light for `wanted`, where there is no blue: green stands in for it."""
    return wanted.red, wanted.green or wanted.blue


def is_on(rhythm: Rhythm, at_ms: int) -> bool:
    """Within one round of `rhythm`; False behind its end."""
    on = True
    for length_ms in rhythm:
        if at_ms < length_ms:
            return on
        at_ms -= length_ms
        on = not on
    return False
