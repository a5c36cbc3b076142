"""The pilot's hardware PWM, over the kernel's files in memory and once over real files."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pi_rig import Computer

from drivers.errors import PwmAltered, PwmGone
from drivers.pilot.hardware_pwm import (
    CHECK_MS,
    LAST_WAIT_MS,
    PERIOD_NS,
    PERMISSION_MS,
    HardwarePwm,
    make_safe,
)
from drivers.pilot.pwm_chip import find_pwm
from drivers.raspberry_pi import RaspberryPi
from evse.board_faults import Wiring
from evse.model import F_BP, X1_BP
from hil.pi.pwm import PI_4, PI_5, ZERO_2, PwmChannel, PwmChip, SysfsPwm

HEADER_PI_5 = "1f00098000.pwm"
FAN_PI_5 = "1f0009c000.pwm"


class Bench:
    """A Zero 2 with its PWM on GPIO18."""

    def __init__(self, *, udev_ms: int = 0, inverted: bool = False) -> None:
        self.now_ms = 0
        self.chip = PwmChip("3f20c000.pwm")
        self.sysfs = SysfsPwm([self.chip], udev_ms=udev_ms, now_ms=lambda: self.now_ms)
        self.machine = Computer(self.sysfs)
        self.inverted = inverted
        self.pwm = self.another()

    def another(self) -> HardwarePwm:
        """As after a restart of the process: same kernel, nothing remembered."""
        return HardwarePwm(self.machine, gpio=18, inverted=self.inverted)

    @property
    def channel(self) -> PwmChannel:
        return self.chip.channels[0]

    def opened(self) -> HardwarePwm:
        assert self.pwm.open(self.now_ms)
        return self.pwm


# which chip, which channel


@pytest.mark.parametrize(
    ("compatible", "device", "gpio", "channel"),
    [
        (ZERO_2, "3f20c000.pwm", 18, 0),
        (ZERO_2, "3f20c000.pwm", 13, 1),
        (PI_4, "fe20c000.pwm", 12, 0),
        (PI_4, "fe20c000.pwm", 19, 1),
        (PI_5, HEADER_PI_5, 12, 0),
        (PI_5, HEADER_PI_5, 13, 1),
        (PI_5, HEADER_PI_5, 18, 2),
        (PI_5, HEADER_PI_5, 19, 3),
    ],
)
def test_each_family_has_its_device_and_channel(
    compatible: str, device: str, gpio: int, channel: int
) -> None:
    sysfs = SysfsPwm([PwmChip(device, number=4, channels=4)], compatible=compatible)
    found = find_pwm(Computer(sysfs), gpio)
    assert found.folder == f"/sys/class/pwm/pwmchip4/pwm{channel}"


@pytest.mark.parametrize("header_first", [True, False])
def test_a_pi_5_s_header_is_known_by_its_device_whatever_the_numbers(header_first: bool) -> None:
    numbers = (0, 6) if header_first else (2, 0)
    chips = [
        PwmChip(FAN_PI_5, number=numbers[1], channels=4),
        PwmChip(HEADER_PI_5, number=numbers[0], channels=4),
    ]
    found = find_pwm(Computer(SysfsPwm(chips, compatible=PI_5)), 18)
    assert found.chip == f"/sys/class/pwm/pwmchip{numbers[0]}"


def test_a_pi_5_s_fan_is_never_taken_and_the_missing_overlay_is_named() -> None:
    sysfs = SysfsPwm([PwmChip(FAN_PI_5, channels=4)], compatible=PI_5)
    with pytest.raises(PwmGone, match=r"dtoverlay=pwm,pin=18,func=2 .*config\.txt") as caught:
        find_pwm(Computer(sysfs), 18)
    assert FAN_PI_5 in str(caught.value)
    assert sysfs.written == []


@pytest.mark.parametrize(("gpio", "function"), [(12, 4), (13, 4), (18, 2), (19, 2)])
def test_the_overlay_line_of_each_pin_has_its_function(gpio: int, function: int) -> None:
    with pytest.raises(PwmGone, match=rf"there: none.*dtoverlay=pwm,pin={gpio},func={function} "):
        find_pwm(Computer(SysfsPwm([])), gpio)


def test_a_kernel_without_any_pwm_is_told_with_the_overlay_and_a_closed_folder_as_such() -> None:
    class Bare(SysfsPwm):
        code = errno.ENOENT

        def names(self, directory: str) -> list[str]:
            raise OSError(self.code, "refused", directory)

    bare = Bare([])
    with pytest.raises(PwmGone, match="dtoverlay"):
        find_pwm(Computer(bare), 18)
    bare.code = errno.EACCES
    with pytest.raises(PwmGone, match="/sys/class/pwm: refused"):
        find_pwm(Computer(bare), 18)


def test_a_device_of_another_name_may_be_given() -> None:
    sysfs = SysfsPwm([PwmChip("7e20c000.pwm")])
    with pytest.raises(PwmGone, match=r"there: 7e20c000\.pwm"):
        find_pwm(Computer(sysfs), 18)
    assert find_pwm(Computer(sysfs), 18, device="7e20c000.pwm").channel == 0


def test_a_pin_without_hardware_pwm_is_refused() -> None:
    with pytest.raises(PwmGone, match="one of GPIO 12, 13, 18, 19"):
        find_pwm(Computer(SysfsPwm([PwmChip("3f20c000.pwm")])), 17)


def test_another_computer_is_refused_by_name() -> None:
    with pytest.raises(PwmGone, match=r"\(acme,board\)"):
        find_pwm(Computer(SysfsPwm([], compatible="acme,board\0")), 18)
    with pytest.raises(PwmGone, match="no Raspberry Pi"):
        find_pwm(Computer(), 18)


# taking the output


def test_a_fresh_channel_is_x1_before_it_is_enabled() -> None:
    bench = Bench()
    bench.opened()
    assert bench.sysfs.written == [
        ("pwmchip0/export", "0"),
        ("pwmchip0/pwm0/period", "1000000"),
        ("pwmchip0/pwm0/duty_cycle", "1000000"),
        ("pwmchip0/pwm0/enable", "1"),
    ]
    assert bench.channel.duty_bp == X1_BP


def test_the_wait_for_udev_takes_calls_and_no_time() -> None:
    bench = Bench(udev_ms=300)
    for bench.now_ms in range(0, 300, 10):
        assert not bench.pwm.open(bench.now_ms)
        assert bench.channel.duty_bp is None
    bench.now_ms = 300
    assert bench.pwm.open(300)
    assert bench.channel.duty_bp == X1_BP


def test_files_that_stay_closed_are_told_with_group_and_rule() -> None:
    bench = Bench(udev_ms=10_000)
    assert not bench.pwm.open(5_000)
    assert not bench.pwm.open(5_000 + PERMISSION_MS)
    with pytest.raises(PwmGone, match=r"group gpio.*udev"):
        bench.pwm.open(5_000 + PERMISSION_MS + 1)
    bench.now_ms = 10_000
    assert bench.pwm.open(10_000)
    assert bench.pwm.ready


def test_a_channel_that_another_driver_holds_is_told_so() -> None:
    bench = Bench()
    bench.channel.held = True
    assert not bench.pwm.open(0)
    with pytest.raises(PwmGone, match="another driver of the kernel"):
        bench.pwm.open(PERMISSION_MS + 1)


@pytest.mark.parametrize("code", [errno.ENODEV, errno.EIO])
@pytest.mark.parametrize("name", ["export", "period"])
def test_any_other_refusal_is_told_at_once(name: str, code: int) -> None:
    bench = Bench()
    bench.sysfs.fails[name] = code
    with pytest.raises(PwmGone):
        bench.pwm.open(0)


@given(
    period_ns=st.integers(1, 3_000_000),
    share=st.floats(0, 1),
    enabled=st.booleans(),
    inversed=st.booleans(),
    inverted=st.booleans(),
)
def test_whatever_a_predecessor_left_is_taken_over_at_x1(
    period_ns: int, share: float, enabled: bool, inversed: bool, inverted: bool
) -> None:
    bench = Bench(inverted=inverted)
    channel = bench.channel
    channel.open_from_ms = 0
    channel.period_ns, channel.duty_ns = period_ns, int(period_ns * share)
    channel.enabled, channel.inversed = enabled, inversed
    bench.opened()
    assert channel.enabled
    assert not channel.inversed
    assert channel.period_ns == PERIOD_NS
    assert channel.duty_bp == (F_BP if inverted else X1_BP)


def test_a_killed_process_leaves_its_pwm_and_the_next_one_goes_to_x1_first() -> None:
    bench = Bench()
    bench.opened().set_duty_bp(2_667)
    del bench.pwm  # kill -9: no code of ours runs
    assert bench.channel.duty_bp == 2_667
    bench.sysfs.written.clear()
    assert bench.another().open(0)
    assert bench.sysfs.written[1:] == [("pwmchip0/pwm0/duty_cycle", "1000000")]


# the duty


@given(duty_bp=st.integers(F_BP, X1_BP), inverted=st.booleans())
def test_the_pin_is_high_for_the_duty_and_never_longer(duty_bp: int, inverted: bool) -> None:
    bench = Bench(inverted=inverted)
    bench.opened().set_duty_bp(duty_bp)
    assert bench.channel.duty_bp == (X1_BP - duty_bp if inverted else duty_bp)
    assert bench.channel.enabled


def test_x1_and_f_are_a_full_and_an_empty_duty_of_a_running_pwm() -> None:
    bench = Bench()
    bench.opened().set_duty_bp(F_BP)
    assert (bench.channel.duty_ns, bench.channel.enabled) == (0, True)
    bench.pwm.set_duty_bp(X1_BP)
    assert (bench.channel.duty_ns, bench.channel.enabled) == (PERIOD_NS, True)


def test_an_unchanged_duty_is_not_written_again() -> None:
    bench = Bench()
    bench.opened().set_duty_bp(5_333)
    bench.sysfs.written.clear()
    bench.pwm.set_duty_bp(5_333)
    assert bench.sysfs.written == []


@pytest.mark.parametrize("duty_bp", [-1, 10_001])
def test_a_duty_out_of_range_is_refused_and_changes_nothing(duty_bp: int) -> None:
    bench = Bench()
    bench.opened().set_duty_bp(1_000)
    with pytest.raises(ValueError, match="basis points"):
        bench.pwm.set_duty_bp(duty_bp)
    assert bench.channel.duty_bp == 1_000


def test_nothing_is_driven_before_it_is_open() -> None:
    bench = Bench()
    assert (bench.pwm.ready, bench.pwm.duty_bp) == (False, X1_BP)
    bench.pwm.check(10_000)
    with pytest.raises(PwmGone, match="not open"):
        bench.pwm.set_duty_bp(1_000)
    bench.pwm.close()
    assert bench.sysfs.written == []


# what happens to it while it runs


Harm = Callable[[PwmChannel], None]


def _other_period(channel: PwmChannel) -> None:
    channel.period_ns, channel.duty_ns = 20_000_000, 15_000_000


def _other_duty(channel: PwmChannel) -> None:
    channel.duty_ns = 960_000


def _off(channel: PwmChannel) -> None:
    channel.enabled = False


@pytest.mark.parametrize("harm", [_other_period, _other_duty, _off])
def test_an_altered_output_is_put_right_and_told(harm: Harm) -> None:
    bench = Bench()
    bench.opened().set_duty_bp(2_667)
    harm(bench.channel)
    bench.pwm.check(CHECK_MS - 1)
    with pytest.raises(PwmAltered, match="put right"):
        bench.pwm.check(CHECK_MS)
    assert (bench.channel.period_ns, bench.channel.duty_bp) == (PERIOD_NS, 2_667)
    bench.pwm.check(2 * CHECK_MS)


def test_a_removed_chip_is_told_and_found_again_under_another_number() -> None:
    bench = Bench()
    bench.opened().set_duty_bp(2_667)
    bench.chip.there = False
    bench.pwm.check(CHECK_MS)
    with pytest.raises(PwmGone, match="lost"):
        bench.pwm.check(CHECK_MS + 10)
    assert not bench.pwm.ready
    bench.chip.there = True
    bench.chip.probe_again(number=3)
    assert bench.pwm.open(CHECK_MS + 10)
    assert bench.channel.duty_bp == X1_BP


class Torn:
    """A file that reads as `text`, so many times."""

    def __init__(self, bench: Bench, name: str, text: str, times: int = 1_000) -> None:
        self.times = times
        whole = bench.sysfs.read_text

        def read_text(path: str) -> str:
            if path.endswith(name) and self.times > 0:
                self.times -= 1
                return text
            return whole(path)

        bench.sysfs.read_text = read_text  # type: ignore[method-assign]  # the kernel's whim


TORN = [("period", ""), ("duty_cycle", "1e"), ("enable", "\n"), ("polarity", "norm")]


@pytest.mark.parametrize(("name", "text"), TORN)
def test_an_empty_or_torn_file_is_no_output_when_it_is_opened_or_made_safe(
    name: str, text: str
) -> None:
    bench = Bench()
    torn = Torn(bench, name, text)
    with pytest.raises(PwmGone, match=name):
        bench.pwm.open(0)
    with pytest.raises(PwmGone, match=name):
        bench.pwm.make_safe()
    with pytest.raises(PwmGone, match=name):
        make_safe(bench.machine, 18)
    torn.times = 0
    assert bench.pwm.open(0)


@pytest.mark.parametrize(("name", "text"), TORN[:3])
def test_one_torn_look_back_is_looked_at_again_and_two_are_a_lost_output(
    name: str, text: str
) -> None:
    for times, told in ((1, Wiring(0)), (2, Wiring.PWM_GONE)):
        bench = Bench()
        bench.pwm.drive(2_667, 0)
        Torn(bench, name, text, times)
        found = [bench.pwm.drive(2_667, now_ms) for now_ms in range(CHECK_MS, CHECK_MS + 50, 10)]
        assert found == [Wiring(0)] + [told] * 4
        assert bench.channel.duty_bp == 2_667


def test_two_single_failures_far_apart_are_none() -> None:
    bench = Bench()
    bench.opened()
    told = set()
    for now_ms in range(10, 5 * CHECK_MS, 10):
        bench.sysfs.fails = {"enable": errno.EIO} if now_ms % CHECK_MS == 0 else {}
        told.add(bench.pwm.drive(2_667, now_ms))
    assert told == {Wiring(0)}


def test_an_alteration_that_can_not_be_put_right_is_a_lost_output_at_once() -> None:
    bench = Bench()
    bench.opened().set_duty_bp(2_667)
    bench.channel.duty_ns = 960_000
    write = bench.sysfs.write_text

    def refused(path: str, text: str) -> None:
        raise OSError(errno.EIO, "Input/output error", path)

    bench.sysfs.write_text = refused  # type: ignore[method-assign]  # the kernel's refusal
    with pytest.raises(PwmGone, match="lost"):
        bench.pwm.check(CHECK_MS)
    bench.sysfs.write_text = write  # type: ignore[method-assign]  # and its recovery
    assert bench.pwm.open(CHECK_MS)


def test_drive_tells_in_flags_and_recovers_within_a_second_of_the_chip() -> None:
    bench = Bench()
    told = []
    for now_ms in range(0, 6_000, 10):
        bench.now_ms = now_ms
        if now_ms == 2_000:
            bench.chip.there = False
        if now_ms == 4_000:
            bench.chip.there = True
            bench.chip.probe_again(number=7)
        told.append(bench.pwm.drive(2_667, now_ms))
    assert set(told[:200]) == {Wiring(0)}
    assert set(told[300:400]) == {Wiring.PWM_GONE}
    assert set(told[500:]) == {Wiring(0)}
    assert bench.channel.duty_bp == 2_667


def test_drive_tells_an_alteration_for_a_second() -> None:
    bench = Bench()
    told = []
    for now_ms in range(0, 4_000, 10):
        if now_ms == 1_500:
            bench.channel.duty_ns = 960_000
        told.append(bench.pwm.drive(2_667, now_ms))
    assert told.count(Wiring.PWM_ALTERED) == CHECK_MS // 10
    assert told[-1] == Wiring(0)


def test_a_lost_output_is_looked_for_once_a_second() -> None:
    bench = Bench()
    bench.chip.there = False
    bench.pwm.drive(X1_BP, 500)
    bench.chip.there = True
    told = [bench.pwm.drive(2_667, now_ms) for now_ms in range(510, 2_000, 10)]
    assert told == [Wiring.PWM_GONE] * 99 + [Wiring(0)] * 50
    assert (bench.pwm.duty_bp, bench.channel.duty_bp) == (2_667, 2_667)


# leaving it


def test_close_leaves_x1_enabled_and_exported_and_may_come_twice() -> None:
    bench = Bench()
    bench.opened().set_duty_bp(2_667)
    bench.pwm.close()
    bench.pwm.close()
    assert bench.channel.duty_bp == X1_BP
    assert bench.channel.open_from_ms is not None
    assert not bench.pwm.ready


def test_close_of_a_lost_output_is_quiet() -> None:
    bench = Bench()
    bench.opened()
    bench.chip.there = False
    bench.pwm.close()


def test_make_safe_writes_x1_also_when_it_believes_in_it() -> None:
    bench = Bench()
    bench.opened()
    bench.channel.duty_ns = 0
    bench.pwm.make_safe()
    assert bench.channel.duty_bp == X1_BP


def test_an_output_that_was_lost_on_the_way_is_made_safe_all_the_same() -> None:
    bench = Bench()
    bench.opened().set_duty_bp(2_667)
    bench.sysfs.fails["duty_cycle"] = errno.EIO
    with pytest.raises(PwmGone):
        bench.pwm.set_duty_bp(5_333)
    with pytest.raises(PwmGone):
        bench.pwm.make_safe()
    bench.sysfs.fails.clear()
    bench.pwm.make_safe()
    assert bench.channel.duty_bp == X1_BP


def test_an_output_that_came_back_elsewhere_is_made_safe_there() -> None:
    bench = Bench()
    bench.opened()
    bench.chip.number = 5
    bench.channel.duty_ns = 0
    bench.pwm.make_safe()
    assert bench.channel.duty_bp == X1_BP


def test_an_inverted_output_of_another_device_is_made_safe_as_well() -> None:
    chip = PwmChip("7e20c000.pwm")
    make_safe(Computer(SysfsPwm([chip])), 18, inverted=True, device="7e20c000.pwm")
    assert chip.channels[0].duty_bp == F_BP
    pwm = HardwarePwm(Computer(SysfsPwm([chip])), gpio=18, device="7e20c000.pwm")
    assert pwm.open(0)
    pwm.make_safe()
    assert chip.channels[0].duty_bp == X1_BP


def test_the_last_word_of_the_service_manager_needs_nothing_else() -> None:
    bench = Bench()
    bench.opened().set_duty_bp(5_333)
    make_safe(bench.machine, 18)
    assert bench.channel.duty_bp == X1_BP
    closed = Bench(udev_ms=1_000)
    waits: list[int] = []
    with pytest.raises(PwmGone, match="closed to this user"):
        make_safe(closed.machine, 18, pause=waits.append)
    assert sum(waits) == LAST_WAIT_MS


def test_the_last_word_waits_for_udev_where_nobody_has_exported_before() -> None:
    bench = Bench(udev_ms=50)

    def pause(span_ms: int) -> None:
        bench.now_ms += span_ms

    make_safe(bench.machine, 18, pause=pause)
    assert (bench.now_ms, bench.channel.duty_bp) == (50, X1_BP)


# once over real files


class Rooted(RaspberryPi):
    """This computer, as if it began at a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read_text(self, path: str) -> str:
        return super().read_text(f"{self._root}{path}")

    def write_text(self, path: str, text: str) -> None:
        super().write_text(f"{self._root}{path}", text)

    def names(self, directory: str) -> list[str]:
        return super().names(f"{self._root}{directory}")

    def real_path(self, path: str) -> str:
        return super().real_path(f"{self._root}{path}")


