"""The plug's coding resistor from the voltage that it leaves of a pull-up. Pure; sockets only.

What a resistance allows, evse/guard/proximity.py decides (IEC 61851-1 Annex B); here is Ohm's law
and its two ends: a voltage at the supply is no plug, one at ground a short.
"""

from __future__ import annotations

import msgspec

OPEN_SHARE = 0.97
"""Of the supply, from which on nothing is plugged in."""


class ProximityDivider(msgspec.Struct, frozen=True):
    """Pull-up from `supply_mv` to PP; the plug's resistor from PP to PE.

    Raises ValueError for a part that can not be.
    """

    supply_mv: int
    pull_up_ohm: int

    def __post_init__(self) -> None:
        if self.supply_mv <= 0 or self.pull_up_ohm <= 0:
            raise ValueError(
                f"proximity: {self.pull_up_ohm} ohm to {self.supply_mv} mV is no pull-up"
            )

    def ohm(self, pp_mv: int) -> int | None:
        """The plug's resistance, or None for no plug."""
        if pp_mv >= OPEN_SHARE * self.supply_mv:
            return None
        if pp_mv <= 0:
            return 0
        return round(self.pull_up_ohm * pp_mv / (self.supply_mv - pp_mv))
