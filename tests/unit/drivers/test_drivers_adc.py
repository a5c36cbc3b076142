"""SPI bursts over the kernel's ioctls, and what a dead converter is told by."""

from __future__ import annotations

import errno
import itertools

import pytest
from adc_rig import AdcBench
from hypothesis import given
from hypothesis import strategies as st
from pi_rig import Computer

from drivers.adc.burst import EXTRA_SAMPLES, JITTER_US, PATTERNS, SAMPLES, SPACING_US, BurstReader
from drivers.adc.mcp3x08 import CHIPS, MCP3008, MCP3208
from drivers.adc.spi import MAX_TRANSFERS, Frame, SpiDevice, SpiMessage
from drivers.errors import AdcSilent
from drivers.raspberry_pi import RaspberryPi
from evse.board_faults import Wiring
from evse.model import X1_BP
from hil.pi.spi import Mcp3x08
from hil.pi.waveform import steady

# framing


def test_the_frames_are_those_of_the_datasheets() -> None:
    assert MCP3208.frame(0) == bytes((0b0000_0110, 0b0000_0000, 0))
    assert MCP3208.frame(5) == bytes((0b0000_0111, 0b0100_0000, 0))
    assert MCP3008.frame(0) == bytes((0b0000_0001, 0b1000_0000, 0))
    assert MCP3008.frame(7) == bytes((0b0000_0001, 0b1111_0000, 0))


@pytest.mark.parametrize("channel", [-1, 8])
@pytest.mark.parametrize("name", CHIPS)
def test_a_channel_that_is_not_there_is_refused(name: str, channel: int) -> None:
    with pytest.raises(ValueError, match="channels 0 to 7"):
        CHIPS[name].frame(channel)


@given(channel=st.integers(0, 7), share=st.floats(0, 1), name=st.sampled_from(sorted(CHIPS)))
def test_every_channel_and_count_comes_back(channel: int, share: float, name: str) -> None:
    chip = CHIPS[name]
    fake = Mcp3x08(bits=chip.bits)
    fake.pins[channel] = steady(3_300 * share)
    spi = SpiDevice(
        Computer(fake, devices={fake.path: fake.open}), fake.path, speed_hz=chip.speed_hz
    )
    received = spi.run(spi.message([Frame(chip.frame(channel))] * 2))
    assert chip.counts(received) == [round(share * chip.full_counts)] * 2
    assert spi.run(spi.message([Frame(chip.frame((channel + 1) % 8))]))[-1] == 0


# the kernel's side


def test_mode_bits_and_clock_are_set_before_the_first_frame() -> None:
    bench = AdcBench("mcp3008")
    bench.bursts.read()
    assert bench.fake.settings == {1: 0, 3: 8, 4: 1_350_000}


def test_a_burst_is_one_ioctl_where_spidev_s_buffer_allows() -> None:
    bench = AdcBench(extras={"proximity": 1})
    bench.bursts.read()
    bench.bursts.read()
    assert bench.bursts.ioctls == 1
    assert bench.fake.ioctls == 2


def test_the_default_buffer_of_a_64_bit_kernel_carries_32_frames_an_ioctl() -> None:
    bench = AdcBench(bufsiz=4_096)
    bench.show(steady(6_000))
    assert bench.bursts.ioctls == 2
    counts = bench.bursts.read().counts
    assert bench.fake.ioctls == 2
    assert len(counts) == SAMPLES
    assert set(counts) == {counts[0]}


def test_a_kernel_without_the_parameter_is_taken_for_the_default() -> None:
    spi = SpiDevice(Computer(), "/dev/spidev0.0", speed_hz=1_000_000)
    assert len(spi.message([Frame(MCP3208.frame(0))] * 33).parts) == 2


def test_no_ioctl_has_more_than_511_transfers() -> None:
    fake = Mcp3x08(bufsiz=1 << 20)
    spi = SpiDevice(Computer(fake, devices={fake.path: fake.open}), fake.path, speed_hz=1_000_000)
    message = spi.message([Frame(MCP3208.frame(0))] * (MAX_TRANSFERS + 1))
    assert len(message.parts) == 2
    spi.run(message)
    assert fake.ioctls == 2


@pytest.mark.parametrize(("frames", "at_most"), [(0, 1), (1, 0), (1, MAX_TRANSFERS + 1)])
def test_a_message_that_no_ioctl_can_carry_is_refused(frames: int, at_most: int) -> None:
    with pytest.raises(ValueError, match="SPI message"):
        SpiMessage([Frame(b"\0")] * frames, speed_hz=1, at_most=at_most)


