"""ChargingProfile of OCPP 1.6 (§7.8) to the neutral one and back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from evse.clock import rfc3339
from ocpp_link.errors import ProfileRefused
from ocpp_link.smart.composite import Segment
from ocpp_link.smart.profiles import Kind, Period, Profile, Purpose, RateUnit
from ocpp_link.station import EPOCH, parse_time, utc_ms

RECURRENCE_MS = {"Daily": 86_400_000, "Weekly": 7 * 86_400_000}


def profile_of(payload: dict[str, Any], now_ms: int) -> Profile:
    """A validated csChargingProfiles as a Profile. Raises ProfileRefused for times that cannot be
    read. An absolute or recurring schedule without a start is taken to start now."""
    kind = Kind(payload["chargingProfileKind"])
    schedule = payload["chargingSchedule"]
    duration_s = schedule.get("duration")
    start_ms = _time(schedule, "startSchedule")
    if kind is not Kind.RELATIVE and start_ms is None:
        start_ms = now_ms
    return Profile(
        id=payload["chargingProfileId"],
        stack_level=payload["stackLevel"],
        purpose=Purpose(payload["chargingProfilePurpose"]),
        kind=kind,
        unit=RateUnit(schedule["chargingRateUnit"]),
        periods=tuple(_period(period) for period in schedule["chargingSchedulePeriod"]),
        start_ms=start_ms,
        duration_ms=None if duration_s is None else duration_s * 1_000,
        recurrence_ms=RECURRENCE_MS.get(payload.get("recurrencyKind", "")),
        valid_from_ms=_time(payload, "validFrom"),
        valid_to_ms=_time(payload, "validTo"),
    )


def schedule_of(segments: list[Segment], start_ms: int, max_a: float) -> dict[str, Any]:
    """A composite schedule as a ChargingSchedule in amperes; where nothing limits, the hardware
    does (`max_a`)."""
    periods = []
    for segment in segments:
        limit_a = max_a if segment.limit_da is None else min(max_a, segment.limit_da / 10)
        period: dict[str, Any] = {
            "startPeriod": (segment.start_ms - start_ms) // 1_000,
            "limit": limit_a,
        }
        if segment.phases is not None:
            period["numberPhases"] = segment.phases
        periods.append(period)
    return {
        "duration": (segments[-1].end_ms - start_ms) // 1_000,
        "startSchedule": rfc3339(EPOCH + timedelta(milliseconds=start_ms)),
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": periods,
    }


def _period(period: dict[str, Any]) -> Period:
    return Period(period["startPeriod"], float(period["limit"]), period.get("numberPhases"))


def _time(fields: dict[str, Any], name: str) -> int | None:
    text = fields.get(name)
    if text is None:
        return None
    try:
        return utc_ms(parse_time(text))
    except (ValueError, OverflowError) as error:
        raise ProfileRefused(f"{name} {text[:40]!r} is no time") from error
