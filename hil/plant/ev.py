"""What kind of car is plugged in: its times, its manners and its battery."""

from __future__ import annotations

import msgspec

from hil.errors import PlugError
from hil.plant.model import CABLE_OHM
from hil.plant.pilot import CarResistors

MAX_DRAW_MA = 1_000_000
MAX_BATTERY_WH = 1e9
"""Sanity bounds: beyond them a number was meant in another unit, or is not finite."""


class Behaviour(msgspec.Struct, frozen=True):
    """How a car answers the pilot. Defaults: a good car, well within IEC 61851-1 Table A.6."""

    s2_close_ms: int = 1000
    """From an offer to S2 closed."""
    react_ms: int = 1000
    """From a new offer, or from voltage, to the first change of current."""
    step_ma: int = 2000
    """Change of current each 100 ms from then on; even 80 A takes at most 5 s in all (seq 6)."""
    stop_react_ms: int = 500
    stop_step_ma: int = 4000
    """Likewise towards a stop."""
    s2_open_ms: int = 300
    """From no current to S2 open; with the two above at most 3 s (seq 10.1)."""
    has_s2: bool = True
    """False: one fixed resistor, state C from the plug on (A.2.3)."""
    heeds_stop: bool = True
    """False: keeps the last offer for ever, S2 closed and drawing."""
    heeds_offer: bool = True
    """False: draws without reading the duty."""
    asleep: bool = False
    """Ignores PWM until it saw state E or F for `wake_ms`."""
    wake_ms: int = 3000
    over_percent: int = 100
    """Draws this share of the offer, whatever `draw_a` says when above 100."""
    cap_ma: int = 80_000
    bounces: int = 0
    """How often the pilot contact opens again while the plug goes in."""


VARIANTS: dict[str, Behaviour] = {
    "normal": Behaviour(),
    "sleepy": Behaviour(asleep=True),
    "rude": Behaviour(heeds_stop=False),
    "simplified": Behaviour(has_s2=False, heeds_offer=False, heeds_stop=False, cap_ma=10_000),
    "slow": Behaviour(stop_react_ms=1500, s2_open_ms=3000),
    "overcurrent": Behaviour(over_percent=130),
    "bouncing": Behaviour(bounces=4),
}
"""`simplified` draws at most 10 A (A.2.3); `slow` opens S2 about 5 s after X1, before the 6 s of
seq 10.2; `sleepy` needs the wake-up pulse of A.5.3."""


class Ev(msgspec.Struct, frozen=True):
    """One car with its cable, as plugged in."""

    cable_a: int = 32
    draw_ma: int = 16_000
    phases: int = 3
    behaviour: Behaviour = Behaviour()
    resistors: CarResistors = CarResistors()
    battery_wh: float | None = None
    """None: never full."""
    soc_percent: float = 30.0
    taper: bool = True

    def __post_init__(self) -> None:
        if self.cable_a not in CABLE_OHM:
            raise PlugError(f"cable_a {self.cable_a}: no such coding, known are {[*CABLE_OHM]}")
        if self.phases not in (1, 2, 3):
            raise PlugError(f"phases {self.phases}: a car uses 1, 2 or 3")
        if not 0 <= self.draw_ma <= MAX_DRAW_MA:
            raise PlugError(f"draw_ma {self.draw_ma}: must be 0 to {MAX_DRAW_MA}")
        if self.battery_wh is not None and not 0 < self.battery_wh <= MAX_BATTERY_WH:
            raise PlugError(
                f"battery_wh {self.battery_wh}: must be above 0 and at most {MAX_BATTERY_WH}, "
                "or None for an endless one"
            )
        if not 0 <= self.soc_percent <= 100:
            raise PlugError(f"soc_percent {self.soc_percent}: must be 0 to 100")


def behaviour(variant: str) -> Behaviour:
    """The behaviour of that name; raises PlugError for a name that VARIANTS lacks."""
    if variant not in VARIANTS:
        raise PlugError(f"variant {variant!r}: no such car, known are {[*VARIANTS]}")
    return VARIANTS[variant]
