"""Types of the `ocpp` page (spec B8): charging schedules."""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from evse.types.base import Open
from evse.types.quantities import Hertz, Seconds, Watts

InRateUnit = Annotated[float, Meta(description="A or W, by charging_rate_unit")]
Discharge = Annotated[float, Meta(le=0, description="A or W, by charging_rate_unit")]


class ChargingRateUnit(enum.StrEnum):
    """`charging_rate_unit` of ChargingSchedule."""

    A = "A"
    W = "W"


class OperationMode(enum.StrEnum):
    """`operation_mode` of ChargingSchedulePeriod."""

    Idle = "Idle"
    ChargingOnly = "ChargingOnly"
    CentralSetpoint = "CentralSetpoint"
    ExternalSetpoint = "ExternalSetpoint"
    ExternalLimits = "ExternalLimits"
    CentralFrequency = "CentralFrequency"
    LocalFrequency = "LocalFrequency"
    LocalLoadBalancing = "LocalLoadBalancing"


class V2XFreqWattPointType(Open, frozen=True):
    """Power to charge (positive) or discharge (negative) at a net frequency."""

    frequency: Hertz
    power: Watts


class V2XSignalWattPointCurve(Open, frozen=True):
    """Power to charge (positive) or discharge (negative) at a signal of the grid operator."""

    signal: int
    power: Watts


class ChargingSchedulePeriod(Open, frozen=True):
    """From `start_period` on, what applies; a field without L2 and L3 is the sum of the phases."""

    start_period: Seconds
    limit: InRateUnit
    limit_L2: InRateUnit | UnsetType = UNSET
    limit_L3: InRateUnit | UnsetType = UNSET
    number_phases: int | UnsetType = UNSET
    stack_level: int | UnsetType = UNSET
    phase_to_use: int | UnsetType = UNSET
    discharge_limit: Discharge | UnsetType = UNSET
    discharge_limit_L2: InRateUnit | UnsetType = UNSET
    discharge_limit_L3: InRateUnit | UnsetType = UNSET
    setpoint: InRateUnit | UnsetType = UNSET
    setpoint_L2: InRateUnit | UnsetType = UNSET
    setpoint_L3: InRateUnit | UnsetType = UNSET
    setpoint_reactive: InRateUnit | UnsetType = UNSET
    setpoint_reactive_L2: InRateUnit | UnsetType = UNSET
    setpoint_reactive_L3: InRateUnit | UnsetType = UNSET
    preconditioning_request: float | bool | UnsetType = UNSET
    """A number by the page, a truth by its meaning: both are taken."""
    evse_sleep: bool | UnsetType = UNSET
    v2x_baseline: Watts | UnsetType = UNSET
    operation_mode: OperationMode | UnsetType = UNSET
    v2x_freq_watt_curve: (
        Annotated[tuple[V2XFreqWattPointType, ...], Meta(min_length=2)] | UnsetType
    ) = UNSET
    v2x_signal_watt_curve: (
        Annotated[tuple[V2XSignalWattPointCurve, ...], Meta(min_length=2)] | UnsetType
    ) = UNSET


class ChargingSchedule(Open, frozen=True):
    """The composite schedule of an EVSE; 0 is the whole station."""

    evse: Annotated[int, Meta(ge=0)]
    charging_rate_unit: ChargingRateUnit
    charging_schedule_period: tuple[ChargingSchedulePeriod, ...]
    duration: Seconds | UnsetType = UNSET
    start_schedule: str | UnsetType = UNSET
    min_charging_rate: InRateUnit | UnsetType = UNSET


class ChargingSchedules(Open, frozen=True):
    """One composite schedule for each EVSE, the station's (0) first."""

    schedules: tuple[ChargingSchedule, ...]
