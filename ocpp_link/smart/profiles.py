"""Charging profiles as neutral values, and which of them are installed.

Times are wall-clock milliseconds since 1970. Source: OCPP 1.6 §3.13, §5.16, §7.8 to §7.14.
"""

from __future__ import annotations

import enum
from itertools import pairwise

import msgspec

from ocpp_link.errors import ProfileRefused

MAX_STACK_LEVEL = 10
MAX_PERIODS = 1_440
MAX_INSTALLED = 100


class Purpose(enum.StrEnum):
    STATION_MAX = "ChargePointMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


class Kind(enum.StrEnum):
    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


class RateUnit(enum.StrEnum):
    AMPS = "A"
    WATTS = "W"


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
    """A profile and where it applies; connector 0 = the station, or every connector."""

    connector: int
    profile: Profile
    session: str = ""
    """TxProfile only: the session whose transaction it belongs to; empty = the next one."""


def check(profile: Profile, connector: int, connectors: int) -> None:
    """Raises ProfileRefused when a profile may not be installed on this connector."""
    periods = profile.periods
    starts = [period.start_s for period in periods]
    rules = (
        (0 <= connector <= connectors, f"no connector {connector}"),
        (0 <= profile.stack_level <= MAX_STACK_LEVEL, "stackLevel out of range"),
        (0 < len(periods) <= MAX_PERIODS, "too few or too many periods"),
        (starts[:1] == [0], "the first period must start at 0"),
        (all(a < b for a, b in pairwise(starts)), "periods out of order"),
        (all(period.limit >= 0 for period in periods), "a limit is negative"),
        (all(period.phases in (None, 1, 2, 3) for period in periods), "numberPhases is not 1..3"),
        (profile.duration_ms is None or profile.duration_ms > 0, "duration is not positive"),
        ((profile.kind is Kind.RECURRING) == (profile.recurrence_ms is not None), "recurrencyKind"),
        ((profile.kind is Kind.RELATIVE) == (profile.start_ms is None), "startSchedule"),
        (_validity_is_ordered(profile), "validTo is not after validFrom"),
        (
            profile.purpose is not Purpose.STATION_MAX or connector == 0,
            "maximum is for connector 0",
        ),
        (profile.purpose is not Purpose.STATION_MAX or profile.kind is not Kind.RELATIVE, "kind"),
        (profile.purpose is not Purpose.TX or connector > 0, "TxProfile needs a connector"),
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
    connector: a newcomer replaces both (§5.16)."""

    def __init__(self, installed: list[Installed]) -> None:
        self._by_id = {entry.profile.id: entry for entry in installed}

    def install(self, entry: Installed) -> list[int]:
        """Install a checked profile; returns the ids that it replaced (its own among them).

        Raises ProfileRefused when the table is full.
        """
        profile = entry.profile
        replaced = [
            known.profile.id
            for known in self._by_id.values()
            if known.profile.id == profile.id
            or (known.connector, known.profile.purpose, known.profile.stack_level)
            == (entry.connector, profile.purpose, profile.stack_level)
        ]
        if len(self._by_id) - len(replaced) >= MAX_INSTALLED:
            raise ProfileRefused(f"{MAX_INSTALLED} profiles are installed already")
        for id_ in replaced:
            del self._by_id[id_]
        self._by_id[profile.id] = entry
        return replaced

    def clear(
        self,
        *,
        id_: int | None = None,
        connector: int | None = None,
        purpose: Purpose | None = None,
        stack_level: int | None = None,
    ) -> list[int]:
        """Remove what matches; returns the ids. An id overrides the other criteria (§5.4)."""
        if id_ is not None:
            gone = [id_] if id_ in self._by_id else []
        else:
            gone = [
                entry.profile.id
                for entry in self._by_id.values()
                if connector in (None, entry.connector)
                and purpose in (None, entry.profile.purpose)
                and stack_level in (None, entry.profile.stack_level)
            ]
        for known in gone:
            del self._by_id[known]
        return gone

    def of_ids(self, ids: set[int]) -> list[Installed]:
        """Those of the named profiles that are installed."""
        return [entry for id_, entry in self._by_id.items() if id_ in ids]

    def bind(self, connector: int, session: str) -> list[Installed]:
        """Give the TxProfiles that wait for this connector's next transaction to `session`."""
        bound = [
            msgspec.structs.replace(entry, session=session)
            for entry in self._by_id.values()
            if entry.profile.purpose is Purpose.TX
            and entry.connector == connector
            and not entry.session
        ]
        for entry in bound:
            self._by_id[entry.profile.id] = entry
        return bound

    def end(self, connector: int) -> list[int]:
        """Remove the TxProfiles of a connector whose transaction is over (§3.13.1)."""
        return self.clear(connector=connector, purpose=Purpose.TX)

    def applying_to(self, evse: int) -> list[Installed]:
        """What bears on one EVSE: its own profiles and the station's."""
        return [entry for entry in self._by_id.values() if entry.connector in (0, evse)]
