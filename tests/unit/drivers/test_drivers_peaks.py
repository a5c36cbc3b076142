"""Peak detectors: the cycle of reset, settling and reading, and what counts."""

from __future__ import annotations

import errno
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pi_rig import Computer

from drivers.adc.mcp3x08 import MCP3208
from drivers.adc.peaks import RESET_MS, SETTLE_MS, Detector, PeakDetectors
from drivers.adc.plateau import FrontEnd
from drivers.adc.proximity import ProximityDivider
from drivers.adc.spi import SpiDevice
from drivers.errors import GpioUnavailable
from evse.board_faults import Wiring
from evse.guard.proximity import cable_rating_a
from evse.model import F_BP, X1_BP
from evse.pilot import PilotSample, is_pwm
from hil.pi.spi import Mcp3x08
from hil.pi.waveform import behind_front_end

SCALE = FrontEnd(zero_counts=2_047.5, gain_mv=30_000 / 4_095)
HIGHEST, LOWEST = 2, 3


class Detectors:
    """Two capacitors and their reset line, in whole milliseconds."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.high_mv = self.low_mv = 0
        self.pilot = (9_000, 9_000)
        """Highest and lowest level that the pilot has now."""
        self.resetting = False
        self.reset_since_ms = 0
        self.resets: list[int] = []
        """How long each reset lasted."""
        self.broken = False

    def write(self, on: bool) -> None:
        if self.broken:
            raise GpioUnavailable("GPIO5 (pilot reset): gone")
        if on and not self.resetting:
            self.reset_since_ms = self.now_ms
        if self.resetting and not on:
            self.resets.append(self.now_ms - self.reset_since_ms)
        self.resetting = on
        self.hold()

    def hold(self) -> None:
        if self.resetting:
            self.high_mv = self.low_mv = 0
        else:
            self.high_mv = max(self.high_mv, self.pilot[0])
            self.low_mv = min(self.low_mv, self.pilot[1])

    def show(self, duty_bp: int, hi_mv: int, lo_mv: int) -> None:
        high = lo_mv if duty_bp == F_BP else hi_mv
        self.pilot = (high, lo_mv if is_pwm(duty_bp) else high)
        self.hold()


class Bench:
    def __init__(self, extras: dict[str, int] | None = None) -> None:
        self.now_ms = 0
        self.detectors = Detectors()
        self.fake = Mcp3x08()
        for channel in (HIGHEST, LOWEST):
            self.fake.pins[channel] = behind_front_end(
                lambda _at_us, channel=channel: float(
                    self.detectors.high_mv if channel == HIGHEST else self.detectors.low_mv
                ),
                zero_counts=SCALE.zero_counts,
                gain_mv=SCALE.gain_mv,
                full_counts=4_095,
                reference_mv=3_300,
            )
        machine = Computer(self.fake, devices={self.fake.path: self.fake.open})
        self.peaks = PeakDetectors(
            SpiDevice(machine, self.fake.path, speed_hz=1_000_000),
            MCP3208,
            highest=Detector(HIGHEST, SCALE),
            lowest=Detector(LOWEST, SCALE),
            reset=self.detectors,
            extras=extras,
        )
        self.duty_bp = X1_BP
        self.hi_mv = 9_000
        self.wiring = Wiring(0)

    def period(self, duty_bp: int | None = None, *, ms: int = 10) -> PilotSample | None:
        """One guard period: read, then put out `duty_bp`."""
        self.detectors.now_ms = self.now_ms
        self.detectors.hold()
        sample, self.wiring = self.peaks.read(self.duty_bp, self.now_ms)
        if duty_bp is not None:
            self.duty_bp = duty_bp
        self.detectors.show(self.duty_bp, self.hi_mv, -12_000)
        self.now_ms += ms
        return sample

    def samples(self, periods: int) -> list[PilotSample | None]:
        return [self.period() for _ in range(periods)]


def near(sample: PilotSample | None, hi_mv: int, lo_mv: int | None = None) -> bool:
    if sample is None or (sample.lo_mv is None) != (lo_mv is None):
        return False
    return abs(sample.hi_mv - hi_mv) < 20 and abs((sample.lo_mv or 0) - (lo_mv or 0)) < 20


def test_every_second_period_has_a_reading() -> None:
    bench = Bench()
    bench.duty_bp = 2_667
    found = bench.samples(20)
    assert [sample is not None for sample in found[2:]] == [True, False] * 9
    assert all(near(sample, 9_000, -12_000) for sample in found[2::2])


@given(periods=st.lists(st.integers(1, 40), min_size=5, max_size=60))
def test_the_reset_is_long_enough_at_any_pace(periods: list[int]) -> None:
    bench = Bench()
    for ms in periods:
        bench.period(ms=ms)
    assert all(lasted >= RESET_MS for lasted in bench.detectors.resets)
    assert RESET_MS - 1 >= 1.5
    assert SETTLE_MS - 1 >= 2


def test_a_rising_pilot_is_seen_by_the_next_reading() -> None:
    bench = Bench()
    bench.duty_bp, bench.hi_mv = 2_667, 6_000
    bench.samples(9)
    bench.hi_mv = 9_000
    assert any(near(sample, 9_000, -12_000) for sample in bench.samples(3))


def test_a_falling_pilot_is_seen_by_the_reading_after_the_next_reset() -> None:
    bench = Bench()
    bench.duty_bp, bench.hi_mv = 2_667, 9_000
    bench.samples(9)
    bench.hi_mv = 6_000
    assert near(([sample for sample in bench.samples(5) if sample])[-1], 6_000, -12_000)


@pytest.mark.parametrize("at", range(6, 10))
@pytest.mark.parametrize("change", [(2_667, 5_333), (X1_BP, 2_667), (2_667, X1_BP)])
def test_no_change_of_offer_leaves_the_guard_without_proof_for_its_stall_time(
    at: int, change: tuple[int, int]
) -> None:
    bench = Bench()
    bench.duty_bp = change[0]
    seen_ms = []
    for index in range(30):
        now_ms = bench.now_ms
        if bench.period(change[1] if index == at else None) is not None:
            seen_ms.append(now_ms)
    assert max(b - a for a, b in itertools.pairwise(seen_ms)) < 40


@pytest.mark.parametrize("at", range(6, 10))
def test_f_proves_no_diode(at: int) -> None:
    """The -12 V that the station itself put out must not be told as the car's low half-wave."""
    bench = Bench()
    bench.duty_bp = F_BP
    for index in range(at):
        bench.period(2_667 if index == at - 1 else None)
    bench.detectors.show(2_667, 6_000, -6_000)
    lows = []
    for _ in range(10):
        bench.detectors.hold()
        sample = bench.peaks.read(2_667, bench.now_ms).sample
        bench.now_ms += 10
        lows += [sample.lo_mv] if sample and sample.lo_mv is not None else []
    assert lows
    assert all(abs(lo_mv + 6_000) < 20 for lo_mv in lows)


