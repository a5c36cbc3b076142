"""Register maps load strictly, ask for little, and decode what the vendor's document says."""

from __future__ import annotations

import math
import struct
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import MeterGarbled, MeterMapError
from drivers.metering.catalogue import catalogue, load_map
from drivers.metering.decode import by_power_of_ten, decode
from drivers.metering.map import MeterMap, Request, parse_map, requests_for
from evse.metering.plausibility import numbers_only

DATA = Path(__file__).parents[2] / "data"

HEAD = """
model = "Test"
source = "this test"
phases = 3
function_code = 3
word_order = "high_first"
max_registers = 10
max_gap_registers = 2
[values]
"""
WITH_PATTERNS = HEAD.replace(
    "[values]", '[absent]\nunsigned = "ones"\nsigned = "largest"\n[values]'
)
ENERGY = 'energy_import_wh = { address = 0, type = "u32" }\n'


SDM630 = load_map("sdm630")


@cache
def one_value(spec: str, *, word_order: str = "high_first") -> MeterMap:
    text = HEAD.replace("high_first", word_order)
    return parse_map(f"{text}energy_import_wh = {{ address = 7, {spec} }}", "test.toml")


def decoded(meter_map: MeterMap, registers: list[int]) -> float:
    (request,) = requests_for(meter_map)
    return decode(meter_map, [request], [registers], 5).energy_import_wh


def registers_of(raw: bytes) -> list[int]:
    return list(struct.unpack(f">{len(raw) // 2}H", raw))


def test_every_shipped_map_names_its_source_and_stays_within_its_limits() -> None:
    for name, meter_map in catalogue().items():
        assert "https://" in meter_map.source, name
        assert all(one.count <= meter_map.max_registers for one in requests_for(meter_map)), name


def test_what_no_source_tells_of_the_settings_is_doubted_aloud() -> None:
    """A model whose line can not be opened without the user's help says so."""
    for name, meter_map in catalogue().items():
        given = meter_map.delivered
        if given.baud is None or given.parity is None:
            assert "as delivered" in meter_map.doubts, name


def test_sdm630_is_read_with_one_request_of_76_registers() -> None:
    assert requests_for(load_map("sdm630")) == (Request(0x00, 0x4C),)


def test_sdm630_golden_answer() -> None:
    frame = bytes.fromhex((DATA / "sdm630_answer.hex").read_text())
    meter_map = load_map("sdm630")
    reading = decode(meter_map, requests_for(meter_map), [registers_of(frame[3:-2])], 42)
    assert reading.taken_ms == 42
    assert reading.voltage_v == pytest.approx((230.2, 231.5, 229.75), rel=1e-6)
    assert reading.current_a == pytest.approx((15.87, 15.9, 16.01), rel=1e-6)
    assert reading.power_phase_w == pytest.approx((3653.3, 3680.9, 3678.3), rel=1e-6)
    assert reading.power_w == pytest.approx(11012.5)
    assert reading.frequency_hz == pytest.approx(49.98)
    assert reading.energy_import_wh == pytest.approx(1_284_570.0)
    assert reading.energy_export_wh == pytest.approx(130.0)


def test_sdm72d_m_v2_stays_under_30_values_a_request() -> None:
    assert requests_for(load_map("sdm72d_m_v2")) == (Request(0x00, 54), Request(0x46, 6))


def test_an_unknown_model_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(MeterMapError, match=r"'smd630' is not known; did you mean sdm630\?"):
        load_map("smd630")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (HEAD, "[values] energy_import_wh is missing"),
        (
            HEAD + ENERGY + "voltage_11_v = { address = 4, type = 'u16' }",
            "voltage_11_v is not known; did you mean voltage_l1_v?",
        ),
        (
            HEAD + "energy_import_wh = { address = 0, typ = 'u32' }",
            "[values.energy_import_wh] typ is not known; did you mean type?",
        ),
        (
            HEAD + "energy_import_wh = { address = 0, type = 'f16' }",
            '[values.energy_import_wh] type = "f16" must be one of',
        ),
        (
            HEAD + ENERGY + "power_w = { address = 1, type = 'i16' }",
            "[values] energy_import_wh and power_w overlap at register 1",
        ),
        (
            HEAD + "energy_import_wh = { address = 65535, type = 'u32' }",
            "[values] energy_import_wh reaches beyond register 65535",
        ),
        (
            HEAD + "energy_import_wh = { address = 0, type = 'u32', exponent = 1 }",
            "[values] energy_import_wh and energy_import_wh.exponent overlap at register 1",
        ),
        (
            HEAD.replace("= 10", "= 2") + "energy_import_wh = { address = 0, type = 'u64' }",
            "[values] energy_import_wh takes more registers than max_registers",
        ),
        ("model = ", "is not TOML"),
    ],
)
def test_a_wrong_map_is_refused_with_file_and_key(text: str, sentence: str) -> None:
    with pytest.raises(MeterMapError) as caught:
        parse_map(text, "test.toml")
    assert str(caught.value).startswith("test.toml: ")
    assert sentence in str(caught.value)


