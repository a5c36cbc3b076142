"""Less current when the station or its plug gets hot.

Pure. Guarantees: a temperature at a point of the curve gives that point's factor or less at
once; a point is left only at its own, lower temperature; a fitted sensor that falls silent
counts as hot. Stopping for over-temperature is the guard's matter too (Reason.OVER_TEMPERATURE),
with its own threshold and without this module. Temperatures are tenths of a degree Celsius.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from evse.clock import earliest_after
from evse.config.evse import EvseTable
from evse.limits import Limit

DC_PER_C = 10
SENSOR_LOST_MS = 5_000
"""As long as the guard waits (`Timing.temperature_lost_ms`; own decision)."""


class Point(msgspec.Struct, frozen=True):
    """From `at_dc` up only `factor` of the rated current, until `leave_dc` or less."""

    at_dc: int
    factor: float
    leave_dc: int


class Curve(msgspec.Struct, frozen=True):
    """A derating curve: full below the first point. Raises ValueError if it is none."""

    source: str
    """Where the numbers come from."""
    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        if not self.points:
            raise ValueError("derating curve: no points")
        factor, at_dc = 1.0, None
        for point in self.points:
            if not 0 <= point.factor < factor:
                raise ValueError(f"derating curve: factor {point.factor} is not below {factor}")
            if at_dc is not None and point.at_dc <= at_dc:
                raise ValueError(
                    f"derating curve: {point.at_dc / 10:g} C does not follow {at_dc / 10:g} C"
                )
            if point.leave_dc >= point.at_dc:
                raise ValueError(
                    f"derating curve: what begins at {point.at_dc / 10:g} C must end below it, "
                    f"not at {point.leave_dc / 10:g} C"
                )
            factor, at_dc = point.factor, point.at_dc


DEFAULT_CURVE = Curve(
    source="OpenEVSE open_evse.h: half at 65 C, quarter at 68 C, stop at 71 C, restore at 62 C; "
    "back from a quarter to a half at 65 C is our own",
    points=(Point(650, 0.5, 620), Point(680, 0.25, 650), Point(710, 0.0, 620)),
)


def curve_of(evse: EvseTable) -> Curve:
    """The configured curve, or the default one. Raises ValueError for points that are none."""
    if not evse.derating:
        return DEFAULT_CURVE
    points = (
        Point(round(p.at_c * DC_PER_C), p.factor, round(p.leave_c * DC_PER_C))
        for p in evse.derating
    )
    return Curve("configuration", tuple(points))


class Sensor(enum.StrEnum):
    EVSE = "EVSE temperature"
    PLUG = "plug temperature"


class Reading(msgspec.Struct, frozen=True):
    """What is known of one sensor. A new one counts as heard at its start."""

    heard_ms: int
    level: int = 0
    """Points of the curve in force; 0 = full current."""


def take(curve: Curve, before: Reading, temperature_dc: int | None, now_ms: int) -> Reading:
    """The sensor said `temperature_dc`, or nothing."""
    if temperature_dc is None:
        return before
    level = len(curve.points) if is_lost(before, now_ms) else before.level
    reached = sum(1 for point in curve.points if temperature_dc >= point.at_dc)
    while level > reached and temperature_dc <= curve.points[level - 1].leave_dc:
        level -= 1
    return Reading(now_ms, max(level, reached))


def is_lost(reading: Reading, now_ms: int) -> bool:
    return now_ms - reading.heard_ms >= SENSOR_LOST_MS


def factor(curve: Curve, reading: Reading, now_ms: int) -> float:
    """Share of the rated current that may flow, 0 to 1."""
    level = len(curve.points) if is_lost(reading, now_ms) else reading.level
    return 1.0 if level == 0 else curve.points[level - 1].factor


class Derating:
    """The sensors of one EVSE, each with its curve."""

    def __init__(self, curves: Mapping[Sensor, Curve], *, rated_a: float, now_ms: int) -> None:
        """`curves` names the sensors that are fitted; `rated_a` is what the factors apply to."""
        self._curves = dict(curves)
        self._rated_a = rated_a
        self._readings = {sensor: Reading(now_ms) for sensor in curves}

    def take(self, sensor: Sensor, temperature_dc: int | None, now_ms: int) -> None:
        """Raises KeyError for a sensor that is not fitted."""
        curve = self._curves[sensor]
        self._readings[sensor] = take(curve, self._readings[sensor], temperature_dc, now_ms)

    def limit(self, now_ms: int) -> Limit | None:
        """The lowest of the sensors; None while none of them derates. The curve has its own
        hysteresis, so that this limit counts as steady."""
        hottest, lowest = None, 1.0
        for sensor, reading in self._readings.items():
            share = factor(self._curves[sensor], reading, now_ms)
            if share < lowest:
                hottest, lowest = sensor, share
        if hottest is None:
            return None
        return Limit(source=hottest.value, limit_a=lowest * self._rated_a, safety=True)

    def wait(self, now_ms: int) -> None:
        """Nobody was there to be heard until now: their silence did not count."""
        for sensor, reading in self._readings.items():
            self._readings[sensor] = replace(reading, heard_ms=now_ms)

    def next_deadline_ms(self, now_ms: int) -> int | None:
        """When a sensor that stays silent counts as lost."""
        lost_ms = [reading.heard_ms + SENSOR_LOST_MS for reading in self._readings.values()]
        return earliest_after(now_ms, *lost_ms)
