"""The kernel's /sys/class/pwm, in memory: what it takes, what it refuses, and what runs on.

What a channel puts out is kept here and nowhere in a driver, so that it runs on when the driver's
process is gone, as on metal. Refusals are those of the kernel's PWM core: EBUSY for what is
exported or held already, EINVAL for a duty above the period and for anything but a period on a
channel that has none, EACCES until udev has handed the files over.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable

CLASS = "/sys/class/pwm"
COMPATIBLE = "/proc/device-tree/compatible"
ZERO_2 = "raspberrypi,model-zero-2-w\0brcm,bcm2837\0"
PI_4 = "raspberrypi,4-model-b\0brcm,bcm2711\0"
PI_5 = "raspberrypi,5-model-b\0brcm,bcm2712\0"

_FILES = ("period", "duty_cycle", "enable", "polarity")


def refuse(code: int, path: str) -> OSError:
    """The kernel's error `code`, as Python raises it."""
    return OSError(code, os.strerror(code), path)


class PwmChannel:
    """One output. A reader of the waveform asks `duty_bp`."""

    def __init__(self) -> None:
        self.period_ns = 0
        self.duty_ns = 0
        self.enabled = False
        self.inversed = False
        self.open_from_ms: int | None = None
        """Exported; its files are the group's from then on. None: not exported."""
        self.held = False
        """By another driver of the kernel."""

    @property
    def duty_bp(self) -> int | None:
        """Share of the time that the pin is high, basis points; None: disabled."""
        if not self.enabled or not self.period_ns:
            return None
        high_ns = self.period_ns - self.duty_ns if self.inversed else self.duty_ns
        return 10_000 * high_ns // self.period_ns


class PwmChip:
    """One block of channels. `number` is the kernel's whim."""

    def __init__(self, device: str, *, number: int = 0, channels: int = 2) -> None:
        self.device = device
        self.number = number
        self.channels = [PwmChannel() for _ in range(channels)]
        self.there = True

    def probe_again(self, number: int) -> None:
        """Its driver was unbound and bound: another number, nothing exported, nothing running."""
        self.number = number
        self.channels = [PwmChannel() for _ in self.channels]


class SysfsPwm:
    """The files of all chips, and the device tree's word on which computer this is."""

    def __init__(
        self,
        chips: Iterable[PwmChip],
        *,
        compatible: str = ZERO_2,
        udev_ms: int = 0,
        now_ms: Callable[[], int] = lambda: 0,
    ) -> None:
        """`udev_ms`: from an export until udev has handed the channel's files over."""
        self.chips = list(chips)
        self.compatible = compatible
        self.udev_ms = udev_ms
        self.written: list[tuple[str, str]] = []
        """(file below the class folder, text), in the order of arrival; refused ones too."""
        self.fails: dict[str, int] = {}
        """File name to errno: what it answers instead."""
        self._now_ms = now_ms

    def owns(self, path: str) -> bool:
        return path.startswith(CLASS) or path == COMPATIBLE

    def names(self, directory: str) -> list[str]:
        if directory != CLASS:
            raise refuse(errno.ENOENT, directory)
        return sorted(f"pwmchip{chip.number}" for chip in self.chips if chip.there)

    def real_path(self, path: str) -> str:
        chip, rest = self._chip(path)
        if rest != "device":
            raise refuse(errno.ENOENT, path)
        return f"/sys/devices/platform/soc/{chip.device}"

    def read_text(self, path: str) -> str:
        if path == COMPATIBLE:
            return self.compatible
        channel, name = self._file(path)
        values = (channel.period_ns, channel.duty_ns, int(channel.enabled))
        if name == "polarity":
            return "inversed\n" if channel.inversed else "normal\n"
        return f"{values[_FILES.index(name)]}\n"

    def write_text(self, path: str, text: str) -> None:
        self.written.append((path.removeprefix(f"{CLASS}/"), text))
        chip, rest = self._chip(path)
        if rest in ("export", "unexport"):
            self._export(chip, int(text), path, leave=rest == "unexport")
            return
        channel, name = self._file(path)
        if name == "polarity":
            if text.strip() not in ("normal", "inversed"):
                raise refuse(errno.EINVAL, path)
            self._apply(channel, path, inversed=text.strip() == "inversed")
        elif name == "enable":
            self._apply(channel, path, enabled=text.strip() == "1")
        elif name == "period":
            self._apply(channel, path, period_ns=int(text))
        else:
            self._apply(channel, path, duty_ns=int(text))

    def _apply(
        self,
        channel: PwmChannel,
        path: str,
        *,
        period_ns: int | None = None,
        duty_ns: int | None = None,
        enabled: bool | None = None,
        inversed: bool | None = None,
    ) -> None:
        """The whole state at once or not at all, as the kernel's core has it."""
        period_ns = channel.period_ns if period_ns is None else period_ns
        duty_ns = channel.duty_ns if duty_ns is None else duty_ns
        if not period_ns or duty_ns > period_ns:
            raise refuse(errno.EINVAL, path)
        if inversed is not None:
            if inversed is not channel.inversed and channel.enabled:
                raise refuse(errno.EBUSY, path)
            channel.inversed = inversed
        channel.period_ns, channel.duty_ns = period_ns, duty_ns
        if enabled is not None:
            channel.enabled = enabled

    def _export(self, chip: PwmChip, number: int, path: str, *, leave: bool) -> None:
        if number >= len(chip.channels):
            raise refuse(errno.ENODEV, path)
        channel = chip.channels[number]
        if leave:
            channel.open_from_ms = None
        elif channel.open_from_ms is not None or channel.held:
            raise refuse(errno.EBUSY, path)
        else:
            channel.open_from_ms = self._now_ms() + self.udev_ms

    def _chip(self, path: str) -> tuple[PwmChip, str]:
        folder, _, rest = path.removeprefix(f"{CLASS}/").partition("/")
        for chip in self.chips:
            if chip.there and folder == f"pwmchip{chip.number}":
                self._fail(rest, path)
                return chip, rest
        raise refuse(errno.ENOENT, path)

    def _file(self, path: str) -> tuple[PwmChannel, str]:
        chip, rest = self._chip(path)
        folder, _, name = rest.partition("/")
        index = folder.removeprefix("pwm")
        if not index.isdigit() or int(index) >= len(chip.channels) or name not in _FILES:
            raise refuse(errno.ENOENT, path)
        channel = chip.channels[int(index)]
        if channel.open_from_ms is None:
            raise refuse(errno.ENOENT, path)
        if self._now_ms() < channel.open_from_ms:
            raise refuse(errno.EACCES, path)
        return channel, name

    def _fail(self, rest: str, path: str) -> None:
        code = self.fails.get(rest.rpartition("/")[2])
        if code is not None:
            raise refuse(code, path)
