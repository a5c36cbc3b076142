"""What load balancing knows of an installation: its limits, a mains reading, its own state.

Numbers are those of SmartEVSE 3.5 (the de-facto home load balancer), read off its source.
"""

from __future__ import annotations

import enum
import math

import msgspec

GREATEST_BUDGET_A = 80.0
MAINS_LOST_MS = 11_000
SOLAR_START_A = 4.0
"""Sum of the phases that must flow out before a car starts."""
SOLAR_STOP_MS = 600_000

Amps = tuple[float, float, float]


class Mode(enum.StrEnum):
    NORMAL = "normal"
    """The mains meter is not consulted: only where the supply carries the whole circuit."""
    SMART = "smart"
    SOLAR = "solar"


class Phase(enum.StrEnum):
    """What the balancer is doing, for people."""

    IDLE = "idle"
    WAITING = "waiting"
    """No room for a car yet, or no surplus."""
    RUNNING = "running"
    SOFT_SHORTAGE = "soft_shortage"
    """Too little sun: at the minimum until the stop time is over."""
    HARD_SHORTAGE = "hard_shortage"
    """The mains were overloaded: stopped."""
    FALLBACK = "fallback"
    """The mains meter is lost."""


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """The installation, amps per phase. Raises ValueError out of range."""

    max_mains_a: float
    max_circuit_a: float
    """The line that feeds only the EVSEs."""
    max_sum_a: float | None = None
    """Contracted sum of the three phases."""
    fallback_a: float = 0.0
    """Budget of all EVSEs while the mains meter is lost; under 6 A charging pauses."""
    mains_lost_ms: int = MAINS_LOST_MS
    solar_import_a: float = 0.0
    """Sum of the phases that may be bought while charging from the sun."""
    solar_start_a: float = SOLAR_START_A
    solar_stop_ms: int = SOLAR_STOP_MS

    def __post_init__(self) -> None:
        if not (self.max_mains_a > 0 and self.max_circuit_a > 0 and self.mains_lost_ms > 0):
            raise ValueError("mains: max_mains_a, max_circuit_a and mains_lost_ms must be above 0")
        if not 0 <= self.fallback_a <= self.max_circuit_a:
            raise ValueError(
                f"mains: fallback_a {self.fallback_a} must lie between 0 and max_circuit_a"
                f" {self.max_circuit_a}"
            )

    @property
    def most_a(self) -> float:
        return min(self.max_circuit_a, GREATEST_BUDGET_A)


class Reading(msgspec.Struct, frozen=True):
    """One reading of the mains meter; import is positive, export negative."""

    taken_ms: int
    mains_a: Amps
    evse_a: Amps | None = None
    """What all EVSEs took at that time, on the same lines; None = taken as their budget."""

    @property
    def sound(self) -> bool:
        return all(map(math.isfinite, (*self.mains_a, *(self.evse_a or ()))))


class Balance(msgspec.Struct, frozen=True):
    """The state; `budget_a` is what all EVSEs together may take per phase."""

    budget_a: float = 0.0
    phase: Phase = Phase.IDLE
    admitted: int = 0
    """Cars for which the sun's minimum is held."""
    seen_ms: int | None = None
    """When the last reading that counted was taken."""
    over_rounds: int = 0
    stop_ms: int | None = None
    """A soft shortage ends in a stop then."""
    blocked_ms: int | None = None
    """No start before."""
    settled_ms: int | None = None
    """No rise before."""
