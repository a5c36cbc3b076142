"""The limit that follows from heat: what the board measures, and what it warns of by itself.

A fitted sensor that falls silent counts as hot (evse/energy/derating.py); a board that does not
answer at all stops charging by itself, and says nothing of heat.
"""

from __future__ import annotations

from evse.board_faults import BoardFault
from evse.config.evse import EvseTable
from evse.energy.derating import Derating, Sensor, curve_of
from evse.limits import Limit

_WARM = ((BoardFault.HIGH_TEMPERATURE, Sensor.EVSE), (BoardFault.CABLE_HOT, Sensor.PLUG))


class Heat:
    """The temperature of one EVSE. Nothing limits before a sensor is known to be fitted."""

    def __init__(self, config: EvseTable) -> None:
        self._config = config
        self._derating: Derating | None = None
        self._mute = False
        self._warm_a = curve_of(config).points[0].factor * config.max_current_a
        self._warning: Limit | None = None
        self._limit: Limit | None = None
        self._due_ms: int | None = None
        """When `_limit` changes if nothing is heard."""

    def fit(self, now_ms: int) -> None:
        """The board that answered tells its temperature: from now on its silence counts."""
        self._mute = False
        if self._derating is None:
            curves = {Sensor.EVSE: curve_of(self._config)}
            self._derating = Derating(curves, rated_a=self._config.max_current_a, now_ms=now_ms)
        else:
            self._derating.wait(now_ms)
        self._work_out(now_ms)

    def hold(self) -> None:
        """The board does not answer."""
        self._mute = True

    def heard(self, temperature_dc: int | None, now_ms: int) -> bool:
        """The board's measurement. True when another limit follows from it."""
        if self._derating is None:
            return False
        before = self.limit(now_ms)
        self._derating.take(Sensor.EVSE, temperature_dc, now_ms)
        self._work_out(now_ms)
        return self.limit(now_ms) != before

    def warned(self, faults: BoardFault) -> None:
        """What the board reports by itself. Its word counts as the first point of the curve."""
        warm = (sensor for flag, sensor in _WARM if flag in faults) if faults else iter(())
        sensor = next(warm, None)
        self._warning = None if sensor is None else _limit(sensor, self._warm_a)

    def limit(self, now_ms: int) -> Limit | None:
        """The lower of what was measured and what was warned of; None while neither limits."""
        measured, warning = self.measured(now_ms), self._warning
        if measured is None or warning is None:
            return warning if measured is None else measured
        return min(measured, warning, key=lambda limit: limit.limit_a)

    def measured(self, now_ms: int) -> Limit | None:
        if self._mute:
            return None
        if self._due_ms is not None and now_ms >= self._due_ms:
            self._work_out(now_ms)
        return self._limit

    def next_deadline_ms(self, now_ms: int) -> int | None:
        """When the limit changes if nothing is heard."""
        due_ms = self._due_ms
        return due_ms if due_ms is not None and due_ms > now_ms else None

    def _work_out(self, now_ms: int) -> None:
        if self._derating is not None:
            self._limit = self._derating.limit(now_ms)
            self._due_ms = self._derating.next_deadline_ms(now_ms)


def _limit(sensor: Sensor, limit_a: float) -> Limit:
    return Limit(source=sensor.value, limit_a=limit_a, safety=True, measured=True)