@pytest.mark.parametrize("at", range(6, 10))
def test_f_is_told_as_minus_12_v_and_never_as_the_level_before(at: int) -> None:
    bench = Bench()
    bench.duty_bp = 2_667
    for index in range(at):
        bench.period(F_BP if index == at - 1 else None)
    found = [sample for sample in bench.samples(10) if sample]
    assert found
    assert all(near(sample, -12_000) for sample in found)


def test_the_times_of_a_cycle_are_kept_to_the_millisecond() -> None:
    bench = Bench()
    seen = {}
    for bench.now_ms in range(10):
        seen[bench.now_ms] = bench.period(ms=0), bench.detectors.resetting
    assert [resetting for _, resetting in seen.values()] == [True] * 3 + [False] * 3 + [
        True
    ] * 3 + [False]
    assert [now_ms for now_ms, (sample, _) in seen.items() if sample] == [6]


def test_a_new_duty_has_to_settle_first() -> None:
    bench = Bench()
    for bench.now_ms in range(5):
        bench.period(ms=0)
    bench.now_ms = 5
    bench.period(2_667, ms=0)
    seen = []
    for bench.now_ms in range(6, 12):
        if bench.period(ms=0) is not None:
            seen.append(bench.now_ms)
    assert seen == [9]


def test_a_pilot_that_stands_high_while_f_is_put_out_is_told() -> None:
    bench = Bench()
    bench.duty_bp = F_BP
    found = []
    for _ in range(8):
        bench.detectors.pilot = (9_000, 9_000)
        bench.detectors.hold()
        found.append(bench.peaks.read(F_BP, bench.now_ms).sample)
        bench.now_ms += 10
    assert any(found)
    assert all(near(sample, 9_000) for sample in found if sample)


def test_a_level_at_the_end_of_the_scale_is_told() -> None:
    bench = Bench()
    bench.hi_mv = 15_000
    told = []
    for _ in range(14):
        bench.period()
        told.append(bench.wiring)
    assert told[-1] == Wiring.ADC_RAIL
    assert told[2:10] == [Wiring(0)] * 8


def test_a_dead_converter_leaves_no_value_of_another_channel() -> None:
    bench = Bench(extras={"ntc": 5})
    bench.samples(4)
    assert bench.peaks.extras
    bench.fake.silence = "all_zeros"
    bench.samples(3)
    assert bench.wiring == Wiring.ADC_ALL_ZEROS
    assert bench.peaks.extras == {}


