"""What the core believes of the meter: how old, how plausible, and never a counter running back.

Pure. Guarantees that the imported energy it hands out never decreases, and that a meter which
stopped answering is called stale and then lost by the clock alone, whatever its reader does. Bills
come from differences of `MeterSupervisor.reading`, so a wrong value here is wrong money.
"""

from __future__ import annotations

import enum
import math

import msgspec
from msgspec.structs import replace

from evse.metering.plausibility import (
    MAX_POWER_W,
    EnergyGuard,
    Finding,
    implausible,
    numbers_only,
)
from evse.model import MeterReading


class MeterHealth(enum.IntEnum):
    """How current the last reading is."""

    WAITING = 0
    """No reading yet since the start."""
    FRESH = 1
    STALE = 2
    LOST = 3


class HealthChanged(msgspec.Struct, frozen=True):
    health: MeterHealth
    why: str


class FindingRaised(msgspec.Struct, frozen=True):
    finding: Finding
    says: str


class FindingCleared(msgspec.Struct, frozen=True):
    finding: Finding


MeterChange = HealthChanged | FindingRaised | FindingCleared


class MeterSupervisor:
    """Judges one meter. Feed it every reading and failure, and `tick` it at `next_deadline_ms`;
    each call returns what changed by it."""

    def __init__(
        self,
        *,
        start_ms: int,
        stale_ms: int = 5_000,
        lost_ms: int = 10_000,
        max_power_w: float = MAX_POWER_W,
    ) -> None:
        """Ages count from a reading's `taken_ms`, before the first one from `start_ms`."""
        if not 0 < stale_ms < lost_ms:
            raise ValueError(f"stale_ms {stale_ms} must lie between 0 and lost_ms {lost_ms}")
        self._stale_ms = stale_ms
        self._lost_ms = lost_ms
        self._since_ms = start_ms
        self._last_error = ""
        self._energy = EnergyGuard(max_power_w)
        self.health = MeterHealth.WAITING
        self.reading: MeterReading | None = None
        """The last reading, with the energy of EnergyGuard; None before the first."""
        self.findings: dict[Finding, str] = {}

    @property
    def next_deadline_ms(self) -> int | None:
        """When `tick` would change the health; None once lost."""
        if self.health is MeterHealth.FRESH:
            return self._since_ms + self._stale_ms
        return None if self.health is MeterHealth.LOST else self._since_ms + self._lost_ms

    def age_ms(self, now_ms: int) -> int:
        """Age of the last reading; before the first one, time since the start."""
        return max(0, now_ms - self._since_ms)

    def expect(self, known_wh: float, unseen_ms: int = 0) -> None:
        """See EnergyGuard.expect; before the first reading."""
        self._energy.expect(known_wh, unseen_ms)

    def accept(self) -> bool:
        """See EnergyGuard.accept; the next reading tells what has changed by it."""
        return self._energy.accept()

    def took(self, reading: MeterReading, now_ms: int) -> list[MeterChange]:
        """The meter answered. One that is not newer than the last is only a `tick`; one whose
        energy is no number is refused as if it had not come."""
        last = self.reading
        if last is not None and reading.taken_ms <= last.taken_ms:
            return self.tick(now_ms)
        reading, odd = numbers_only(reading)
        if not math.isfinite(reading.energy_import_wh):
            return [*self._find(self.findings | odd), *self.failed(odd[Finding.NO_NUMBER], now_ms)]
        found = odd | implausible(reading) | self._energy.take(reading)
        if self._energy.energy_wh != reading.energy_import_wh:
            reading = replace(reading, energy_import_wh=self._energy.energy_wh)
        self.reading, self._since_ms, self._last_error = reading, reading.taken_ms, ""
        return [*self._find(found), *self.tick(now_ms)]

    def failed(self, why: str, now_ms: int) -> list[MeterChange]:
        """The meter did not answer; `why` is what the loss will be explained with."""
        self._last_error = why
        return self.tick(now_ms)

    def tick(self, now_ms: int) -> list[MeterChange]:
        """Time has passed."""
        age_ms = self.age_ms(now_ms)
        if age_ms >= self._lost_ms:
            health = MeterHealth.LOST
        elif self.reading is None:
            health = MeterHealth.WAITING
        else:
            health = MeterHealth.STALE if age_ms >= self._stale_ms else MeterHealth.FRESH
        if health is self.health:
            return []
        self.health = health
        return [HealthChanged(health, self._explain(health, age_ms))]

    def _explain(self, health: MeterHealth, age_ms: int) -> str:
        if health is MeterHealth.FRESH:
            return "the meter answers"
        reason = f": {self._last_error}" if self._last_error else ""
        return f"no reading for {age_ms / 1000:.1f} s{reason}"

    def _find(self, found: dict[Finding, str]) -> list[MeterChange]:
        if not (found or self.findings):
            return []
        raised = [
            FindingRaised(one, says) for one, says in found.items() if one not in self.findings
        ]
        cleared = [FindingCleared(one) for one in self.findings if one not in found]
        self.findings = found
        return [*raised, *cleared]
