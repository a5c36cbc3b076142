"""What is known of the car of one EVSE beside its pilot, told by whoever speaks with it. Pure.

A provider tells; here it is kept, announced, and forgotten with the car: what one car said of
itself is never shown of the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evse.types.evse_manager import CarManufacturer, EVInfo
from evse.types.session import SessionEventEnum

BASIC_CHARGING = "IEC61851-1"
"""`selected_protocol` of a session (spec evse-core A1.1)."""
NO_PROTOCOL = "Unknown"

Announce = Callable[[str, Any], None]
"""Takes a variable of `evse_manager` and its value."""


class Vehicle:
    """The car, or that there is none."""

    def __init__(self, announce: Announce) -> None:
        self._announce = announce
        self._info = EVInfo()
        self._manufacturer = CarManufacturer.Unknown
        self._protocol = NO_PROTOCOL
        self._plugged = False
        self._asks_certificate = False
        announce("ev_info", self._info)
        announce("car_manufacturer", self._manufacturer)
        announce("selected_protocol", self._protocol)

    # --- from the session -------------------------------------------------------------------------

    def heard(self, event: SessionEventEnum) -> bool:
        """A session that begins or ends resets what the car said, also where it said nothing; True
        for such an event."""
        if event not in (SessionEventEnum.SessionStarted, SessionEventEnum.SessionFinished):
            return False
        self._asks_certificate = False
        self.tell_info(EVInfo())
        began = event is SessionEventEnum.SessionStarted
        self._protocol = BASIC_CHARGING if began else NO_PROTOCOL
        self._announce("selected_protocol", self._protocol)
        return True

    def plug(self, plugged: bool) -> None:
        """Is a car plugged in now?"""
        if plugged and not self._plugged:
            self.tell_manufacturer(CarManufacturer.Unknown)
        self._plugged = plugged

    # --- from the provider ------------------------------------------------------------------------

    def tell_info(self, info: EVInfo) -> None:
        """All that is known by now, in place of what was."""
        self._info = info
        self._announce("ev_info", info)

    def tell_manufacturer(self, manufacturer: CarManufacturer) -> None:
        self._manufacturer = manufacturer
        self._announce("car_manufacturer", manufacturer)

    def ask_certificate(self) -> None:
        """The car asks for its contract certificate; the newest request is the one that stands."""
        self._asks_certificate = True

    def take_request(self) -> bool:
        """The answer is here: does the car still wait for one? Each request gets one answer."""
        asked, self._asks_certificate = self._asks_certificate, False
        return asked

    def lose_provider(self) -> None:
        """Nobody speaks with the car any more."""
        self._asks_certificate = False
        if self._info != EVInfo():
            self.tell_info(EVInfo())
        if self._manufacturer is not CarManufacturer.Unknown:
            self.tell_manufacturer(CarManufacturer.Unknown)
