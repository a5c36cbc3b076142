"""What a conformance case may do to a station: a person's hands at it, and its cables.

Another charge point, on a bench with real hands or relays, is another implementation of this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from evse.clock import Clock


@dataclass(frozen=True)
class Look:
    """The station that a case needs. Cases exclude one another: no single station passes all."""

    version: str = "1.6"
    connectors: int = 2
    cable: Literal["detachable", "fixed"] = "detachable"
    backup_supply: bool = False
    """It lives on after a power cut for long enough to say good-bye."""
    reservations: bool = True
    security_profile: Literal[0, 1, 2, 3] = 0


@dataclass(frozen=True)
class Trust:
    """What the station is delivered with, where it speaks at a security profile."""

    password: bytes = b""
    root_pem: str = ""
    """Of the CSMS's certificate."""
    certificate_pem: str = ""
    key_pem: str = ""
    manufacturer_root_pem: str = ""


class StationDriver(Protocol):
    """`connector` counts from 1. Nothing here lets time pass except what says so."""

    look: Look
    loop: asyncio.AbstractEventLoop
    """Its time is the station's: real, or virtual."""
    clock: Clock

    identity: str
    serial: str
    """That which its certificates name."""

    def install(self, csms_port: Callable[[], int], trust: Trust) -> None:
        """Point the station to the back office on this machine, and switch it on."""

    def plug(self, connector: int = 1) -> None:
        """Cable and car, at both ends."""

    def plug_half(self, connector: int = 1) -> None:
        """So that the lock can not close."""

    def suspend(self, connector: int = 1) -> None:
        """The car draws no more, or not yet, of its own will."""

    def unplug_at_ev(self, connector: int = 1) -> None: ...
    def unplug_at_station(self, connector: int = 1) -> None:
        """And at the car, if that is not done yet; a locked plug stays until it is unlocked."""

    def swipe(self, token: str, connector: int = 1) -> None:
        """A card at the reader of this connector."""

    def power_cut(self) -> None: ...
    def power_restore(self) -> None: ...
    def network_cut(self) -> None: ...
    def network_restore(self) -> None: ...
    def jam_lock(self, connector: int = 1) -> None: ...
    def fault(self, active: bool, connector: int = 1) -> None:
        """Something that makes the connector Faulted."""

    def fill_disk(self) -> None:
        """From now on nothing can be stored."""

    def image(self, *, broken: bool) -> bytes:
        """A firmware that the station can install, or one that it has to refuse."""

    def close(self) -> None:
        """Switch it off and leave nothing behind."""
