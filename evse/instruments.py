"""What the core concludes from the measurements of one EVSE beside its session: which conditions
of meter, mains and the board's supply show now.

Pure. It tells each beginning and each end once (`show`). What follows from a condition is the
catalogue's matter (evse/faults.toml).
"""

from __future__ import annotations

from collections.abc import Callable

from evse.config.evse import EvseTable
from evse.faults import CoreCondition
from evse.metering.cross_check import CrossCheck
from evse.metering.plausibility import UNBILLABLE, Finding
from evse.model import BoardAnalog, MeterReading
from evse.supply import MainsWatch, SupplyWatch


class Instruments:
    """One EVSE's. `show` must take what it is told as it is told."""

    def __init__(self, config: EvseTable, show: Callable[[CoreCondition, bool], None]) -> None:
        self._show = show
        self._supply = SupplyWatch()
        self._mains = MainsWatch(config)
        self._cross_check = CrossCheck()
        self._odd: frozenset[Finding] = frozenset()
        self._board_ma: int | None = None
        self._shown: frozenset[CoreCondition] = frozenset()
        self._seen: tuple[object, ...] = ()
        """What `_shown` was made of."""

    @property
    def findings(self) -> frozenset[Finding]:
        """All that is odd about the meter now."""
        return self._odd | self._cross_check.findings

    def on_analog(self, analog: BoardAnalog, now_ms: int) -> bool:
        """The board's measurements. True when something follows from them."""
        self._board_ma = analog.current_ma
        self._supply.take(analog, now_ms)
        return self._tell()

    def on_board_lost(self) -> None:
        self._board_ma = None
        self._supply.forget()
        self._cross_check.forget()
        self._tell()

    def on_findings(self, findings: frozenset[Finding]) -> None:
        """What the meter's supervisor finds odd (evse/metering/desk.py)."""
        self._odd = findings
        self._tell()

    def on_reading(
        self, reading: MeterReading, *, plugged: bool, energised: bool, now_ms: int
    ) -> bool:
        """`energised`: coil or mirror of the contactor is closed."""
        self._mains.take(reading.voltage_v, now_ms)
        self._cross_check.take(
            reading,
            plugged=plugged,
            energised=energised,
            board_ma=self._board_ma,
            now_ms=now_ms,
        )
        return self._tell()

    def on_meter_lost(self) -> None:
        self._mains.forget()
        self._cross_check.forget()
        self._tell()

    def _tell(self) -> bool:
        seen = self._supply.shown, self._mains.shown, self._odd, self._cross_check.findings
        if seen == self._seen:
            return False
        self._seen = seen
        shown = self._supply.shown | self._mains.shown | _of_meter(self.findings)
        changed = self._shown ^ shown
        self._shown = shown
        for condition in sorted(changed):
            self._show(condition, condition in shown)
        return bool(changed)


def _of_meter(findings: frozenset[Finding]) -> frozenset[CoreCondition]:
    found = set()
    if findings & UNBILLABLE:
        found.add(CoreCondition.METER_IMPLAUSIBLE)
    if findings - UNBILLABLE:
        found.add(CoreCondition.METER_ODD)
    return frozenset(found)
