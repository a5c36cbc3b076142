"""Is the electricity fit to charge on? The mains by the meter, and the board's own supply.

Pure. What is wrong must last before it counts, and be well within the limits for as long before
it is over, so that one sag or one wild reading stops nobody. Judged only when something is read:
a meter that is lost says nothing of the mains (`forget`).
"""

from __future__ import annotations

import msgspec

from evse.config.evse import EvseTable
from evse.faults import CoreCondition
from evse.model import BoardAnalog

DEAD_V = 50.0
"""Below this a phase has no mains. Clauses of all these numbers: evse/clauses.toml, [supply]."""
RETURN_PERCENT = 2.0
"""So much of the nominal voltage inside its limits before a voltage is good again."""
SAG_MV = 11_000
"""The pilot's +12 V and -12 V: closer to zero, state A reads as another."""
SOUND_MV = 11_400
"""Where the pilot generator's own tolerance ends."""
SAG_DWELL_MS = 1_000
"""Two of the board's reports, which come about once a second."""

Volts = tuple[float | None, float | None, float | None]


class Lasting(msgspec.Struct, frozen=True):
    """Something that begins only after it has lasted, and ends only after it was gone as long."""

    present: bool = False
    turning_ms: int | None = None
    """Since when it looks like the opposite of `present`."""


CALM = Lasting()
"""Neither present nor about to be: what is not `bad` leaves it so."""


def follow(state: Lasting, *, bad: bool, good: bool, now_ms: int, dwell_ms: int) -> Lasting:
    """One look. Neither `bad` nor `good` (between the thresholds): as it was."""
    if not (good if state.present else bad):
        return state if state.turning_ms is None else Lasting(state.present)
    since_ms = now_ms if state.turning_ms is None else state.turning_ms
    if now_ms - since_ms >= dwell_ms:
        return Lasting(not state.present)
    return Lasting(state.present, since_ms)


class MainsWatch:
    """The voltages of one EVSE's phases, as its meter reads them."""

    def __init__(self, config: EvseTable) -> None:
        table, nominal_v = config.voltage, config.nominal_voltage_v
        self._phases = config.phases
        self._dwell_ms = table.dwell_ms
        self._margin_v = nominal_v * RETURN_PERCENT / 100
        self._low_v = nominal_v * (1 - table.low_percent / 100)
        self._high_v = nominal_v * (1 + table.high_percent / 100)
        self._least_live_v = max(self._low_v, DEAD_V)
        self.forget()

    def take(self, voltage_v: Volts, now_ms: int) -> None:
        """A reading. Phases that the EVSE does not have, or nobody measures, are not judged, and a
        dead one is not connected as long as another lives."""
        known = [volts for volts in voltage_v[: self._phases] if volts is not None]
        if not known or (self._calm and self._sound(known)):
            return
        live = [volts for volts in known if volts >= DEAD_V]
        low_v, high_v = min(live, default=self._high_v), max(live, default=0.0)
        self._look(CoreCondition.POWER_LOSS, not live, bool(live), now_ms)
        self._look(
            CoreCondition.UNDER_VOLTAGE,
            low_v < self._low_v,
            low_v >= self._low_v + self._margin_v,
            now_ms,
        )
        self._look(
            CoreCondition.OVER_VOLTAGE,
            high_v > self._high_v,
            high_v <= self._high_v - self._margin_v,
            now_ms,
        )

    def forget(self) -> None:
        """Nobody measures any more."""
        self._states = dict.fromkeys(
            (CoreCondition.POWER_LOSS, CoreCondition.UNDER_VOLTAGE, CoreCondition.OVER_VOLTAGE),
            CALM,
        )
        self._calm = True
        self.shown: frozenset[CoreCondition] = frozenset()

    def _sound(self, known: list[float]) -> bool:
        """Every phase lives and is within its limits."""
        return min(known) >= self._least_live_v and max(known) <= self._high_v

    def _look(self, condition: CoreCondition, bad: bool, good: bool, now_ms: int) -> None:
        before = self._states[condition]
        state = follow(before, bad=bad, good=good, now_ms=now_ms, dwell_ms=self._dwell_ms)
        if state != before:
            self._states[condition] = state
            self._calm = all(each == CALM for each in self._states.values())
            self.shown = frozenset(c for c, each in self._states.items() if each.present)


_SOUND: frozenset[CoreCondition] = frozenset()
_SAGS = frozenset({CoreCondition.SUPPLY})


class SupplyWatch:
    """The board's own +12 V and -12 V, from which the pilot is made."""

    def __init__(self) -> None:
        self._state = CALM

    @property
    def shown(self) -> frozenset[CoreCondition]:
        return _SAGS if self._state.present else _SOUND

    def take(self, analog: BoardAnalog, now_ms: int) -> None:
        """One report of the board."""
        weaker_mv = min(analog.supply_12v_mv, -analog.supply_minus_12v_mv)
        self._state = follow(
            self._state,
            bad=weaker_mv < SAG_MV,
            good=weaker_mv >= SOUND_MV,
            now_ms=now_ms,
            dwell_ms=SAG_DWELL_MS,
        )

    def forget(self) -> None:
        """The board is lost."""
        self._state = CALM