def test_a_steady_output_has_no_low_level() -> None:
    bench = Bench()
    assert all(near(sample, 9_000) for sample in bench.samples(12) if sample)


def test_other_channels_come_along_in_turn() -> None:
    bench = Bench(extras={"proximity": 4, "ntc": 5, "plus_12v": 6})
    bench.fake.pins[4] = lambda _at_us: 1_650.0
    bench.samples(5)
    assert bench.peaks.extras == {"proximity": 2_048, "ntc": 0}
    bench.samples(2)
    assert set(bench.peaks.extras) == {"proximity", "ntc", "plus_12v"}


def test_troubles_are_told_and_recover() -> None:
    bench = Bench(extras={"ntc": 5})
    bench.samples(6)
    bench.fake.errno = errno.ENODEV
    assert bench.samples(4) == [None] * 4
    assert bench.wiring == Wiring.ADC_SILENT
    assert bench.peaks.extras == {}
    bench.fake.errno = None
    bench.fake.silence = "all_ones"
    bench.samples(2)
    assert bench.wiring == Wiring.ADC_ALL_ONES
    bench.fake.silence = None
    bench.detectors.broken = True
    bench.samples(2)
    assert bench.wiring == Wiring.GPIO_GONE
    bench.detectors.broken = False
    found = bench.samples(6)
    assert any(found)
    assert bench.wiring == Wiring(0)


@pytest.mark.parametrize("at", range(4, 8))
@pytest.mark.parametrize(("name", "value"), [("errno", errno.EIO), ("silence", "all_ones")])
def test_a_single_conversion_that_fails_is_asked_again_within_the_guard_s_stall_time(
    at: int, name: str, value: object
) -> None:
    bench = Bench(extras={"ntc": 5})
    bench.duty_bp = 2_667
    seen_ms = []
    for index in range(20):
        setattr(bench.fake, name, value if index == at else None)
        now_ms = bench.now_ms
        if bench.period() is not None:
            seen_ms.append(now_ms)
        assert bench.wiring == Wiring(0)
    assert bench.peaks.extras
    assert max(b - a for a, b in itertools.pairwise(seen_ms)) < 40


@pytest.mark.parametrize("cause", ["overslept", "silent"])
def test_what_was_held_through_a_pause_is_not_told(cause: str) -> None:
    bench = Bench()
    bench.duty_bp, bench.hi_mv = 2_667, 9_000
    bench.samples(8)
    if cause == "overslept":
        bench.period()
        bench.now_ms += 100
    else:
        bench.fake.errno = errno.EIO
        bench.samples(5)
        bench.fake.errno = None
    bench.hi_mv = 6_000
    bench.detectors.show(2_667, 6_000, -12_000)
    found = [sample for sample in bench.samples(6) if sample]
    assert found
    assert all(near(sample, 6_000, -12_000) for sample in found)


def test_make_safe_lets_the_detectors_run_free_and_reading_begins_anew() -> None:
    bench = Bench()
    bench.samples(3)
    assert bench.detectors.resetting
    bench.peaks.make_safe()
    assert not bench.detectors.resetting
    assert bench.period() is None
    assert bench.detectors.resetting


# proximity


@given(ohm=st.integers(1, 20_000), pull_up_ohm=st.sampled_from([330, 1_000]))
def test_the_divider_gives_the_resistance_back(ohm: int, pull_up_ohm: int) -> None:
    divider = ProximityDivider(supply_mv=5_000, pull_up_ohm=pull_up_ohm)
    pp_mv = round(5_000 * ohm / (ohm + pull_up_ohm))
    found = divider.ohm(pp_mv)
    if found is None:
        assert ohm > 30 * pull_up_ohm
    elif ohm < 5_000:
        assert abs(found - ohm) <= 3 + ohm * 0.01


@pytest.mark.parametrize(("ohm", "rating_a"), [(1_500, 13), (680, 20), (220, 32), (100, 63)])
def test_the_coding_resistors_rate_as_the_standard_has_them(ohm: int, rating_a: int) -> None:
    divider = ProximityDivider(supply_mv=3_300, pull_up_ohm=1_000)
    assert cable_rating_a(divider.ohm(round(3_300 * ohm / (ohm + 1_000)))) == rating_a


def test_open_is_no_plug_and_ground_is_a_short() -> None:
    divider = ProximityDivider(supply_mv=3_300, pull_up_ohm=330)
    assert [divider.ohm(mv) for mv in (3_300, 3_250, 5_000)] == [None, None, None]
    assert [divider.ohm(mv) for mv in (0, -20)] == [0, 0]


@pytest.mark.parametrize("parts", [(0, 330), (3_300, 0), (-5, 330)])
def test_a_pull_up_that_can_not_be_is_refused(parts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no pull-up"):
        ProximityDivider(*parts)
