"""What a meter's values must satisfy, and an imported energy that can be billed from.

Pure. `EnergyGuard` guarantees an energy that never decreases and that nothing which the meter can
not have counted pushes up: without the second, the first would keep a wild value for ever. A meter
that was replaced or reset therefore counts for nothing until somebody says so (`accept`).
"""

from __future__ import annotations

import enum
import math
from typing import Any

from msgspec.structs import astuple, replace

from evse.model import MeterReading

LOWEST_VOLTAGE_V = 80.0
HIGHEST_VOLTAGE_V = 300.0
DEAD_PHASE_V = 1.0
"""Up to here a phase counts as not connected, which is plausible."""
POWER_MARGIN = 1.2
"""|P| may exceed the sum of V x I by this factor (the registers are not of one instant) ..."""
POWER_FLOOR_W = 50.0
"""... and by this much, since small currents are rounded."""
STANDSTILL_WH = 50.0
"""Five steps of the coarsest supported counter (0.01 kWh): so much must move it."""
JUMP_SLACK_WH = 50.0
"""The same five steps, by which a counter may be ahead of the power."""
MAX_POWER_W = 3 * HIGHEST_VOLTAGE_V * 100.0
"""More than a direct meter of 100 A can count."""
UNSEEN_MS = 70_000
"""What may have flowed unseen before the first reading after a start: a transaction is stored every
60 s, and a board that lost its core opens within 7 s."""
UNSEEN_WH = 1_000.0
"""And what the station itself may have used since its meter's value was last stored (own)."""
MS_PER_HOUR = 3_600_000


class Finding(enum.StrEnum):
    """What is odd about the meter's values. Reported, never raised."""

    NO_NUMBER = "no_number"
    """NaN or infinite: counts as not reported; without an energy the whole reading is refused."""
    VOLTAGE = "voltage_implausible"
    POWER = "power_implausible"
    ENERGY_BACKWARDS = "energy_ran_backwards"
    """The last good value is kept."""
    ENERGY_JUMPED = "energy_jumped"
    """More than the meter can count in the time; the last good value is kept."""
    ENERGY_STANDS_STILL = "energy_stands_still"
    """Power is reported, yet the counter does not move."""
    FLOWS_WHILE_OPEN = "flows_while_open"
    """A current while the contactor is open (cross_check.py)."""
    SEES_NO_CURRENT = "sees_no_current"
    """None while the board measures one (cross_check.py)."""


UNBILLABLE = frozenset(
    {
        Finding.ENERGY_BACKWARDS,
        Finding.ENERGY_JUMPED,
        Finding.ENERGY_STANDS_STILL,
        Finding.FLOWS_WHILE_OPEN,
        Finding.SEES_NO_CURRENT,
    }
)
"""The energy is not what flows through this EVSE. The others spoil what is told beside it."""


_MEASURED = tuple(name for name in MeterReading.__struct_fields__ if name != "taken_ms")


def numbers_only(reading: MeterReading) -> tuple[MeterReading, dict[Finding, str]]:
    """`reading` with None for what is no finite number. Its energy stays as it is: that is the
    caller's to judge."""
    if _all_finite(reading):
        return reading, {}
    odd = {name: value for name in _MEASURED if _is_odd(value := getattr(reading, name))}
    if not odd:
        return reading, {}
    mended = {name: _numbers(value) for name, value in odd.items() if name != "energy_import_wh"}
    says = ", ".join(f"{name} reads {value}" for name, value in odd.items())
    return replace(reading, **mended), {Finding.NO_NUMBER: says}


def _all_finite(reading: MeterReading) -> bool:
    """True is certain, and quick, for it is asked of every reading: a sum is finite only if all
    that was added is. False may also come of finite numbers too large to add."""
    total = 0.0
    for value in astuple(reading):
        if isinstance(value, tuple):
            for one in value:
                if one is not None:
                    total += one
        elif value is not None:
            total += value
    return math.isfinite(total)


def _is_odd(value: Any) -> bool:
    values = value if isinstance(value, tuple) else (value,)
    return any(one is not None and not math.isfinite(one) for one in values)