def test_the_same_driver_over_real_files_and_links(tmp_path: Path) -> None:
    device = tmp_path / "sys/devices/platform/axi/1000120000.pcie" / HEADER_PI_5
    channel = device / "pwm/pwmchip2/pwm2"
    channel.mkdir(parents=True)
    for name, text in (("period", ""), ("duty_cycle", ""), ("enable", "0"), ("polarity", "normal")):
        (channel / name).write_text(text or "0000000\n")
    (channel.parent / "export").touch()
    (channel.parent / "device").symlink_to(device)
    (tmp_path / "sys/class/pwm").mkdir(parents=True)
    (tmp_path / "sys/class/pwm/pwmchip2").symlink_to(channel.parent)
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/compatible").write_text(PI_5)
    pwm = HardwarePwm(Rooted(tmp_path), gpio=18)
    assert pwm.open(0)
    assert (channel.parent / "export").read_text() == "2"
    assert (channel / "period").read_text().strip() == "1000000"
    assert (channel / "duty_cycle").read_text().strip() == "1000000"
    assert (channel / "enable").read_text() == "1"
    pwm.check(CHECK_MS)
    (channel / "enable").unlink()
    pwm.check(2 * CHECK_MS)
    with pytest.raises(PwmGone, match="lost"):
        pwm.check(2 * CHECK_MS + 10)