def test_neighbours_are_asked_for_together_up_to_the_gap_and_the_limit() -> None:
    text = HEAD + "".join(
        f"{name} = {{ address = {address}, type = 'u32' }}\n"
        for name, address in [
            ("energy_import_wh", 0),
            ("energy_export_wh", 2),
            ("power_w", 6),
            ("frequency_hz", 11),
            ("voltage_l1_v", 19),
            ("voltage_l2_v", 21),
        ]
    )
    assert requests_for(parse_map(text, "test.toml")) == (
        Request(0, 8),  # the gap 4..5 is spanned
        Request(11, 2),  # the gap 8..10 is not
        Request(19, 4),
    )


@given(st.lists(st.integers(0, 30), min_size=1, max_size=5), st.integers(4, 20), st.integers(0, 10))
def test_requests_cover_every_value_whole_within_the_limits(
    gaps: list[int], most: int, gap: int
) -> None:
    names = ["power_w", "frequency_hz", "voltage_l1_v", "current_l1_a", "power_l2_w"]
    text = HEAD.replace("max_registers = 10", f"max_registers = {most}")
    text = text.replace("max_gap_registers = 2", f"max_gap_registers = {gap}") + ENERGY
    end = 2
    for name, before in zip(names, gaps, strict=False):
        text += f"{name} = {{ address = {end + before}, type = 'u32' }}\n"
        end += before + 2
    meter_map = parse_map(text, "test.toml")
    requests = requests_for(meter_map)
    assert all(request.count <= most for request in requests)
    for value in meter_map.present().values():
        assert any(
            request.address <= value.address and value.end <= request.address + request.count
            for request in requests
        )
    asked_for_nothing = sum(request.count for request in requests) - 2 * (len(gaps) + 1)
    assert asked_for_nothing <= sum(one for one in gaps if one <= gap)


@given(st.floats(width=32), st.sampled_from(["high_first", "low_first"]))
def test_f32_round_trip_or_no_number(value: float, word_order: str) -> None:
    registers = registers_of(struct.pack(">f", value))
    if word_order == "low_first":
        registers.reverse()
    meter_map = one_value('type = "f32"', word_order=word_order)
    if math.isfinite(value):
        assert decoded(meter_map, registers) == value
    else:
        with pytest.raises(MeterGarbled, match="energy_import_wh is not a number"):
            decoded(meter_map, registers)


@pytest.mark.parametrize(
    ("kind", "code"),
    [("u16", "H"), ("i16", "h"), ("u32", "I"), ("i32", "i"), ("u64", "Q"), ("i64", "q")],
)
@pytest.mark.parametrize("word_order", ["high_first", "low_first"])
@given(data=st.data())
def test_whole_numbers_round_trip(
    kind: str, code: str, word_order: str, data: st.DataObject
) -> None:
    bits = 8 * struct.calcsize(f">{code}")
    low, high = (0, 2**bits - 1) if kind[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    value = data.draw(st.integers(low, high))
    registers = registers_of(struct.pack(f">{code}", value))
    if word_order == "low_first":
        registers.reverse()
    meter_map = one_value(f'type = "{kind}", scale = 0.5', word_order=word_order)
    assert decoded(meter_map, registers) == value * 0.5


def test_f64_of_the_siemens_kind() -> None:
    registers = registers_of(struct.pack(">d", 12_345_678.9))
    assert decoded(one_value('type = "f64"'), registers) == 12_345_678.9


def test_absent_pattern_nan_and_infinity_become_none() -> None:
    text = (
        WITH_PATTERNS
        + ENERGY
        + """
power_w = { address = 2, type = "i32" }
frequency_hz = { address = 4, type = "f32" }
voltage_l1_v = { address = 6, type = "f32" }
voltage_l2_v = { address = 8, type = "u16" }
voltage_l3_v = { address = 9, type = "u16" }
"""
    )
    registers = [0, 7, 0x7FFF, 0xFFFF, 0x7FC0, 0, 0x7F80, 0, 230, 0xFFFF]
    meter_map = parse_map(text, "test.toml")
    reading = decode(meter_map, requests_for(meter_map), [registers], 0)
    assert reading.energy_import_wh == 7
    assert reading.power_w is None
    assert reading.frequency_hz is None
    assert reading.voltage_v == (None, 230.0, None)
    assert reading.energy_export_wh is None


def test_tariffs_are_added_and_the_other_direction_is_subtracted() -> None:
    text = (
        WITH_PATTERNS
        + """
energy_import_wh = { address = 0, type = "u16", scale = 10, plus = [{ address = 1, type = "u16" }] }
power_w = { address = 2, type = "u16", minus = [{ address = 3, type = "u16", scale = 0.1 }] }
power_l1_w = { address = 2, type = "u16" }
"""
    )
    meter_map = parse_map(text, "test.toml")
    (request,) = requests_for(meter_map)
    assert request == Request(0, 4)
    reading = decode(meter_map, [request], [[7, 5, 100, 2_500]], 0)
    assert reading.energy_import_wh == 75.0
    assert reading.power_w == -150.0
    assert reading.power_phase_w == (100.0, None, None)
    assert decode(meter_map, [request], [[7, 5, 100, 0xFFFF]], 0).power_w is None
    with pytest.raises(MeterGarbled, match="energy_import_wh is not a number"):
        decode(meter_map, [request], [[7, 0xFFFF, 0, 0]], 0)


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        ("t5", 0xFF0008FD, 230.1),  # 2301 x 10^-1
        ("t5", 0x00FFFFFF, 16_777_215.0),
        ("t6", 0x00FFFFFF, -1.0),
        ("t6", 0x02800000, -838_860_800.0),
        ("t6", 0x80000001, 1e-128),
    ],
)
def test_t5_and_t6_carry_their_exponent_in_the_top_byte(kind: str, raw: int, value: float) -> None:
    registers = [raw >> 16, raw & 0xFFFF]
    assert decoded(one_value(f'type = "{kind}"'), registers) == pytest.approx(value, rel=1e-12)


