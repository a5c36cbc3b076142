"""The wiring table of docs/hardware.md, off the board profile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from drivers.board.profile import BoardProfile
from drivers.gpio.inputs import Input
from drivers.gpio.lock import TwoWayPins
from drivers.gpio.wires import Contact, InputPin, OutputPin

HEADER_PINS = {
    2: 3,
    3: 5,
    4: 7,
    5: 29,
    6: 31,
    7: 26,
    8: 24,
    9: 21,
    10: 19,
    11: 23,
    12: 32,
    13: 33,
    14: 8,
    15: 10,
    16: 36,
    17: 11,
    18: 12,
    19: 35,
    20: 38,
    21: 40,
    22: 15,
    23: 16,
    24: 18,
    25: 22,
    26: 37,
    27: 13,
}
"""BCM number to the place on the 40-pin header."""
PULLED_UP_UP_TO = 8
"""GPIO0 to GPIO8 have their pull-up at power-on, the others their pull-down."""

_BROKEN = {
    "mirror contact": "contactor closed: nothing closes, trip `WELD`",
    "plug locked": "not locked: nothing closes",
    "plug unlocked": "not unlocked: an unlocking is tried again, then a fault",
    "RCD": "tripped",
    "phase contact's feedback": "open: charges on one phase, else a fault",
    Input.EMERGENCY_STOP.value: "pressed",
    Input.MAINS.value: "mains gone",
    Input.TILT.value: "tilted",
    Input.STOP_BUTTON.value: "never pressed",
}
_NO_SENSE = "no sense from the converter: opens, [named](service.md#wiring-faults)"
_BROKEN_KERNEL = {
    "SPI chip select": _NO_SENSE,
    "SPI MISO": _NO_SENSE,
    "SPI MOSI": _NO_SENSE,
    "SPI clock": _NO_SENSE,
    "pilot PWM": "pilot steady at +12 V: no offer",
}


class Wire(NamedTuple):
    """A row of the wiring table."""

    gpio: int
    function: str
    pin: OutputPin | InputPin | None
    """None: a line of the kernel's own drivers."""


def wires(profile: BoardProfile) -> list[Wire]:
    """Every GPIO that the profile's first EVSE and station use, by number."""
    section = profile.evse[0]
    found = [
        Wire(8, "SPI chip select", None),
        Wire(9, "SPI MISO", None),
        Wire(10, "SPI MOSI", None),
        Wire(11, "SPI clock", None),
        Wire(section.pilot.pwm_gpio, "pilot PWM", None),
        *(
            Wire(coil.pull_in.gpio, "contactor coil", coil.pull_in)
            for coil in section.contactor.coils
        ),
        *(Wire(pin.gpio, "mirror contact", pin) for pin in section.contactor.mirrors),
        *(Wire(pin.gpio, kind.value, pin) for kind, pin in profile.inputs.items()),
        *_lock_wires(profile),
    ]
    if profile.heartbeat is not None:
        found.append(Wire(profile.heartbeat.gpio, "coil supply's watchdog", profile.heartbeat))
    if section.rcd is not None:
        found.append(Wire(section.rcd.trip.gpio, "RCD", section.rcd.trip))
        if section.rcd.test is not None:
            found.append(Wire(section.rcd.test.gpio, "RCD test", section.rcd.test))
    if (contact := section.phase_contact) is not None:
        found.append(Wire(contact.coil.gpio, "phase contact's coil", contact.coil))
        if contact.feedback is not None:
            found.append(Wire(contact.feedback.gpio, "phase contact's feedback", contact.feedback))
    if section.light is not None:
        for colour, pin in zip(("red", "green", "blue"), section.light.leds, strict=False):
            found.append(Wire(pin.gpio, f"status light, {colour}", pin))
    return sorted(found)


def _lock_wires(profile: BoardProfile) -> Iterator[Wire]:
    lock = profile.evse[0].lock
    if lock is None:
        return
    if isinstance(lock.actuator, TwoWayPins):
        yield Wire(lock.actuator.lock.gpio, "lock bridge, lock", lock.actuator.lock)
        yield Wire(lock.actuator.unlock.gpio, "lock bridge, unlock", lock.actuator.unlock)
    yield Wire(lock.locked.gpio, "plug locked", lock.locked)
    if lock.unlocked is not None:
        yield Wire(lock.unlocked.gpio, "plug unlocked", lock.unlocked)


def wiring_table(profile: BoardProfile) -> Iterator[str]:
    """As lines of Markdown."""
    yield "| GPIO | header pin | what | direction | how | at power-on | a broken wire reads as |"
    yield "|---|---|---|---|---|---|---|"
    for gpio, function, pin in wires(profile):
        rest = "up" if gpio <= PULLED_UP_UP_TO else "down"
        yield (
            f"| {gpio} | {HEADER_PINS[gpio]} | {function.replace('_', ' ')} | {_direction(pin)} "
            f"| {_how(pin)} | {rest} | {_broken(function, pin)} |"
        )


def _direction(pin: OutputPin | InputPin | None) -> str:
    return "" if pin is None else "out" if isinstance(pin, OutputPin) else "in"


def _how(pin: OutputPin | InputPin | None) -> str:
    if pin is None:
        return "kernel driver"
    if isinstance(pin, OutputPin):
        return "high is on"
    kind = "conducts at rest (NC)" if pin.contact is Contact.NC else "conducts when active (NO)"
    return f"{kind}, to {'ground' if pin.pull_up else '3.3 V'}"


def _broken(function: str, pin: OutputPin | InputPin | None) -> str:
    if pin is None:
        return _BROKEN_KERNEL[function]
    return "off" if isinstance(pin, OutputPin) else _BROKEN[function]
