"""Charging profiles as neutral values, and which of them are installed.

Times are wall-clock milliseconds since 1970. Source: OCPP 1.6 §3.13, §5.16, §7.8 to §7.14;
2.0.1 part 2 K01.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Iterator
from itertools import pairwise

import msgspec

from ocpp_link.errors import ProfileRefused

MAX_STACK_LEVEL = 10
MAX_PERIODS = 1_440
MAX_INSTALLED = 100
STATION = 0
"""In place of an EVSE: the station as a whole, or every EVSE."""


class Purpose(enum.StrEnum):
    """The spellings are those of 2.0.1 (part 2 §3.11)."""

    EXTERNAL = "ChargingStationExternalConstraints"
    """The limit of a third party, for the station."""
    STATION_MAX = "ChargingStationMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


OF_THE_STATION = frozenset({Purpose.EXTERNAL, Purpose.STATION_MAX})
PURPOSES = {
    **{purpose.value: purpose for purpose in Purpose},
    "ChargePointMaxProfile": Purpose.STATION_MAX,
}
"""By the words of every version: settings that outlive a change of version name them."""


class Kind(enum.StrEnum):
    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


class RateUnit(enum.StrEnum):
    AMPS = "A"
    """Per phase."""
    WATTS = "W"
    """Of all phases together."""


class Period(msgspec.Struct, frozen=True, omit_defaults=True):
    start_s: int
    limit: float
    phases: int | None = None


class Profile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One schedule with its rules of precedence and validity."""

    id: int
    stack_level: int
    purpose: Purpose
    kind: Kind
    unit: RateUnit
    periods: tuple[Period, ...]
    start_ms: int | None = None
    """Absolute and recurring only."""
    duration_ms: int | None = None
    recurrence_ms: int | None = None
    """Recurring only: a day or a week."""
    valid_from_ms: int | None = None
    valid_to_ms: int | None = None


class Installed(msgspec.Struct, frozen=True, omit_defaults=True):
    """A profile and where it applies."""

    evse: int
    """STATION = the station, or with TX_DEFAULT every EVSE."""
    profile: Profile
    session: str = ""
    """TX only: the session whose transaction it belongs to; empty = the one of `token`."""
    token: str = ""
    """TX only: of the remote start whose transaction it waits for."""

    @property
    def waits(self) -> bool:
        """For the transaction of a remote start."""
        return self.profile.purpose is Purpose.TX and not self.session


def check(profile: Profile, evse: int, evses: int) -> None:
    """Raises ProfileRefused when a profile may not be installed on this EVSE."""
    periods = profile.periods
    starts = [period.start_s for period in periods]
    of_station = profile.purpose in OF_THE_STATION
    rules = (
        (0 <= evse <= evses, f"no EVSE {evse}"),
        (0 <= profile.stack_level <= MAX_STACK_LEVEL, "stack level out of range"),
        (0 < len(periods) <= MAX_PERIODS, "too few or too many periods"),
        (starts[:1] == [0], "the first period must start at 0"),
        (all(a < b for a, b in pairwise(starts)), "periods out of order"),
        (all(0 <= period.limit < math.inf for period in periods), "a limit is negative or endless"),
        (all(period.phases in (None, 1, 2, 3) for period in periods), "phases are not 1 to 3"),
        (profile.duration_ms is None or profile.duration_ms > 0, "duration is not positive"),
        ((profile.kind is Kind.RECURRING) == (profile.recurrence_ms is not None), "recurrence"),
        ((profile.kind is Kind.RELATIVE) == (profile.start_ms is None), "start of the schedule"),
        (_validity_is_ordered(profile), "validity ends before it begins"),
        (not of_station or evse == STATION, f"{profile.purpose} is for the station"),
        (not of_station or profile.kind is not Kind.RELATIVE, f"{profile.purpose} is not relative"),
        (profile.purpose is not Purpose.TX or evse != STATION, "TxProfile needs an EVSE"),
    )
    for holds, sentence in rules:
        if not holds:
            raise ProfileRefused(sentence)


def _validity_is_ordered(profile: Profile) -> bool:
    if profile.valid_from_ms is None or profile.valid_to_ms is None:
        return True
    return profile.valid_from_ms < profile.valid_to_ms


class ProfileTable:
    """The installed profiles. An id is installed once; so is a stack level of one purpose on one
    EVSE: a newcomer replaces both (1.6 §5.16)."""

    def __init__(self, installed: list[Installed]) -> None:
        self._by_id = {entry.profile.id: entry for entry in installed}

    def __iter__(self) -> Iterator[Installed]:
        return iter(tuple(self._by_id.values()))

    def get(self, id_: int) -> Installed | None:
        return self._by_id.get(id_)

    def install(self, entry: Installed) -> list[int]:
        """Install a checked profile; returns the ids that it replaced (its own among them).

        Raises ProfileRefused when the table is full.
        """
        profile = entry.profile
        replaced = [
            known.profile.id
            for known in self._by_id.values()
            if known.profile.id == profile.id
            or (known.evse, known.profile.purpose, known.profile.stack_level)
            == (entry.evse, profile.purpose, profile.stack_level)
        ]
        if len(self._by_id) - len(replaced) >= MAX_INSTALLED:
            raise ProfileRefused(f"{MAX_INSTALLED} profiles are installed already")
        self.remove(replaced)
        self._by_id[profile.id] = entry
        return replaced

    def replace(self, entry: Installed) -> None:
        """The same profile, bound otherwise."""
        self._by_id[entry.profile.id] = entry

    def remove(self, ids: Iterable[int]) -> None:
        for id_ in ids:
            del self._by_id[id_]

    def matching(
        self,
        *,
        id_: int | None = None,
        evse: int | None = None,
        purpose: Purpose | None = None,
        stack_level: int | None = None,
    ) -> list[int]:
        """The ids of those that meet all criteria; an id overrides the others (1.6 §5.5)."""
        if id_ is not None:
            return [id_] if id_ in self._by_id else []
        return [
            entry.profile.id
            for entry in self._by_id.values()
            if evse in (None, entry.evse)
            and purpose in (None, entry.profile.purpose)
            and stack_level in (None, entry.profile.stack_level)
        ]