@given(st.integers(-(2**31), 2**31 - 1), st.integers(-32_768, 32_767))
def test_a_counter_with_an_exponent_register_is_that_power_of_ten_or_no_number(
    count: int, exponent: int
) -> None:
    text = HEAD + 'energy_import_wh = { address = 0, type = "i32", exponent = 4 }'
    meter_map = parse_map(text, "test.toml")
    registers = registers_of(struct.pack(">ixxxxh", count, exponent))
    if count != 0 and count != 2**31 - 1 and -300 <= exponent <= 298:
        expected = count * 10.0**exponent
        assert decode_registers(meter_map, registers) == pytest.approx(expected, rel=1e-12)
    else:
        with suppress(MeterGarbled):
            assert math.isfinite(decode_registers(meter_map, registers))


def decode_registers(meter_map: MeterMap, registers: list[int]) -> float:
    requests = requests_for(meter_map)
    answers = [registers[one.address : one.address + one.count] for one in requests]
    return decode(meter_map, requests, answers, 0).energy_import_wh


def test_tenths_keep_no_noise_of_the_multiplication() -> None:
    assert decoded(one_value('type = "u32", scale = 0.1'), [0, 2_301]) == 230.1
    assert by_power_of_ten(2_301, -1) == 230.1


def test_a_read_begins_and_ends_with_a_value() -> None:
    """A PAC2200 refuses a read that begins inside a value."""
    for meter_map in catalogue().values():
        firsts = {first for first, _end, _name in meter_map.spans()}
        ends = {end for _first, end, _name in meter_map.spans()}
        for request in requests_for(meter_map):
            assert request.address in firsts
            assert request.address + request.count in ends


def test_an_answer_of_another_length_is_garbled() -> None:
    with pytest.raises(MeterGarbled, match="75 registers came from address 0x0000, 76 were asked"):
        decode(SDM630, requests_for(SDM630), [[0] * 75], 0)


@given(st.lists(st.lists(st.integers(0, 65_535), max_size=90), min_size=1, max_size=1))
def test_any_registers_decode_or_are_garbled(
    answers: list[list[int]],
) -> None:
    with suppress(MeterGarbled):
        decode(SDM630, requests_for(SDM630), answers, 0)


@given(st.sampled_from(sorted(catalogue())), st.data())
def test_no_registers_of_any_model_give_anything_but_numbers(
    model: str, data: st.DataObject
) -> None:
    meter_map = load_map(model)
    words = st.one_of(st.integers(0, 0xFFFF), st.sampled_from([0, 0x7FFF, 0x8000, 0xFFFF]))
    answers = [
        data.draw(st.lists(words, min_size=one.count, max_size=one.count))
        for one in requests_for(meter_map)
    ]
    with suppress(MeterGarbled):
        reading = decode(meter_map, requests_for(meter_map), answers, 0)
        assert numbers_only(reading) == (reading, {})


def test_what_a_one_phase_abb_lacks_is_absent() -> None:
    """A B21 has the registers of a B23 and says of L2 and L3 that it has no value."""
    abb = load_map("abb_b23")
    held = {0x5B00: 0, 0x5B01: 2_301, 0x5003: 7, 0x5007: 0}
    unsigned = {*range(0x5B02, 0x5B06), *range(0x5B0E, 0x5B12)}
    held |= dict.fromkeys(unsigned, 0xFFFF)
    held |= {at: 0x7FFF if at % 2 == 0 else 0xFFFF for at in range(0x5B18, 0x5B1C)}
    requests = requests_for(abb)
    answers = [
        [held.get(at, 0) for at in range(one.address, one.address + one.count)] for one in requests
    ]
    reading = decode(abb, requests, answers, 0)
    assert reading.voltage_v == (230.1, None, None)
    assert reading.current_a == (0.0, None, None)
    assert reading.power_phase_w == (0.0, None, None)
    assert reading.energy_import_wh == 70.0
