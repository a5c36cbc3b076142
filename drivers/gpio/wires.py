"""How one wire of the header is connected: sections of a board profile.

Responsibility: turns what a person can see on the bench (which contact, wired where) into levels.
An input says "active" when what it is named after happens: pressed, tripped, open door, main
contactor closed (a mirror contact), plug locked.
"""

from __future__ import annotations

import enum

import msgspec


class Contact(enum.Enum):
    """Does the contact (or the transistor) conduct while what it is named after does not happen?"""

    NC = "nc"
    """It conducts at rest: a broken wire reads as active."""
    NO = "no"
    """It conducts when active: a broken wire reads as at rest, for ever."""


class WiredTo(enum.Enum):
    """Where the other end of the contact goes. The pull, inside or outside, goes elsewhere."""

    GROUND = "ground"
    SUPPLY = "3v3"


class OutputPin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An output of the header."""

    gpio: int
    """BCM number."""
    active_high: bool = True
    """False is for lights only: such an output is on for a moment when it is claimed, because the
    library claims it low first."""


class InputPin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An input of the header."""

    gpio: int
    """BCM number. GPIO2 and GPIO3 have fixed pull-ups."""
    contact: Contact = Contact.NC
    wired_to: WiredTo = WiredTo.GROUND
    external_pull: bool = False
    """The board has a resistor of its own: the one inside (about 50 kohm) is not switched on."""

    @property
    def active_high(self) -> bool:
        return (self.contact is Contact.NC) is (self.wired_to is WiredTo.GROUND)

    @property
    def pull_up(self) -> bool | None:
        """Which resistor inside: up, down, or None for none."""
        return None if self.external_pull else self.wired_to is WiredTo.GROUND
