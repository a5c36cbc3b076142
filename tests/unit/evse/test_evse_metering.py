"""A meter ages by the clock alone, and its energy can be billed from."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from evse.metering.plausibility import (
    MAX_POWER_W,
    UNSEEN_MS,
    UNSEEN_WH,
    EnergyGuard,
    Finding,
    implausible,
)
from evse.metering.supervisor import (
    FindingCleared,
    FindingRaised,
    HealthChanged,
    MeterHealth,
    MeterSupervisor,
)
from evse.model import MeterReading


def reading(taken_ms: int, energy_wh: float, power_w: float | None = None) -> MeterReading:
    return MeterReading(taken_ms=taken_ms, energy_import_wh=energy_wh, power_w=power_w)


SOUND = MeterReading(
    taken_ms=0,
    energy_import_wh=0.0,
    power_w=11_000.0,
    voltage_v=(230.0, 231.0, 229.0),
    current_a=(16.0, 16.0, 16.0),
)


def test_a_meter_that_stops_answering_turns_stale_after_5_s_and_lost_after_10_s() -> None:
    meter = MeterSupervisor(start_ms=0)
    assert meter.health is MeterHealth.WAITING
    assert meter.took(reading(1_000, 5.0), 1_000) == [
        HealthChanged(MeterHealth.FRESH, "the meter answers")
    ]
    assert meter.failed("unit 1: no answer", 5_999) == []
    assert meter.tick(6_000) == [
        HealthChanged(MeterHealth.STALE, "no reading for 5.0 s: unit 1: no answer")
    ]
    assert meter.tick(10_999) == []
    assert meter.tick(11_000) == [
        HealthChanged(MeterHealth.LOST, "no reading for 10.0 s: unit 1: no answer")
    ]
    assert meter.reading == reading(1_000, 5.0), "the last value stays for the bill"


NO_NUMBERS = [float("nan"), float("inf"), float("-inf")]


@pytest.mark.parametrize("odd", NO_NUMBERS)
def test_a_reading_whose_energy_is_no_number_is_refused_and_named(odd: float) -> None:
    meter = MeterSupervisor(start_ms=0)
    meter.took(reading(1_000, 5.0), 1_000)
    says = f"energy_import_wh reads {odd}"
    assert meter.took(reading(2_000, odd, 100.0), 2_000) == [FindingRaised(Finding.NO_NUMBER, says)]
    assert meter.reading == reading(1_000, 5.0)
    assert meter.tick(6_000) == [
        HealthChanged(MeterHealth.STALE, f"no reading for 5.0 s: {says}")
    ], "a refused reading does not keep a meter fresh"
    assert FindingCleared(Finding.NO_NUMBER) in meter.took(reading(7_000, 6.0), 7_000)
    assert meter.reading == reading(7_000, 6.0)


@pytest.mark.parametrize("odd", NO_NUMBERS)
def test_a_first_reading_whose_energy_is_no_number_is_not_billed_from(odd: float) -> None:
    meter = MeterSupervisor(start_ms=0)
    meter.took(reading(1_000, odd), 1_000)
    assert (meter.reading, meter.health) == (None, MeterHealth.WAITING)


@pytest.mark.parametrize("odd", NO_NUMBERS)
def test_any_other_value_that_is_no_number_counts_as_not_reported(odd: float) -> None:
    meter = MeterSupervisor(start_ms=0)
    wild = replace(SOUND, power_w=odd, voltage_v=(230.0, odd, None), frequency_hz=50.0)
    changes = meter.took(wild, 0)
    assert meter.reading == replace(
        SOUND, power_w=None, voltage_v=(230.0, None, None), frequency_hz=50.0
    )
    (raised,) = [change for change in changes if isinstance(change, FindingRaised)]
    assert raised.finding is Finding.NO_NUMBER
    assert "power_w" in raised.says
    assert "voltage_v" in raised.says


measured = st.none() | st.floats()
phases = st.tuples(measured, measured, measured)


@given(
    st.lists(
        st.builds(
            MeterReading,
            taken_ms=st.integers(0, 100_000),
            energy_import_wh=st.floats(),
            energy_export_wh=measured,
            power_w=measured,
            power_phase_w=phases,
            voltage_v=phases,
            current_a=phases,
            frequency_hz=measured,
        ),
        max_size=5,
    )
)
def test_nothing_that_is_no_number_is_ever_handed_out(readings: list[MeterReading]) -> None:
    meter = MeterSupervisor(start_ms=0)
    for one in readings:
        meter.took(one, one.taken_ms)
        if meter.reading is not None:
            sent = msgspec.json.encode(meter.reading)
            assert msgspec.json.decode(sent, type=MeterReading) == meter.reading


def test_a_meter_that_returns_is_fresh_at_once() -> None:
    meter = MeterSupervisor(start_ms=0)
    assert meter.tick(10_000) == [HealthChanged(MeterHealth.LOST, "no reading for 10.0 s")]
    assert meter.took(reading(12_000, 5.0), 12_000) == [
        HealthChanged(MeterHealth.FRESH, "the meter answers")
    ]


def test_a_reading_that_was_under_way_too_long_is_stale_when_it_comes() -> None:
    meter = MeterSupervisor(start_ms=0)
    (change,) = meter.took(reading(0, 5.0), 6_000)
    assert change == HealthChanged(MeterHealth.STALE, "no reading for 6.0 s")


def test_a_reading_that_is_not_newer_is_ignored() -> None:
    meter = MeterSupervisor(start_ms=0)
    meter.took(reading(1_000, 5.0), 1_000)
    assert meter.took(reading(1_000, 9.0), 1_500) == []
    assert meter.reading == reading(1_000, 5.0)


def test_thresholds_must_be_in_order() -> None:
    with pytest.raises(ValueError, match="stale_ms 10000 must lie between 0 and lost_ms 10000"):
        MeterSupervisor(start_ms=0, stale_ms=10_000)


@given(st.lists(st.tuples(st.integers(1, 300), st.booleans()), max_size=12), st.integers(1, 25_000))
def test_ticking_at_deadlines_sees_what_ticking_every_50_ms_sees(
    polls: list[tuple[int, bool]], rest_ms: int
) -> None:
    events: dict[int, bool] = {}
    now_ms = 0
    for gap_ms, answered in polls:
        now_ms += gap_ms * 50
        events[now_ms] = answered
    end_ms = now_ms + rest_ms

    def run(*, skipping: bool) -> list[tuple[int, MeterHealth]]:
        meter = MeterSupervisor(start_ms=0)
        seen: list[tuple[int, MeterHealth]] = []
        times = set(events) | (set() if skipping else set(range(0, end_ms, 50)))
        pending = sorted(times)
        at_ms = 0
        while at_ms < end_ms:
            due_ms = meter.next_deadline_ms
            candidates = [one for one in pending[:1] if one < end_ms]
            if skipping and due_ms is not None and due_ms < end_ms:
                candidates.append(due_ms)
            if not candidates:
                break
            at_ms = min(candidates)
            if pending and pending[0] == at_ms:
                pending.pop(0)
            if events.get(at_ms):
                changes = meter.took(reading(at_ms, 1.0), at_ms)
            else:
                changes = meter.tick(at_ms)
            seen += [(at_ms, one.health) for one in changes if isinstance(one, HealthChanged)]
        return seen

    assert run(skipping=True) == run(skipping=False)


def test_plausible_values_have_no_findings() -> None:
    assert implausible(SOUND) == {}
    assert implausible(reading(0, 1.0)) == {}, "a meter that reports energy only"
    assert implausible(replace(SOUND, voltage_v=(230.0, 0.0, 0.0), power_w=3_680.0)) == {}


@pytest.mark.parametrize("voltage_v", [-230.0, 79.9, 300.1, 5.0])
def test_a_voltage_outside_80_to_300_v_that_is_not_0_is_a_finding(voltage_v: float) -> None:
    found = implausible(replace(SOUND, voltage_v=(230.0, voltage_v, 229.0), power_w=None))
    assert found == {Finding.VOLTAGE: f"L2 reads {voltage_v:.1f} V"}


@pytest.mark.parametrize("sign", [1, -1])
def test_power_beyond_1_2_times_the_apparent_power_is_a_finding(sign: int) -> None:
    apparent_va = 690.0 * 16.0
    assert implausible(replace(SOUND, power_w=sign * 1.2 * apparent_va)) == {}
    assert Finding.POWER in implausible(replace(SOUND, power_w=sign * (1.2 * apparent_va + 51)))


def test_power_is_not_judged_where_a_phase_is_half_known() -> None:
    assert implausible(replace(SOUND, current_a=(1.0, None, None))) == {}


def test_energy_that_runs_back_is_a_finding_and_the_last_good_value_is_kept() -> None:
    meter = MeterSupervisor(start_ms=0)
    meter.took(reading(0, 1_000.0), 0)
    assert meter.took(reading(1_000, 400.0, 50.0), 1_000) == [
        FindingRaised(Finding.ENERGY_BACKWARDS, "400.0 Wh after 1000.0 Wh")
    ]
    assert meter.reading == reading(1_000, 1_000.0, 50.0), "only the energy is kept"
    assert meter.took(reading(2_000, 450.0), 2_000) == [], "raised once"
    assert meter.took(reading(3_000, 1_001.0), 3_000) == [FindingCleared(Finding.ENERGY_BACKWARDS)]


def test_a_single_wild_value_does_not_push_the_energy_up() -> None:
    meter = MeterSupervisor(start_ms=0)
    meter.took(reading(0, 1_000.0), 0)
    (raised,) = meter.took(reading(1_000, 9_000_000.0), 1_000)
    assert raised == FindingRaised(Finding.ENERGY_JUMPED, "9000000.0 Wh after 1000.0 Wh")
    assert meter.took(reading(2_000, 1_003.0), 2_000) == [FindingCleared(Finding.ENERGY_JUMPED)]
    assert meter.reading is not None
    assert meter.reading.energy_import_wh == 1_003.0


def test_a_jump_is_not_believed_however_often_it_is_repeated() -> None:
    energy = EnergyGuard()
    energy.take(reading(0, 1_000.0))
    for second in range(1, 60):
        assert Finding.ENERGY_JUMPED in energy.take(reading(second * 1_000, 9e6 + second))
        assert energy.energy_wh == 1_000.0
    assert energy.take(reading(61_000, 1_100.0)) == {}, "and the true counter is still followed"


def test_a_counter_that_somebody_vouches_for_is_believed_from_there_on() -> None:
    """A meter was replaced, by one that counted less or more."""
    for other_wh in (3.0, 9e6):
        energy = EnergyGuard()
        energy.take(reading(0, 1_000.0))
        assert not energy.accept(), "nothing is doubted"
        assert energy.take(reading(1_000, other_wh))
        assert energy.accept()
        assert energy.energy_wh == other_wh
        assert not energy.accept()
        assert energy.take(reading(2_000, other_wh + 3)) == {}
        assert energy.energy_wh == other_wh + 3


def test_a_counter_that_stood_still_is_doubted_until_it_moves_or_somebody_vouches_for_it() -> None:
    energy = EnergyGuard()
    found = [energy.take(reading(second * 1_000, 7.0, 11_000.0)) for second in range(20)]
    assert found[-1]
    assert energy.take(reading(60_000, 7.0, 0.0)), "nothing flows any more, and nothing is proved"
    assert energy.accept()
    assert energy.take(reading(61_000, 7.0, 0.0)) == {}


MOST_UNSEEN_WH = MAX_POWER_W * UNSEEN_MS / 3_600_000 + UNSEEN_WH


@pytest.mark.parametrize(
    ("first_wh", "found"),
    [
        (4_999.0, {Finding.ENERGY_BACKWARDS}),
        (5_000.0, set()),
        (5_000.0 + MOST_UNSEEN_WH - 1, set()),
        (5_000.0 + MOST_UNSEEN_WH + 1, {Finding.ENERGY_JUMPED}),
    ],
)
def test_the_first_reading_is_held_against_what_was_known_before_the_start(
    first_wh: float, found: set[Finding]
) -> None:
    meter = MeterSupervisor(start_ms=0)
    meter.expect(5_000.0)
    meter.took(reading(0, first_wh), 0)
    assert set(meter.findings) == found
    assert meter.reading is not None
    assert meter.reading.energy_import_wh == (5_000.0 if found else first_wh)
    meter.expect(9.0)
    meter.took(reading(1_000, max(first_wh, 5_000.0)), 1_000)
    assert meter.reading.energy_import_wh >= 5_000.0, "it is held against that once"


def test_without_anything_known_the_first_reading_has_to_be_believed() -> None:
    energy = EnergyGuard()
    assert energy.take(reading(0, 9e9)) == {}
    assert energy.energy_wh == 9e9


def test_energy_counted_while_the_meter_was_out_of_reach_is_no_jump() -> None:
    energy = EnergyGuard()
    energy.take(reading(0, 0.0))
    assert energy.take(reading(3_600_000, 22_000.0)) == {}


def test_power_without_energy_is_a_finding_after_50_wh() -> None:
    meter = MeterSupervisor(start_ms=0)
    changes = [
        (second, change)
        for second in range(30)
        for change in meter.took(reading(second * 1_000, 7.0, 11_000.0), second * 1_000)
        if not isinstance(change, HealthChanged)
    ]
    seconds_for_50_wh = 17  # 50 Wh / 11 kW = 16.4 s
    assert changes == [
        (
            seconds_for_50_wh,
            FindingRaised(Finding.ENERGY_STANDS_STILL, "52 Wh flowed, none was counted"),
        )
    ]
    assert meter.took(reading(30_000, 7.01, 11_000.0), 30_000) == [
        FindingCleared(Finding.ENERGY_STANDS_STILL)
    ]


@given(
    st.lists(st.tuples(st.integers(1, 100_000), st.floats(0, 1e7, allow_nan=False)), max_size=40)
)
def test_energy_never_decreases_whatever_the_meter_says(steps: list[tuple[int, float]]) -> None:
    meter = MeterSupervisor(start_ms=0)
    now_ms, last_wh = 0, 0.0
    for gap_ms, energy_wh in steps:
        now_ms += gap_ms
        meter.took(reading(now_ms, energy_wh), now_ms)
        assert meter.reading is not None
        assert meter.reading.energy_import_wh >= last_wh
        last_wh = meter.reading.energy_import_wh


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60))
def test_a_sound_counter_passes_unchanged_and_without_a_finding(steps_wh: list[int]) -> None:
    energy, total_wh = EnergyGuard(), 0
    for second, step_wh in enumerate(steps_wh):
        total_wh += step_wh
        assert energy.take(reading(second * 1_000, float(total_wh))) == {}
        assert energy.energy_wh == total_wh
