"""Counts to levels: the statistics that the burst is chosen by, and what is not believed."""

from __future__ import annotations

import random
from typing import NamedTuple

import pytest
from adc_rig import AdcBench
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.adc.plateau import (
    BAND_MV,
    NO_PLATEAU_MS,
    FrontEnd,
    PilotWatch,
    Plateaus,
    bottom_plateau,
    bursts_for,
    top_plateau,
)
from evse.board_faults import Wiring
from evse.model import F_BP, X1_BP
from evse.pilot import DIODE_LOW_MV, PilotSample, is_pwm, low_level_ok
from hil.pi.waveform import PilotWaveform, steady

SCALE_10 = FrontEnd(zero_counts=511.5, gain_mv=30_000 / 1_023)
SCALE_12 = FrontEnd(zero_counts=2_047.5, gain_mv=30_000 / 4_095)
TRIALS = 1_000


class Row(NamedTuple):
    """How often a half-wave was missed, and how wrong its level was."""

    none: float
    fewer_than_3: float
    error_99_mv: float


def simulate(duty_bp: int, samples: int, gap_us: float, jitter_us: float, *, low: bool) -> Row:
    """State C sampled blindly by a 10-bit converter, `TRIALS` times from any phase."""
    drawn = random.Random(1)
    band = BAND_MV / SCALE_10.gain_mv
    level_mv = -12_000 if low else 6_000
    missed = few = 0
    errors = []
    for _ in range(TRIALS):
        wave = PilotWaveform(duty_bp, 6_000, -12_000, phase_us=drawn.uniform(0, 1_000))
        at_us = 0.0
        counts = []
        for _ in range(samples):
            counts.append(round(wave(at_us) / SCALE_10.gain_mv + SCALE_10.zero_counts))
            at_us += gap_us + drawn.uniform(-jitter_us, jitter_us)
        counts.sort()
        extreme = counts[0] if low else counts[-1]
        missed += abs(SCALE_10.mv(extreme) - level_mv) > BAND_MV
        found = bottom_plateau(counts, band) if low else top_plateau(counts, band)
        few += found is None
        errors.append(abs(SCALE_10.mv(extreme if found is None else found) - level_mv))
    errors.sort()
    return Row(missed / TRIALS, few / TRIALS, errors[TRIALS * 99 // 100])


# duty, samples, gap, jitter, low side -> P(none), P(<3), 99 % error: at most, and at least
TABLE = [
    (1_000, 32, 60, 0, False, Row(0, 0.30, 150), Row(0, 0.1, 0)),
    (1_000, 64, 60, 5, False, Row(0, 0, 100), Row(0, 0, 0)),
    (1_000, 64, 39, 5, False, Row(0, 0, 100), Row(0, 0, 0)),
    (1_000, 64, 120, 20, False, Row(0, 0.01, 100), Row(0, 0, 0)),
    (1_000, 64, 100, 0, False, Row(0.1, 0.1, 20_000), Row(0.01, 0, 5_000)),
    (1_000, 64, 100, 10, False, Row(0, 0.01, 100), Row(0, 0, 0)),
    (500, 64, 60, 0, False, Row(0.02, 0.55, 20_000), Row(0, 0.2, 0)),
    (500, 128, 60, 5, False, Row(0, 0.01, 150), Row(0, 0, 0)),
    (5_333, 64, 60, 5, False, Row(0, 0, 60), Row(0, 0, 0)),
    (9_600, 64, 60, 5, True, Row(0.05, 0.85, 20_000), Row(0, 0.50, 0)),
    (9_600, 192, 60, 5, True, Row(0, 0.02, 150), Row(0, 0, 0)),
]


@pytest.mark.parametrize(("duty_bp", "samples", "gap", "jitter", "low", "most", "least"), TABLE)
def test_the_statistics_by_which_a_burst_is_chosen(
    duty_bp: int, samples: int, gap: float, jitter: float, low: bool, most: Row, least: Row
) -> None:
    """64 samples about 60 us apart, jittered. Evenly at 100 us, which divides the period, all of
    them stand on one place: on an edge, and the burst is sure of a level that is volts wrong."""
    row = simulate(duty_bp, samples, gap, jitter, low=low)
    assert all(a <= b for a, b in zip(least, row, strict=True)), row
    assert all(a <= b for a, b in zip(row, most, strict=True)), row


# one burst


@pytest.mark.parametrize("name", ["mcp3008", "mcp3208"])
@pytest.mark.parametrize(
    ("duty_bp", "hi_mv"),
    [(1_000, 9_000), (1_000, 6_000), (2_667, 6_000), (5_333, 3_000), (8_500, 12_000), (9_300, 0)],
)
@settings(max_examples=15)
@given(phase_us=st.floats(0, 1_000), start_us=st.floats(0, 1e6))
def test_both_levels_come_out_of_one_burst(
    name: str, duty_bp: int, hi_mv: int, phase_us: float, start_us: float
) -> None:
    bench = AdcBench(name, seed=1)
    bench.now_us = start_us
    bench.show_pwm(duty_bp, hi_mv, -12_000, phase_us)
    sample = bench.sampler.read(duty_bp, 0).sample
    assert sample is not None
    assert abs(sample.hi_mv - hi_mv) <= 100
    assert sample.lo_mv is not None or duty_bp > 9_000
    assert sample.lo_mv is None or abs(sample.lo_mv + 12_000) <= 100


@pytest.mark.parametrize(("duty_bp", "level_mv"), [(X1_BP, 9_000), (X1_BP, 0), (F_BP, -12_000)])
def test_a_steady_output_has_one_level(duty_bp: int, level_mv: int) -> None:
    bench = AdcBench()
    bench.show(steady(level_mv))
    sample = bench.sampler.read(duty_bp, 0).sample
    assert sample is not None
    assert abs(sample.hi_mv - level_mv) <= 10
    assert sample.lo_mv is None


@given(duty_bp=st.integers(3_000, 7_000), phase_us=st.floats(0, 1_000))
def test_a_steady_output_that_still_swings_has_no_verdict(duty_bp: int, phase_us: float) -> None:
    bench = AdcBench()
    bench.show_pwm(duty_bp, 9_000, -12_000, phase_us)
    assert bench.sampler.read(X1_BP, 0).sample is None


@given(
    wild=st.lists(st.tuples(st.integers(0, 63), st.integers(0, 4_095)), max_size=2),
    duty_bp=st.one_of(st.integers(1_000, 9_000), st.just(X1_BP), st.just(F_BP)),
    hi_mv=st.sampled_from([3_000, 6_000, 9_000, 12_000]),
    phase_us=st.floats(0, 1_000),
    gain=st.sampled_from([1, -1]),
)
def test_two_wild_samples_anywhere_move_no_level_out_of_its_band(
    wild: list[tuple[int, int]], duty_bp: int, hi_mv: int, phase_us: float, gain: int
) -> None:
    """And hide none, where a half-wave has three samples left."""
    wave = PilotWaveform(duty_bp, hi_mv, -12_000, phase_us=phase_us)
    scale = FrontEnd(SCALE_12.zero_counts, gain * SCALE_12.gain_mv)
    counts = [round(wave(61.3 * index) / scale.gain_mv + scale.zero_counts) for index in range(64)]
    for where, value in wild:
        counts[where] = value
    sample = Plateaus(scale, samples=64).estimate(sorted(counts), duty_bp)
    assert sample is not None
    assert abs(sample.hi_mv - (-12_000 if duty_bp == F_BP else hi_mv)) <= BAND_MV
    assert (sample.lo_mv is None) is not is_pwm(duty_bp)
    assert sample.lo_mv is None or abs(sample.lo_mv + 12_000) <= BAND_MV


@pytest.mark.parametrize("many", [1, 2])
@pytest.mark.parametrize("by", [83, 200, 1_000])
def test_an_overshoot_hides_no_level(many: int, by: int) -> None:
    """At both edges: above the high level by more than the band, and below the low one."""
    low, high = 1_000, 2_866
    counts = [high + by] * many + [high] * 17 + [low] * 45 + [low - by] * many
    sample = Plateaus(SCALE_12, samples=64).estimate(sorted(counts), 2_667)
    assert sample == PilotSample(SCALE_12.mv(high), SCALE_12.mv(low))


def test_three_samples_beyond_a_level_are_a_level() -> None:
    counts = [410] * 44 + [2_866] * 17 + [3_276] * 3
    sample = Plateaus(SCALE_12, samples=64).estimate(counts, 2_667)
    assert sample == PilotSample(SCALE_12.mv(3_276), -11_996)


def test_where_samples_were_left_out_a_level_has_four() -> None:
    """Noise all over the scale would find three of a kind in one of three tries."""
    for many, hi_mv in ((3, None), (4, 5_996)):
        counts = [2_866] * many + [4_000] + list(range(400, 400 + 59 * 20, 20))
        sample = Plateaus(SCALE_12, samples=64).estimate(sorted(counts), 2_667)
        assert (sample and sample.hi_mv) == hi_mv


@pytest.mark.parametrize("few", [1, 2])
def test_the_few_samples_of_a_narrow_half_wave_are_no_outliers(few: int) -> None:
    """What lies beyond them is the other half-wave's level, which must not be told twice."""
    high = [2_866] * few + [410] * (64 - few)
    assert Plateaus(SCALE_12, samples=64).estimate(sorted(high), 500) is None
    low = [410] * few + [2_866] * (64 - few)
    assert Plateaus(SCALE_12, samples=64).estimate(sorted(low), 9_600) == PilotSample(5_996)


@given(
    samples=st.lists(st.integers(0, 4_095), min_size=64, max_size=64),
    duty_bp=st.integers(F_BP, X1_BP),
    gain_mv=st.sampled_from([-7.3, 7.3, 20.0]),
)
def test_a_level_lies_among_the_samples_and_high_is_not_below_low(
    samples: list[int], duty_bp: int, gain_mv: float
) -> None:
    scale = FrontEnd(zero_counts=2_000, gain_mv=gain_mv)
    sample = Plateaus(scale, samples=64).estimate(sorted(samples), duty_bp)
    if sample is None:
        return
    seen = [scale.mv(counts) for counts in samples]
    assert min(seen) <= sample.hi_mv <= max(seen)
    assert sample.lo_mv is None or min(seen) <= sample.lo_mv <= sample.hi_mv


def test_a_gain_below_a_millivolt_per_count_is_no_inverted_one() -> None:
    burst = [0] * 30 + [20_000] * 34
    sample = Plateaus(FrontEnd(13_333, 0.9), samples=64).estimate(burst, 5_000)
    assert sample == PilotSample(6_000, -12_000)


def test_an_inverting_front_end_is_turned_over() -> None:
    bench = AdcBench(scale=FrontEnd(zero_counts=2_047.5, gain_mv=-30_000 / 4_095))
    bench.show_pwm(1_000, 6_000, -12_000)
    sample = bench.sampler.read(1_000, 0).sample
    assert sample is not None
    assert sample.lo_mv is not None
    assert (abs(sample.hi_mv - 6_000) <= 20, abs(sample.lo_mv + 12_000) <= 20) == (True, True)


@pytest.mark.parametrize("gain_mv", [0.0, float("nan"), float("inf")])
def test_a_gain_that_tells_nothing_is_refused(gain_mv: float) -> None:
    with pytest.raises(ValueError, match="gain"):
        FrontEnd(zero_counts=0, gain_mv=gain_mv)


# to the count


def test_a_level_is_the_median_of_its_samples() -> None:
    assert top_plateau([0, 1, 50, 51, 54, 55, 57], band=10) == 54
    assert top_plateau([0, 50, 51, 54, 59], band=10) == 54
    assert bottom_plateau([0, 2, 5, 6, 9, 60, 61], band=10) == 5
    assert bottom_plateau([0, 5, 6, 9, 60], band=10) == 5


def test_two_samples_make_no_level_and_the_band_ends_where_it_says() -> None:
    assert top_plateau([0, 0, 40, 50, 50], band=10) == 50
    assert top_plateau([0, 0, 39, 50, 50], band=10) is None
    assert bottom_plateau([0, 0, 10, 50, 50], band=10) == 0
    assert bottom_plateau([0, 0, 11, 50, 50], band=10) is None


def test_a_spike_hides_a_level_and_never_moves_it() -> None:
    assert top_plateau([0, 0, 50, 50, 50, 90], band=10) is None
    assert bottom_plateau([0, 40, 40, 40, 90, 90], band=10) is None


@pytest.mark.parametrize("around", range(46, 51))
def test_three_quarters_around_the_median_make_a_steady_level(around: int) -> None:
    burst = sorted([2_866] * around + [410] * (64 - around))
    sample = Plateaus(SCALE_12, samples=64).estimate(burst, X1_BP)
    assert sample == (PilotSample(5_996) if around >= 48 else None)


def test_an_inverting_front_end_looks_for_narrow_halves_on_the_other_side() -> None:
    """96 %: the low half-wave is at the top of the counts, over three bursts."""
    scale = FrontEnd(zero_counts=2_000, gain_mv=-10)
    plateaus = Plateaus(scale, samples=64)
    burst = [1_400] * 63 + [3_200]
    seen = [plateaus.estimate(burst, 9_600) for _ in range(3)]
    assert seen == [PilotSample(6_000), PilotSample(6_000), PilotSample(6_000, -12_000)]


# several bursts


def test_how_many_bursts_a_half_wave_needs() -> None:
    """1 from 10 % on; the narrow ones of 5 % and, on the low side, of 96 % need more."""
    assert [bursts_for(share, 64) for share in (5_000, 1_000, 500, 400, 1)] == [1, 1, 2, 3, 4]


def low_levels(duty_bp: int, lo_mv: int, *, bursts: int, phase_us: float) -> list[int | None]:
    """A loop of 10 ms: every burst begins at the same place of the waveform."""
    bench = AdcBench(seed=2)
    bench.show_pwm(duty_bp, 6_000, lo_mv, phase_us)
    found = []
    for index in range(bursts):
        bench.now_us = index * 10_000.0
        sample = bench.sampler.read(duty_bp, index * 10).sample
        assert sample is not None
        found.append(sample.lo_mv)
    return found


@pytest.mark.parametrize("phase_us", range(0, 1_000, 125))
def test_the_diode_is_seen_at_96_percent_over_a_few_bursts(phase_us: float) -> None:
    found = low_levels(9_600, -12_000, bursts=20, phase_us=phase_us)
    seen = [lo_mv for lo_mv in found[2:] if lo_mv is not None]
    assert len(seen) >= 12
    assert all(low_level_ok(lo_mv) for lo_mv in seen)


def test_a_missing_diode_is_seen_at_96_percent_too() -> None:
    found = low_levels(9_600, -6_000, bursts=20, phase_us=300)
    seen = [lo_mv for lo_mv in found if lo_mv is not None]
    assert seen
    assert all(lo_mv > DIODE_LOW_MV[1] for lo_mv in seen)


def test_5_percent_has_a_verdict_well_within_the_stall_time() -> None:
    """40 ms without a proof would open: four bursts."""
    for phase_us in range(0, 1_000, 100):
        bench = AdcBench(seed=3)
        bench.show_pwm(500, 6_000, -12_000, phase_us)
        verdicts = []
        for index in range(100):
            bench.now_us = index * 10_000.0
            verdicts.append(bench.sampler.read(500, index * 10).sample is not None)
        misses = "".join("." if verdict else "x" for verdict in verdicts)
        assert "xxx" not in misses


def test_a_new_duty_forgets_the_bursts_of_the_old_one() -> None:
    plateaus = Plateaus(SCALE_12, samples=64)
    wide = sorted([2_866] * 60 + [410] * 4)
    narrow = sorted([2_866] * 62 + [1_000] * 2)
    assert plateaus.estimate(wide, 9_600) == PilotSample(5_996, -11_996)
    changed = plateaus.estimate(narrow, 9_500)
    assert changed is not None
    assert changed.lo_mv is None


def test_what_leaves_c_is_seen_in_the_first_burst() -> None:
    bench = AdcBench()
    bench.show_pwm(5_333, 6_000, -12_000)
    for now_ms in range(0, 100, 10):
        bench.sampler.read(5_333, now_ms)
    bench.show_pwm(5_333, 9_000, -12_000)
    sample = bench.sampler.read(5_333, 100).sample
    assert sample is not None
    assert abs(sample.hi_mv - 9_000) <= 20


# lasting nonsense


def told_after(level_mv: int, now_ms: int) -> Wiring:
    """Of a pilot that stands still at `level_mv` while 50 % are put out."""
    bench = AdcBench()
    bench.show(steady(level_mv))
    bench.sampler.read(5_000, 0)
    return bench.sampler.read(5_000, now_ms).wiring


def test_a_pilot_that_does_not_follow_its_pwm_is_told_after_half_a_second() -> None:
    assert told_after(9_000, NO_PLATEAU_MS) == Wiring(0)
    assert told_after(9_000, NO_PLATEAU_MS + 10) == Wiring.PILOT_NO_PLATEAU


def test_a_shorted_pilot_is_state_e_and_no_fault_of_the_station_s_wires() -> None:
    assert told_after(0, 10_000) == Wiring(0)


def test_a_missing_level_is_told_and_over_when_it_is_there() -> None:
    watch = PilotWatch(4_095)
    ramp = list(range(100, 3_900, 60))
    assert watch.look(ramp, None, 5_000, 9_000) == Wiring(0)
    assert watch.look(ramp, None, 5_000, 9_000 + NO_PLATEAU_MS) == Wiring(0)
    assert watch.look(ramp, None, 5_000, 9_001 + NO_PLATEAU_MS) == Wiring.PILOT_NO_PLATEAU
    assert watch.look(ramp, PilotSample(6_000), 5_000, 9_600) == Wiring.PILOT_NO_PLATEAU
    assert watch.look(ramp, PilotSample(6_000, 5_400), 5_000, 9_600) == Wiring.PILOT_NO_PLATEAU
    assert watch.look(ramp, PilotSample(6_000, -12_000), 5_000, 9_610) == Wiring(0)
    assert watch.look(ramp, None, X1_BP, 99_000) == Wiring(0)
    assert watch.look(ramp, None, 5_000, 99_000 + NO_PLATEAU_MS) == Wiring(0)


def test_a_rail_needs_five_bursts_in_a_row() -> None:
    bench = AdcBench()
    for _ in range(3):
        bench.show_pwm(5_000, 15_000, -12_000)
        told = [bench.sampler.read(5_000, 0).wiring for _ in range(4)]
        assert set(told) == {Wiring(0)}
        bench.show_pwm(5_000, 12_000, -12_000)
        assert bench.sampler.read(5_000, 0).wiring == Wiring(0)


@pytest.mark.parametrize(
    ("burst", "at_rail"),
    [
        ([0, 0, 40, 2_000, 2_000, 2_000], True),
        ([0, 0, 41, 2_000, 2_000, 2_000], False),
        ([2_000, 2_000, 2_000, 2_000, 4_055, 4_090, 4_090], True),
        ([2_000, 2_000, 2_000, 2_000, 4_054, 4_090, 4_090], False),
    ],
)
def test_a_rail_is_three_samples_within_one_percent_of_an_end(
    burst: list[int], at_rail: bool
) -> None:
    watch = PilotWatch(4_095)
    told = [watch.look(burst, None, X1_BP, now_ms) for now_ms in range(0, 60, 10)]
    assert told == [Wiring(0)] * 4 + [Wiring.ADC_RAIL if at_rail else Wiring(0)] * 2
