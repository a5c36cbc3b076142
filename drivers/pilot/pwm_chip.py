"""Which hardware PWM of the kernel drives a pin of the 40-pin header.

The kernel promises no chip number (a Pi 5 had its header's PWM at pwmchip2 and at pwmchip0 within
a year), so the chip is known by the device behind it, and the device by the processor's name in
the device tree. Not to be seen from here is whether the pin itself is switched to its PWM: the
overlay does that, for the pin that it names; `evse board check` finds it with a voltmeter.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from drivers.errors import PwmGone
from drivers.machine import Machine

COMPATIBLE = "/proc/device-tree/compatible"
CLASS = "/sys/class/pwm"


class PwmBlock(msgspec.Struct, frozen=True):
    """The PWM block of one family of processors that reaches the header."""

    soc: str
    """As the device tree's `compatible` ends."""
    device: str
    """Name of the device that the chip belongs to."""
    channels: Mapping[int, int]
    """BCM pin to channel."""


_TWO_CHANNELS = {12: 0, 18: 0, 13: 1, 19: 1}

BLOCKS = (
    PwmBlock("brcm,bcm2712", "1f00098000.pwm", {12: 0, 13: 1, 18: 2, 19: 3}),
    PwmBlock("brcm,bcm2711", "fe20c000.pwm", _TWO_CHANNELS),
    PwmBlock("brcm,bcm2837", "3f20c000.pwm", _TWO_CHANNELS),
)
"""Pi 5 and CM5 (in RP1); Pi 4, 400 and CM4; Pi 3, CM3 and Zero 2. RP1's other block
(1f0009c000.pwm) turns the Pi 5's fan and is in no row, so that it is never taken. The names are
those that public projects find on these computers; nobody here has seen them."""

_OVERLAY_FUNCTION = {12: 4, 13: 4, 18: 2, 19: 2}


class PwmOutput(msgspec.Struct, frozen=True):
    """One channel of one chip."""

    gpio: int
    chip: str
    """Its folder."""
    channel: int

    @property
    def folder(self) -> str:
        """Where the channel's files are once it is exported."""
        return f"{self.chip}/pwm{self.channel}"


def overlay_line(gpio: int) -> str:
    """What /boot/firmware/config.txt needs for this pin."""
    return f"dtoverlay=pwm,pin={gpio},func={_OVERLAY_FUNCTION[gpio]}"


def find_pwm(machine: Machine, gpio: int, *, device: str | None = None) -> PwmOutput:
    """The PWM output behind BCM pin `gpio`.

    `device`: another name than the table's, for a kernel that names it otherwise.

    Raises PwmGone: not a computer of the table, not a pin with hardware PWM, or no such chip, in
    which case the message has the line for config.txt.
    """
    block = _block(machine)
    channel = block.channels.get(gpio)
    if channel is None:
        pins = ", ".join(str(pin) for pin in sorted(block.channels))
        raise PwmGone(f"GPIO{gpio} has no hardware PWM: the pilot needs one of GPIO {pins}")
    wanted = device or block.device
    found = _chips(machine)
    if wanted not in found:
        there = ", ".join(sorted(found)) or "none"
        raise PwmGone(
            f"no PWM chip of device {wanted} (there: {there}): add the line "
            f"{overlay_line(gpio)} to /boot/firmware/config.txt (pwm-2chan for two pilots; "
            "before a Pi 4 also dtparam=audio=off) and reboot"
        )
    return PwmOutput(gpio, found[wanted], channel)


def _block(machine: Machine) -> PwmBlock:
    try:
        compatible = machine.read_text(COMPATIBLE).split("\0")
    except OSError as error:
        raise PwmGone(f"{COMPATIBLE}: {error.strerror}: this is no Raspberry Pi") from error
    for block in BLOCKS:
        if block.soc in compatible:
            return block
    named = ", ".join(name for name in compatible if name)
    raise PwmGone(f"no hardware PWM is known for this computer ({named})")


def _chips(machine: Machine) -> dict[str, str]:
    """Folder of each chip, by the name of its device."""
    found = {}
    try:
        for name in machine.names(CLASS):
            device = machine.real_path(f"{CLASS}/{name}/device")
            found[device.rpartition("/")[2]] = f"{CLASS}/{name}"
    except OSError as error:
        # A kernel without any PWM has no such folder, and a chip may go while we look.
        if not isinstance(error, FileNotFoundError):
            raise PwmGone(f"{CLASS}: {error.strerror}") from error
    return found
