"""Types of the `energy` page (spec B6)."""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from evse.types.base import Closed, DateTime, Open
from evse.types.powermeter import Powermeter
from evse.types.quantities import Amps, KilowattHours, Percent, Seconds, Volts, Watts

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
    """Limits from outside; an empty `schedule_import` removes them, so a misspelt one may not."""

    schedule_import: tuple[ScheduleReqEntry, ...]
    schedule_export: tuple[ScheduleReqEntry, ...] = ()
    schedule_setpoints: tuple[ScheduleSetpointEntry, ...] = ()


class SignedNumberWithSource(Open, frozen=True):
    """The page's NumberWithSource where it may be negative: export."""

    value: float
    source: str


class LimitsRes(Closed, frozen=True):
    """What the energy manager grants; a negative current is export."""

    total_power_W: SignedNumberWithSource | UnsetType = UNSET
    ac_max_current_A: SignedNumberWithSource | UnsetType = UNSET
    ac_max_phase_count: IntegerWithSource | UnsetType = UNSET


class ScheduleResEntry(Closed, frozen=True):
    timestamp: DateTime
    limits_to_root: LimitsRes
    price_per_kwh: PricePerkWh | UnsetType = UNSET


class EnforcedLimits(Open, frozen=True):
    """Limits of the node `uuid` for `valid_for` s; not refreshed in time, current goes to 0."""

    uuid: str
    valid_for: Seconds
    limits_root_side: LimitsRes
    schedule: tuple[ScheduleResEntry, ...]
    """Informative: what is to come."""


class EvseState(enum.StrEnum):
    """The state of an EVSE as the energy manager sees it."""

    Unplugged = "Unplugged"
    WaitForAuth = "WaitForAuth"
    WaitForEnergy = "WaitForEnergy"
    PrepareCharging = "PrepareCharging"
    PausedEV = "PausedEV"
    PausedEVSE = "PausedEVSE"
    Charging = "Charging"
    Finished = "Finished"
    Disabled = "Disabled"


class CapabilityLimits(Open, frozen=True):
    max_current_A: Amps
    max_phase_count: Annotated[int, Meta(ge=0, le=3)]
    nominal_voltage_V: Volts
    total_power_W: Watts


class OptimizerTarget(Closed, frozen=True):
    """What the driver wants of a session."""

    energy_amount_needed: KilowattHours | UnsetType = UNSET
    charge_to_max_percent: Percent | UnsetType = UNSET
    car_battery_soc: Percent | UnsetType = UNSET
    leave_time: DateTime | UnsetType = UNSET
    price_limit: float | UnsetType = UNSET
    full_autonomy: bool | UnsetType = UNSET


class NodeType(enum.StrEnum):
    """`node_type` of EnergyFlowRequest."""

    Undefined = "Undefined"
    Evse = "Evse"
    Generic = "Generic"


class EnergyFlowRequest(Open, frozen=True):
    """What a node of the energy tree and all below it ask for."""

    uuid: str
    children: tuple[EnergyFlowRequest, ...]
    node_type: NodeType
    schedule_import: tuple[ScheduleReqEntry, ...]
    schedule_export: tuple[ScheduleReqEntry, ...]
    schedule_setpoints: tuple[ScheduleSetpointEntry, ...]
    priority_request: bool | UnsetType = UNSET
    evse_state: EvseState | UnsetType = UNSET
    optimizer_target: OptimizerTarget | UnsetType = UNSET
    energy_usage_root: Powermeter | UnsetType = UNSET
    energy_usage_leaves: Powermeter | UnsetType = UNSET
