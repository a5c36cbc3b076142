"""What a search tries, in which order, and what it takes for a meter."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.metering.catalogue import catalogue, load_map
from drivers.metering.describe import settings_words, tells
from drivers.metering.frames import (
    LONGEST_FRAME,
    answer_in,
    answers_in,
    character_s,
    is_intact,
    requests_in,
)
from drivers.metering.map import Line
from drivers.metering.recognise import fits, witnesses
from drivers.metering.search import plan_of, units_in
from evse.model import MeterReading
from hil.plant.meter_sim import sealed

MAPS = catalogue().values()


def test_settings_as_delivered_come_first_and_the_commonest_of_them_before_the_others() -> None:
    plan = plan_of(MAPS, units=(1, 2, 33), timeout_ms=200)
    delivered = {(one.delivered.baud, one.delivered.parity) for one in MAPS}
    assert plan.lines[0] == Line(baud=9_600)
    known = [line for line in plan.lines if (line.baud, line.parity) in delivered]
    assert list(plan.lines[: len(known)]) == known
    assert plan.units == (1, 33, 2)


def test_a_search_can_be_narrowed_and_asked_for_what_is_on_no_list() -> None:
    plan = plan_of(MAPS, units=(1,), timeout_ms=200, bauds=[57_600], parities=["O"])
    assert plan.lines == (Line(baud=57_600, parity="O"),)
    assert {line.baud for line in plan_of(MAPS, units=(1,), timeout_ms=9, bauds=[9_600]).lines} == {
        9_600
    }


def test_how_long_it_takes_at_most_is_known_beforehand() -> None:
    """17 characters at 9600 8N1 are 17.7 ms: two functions, each with a rest as long behind it."""
    plan = plan_of(MAPS, units=(1, 2), timeout_ms=200, bauds=[9_600], parities=["N"])
    assert [line.words for line in plan.lines] == ["9600 8N1"]
    assert plan.most_ms == round(2 * 2 * 2 * (200 + 17 * 1000 * character_s(Line(baud=9_600))))


@pytest.mark.parametrize(
    ("text", "units"), [("1-3,33", (1, 2, 3, 33)), ("7", (7,)), ("2,1-2", (2, 1)), ("247", (247,))]
)
def test_addresses_are_numbers_and_ranges(text: str, units: tuple[int, ...]) -> None:
    assert units_in(text) == units


@pytest.mark.parametrize("text", ["", "0", "248", "5-3", "a", "1-", "-1", "1,,2"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        units_in(text)


SOUND = MeterReading(
    taken_ms=0,
    energy_import_wh=12_345.0,
    power_w=3_680.0,
    voltage_v=(230.0, None, None),
    current_a=(16.0, None, None),
    frequency_hz=49.9,
)


@pytest.mark.parametrize(
    "odd",
    [
        {"voltage_v": (23.0, None, None)},
        {"voltage_v": (0.0, 0.0, 0.0)},
        {"frequency_hz": 4.99},
        {"frequency_hz": 499.0},
        {"power_w": 36_800_000.0},
        {"energy_import_wh": -1.0},
        {"energy_import_wh": 1e12},
        {"power_w": 36_800.0},
    ],
)
def test_one_value_that_can_not_be_rules_a_model_out(odd: dict[str, object]) -> None:
    assert fits(SOUND) > 0
    values = {name: getattr(SOUND, name) for name in MeterReading.__struct_fields__}
    assert fits(MeterReading(**(values | odd))) == 0


def test_more_that_fits_weighs_more() -> None:
    totals = MeterReading(taken_ms=0, energy_import_wh=12_345.0, power_w=3_680.0)
    assert 0 < fits(totals) < fits(SOUND)


numbers = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
phases = st.tuples(numbers, numbers, numbers)


@given(
    st.builds(
        MeterReading,
        taken_ms=st.just(0),
        energy_import_wh=st.floats(allow_nan=False, allow_infinity=False),
        power_w=numbers,
        voltage_v=phases,
        current_a=phases,
        frequency_hz=numbers,
    )
)
def test_any_reading_can_be_judged(reading: MeterReading) -> None:
    weight = fits(reading)
    assert weight >= 0
    assert weight == 0 or math.isfinite(reading.energy_import_wh)


def test_what_is_looked_at_first_is_voltage_and_frequency_or_what_there_is() -> None:
    for name, one in catalogue().items():
        assert witnesses(one), name
    assert witnesses(load_map("sdm72d_m")) == [
        load_map("sdm72d_m").values.power_w,
        load_map("sdm72d_m").values.energy_import_wh,
    ]


def test_few_words_tell_a_model() -> None:
    assert tells(load_map("sdm630")) == "V A W Hz kWh+-"
    assert tells(load_map("orno_we514")) == "V A W Hz kWh"
    assert settings_words(load_map("iskra_wm3m4")) == "33, 115200 8N2"
    assert settings_words(load_map("ds100")) == "1, 1200 8??"
    assert settings_words(load_map("dvh4013")) == "?, 9600 8E1"
    assert settings_words(load_map("eem350")) == "not known"
    assert settings_words(load_map("abb_b23")) == "1, rest not known"


@given(st.binary(max_size=600))
def test_frames_found_in_any_bytes_are_sound(data: bytes) -> None:
    found = [*answers_in(data), *requests_in(data)]
    assert all(is_intact(frame) and frame in data[:LONGEST_FRAME] for frame in found)


@given(st.binary(max_size=20), st.integers(1, 247), st.sampled_from([3, 4]), st.integers(1, 60))
def test_an_answer_is_found_whoever_it_is_from(
    noise: bytes, unit: int, function: int, count: int
) -> None:
    frame = sealed(bytes([unit, function, 2 * count]) + bytes(range(2 * count)))
    data = noise.replace(b"\x03", b"").replace(b"\x04", b"") + frame
    assert frame in answers_in(data) or any(frame[:3] in one for one in answers_in(data))
    assert answer_in(data, unit, function, count) == frame
