"""Many charging profiles, as a busy back office installs them."""

from __future__ import annotations

from ocpp_link.smart.profiles import Installed, Kind, Period, Profile, Purpose, RateUnit

MINUTE_S = 60


def installed(*, count: int, periods: int) -> list[Installed]:
    """`count` profiles of `periods` one-minute periods, over ten stack levels and all purposes."""
    found = []
    for number in range(count):
        schedule = tuple(
            Period(minute * MINUTE_S, float(6 + (minute * 7 + number) % 26))
            for minute in range(periods)
        )
        purpose = (Purpose.TX_DEFAULT, Purpose.STATION_MAX)[number % 2]
        profile = Profile(
            id=number,
            stack_level=number % 10,
            purpose=purpose,
            kind=Kind.ABSOLUTE,
            unit=RateUnit.AMPS,
            periods=schedule,
            start_ms=number * 1_000,
        )
        found.append(Installed(0, profile))
    return found
