"""Heat lowers the current at once and gives it back late; a silent sensor counts as hot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from evse.config.evse import DeratingPoint, EvseTable
from evse.energy.derating import (
    DEFAULT_CURVE,
    Curve,
    Derating,
    Point,
    Reading,
    Sensor,
    curve_of,
    factor,
    take,
)

temperatures = st.lists(st.none() | st.integers(-400, 1200), max_size=30)


def factors(*temperatures_dc: int) -> list[float]:
    reading, found = Reading(0), []
    for now_ms, temperature_dc in enumerate(temperatures_dc):
        reading = take(DEFAULT_CURVE, reading, temperature_dc, now_ms)
        found.append(factor(DEFAULT_CURVE, reading, now_ms))
    return found


@pytest.mark.parametrize(
    ("temperature_dc", "share"),
    [(-250, 1), (649, 1), (650, 0.5), (679, 0.5), (680, 0.25), (709, 0.25), (710, 0), (1200, 0)],
)
def test_the_default_curve_is_full_to_65_half_quarter_from_68_and_stops_at_71(
    temperature_dc: int, share: float
) -> None:
    assert factors(temperature_dc) == [share]


def test_it_restores_at_62_from_half_and_from_a_stop_and_from_a_quarter_by_way_of_half() -> None:
    assert factors(650, 649, 621, 620) == [0.5, 0.5, 0.5, 1]
    assert factors(710, 700, 621, 620) == [0, 0, 0, 1]
    assert factors(680, 651, 650, 649, 620) == [0.25, 0.25, 0.5, 0.5, 1]


def test_a_point_is_left_at_its_own_temperature_and_not_past_the_one_below() -> None:
    curve = Curve("test", (Point(650, 0.5, 620), Point(680, 0.25, 640)))
    reading = take(curve, Reading(0), 690, 0)
    found = []
    for temperature_dc in (641, 640, 621, 620):
        reading = take(curve, reading, temperature_dc, 1)
        found.append(factor(curve, reading, 1))
    assert found == [0.25, 0.5, 0.5, 1]


@given(temperatures)
def test_never_more_than_the_curve_and_never_less_than_what_was_once_reached(
    history: list[int | None],
) -> None:
    reading, deepest = Reading(0), 0
    for now_ms, temperature_dc in enumerate(history):
        before = reading.level
        reading = take(DEFAULT_CURVE, reading, temperature_dc, now_ms)
        if temperature_dc is None:
            continue
        reached = sum(temperature_dc >= point.at_dc for point in DEFAULT_CURVE.points)
        deepest = max(deepest, reached)
        assert reached <= reading.level <= deepest
        if reading.level < before:
            assert temperature_dc <= DEFAULT_CURVE.points[before - 1].leave_dc


@given(st.lists(st.integers(621, 649), min_size=1, max_size=40))
def test_between_restore_and_the_first_point_nothing_flutters(history: list[int]) -> None:
    assert len(set(factors(*history))) == 1
    assert len(set(factors(655, *history))) == 1


def test_a_fitted_sensor_that_is_silent_for_5_s_counts_as_hot_and_is_believed_when_it_returns() -> (
    None
):
    heat = Derating({Sensor.PLUG: DEFAULT_CURVE}, rated_a=32, now_ms=0)
    assert heat.limit(4_999) is None
    assert heat.next_deadline_ms(0) == 5_000
    lost = heat.limit(5_000)
    assert lost is not None
    assert (lost.limit_a, lost.source, lost.safety) == (0, "plug temperature", True)
    heat.take(Sensor.PLUG, None, 6_000)
    assert heat.limit(6_000) is not None, "an empty answer is silence"
    heat.take(Sensor.PLUG, 630, 6_001)
    assert heat.limit(6_001) is not None, "back, but not cool enough to leave the stop"
    heat.take(Sensor.PLUG, 200, 6_002)
    assert heat.limit(6_002) is None


def test_each_silent_sensor_has_its_own_deadline_and_none_once_it_is_lost() -> None:
    curves = {Sensor.EVSE: DEFAULT_CURVE, Sensor.PLUG: DEFAULT_CURVE}
    heat = Derating(curves, rated_a=32, now_ms=0)
    heat.take(Sensor.PLUG, 200, 1_000)
    assert heat.next_deadline_ms(1_000) == 5_000
    assert heat.next_deadline_ms(4_999) == 5_000
    assert heat.next_deadline_ms(5_000) == 6_000
    assert heat.next_deadline_ms(6_000) is None


def test_silence_counts_only_while_somebody_could_be_heard() -> None:
    heat = Derating({Sensor.EVSE: DEFAULT_CURVE}, rated_a=32, now_ms=0)
    heat.take(Sensor.EVSE, 650, 0)
    heat.wait(60_000)
    limit = heat.limit(64_999)
    assert limit is not None
    assert limit.limit_a == 16, "neither lost nor cooler"
    assert heat.next_deadline_ms(60_000) == 65_000


def test_a_limit_by_heat_is_kept_at_once_and_counts_as_steady_since_its_curve_has_hysteresis() -> (
    None
):
    heat = Derating({Sensor.EVSE: DEFAULT_CURVE}, rated_a=32, now_ms=0)
    heat.take(Sensor.EVSE, 710, 0)
    limit = heat.limit(0)
    assert limit is not None
    assert (limit.measured, limit.safety) == (False, True)


def test_the_hotter_of_two_sensors_limits_by_its_share_of_the_rated_current() -> None:
    curves = {Sensor.EVSE: DEFAULT_CURVE, Sensor.PLUG: DEFAULT_CURVE}
    heat = Derating(curves, rated_a=32, now_ms=0)
    heat.take(Sensor.EVSE, 660, 0)
    heat.take(Sensor.PLUG, 690, 0)
    limit = heat.limit(0)
    assert limit is not None
    assert (limit.limit_a, limit.source) == (8, "plug temperature")


def test_a_sensor_that_is_not_fitted_is_an_error_and_none_fitted_limits_nothing() -> None:
    heat = Derating({}, rated_a=32, now_ms=0)
    assert heat.limit(10**9) is None
    assert heat.next_deadline_ms(0) is None
    with pytest.raises(KeyError):
        heat.take(Sensor.EVSE, 200, 0)


@pytest.mark.parametrize(
    ("points", "says"),
    [
        ((), "no points"),
        ((Point(650, 1.0, 620),), "factor 1.0 is not below 1.0"),
        ((Point(650, 0.5, 620), Point(680, 0.5, 620)), "factor 0.5 is not below 0.5"),
        ((Point(650, -0.5, 620),), "factor -0.5"),
        ((Point(650, float("nan"), 620),), "factor nan"),
        ((Point(650, 0.5, 620), Point(650, 0.25, 620)), "65 C does not follow 65 C"),
        ((Point(650, 0.5, 650),), "begins at 65 C must end below it, not at 65 C"),
    ],
)
def test_a_curve_that_is_none_is_refused(points: tuple[Point, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Curve("test", points)


EVSE = EvseTable(id=1, evse_id="DE*PIE*E1", connector="cable", max_current_a=32)


def test_the_configured_curve_replaces_the_default_one() -> None:
    assert curve_of(EVSE) is DEFAULT_CURVE
    point = DeratingPoint(at_c=55.55, factor=0.5, leave_c=50)
    curve = curve_of(replace(EVSE, derating=(point,)))
    assert curve == Curve("configuration", (Point(556, 0.5, 500),))
    backwards = DeratingPoint(at_c=55, factor=0.5, leave_c=55)
    with pytest.raises(ValueError, match="begins at 55 C must end below it, not at 55 C"):
        curve_of(replace(EVSE, derating=(backwards,)))
