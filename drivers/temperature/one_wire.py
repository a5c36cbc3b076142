"""A DS18B20 (or its kin) by the kernel's w1_therm.

Never from ring 1's loop. Linux has no way of asking that does not wait: a read of `w1_slave` or
`temperature` sleeps in the kernel for the conversion (750 ms at 12 bits), and so does the write to
`therm_bulk_read` that starts all sensors of a bus at once, with or without a strong pull-up. Also
what is left after that trigger, a sensor's scratchpad bit by bit, takes some 10 ms of the bus.
See drivers/temperature/slow.py for who does wait.
"""

from __future__ import annotations

import errno

from drivers.errors import SensorSilent
from drivers.machine import Machine

DEVICES = "/sys/bus/w1/devices"
_POWER_ON = ("50", "05")
_NEVER_CONVERTED = "0c"
"""Low bytes and byte 6 of a scratchpad that holds the 85 degrees of power-on."""


class OneWireSensor:
    """One sensor by its ROM code, as 28-0316a2795bff."""

    def __init__(self, machine: Machine, rom: str) -> None:
        self._machine = machine
        self._path = f"{DEVICES}/{rom}/w1_slave"

    def read(self) -> int:
        """Tenths of a degree Celsius. Takes 750 ms. Raises SensorSilent."""
        try:
            text = self._machine.read_text(self._path)
        except OSError as error:
            hint = "is it wired to the pin of dtoverlay=w1-gpio?"
            if error.errno != errno.ENOENT:
                hint = "look at its wires and its pull-up (4.7 kilohms)"
            raise SensorSilent(f"{self._path}: {error.strerror}: {hint}") from error
        return decode(text, self._path)


def decode(text: str, path: str) -> int:
    """Tenths of a degree of what `w1_slave` shows. Raises SensorSilent: no answer (the kernel
    then shows nothing), a wrong checksum, or a sensor that has measured nothing since power-on."""
    checked, _, value = text.partition("\n")
    scratchpad = checked.split()[:9]
    _, marked, milli_c = value.strip().rpartition("t=")
    if not checked.endswith(" YES") or len(scratchpad) < 9 or not marked:
        raise SensorSilent(f"{path}: no answer, or one with a wrong checksum: {text!r}")
    if tuple(scratchpad[:2]) == _POWER_ON and scratchpad[6] == _NEVER_CONVERTED:
        raise SensorSilent(
            f"{path}: 85 degrees of power-on: its supply breaks down, or is parasite"
        )
    try:
        return round(int(milli_c) / 100)
    except ValueError as error:
        raise SensorSilent(f"{path}: {milli_c!r} is no temperature") from error
