"""The station as smart charging sees it: what schedules depend on beside the profiles."""

from __future__ import annotations

from collections.abc import Callable

from ocpp_link.device.settings import Settings
from ocpp_link.ports import StationInfo
from ocpp_link.smart.expected import Default, Evse, Site
from ocpp_link.smart.profiles import MAX_INSTALLED, MAX_PERIODS, MAX_STACK_LEVEL
from ocpp_link.station import Station, parse_time, utc_ms


def site_of(station: Station) -> Site:
    """As it is now."""
    info, settings = station.info, station.settings
    return Site(
        evses=tuple(
            Evse(evse, one.max_current_a, one.phases, tx_start_ms(station, evse))
            for evse, one in enumerate(info.evses, start=1)
        ),
        default=Default(
            settings.composite_default_a,
            settings.composite_default_w,
            settings.composite_default_phases,
        ),
        nominal_voltage_v=info.nominal_voltage_v,
        lines=info.lines,
        fuse_a=info.fuse_a,
    )


def tx_start_ms(station: Station, evse: int) -> int | None:
    """When the EVSE's transaction began; None while there is none."""
    state = station.states[evse]
    return utc_ms(parse_time(state.started_at)) if state.in_transaction else None


def told_by(settings: Settings) -> tuple[object, ...]:
    """What of the settings shows in a schedule."""
    return (
        settings.ignored_purposes_offline,
        settings.composite_default_a,
        settings.composite_default_w,
        settings.composite_default_phases,
        settings.max_composite_s,
    )


def facts(info: StationInfo) -> dict[str, Callable[[], str]]:
    """What the station can do, for the device model (1.6 §9.4)."""
    able = all(evse.switches_phases for evse in info.evses)
    return {
        "max_stack_level": lambda: str(MAX_STACK_LEVEL),
        "max_periods": lambda: str(MAX_PERIODS),
        "max_profiles": lambda: str(MAX_INSTALLED),
        "rate_units": lambda: "A,W",
        "switches_phases": lambda: str(able).lower(),
    }
