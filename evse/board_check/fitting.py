"""What a board has, as the walk needs to know it: which wire ends where, in words."""

from __future__ import annotations

import msgspec

HEADER_PINS = (
    *(27, 28, 3, 5, 7, 29, 31, 26, 24, 21, 19, 23, 32, 33),
    *(8, 10, 36, 11, 12, 35, 38, 40, 15, 16, 18, 22, 37, 13),
)
"""Place of BCM 0 to 27 in the 40-pin header (Raspberry Pi documentation, GPIO)."""


def place(*gpios: int) -> str:
    """As `GPIO17 (header pin 11)`."""
    return ", ".join(f"GPIO{gpio} (header pin {HEADER_PINS[gpio]})" for gpio in gpios)


class EvseFitting(msgspec.Struct, frozen=True, kw_only=True):
    """One EVSE. Places by `place`; "" where it is not fitted."""

    evse: int
    pilot: str
    pilot_reading: str
    coils: str
    mirrors: str
    lock: str = ""
    lock_switches: str = ""
    lock_reserve: bool = False
    rcd: str = ""
    rcd_test: str = ""
    proximity: str = ""
    temperature: str = ""
    phase_contact: str = ""
    phase_feedback: str = ""
    light: str = ""
    buzzer: str = ""
    inputs: dict[str, str] = {}
    """Kind (drivers/gpio/inputs.py) to place."""


class BoardFitting(msgspec.Struct, frozen=True, kw_only=True):
    """One board."""

    heartbeat: str = ""
    interlock: str = ""
    """The configuration's word for the external device."""
    supply_12v: str = ""
    supply_minus_12v: str = ""
    inputs: dict[str, str] = {}
    evses: tuple[EvseFitting, ...]
