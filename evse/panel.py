"""What a person sees and hears of an EVSE: part of the vocabulary of the board boundary."""

from __future__ import annotations

import enum


class Indicator(enum.IntEnum):
    """What the status light shows; the patterns are a table of drivers/gpio/."""

    OFF = 0
    STARTING = 1
    AVAILABLE = 2
    WAITING = 3
    """A car is there, and a card is wanted; or the other way round."""
    PREPARING = 4
    CHARGING = 5
    SUSPENDED = 6
    """Plugged in and authorized, and no current: the car, a limit or a pause."""
    FINISHED = 7
    RESERVED = 8
    UNAVAILABLE = 9
    FAULTED = 10
    NO_CORE = 11
    """Ring 1's own: nobody renews the lease."""


class Sound(enum.IntEnum):
    """What the buzzer says once."""

    ACCEPTED = 1
    REJECTED = 2
