"""Randomised delay of changes in load, so that a tariff does not switch a whole country at once.

Pure. The UK's Electric Vehicles (Smart Charge Points) Regulations 2021 (SI 2021/1467), regulation
11, want it of private charge points: each start, stop or change that comes by itself waits a
random time; a person may cancel it, and nothing that serves safety waits. The random numbers are
injected. The applied limit never exceeds what safety allows.
"""

from __future__ import annotations

import enum
import hashlib
from typing import Protocol

import msgspec

from evse.limits import UNLIMITED_A

DEFAULT_MAX_S = 600
"""SI 2021/1467 regulation 11: up to 600 s unless configured otherwise."""
GREATEST_MAX_S = 1_800
"""SI 2021/1467 regulation 11: the delay may be configured up to 1800 s."""
MS_PER_S = 1_000


class Cause(enum.StrEnum):
    """Why the wanted limit changed."""

    AUTOMATIC = "automatic"
    """A schedule, tariff or back office, at a moment that many stations share; also the end of a
    power or network outage."""
    LOCAL = "local"
    """A measurement on this site: other stations do not move with it."""
    USER = "user"
    SAFETY = "safety"


class Uniform(Protocol):
    """A source of random numbers, such as `random.Random(seed)`."""

    def random(self) -> float:
        """At least 0 and below 1."""


class Draws:
    """Random numbers from a seed that no other station has and that changes with each start."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._drawn = 0

    def random(self) -> float:
        """At least 0 and below 1."""
        self._drawn += 1
        digest = hashlib.sha256(f"{self._seed} {self._drawn}".encode()).digest()
        return int.from_bytes(digest[:6]) / (1 << 48)


class Policy(msgspec.Struct, frozen=True):
    """Raises ValueError out of range."""

    enabled: bool = False
    max_s: int = DEFAULT_MAX_S
    at_any_change: bool = True
    """False: only when the current starts or stops to flow."""

    def __post_init__(self) -> None:
        if not 0 <= self.max_s <= GREATEST_MAX_S:
            raise ValueError(f"random delay: max_s {self.max_s}, not 0 to {GREATEST_MAX_S}")


class Delay(msgspec.Struct, frozen=True):
    """The published state: what is applied, and what comes when."""

    applied_a: float = 0.0
    wanted_a: float = 0.0
    ends_ms: int | None = None
    """A delay is running until then; None = none is."""

    def remaining_s(self, now_ms: int) -> int:
        """The countdown to show, in whole seconds, rounded up."""
        if self.ends_ms is None:
            return 0
        return max(0, -((now_ms - self.ends_ms) // MS_PER_S))


class Change(msgspec.Struct, frozen=True):
    """What is wanted now, and why it last changed."""

    wanted_a: float
    cause: Cause
    safety_a: float = UNLIMITED_A
    """The lowest limit that serves safety: a delay never holds the current above it."""


def step(delay: Delay, change: Change, now_ms: int, policy: Policy, rng: Uniform) -> Delay:
    """What applies at `now_ms`. A running delay is neither prolonged nor restarted by a further
    change; it ends early when the old value is wanted again."""
    if _at_once(delay, change, now_ms, policy):
        return _applied(change.wanted_a)
    held_a = min(delay.applied_a, change.safety_a)
    if delay.ends_ms is not None:
        return Delay(held_a, change.wanted_a, delay.ends_ms)
    wait_ms = _draw_ms(policy, rng)
    if wait_ms == 0:
        return _applied(change.wanted_a)
    return Delay(held_a, change.wanted_a, now_ms + wait_ms)


def cancel(delay: Delay) -> Delay:
    """A person overrides the running delay: what is wanted applies at once."""
    return _applied(delay.wanted_a)


def _at_once(delay: Delay, change: Change, now_ms: int, policy: Policy) -> bool:
    if not policy.enabled or change.wanted_a == delay.applied_a:
        return True
    if change.cause is not Cause.AUTOMATIC and change.wanted_a != delay.wanted_a:
        return True
    if delay.ends_ms is not None:
        return now_ms >= delay.ends_ms
    starts_or_stops = (change.wanted_a == 0) != (delay.applied_a == 0)
    return not (policy.at_any_change or starts_or_stops)


def _applied(limit_a: float) -> Delay:
    return Delay(limit_a, limit_a)


def _draw_ms(policy: Policy, rng: Uniform) -> int:
    """Whole seconds, 0 and `max_s` included, all equally likely."""
    return min(policy.max_s, int(rng.random() * (policy.max_s + 1))) * MS_PER_S
