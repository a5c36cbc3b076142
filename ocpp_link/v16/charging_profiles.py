"""Smart charging in OCPP 1.6: SetChargingProfile, ClearChargingProfile, GetCompositeSchedule, and
the ChargingProfile (§7.8) that a remote start may carry. Connector n is EVSE n, 0 the station."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from evse.clock import rfc3339
from ocpp_link.errors import ProfileRefused
from ocpp_link.rpc.codes import Code
from ocpp_link.rpc.rpc import IncomingCall
from ocpp_link.smart.expected import Expected
from ocpp_link.smart.profiles import PURPOSES, Kind, Period, Profile, RateUnit
from ocpp_link.station import EPOCH, parse_time, utc_ms

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint

RECURRENCE_MS = {"Daily": 86_400_000, "Weekly": 7 * 86_400_000}


def set_charging_profile(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.16. An unknown connector is no profile that could be rejected (errata 3.39)."""
    connector, payload = call.payload["connectorId"], call.payload["csChargingProfiles"]
    if connector not in (0, *engine.station.evses):
        call.refuse(Code.PROPERTY, f"no connector {connector}")
        return
    try:
        profile = profile_of(payload, engine.station.utc_ms())
        _check_transaction(payload, connector, engine)
        engine.charging.install(connector, profile)
    except ProfileRefused:
        call.respond({"status": "Rejected"})
        return
    call.respond({"status": "Accepted"})


def _check_transaction(payload: dict[str, Any], connector: int, engine: ChargePoint) -> None:
    """§3.13.1: a transaction that is named has to run there."""
    named = payload.get("transactionId")
    if named is not None and engine.transactions.evse_running(named) != connector:
        raise ProfileRefused(f"transaction {named} does not run on connector {connector}")


def clear_charging_profile(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.5; criteria join, an id overrides them, none at all means every profile (errata 3.25)."""
    purpose = call.payload.get("chargingProfilePurpose")
    cleared = engine.charging.clear(
        id_=call.payload.get("id"),
        evse=call.payload.get("connectorId"),
        purpose=None if purpose is None else PURPOSES[purpose],
        stack_level=call.payload.get("stackLevel"),
    )
    call.respond({"status": "Accepted" if cleared else "Unknown"})


def get_composite_schedule(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.7; in amperes where no unit is asked for."""
    unit = RateUnit(call.payload.get("chargingRateUnit", RateUnit.AMPS))
    found = engine.charging.expected(call.payload["connectorId"], call.payload["duration"], unit)
    if found is None:
        call.respond({"status": "Rejected"})
        return
    call.respond(
        {
            "status": "Accepted",
            "connectorId": found.evse,
            "scheduleStart": rfc3339(EPOCH + timedelta(milliseconds=found.start_ms)),
            "chargingSchedule": _schedule(found),
        }
    )


def _schedule(found: Expected) -> dict[str, Any]:
    """Without startSchedule (errata 3.57)."""
    return {
        "duration": found.duration_s,
        "chargingRateUnit": found.unit.value,
        "chargingSchedulePeriod": [
            {
                "startPeriod": period.start_s,
                "limit": period.limit,
                **({} if period.phases is None else {"numberPhases": period.phases}),
            }
            for period in found.periods
        ],
    }


def profile_of(payload: dict[str, Any], now_ms: int) -> Profile:
    """A validated ChargingProfile. Raises ProfileRefused for times that cannot be read. An absolute
    or recurring schedule without a start is taken to start now."""
    kind = Kind(payload["chargingProfileKind"])
    schedule = payload["chargingSchedule"]
    duration_s = schedule.get("duration")
    start_ms = _time(schedule, "startSchedule")
    if kind is not Kind.RELATIVE and start_ms is None:
        start_ms = now_ms
    return Profile(
        id=payload["chargingProfileId"],
        stack_level=payload["stackLevel"],
        purpose=PURPOSES[payload["chargingProfilePurpose"]],
        kind=kind,
        unit=RateUnit(schedule["chargingRateUnit"]),
        periods=tuple(_period(period) for period in schedule["chargingSchedulePeriod"]),
        start_ms=start_ms,
        duration_ms=None if duration_s is None else duration_s * 1_000,
        recurrence_ms=RECURRENCE_MS.get(payload.get("recurrencyKind", "")),
        valid_from_ms=_time(payload, "validFrom"),
        valid_to_ms=_time(payload, "validTo"),
    )


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


HANDLERS = {
    "SetChargingProfile": set_charging_profile,
    "ClearChargingProfile": clear_charging_profile,
    "GetCompositeSchedule": get_composite_schedule,
}
