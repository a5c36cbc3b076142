"""The kernel's w1_therm, in memory: sensors as files, each read of which takes its conversion."""

from __future__ import annotations

import errno

from hil.pi.pwm import refuse

DEVICES = "/sys/bus/w1/devices"
CONVERSION_MS = 750


class OneWireBus:
    """Sensors by ROM code, in thousandths of a degree Celsius."""

    def __init__(self, sensors: dict[str, int]) -> None:
        self.milli_c = dict(sensors)
        self.garbled = False
        """The checksum does not fit."""
        self.unanswered = False
        """The kernel's file is there and shows nothing."""
        self.powered_down = False
        """85 degrees since power-on."""
        self.waited_ms = 0
        """How long the kernel has kept its readers."""

    def owns(self, path: str) -> bool:
        return path.startswith(DEVICES)

    def names(self, directory: str) -> list[str]:
        if directory != DEVICES:
            raise refuse(errno.ENOENT, directory)
        return [*sorted(self.milli_c), "w1_bus_master1"]

    def real_path(self, path: str) -> str:
        return path

    def write_text(self, path: str, text: str) -> None:  # noqa: ARG002 the port's signature
        raise refuse(errno.EACCES, path)

    def read_text(self, path: str) -> str:
        rom, _, name = path.removeprefix(f"{DEVICES}/").partition("/")
        if rom not in self.milli_c or name not in ("w1_slave", "temperature"):
            raise refuse(errno.ENOENT, path)
        self.waited_ms += CONVERSION_MS
        milli_c = 85_000 if self.powered_down else self.milli_c[rom]
        if name == "temperature":
            if self.unanswered or self.garbled:
                raise refuse(errno.EIO, path)
            return f"{milli_c}\n"
        if self.unanswered:
            return ""
        return self._scratchpad(milli_c)

    def _scratchpad(self, milli_c: int) -> str:
        raw = round(milli_c * 16 / 1_000) & 0xFFFF
        reserved = 0x0C if self.powered_down else 0x10 - (raw & 0x0F)
        content = bytes((raw & 0xFF, raw >> 8, 0x4B, 0x46, 0x7F, 0xFF, reserved, 0x10))
        crc = checksum(content)
        sent = crc ^ 0x55 if self.garbled else crc
        shown = " ".join(f"{byte:02x}" for byte in (*content, sent))
        verdict = "YES" if sent == crc else "NO"
        return f"{shown} : crc={crc:02x} {verdict}\n{shown} t={milli_c}\n"


def checksum(content: bytes) -> int:
    """CRC-8 of the 1-wire bus (polynomial x^8 + x^5 + x^4 + 1, least significant bit first)."""
    crc = 0
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8C if crc & 1 else crc >> 1
    return crc