def _numbers(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(None if _is_odd(one) else one for one in value)
    return None


def implausible(reading: MeterReading) -> dict[Finding, str]:
    """What in `reading` contradicts itself or physics, each with a sentence."""
    found: dict[Finding, str] = {}
    for phase, voltage_v in enumerate(reading.voltage_v, start=1):
        if (
            voltage_v is not None
            and not LOWEST_VOLTAGE_V <= voltage_v <= HIGHEST_VOLTAGE_V
            and abs(voltage_v) > DEAD_PHASE_V
        ):
            found[Finding.VOLTAGE] = f"L{phase} reads {voltage_v:.1f} V"
    apparent_va = _apparent_va(reading)
    if (
        apparent_va is not None
        and reading.power_w is not None
        and abs(reading.power_w) > POWER_MARGIN * apparent_va + POWER_FLOOR_W
    ):
        found[Finding.POWER] = f"{reading.power_w:.0f} W at {apparent_va:.0f} VA"
    return found


def _apparent_va(reading: MeterReading) -> float | None:
    """Sum of V x I; None unless voltage and current are known of the same phases."""
    apparent_va: float | None = None
    for voltage_v, current_a in zip(reading.voltage_v, reading.current_a, strict=True):
        if voltage_v is None or current_a is None:
            if voltage_v is not current_a:
                return None
        else:
            apparent_va = (apparent_va or 0.0) + abs(voltage_v * current_a)
    return apparent_va


class EnergyGuard:
    """Follows one imported-energy counter. `energy_wh` is what may be billed from."""

    def __init__(self, max_power_w: float = MAX_POWER_W) -> None:
        self._max_power_w = max_power_w
        self._last: MeterReading | None = None
        """The last reading whose energy was believed."""
        self._doubted: MeterReading | None = None
        """The last reading, where its energy was not believed."""
        self._known_wh: float | None = None
        self._unseen_ms = UNSEEN_MS
        self._unmoved_wh = 0.0
        self.energy_wh = 0.0

    def expect(self, known_wh: float, unseen_ms: int = UNSEEN_MS) -> None:
        """What the counter was last known to say before this start: the first reading is held
        against it. Without one it has to be believed. `unseen_ms`: how long current may have
        flowed since."""
        if self._last is None and self._known_wh is None:
            self._known_wh = self.energy_wh = known_wh
            self._unseen_ms = max(UNSEEN_MS, unseen_ms)

    def take(self, reading: MeterReading) -> dict[Finding, str]:
        """Believe or doubt the energy of `reading`."""
        found = self._doubt(reading)
        self._doubted = reading if found else None
        if found:
            return found
        if self._last is None:
            self._believe(reading)
            return {}
        return self._standstill(self._last, reading)

    def accept(self) -> bool:
        """Believe what was doubted: somebody says that the meter is another one, was reset, or
        counts again. False where nothing is doubted. Not while a transaction is billed from it."""
        if self._doubted is not None:
            self._believe(self._doubted)
        elif self._unmoved_wh < STANDSTILL_WH:
            return False
        self._doubted, self._unmoved_wh = None, 0.0
        return True

    def _doubt(self, reading: MeterReading) -> dict[Finding, str]:
        change_wh = reading.energy_import_wh - self.energy_wh
        if self._last is not None:
            span_ms, slack_wh = reading.taken_ms - self._last.taken_ms, JUMP_SLACK_WH
        elif self._known_wh is not None:
            span_ms, slack_wh = self._unseen_ms, UNSEEN_WH
        else:
            return {}
        says = f"{reading.energy_import_wh:.1f} Wh after {self.energy_wh:.1f} Wh"
        if change_wh < 0:
            return {Finding.ENERGY_BACKWARDS: says}
        if change_wh > self._max_power_w * span_ms / MS_PER_HOUR + slack_wh:
            return {Finding.ENERGY_JUMPED: says}
        return {}

    def _believe(self, reading: MeterReading) -> None:
        self._last = reading
        self.energy_wh = reading.energy_import_wh

    def _standstill(self, before: MeterReading, reading: MeterReading) -> dict[Finding, str]:
        hours = (reading.taken_ms - before.taken_ms) / MS_PER_HOUR
        moved = reading.energy_import_wh > before.energy_import_wh
        expected_wh = max(0.0, before.power_w or 0.0) * hours
        self._unmoved_wh = 0.0 if moved else self._unmoved_wh + expected_wh
        self._believe(reading)
        if self._unmoved_wh < STANDSTILL_WH:
            return {}
        return {Finding.ENERGY_STANDS_STILL: f"{self._unmoved_wh:.0f} Wh flowed, none was counted"}
