"""What of the computer a profile uses, and what it uses twice. Pure.

Found by looking through the profile as it is, so that no section can be forgotten here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple

import msgspec

from drivers.gpio.wires import InputPin, OutputPin


class Use(NamedTuple):
    """One pin or channel, and the place in the profile that names it."""

    number: int
    place: str


def pins(profile: msgspec.Struct) -> list[Use]:
    """Every GPIO that the profile names."""
    return [
        Use(one.gpio if isinstance(one, InputPin | OutputPin) else one, place)
        for place, one in _leaves(profile, "")
        if isinstance(one, InputPin | OutputPin) or place.endswith("pwm_gpio")
    ]


def channels(profile: msgspec.Struct) -> list[Use]:
    """Every channel of the converter."""
    return [Use(one, place) for place, one in _leaves(profile, "") if place.endswith(".channel")]


def twice(kind: str, uses: list[Use]) -> Iterator[str]:
    """What two places want, as sentences."""
    first: dict[int, str] = {}
    for number, place in uses:
        if number in first:
            yield f"{kind}{number} is given to two functions: {first[number]} and {place}"
        first.setdefault(number, place)


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """(place, value); pins and numbers are leaves."""
    if isinstance(value, InputPin | OutputPin):
        yield place, value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _leaves(getattr(value, name), f"{place}.{name}" if place else name)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            name = key.value if isinstance(key, Enum) else key
            yield from _leaves(one, f"{place}.{name}")
    elif isinstance(value, tuple):
        for number, one in enumerate(value, start=1):
            yield from _leaves(one, f"{place} {number}")
    elif isinstance(value, int):
        yield place, value