def test_without_chip_select_between_frames_the_chip_hears_one_only() -> None:
    """That `cs_change` is needed, shown on the fake that the other tests trust."""
    bench = AdcBench()
    bench.show(steady(6_000))
    spi = bench.spi
    message = spi.message([Frame(MCP3208.frame(0))] * 3)
    for transfer in message.parts[0][1]:
        transfer.cs_change = 0
    assert [bool(count) for count in MCP3208.counts(spi.run(message))] == [True, False, False]


@pytest.mark.parametrize(
    ("code", "hint"), [(errno.ENOENT, "dtparam=spi=on"), (errno.EACCES, "group spi")]
)
def test_a_device_that_does_not_open_is_told_with_what_to_do(code: int, hint: str) -> None:
    bench = AdcBench()
    bench.fake.errno = code
    with pytest.raises(AdcSilent, match=hint):
        bench.bursts.read()


def test_a_lost_device_is_closed_and_opened_anew() -> None:
    bench = AdcBench()
    bench.bursts.read()
    bench.fake.errno = errno.ENODEV
    with pytest.raises(AdcSilent, match="No such device"):
        bench.bursts.read()
    assert bench.fake.opened == 0
    bench.fake.errno = None
    bench.bursts.read()
    assert bench.fake.opened == 1
    bench.spi.close()
    bench.spi.close()
    assert bench.fake.opened == 0


def test_a_device_that_refuses_its_settings_is_not_left_open() -> None:
    bench = AdcBench()

    def refuse_mode(request: int, argument: object) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")

    bench.fake.ioctl = refuse_mode  # type: ignore[method-assign]  # the kernel's refusal
    with pytest.raises(AdcSilent):
        bench.bursts.read()
    assert bench.fake.opened == 0


# spacing


@pytest.mark.parametrize("name", CHIPS)
def test_samples_lie_60_us_apart_within_the_jitter_and_never_evenly(name: str) -> None:
    bench = AdcBench(name)
    tables = set()
    for _ in range(PATTERNS):
        bench.bursts.read()
        gaps = [later - at for at, later in itertools.pairwise(bench.fake.sampled_us)]
        assert all(abs(gap - SPACING_US) <= JITTER_US + 0.5 for gap in gaps)
        assert len({round(gap) for gap in gaps}) > JITTER_US
        tables.add(tuple(round(gap) for gap in gaps))
    assert len(tables) == PATTERNS


@pytest.mark.parametrize(("name", "spacing_us"), [("mcp3208", 39), ("mcp3008", 33)])
def test_the_shortest_spacing_has_no_pause_that_the_kernel_would_sleep_for(
    name: str, spacing_us: int
) -> None:
    bench = AdcBench(name)
    bursts = BurstReader(bench.spi, bench.chip, pilot=0, spacing_us=spacing_us)
    pauses = {
        transfer.delay_usecs
        for _, message in bursts._turns
        for _, transfers in message.parts
        for transfer in transfers
    }
    assert pauses == set(range(11))


def test_the_same_seed_gives_the_same_tables() -> None:
    def sampled(seed: int) -> list[float]:
        bench = AdcBench(seed=seed)
        bench.bursts.read()
        return bench.fake.sampled_us

    assert sampled(3) == sampled(3) != sampled(4)


def test_a_spacing_that_the_clock_can_not_keep_is_refused() -> None:
    bench = AdcBench()
    with pytest.raises(ValueError, match="can not convert every 35 us"):
        BurstReader(bench.spi, bench.chip, pilot=0, spacing_us=35)


def test_other_channels_come_along_in_turn() -> None:
    extras = {"proximity": 1, "ntc": 2, "plus_12v": 3}
    bench = AdcBench(extras=extras)
    for name, channel in extras.items():
        bench.fake.pins[channel] = steady(100.0 * channel)
        assert (burst := bench.bursts.read()).extra == name
        assert burst.extra_counts == round(100 * channel / 3_300 * 4_095)
        assert len(burst.counts) == SAMPLES
        assert len(bench.fake.sampled_us) == SAMPLES + EXTRA_SAMPLES
    assert bench.bursts.read().extra == "proximity"


def test_one_garbled_conversion_of_another_channel_is_outvoted() -> None:
    bench = AdcBench(extras={"ntc": 2})
    spikes = iter([1_650.0, 3_300.0, 1_650.0])
    bench.fake.pins[2] = lambda _at_us: next(spikes)
    assert bench.bursts.read().extra_counts == round(4_095 / 2)


# converters that say nothing


