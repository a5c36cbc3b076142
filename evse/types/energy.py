"""Types of the `energy` page (spec B6)."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from evse.types.base import Closed, DateTime, Open

PhaseCount = Annotated[int, Meta(ge=1, le=3)]


class NumberWithSource(Open, frozen=True):
    value: Annotated[float, Meta(ge=0)]
    source: str


class IntegerWithSource(Open, frozen=True):
    value: PhaseCount
    source: str


class LimitsReq(Closed, frozen=True):
    total_power_W: NumberWithSource | UnsetType = UNSET
    ac_max_current_A: NumberWithSource | UnsetType = UNSET
    ac_min_current_A: NumberWithSource | UnsetType = UNSET
    ac_max_phase_count: IntegerWithSource | UnsetType = UNSET
    ac_min_phase_count: IntegerWithSource | UnsetType = UNSET
    ac_supports_changing_phases_during_charging: bool | UnsetType = UNSET
    ac_number_of_active_phases: PhaseCount | UnsetType = UNSET


class PricePerkWh(Closed, frozen=True):
    timestamp: DateTime
    value: float
    currency: Annotated[str, Meta(min_length=3, max_length=3)]


class ScheduleReqEntry(Closed, frozen=True):
    timestamp: DateTime
    limits_to_root: LimitsReq = LimitsReq()
    limits_to_leaves: LimitsReq = LimitsReq()
    conversion_efficiency: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET
    price_per_kwh: PricePerkWh | UnsetType = UNSET


class FrequencyPower(Closed, frozen=True):
    frequency_Hz: float
    total_power_W: float


class SetpointType(Closed, frozen=True):
    priority: Annotated[int, Meta(ge=0, le=1000)]
    source: str
    ac_current_A: float | UnsetType = UNSET
    total_power_W: float | UnsetType = UNSET
    frequency_table: tuple[FrequencyPower, ...] | UnsetType = UNSET


class ScheduleSetpointEntry(Closed, frozen=True):
    timestamp: DateTime
    setpoint: SetpointType | UnsetType = UNSET


class ExternalLimits(Open, frozen=True):
    """Limits from outside; an empty `schedule_import` removes them."""

    schedule_import: tuple[ScheduleReqEntry, ...] = ()
    schedule_export: tuple[ScheduleReqEntry, ...] = ()
    schedule_setpoints: tuple[ScheduleSetpointEntry, ...] = ()
