"""What the reader of slow temperature sensors would leave, of sensors that measure simulated metal.

The reader itself is run against sensors in tests of its own; here its file is as fresh as it would
be, until a sensor falls silent.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping

from drivers.board.native import SLOW_PATH
from drivers.board.profile import BoardProfile, SlowSection
from drivers.temperature.slow import PAUSE_MS, READ_MS
from hil.pi.metal_wires import Metal
from hil.pi.pwm import refuse

FILE = SLOW_PATH.rpartition("/")[2]


class SlowFile:
    """The file, in whichever run directory."""

    def __init__(
        self, profile: BoardProfile, metal: Mapping[int, Metal], now_ms: Callable[[], int]
    ) -> None:
        self.silent: set[str] = set()
        """Sensors that do not answer."""
        self.gone = False
        """So is the whole reader: the file stays as it was."""
        self._metal, self._now_ms = metal, now_ms
        self._sensors = {
            sensor: number
            for number, section in zip(sorted(metal), profile.evse, strict=False)
            if isinstance(section.temperature, SlowSection)
            for sensor in section.temperature.sensors
        }
        self._lines: dict[str, str] = {}

    def owns(self, path: str) -> bool:
        return path.rpartition("/")[2] == FILE

    def names(self, directory: str) -> list[str]:
        raise refuse(errno.ENOENT, directory)

    def real_path(self, path: str) -> str:
        return path

    def write_text(self, path: str, text: str) -> None:  # noqa: ARG002 the port's signature
        raise refuse(errno.EACCES, path)

    def read_text(self, path: str) -> str:
        if not self._sensors:
            raise refuse(errno.ENOENT, path)
        now_ms = self._now_ms()
        round_ms = len(self._sensors) * READ_MS + PAUSE_MS
        for index, (sensor, number) in enumerate(self._sensors.items()):
            if sensor in self.silent or self.gone:
                continue
            done_ms = (now_ms - (index + 1) * READ_MS) // round_ms * round_ms
            taken_ms = done_ms + index * READ_MS
            dc = self._metal[number].read(number, now_ms).temperature_dc
            if dc is not None:
                self._lines[sensor] = f"{sensor} {taken_ms} {dc}\n"
        return "".join(self._lines.values())
