"""A Raspberry Pi made of memory, with a charging station's metal at its header.

The lowest edges of the computer (mock pins, sysfs files, SPI ioctls) are joined to plants as a
board profile says: what the drivers write reaches the metal, what the metal shows is read back
through the same wires. Nothing above these edges is simulated.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping

from gpiozero import Factory

from drivers.adc.mcp3x08 import CHIPS
from drivers.board.profile import BoardProfile
from drivers.machine import Device
from hil.pi.header import MockHeader
from hil.pi.metal_wires import Edges, EvseWires, Metal
from hil.pi.pwm import PwmChannel, PwmChip, SysfsPwm, refuse
from hil.pi.slow_file import SlowFile
from hil.pi.spi import Mcp3x08

CHANNELS = {12: 0, 13: 1, 18: 0, 19: 1}
"""Of its two channels, by pin."""
BUFSIZ = 65_536
"""Of spidev, as docs/install.md sets it: a burst is one ioctl."""
UDEV_MS = 20
"""From an export until its files are the group's."""
HEADER_PWM = "3f20c000.pwm"
"""Of a Pi Zero 2 W [m]."""


class FakePi:
    """drivers.machine.Machine over simulated metal."""

    def __init__(
        self,
        profile: BoardProfile,
        metal: Mapping[int, Metal],
        now_ms: Callable[[], int],
        *,
        violated: Callable[[int, str], None] = lambda _evse, _rule: None,
    ) -> None:
        """`metal`: by the number of the EVSE, in the order of the profile's. `violated`: told of
        what no driver may do to its front-end."""
        self.now_ms = now_ms
        self.shoot_through = 0
        """How often both halves of a lock's bridge were on."""
        self._violated = violated
        self.header = MockHeader()
        self.pwm = SysfsPwm([PwmChip(HEADER_PWM)], udev_ms=UDEV_MS, now_ms=now_ms)
        chip = CHIPS[profile.converter.chip]
        self.converter = Mcp3x08(
            path=profile.converter.device,
            bits=chip.bits,
            reference_mv=profile.converter.reference_mv,
            now_us=lambda: now_ms() * 1_000.0,
            bufsiz=BUFSIZ,
        )
        edges = Edges(self.header, self.converter, self._channel, now_ms, self._shot_through)
        self.slow = SlowFile(profile, metal, now_ms)
        self.wires = {
            number: EvseWires(edges, profile, section, metal[number], number)
            for number, section in zip(sorted(metal), profile.evse, strict=False)
        }
        if profile.heartbeat is not None:
            self.header.watch(profile.heartbeat.gpio, lambda _high: self._feed())

    @property
    def gpio(self) -> Factory:
        return self.header.factory

    def read_text(self, path: str) -> str:
        return self._owner(path).read_text(path)

    def write_text(self, path: str, text: str) -> None:
        self._owner(path).write_text(path, text)
        for wires in self.wires.values():
            wires.output_changed()

    def names(self, directory: str) -> list[str]:
        return self._owner(directory).names(directory)

    def real_path(self, path: str) -> str:
        return self._owner(path).real_path(path)

    def open_device(self, path: str) -> Device:
        if path != self.converter.path:
            raise refuse(errno.ENOENT, path)
        return self.converter.open()

    def _owner(self, path: str) -> SysfsPwm | Mcp3x08 | SlowFile:
        for part in (self.pwm, self.converter, self.slow):
            if part.owns(path):
                return part
        raise refuse(errno.ENOENT, path)

    def _channel(self, gpio: int) -> PwmChannel:
        return self.pwm.chips[0].channels[CHANNELS[gpio]]

    def _shot_through(self, evse: int) -> None:
        self.shoot_through += 1
        self._violated(evse, "both halves of the lock's bridge are on")

    def _feed(self) -> None:
        """An edge at the coil supply's watchdog."""
        for wires in self.wires.values():
            wires.feed()