def test_all_ones_are_told_and_nothing_is_believed() -> None:
    bench = AdcBench(extras={"ntc": 2})
    bench.show(steady(12_000))
    assert bench.sampler.read(X1_BP, 0).wiring == Wiring(0)
    assert bench.sampler.extras == {"ntc": 0}
    bench.fake.silence = "all_ones"
    assert bench.sampler.read(X1_BP, 10) == (None, Wiring(0))
    assert bench.sampler.read(X1_BP, 20) == (None, Wiring.ADC_ALL_ONES)
    assert bench.sampler.extras == {}


def test_all_zeros_are_told_and_nothing_is_believed() -> None:
    bench = AdcBench()
    bench.show(steady(12_000))
    bench.fake.silence = "all_zeros"
    assert bench.sampler.read(X1_BP, 0) == (None, Wiring(0))
    assert bench.sampler.read(X1_BP, 10) == (None, Wiring.ADC_ALL_ZEROS)


def test_a_silent_device_is_told_and_recovers() -> None:
    bench = AdcBench()
    bench.show(steady(12_000))
    bench.fake.errno = errno.ENODEV
    assert bench.sampler.read(X1_BP, 0) == (None, Wiring(0))
    assert bench.sampler.read(X1_BP, 10) == (None, Wiring.ADC_SILENT)
    assert bench.sampler.read(X1_BP, 20) == (None, Wiring.ADC_SILENT)
    bench.fake.errno = None
    assert bench.sampler.read(X1_BP, 30).sample is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [("errno", errno.ETIMEDOUT), ("errno", errno.EIO), ("silence", "all_ones")],
)
def test_a_single_burst_that_fails_is_no_verdict_and_no_fault(name: str, value: object) -> None:
    """Twice in a row it is; the other channels stand for that one period."""
    bench = AdcBench(extras={"ntc": 2})
    bench.show(steady(12_000))
    for now_ms in range(0, 400, 10):
        fails = now_ms % 20 == 10
        setattr(bench.fake, name, value if fails else None)
        reading = bench.sampler.read(X1_BP, now_ms)
        assert reading.wiring == Wiring(0)
        assert (reading.sample is None) is fails
        assert bench.sampler.extras == {"ntc": 0}


@pytest.mark.parametrize("name", CHIPS)
@pytest.mark.parametrize("level_mv", [15_200, -15_200])
def test_a_living_chip_at_an_end_of_its_scale_is_told_from_a_dead_one(
    name: str, level_mv: int
) -> None:
    """Full scale is all ones but for the bit that the chip drives low; at zero another channel
    shows it alive."""
    bench = AdcBench(name, extras={"ntc": 1})
    bench.show(steady(level_mv))
    bench.fake.pins[1] = steady(1_000)
    told = [bench.sampler.read(X1_BP, now_ms).wiring for now_ms in range(0, 60, 10)]
    assert told == [Wiring(0)] * 4 + [Wiring.ADC_RAIL] * 2
    bench.show(steady(6_000))
    assert bench.sampler.read(X1_BP, 60).wiring == Wiring(0)


def test_the_arguments_are_such_as_the_real_ioctl_takes() -> None:
    """A device that is none answers as such; a wrong argument would be a TypeError."""
    spi = SpiDevice(RaspberryPi(), "/dev/null", speed_hz=1_000_000)
    message = spi.message([Frame(MCP3208.frame(0))] * 64)
    with pytest.raises(AdcSilent, match="Inappropriate ioctl"):
        spi.run(message)
    request, argument = message.parts[0]
    device = RaspberryPi().open_device("/dev/null")
    with pytest.raises(OSError, match="Inappropriate ioctl"):
        device.ioctl(request, argument)
    device.close()


@pytest.mark.parametrize("name", CHIPS)
def test_full_scale_alone_is_told_from_a_line_that_nobody_drives(name: str) -> None:
    """By the null bit, which a living chip drives low in every frame."""
    bench = AdcBench(name)
    bench.show(steady(15_200))
    assert bench.sampler.read(X1_BP, 0).sample is not None
    chip = bench.chip
    received = bench.spi.run(bench.spi.message([Frame(chip.frame(0))] * 3))
    assert chip.dead(received, chip.counts(received)) == Wiring(0)
    received[1] = 0xFF  # one frame disturbed
    assert chip.dead(received, chip.counts(received)) == Wiring(0)
    undriven = bytearray(b"\xff" * 9)
    assert chip.dead(undriven, chip.counts(undriven)) == Wiring.ADC_ALL_ONES


def test_one_count_below_full_scale_is_a_living_chip() -> None:
    received = bytearray(b"\xff\xff\xff" * 2 + b"\xff\xff\xfe")
    assert MCP3208.dead(received, MCP3208.counts(received)) == Wiring(0)
