"""Types of the `board_support` pages (spec B4)."""

from __future__ import annotations

import enum

from msgspec import UNSET, UnsetType

from evse.types.base import Closed, Open
from evse.types.energy import PhaseCount
from evse.types.quantities import Percent


class ConnectorType(enum.StrEnum):
    """How the car is connected to the board: `connector_type` of HardwareCapabilities."""

    IEC62196Type2Cable = "IEC62196Type2Cable"
    IEC62196Type2Socket = "IEC62196Type2Socket"


class HardwareCapabilities(Closed, frozen=True):
    """What the board can do now; until a driver has said so: 0 A, a cable, no phase switching."""

    max_current_A_import: float
    min_current_A_import: float
    max_phase_count_import: PhaseCount
    min_phase_count_import: PhaseCount
    max_current_A_export: float
    min_current_A_export: float
    max_phase_count_export: PhaseCount
    min_phase_count_export: PhaseCount
    supports_changing_phases_during_charging: bool
    supports_cp_state_E: bool
    connector_type: ConnectorType
    max_plug_temperature_C: float | UnsetType = UNSET


class Telemetry(Closed, frozen=True):
    """Slow measurements of the board; `fan_rpm` is 0 where there is no fan."""

    evse_temperature_C: float
    fan_rpm: float
    supply_voltage_12V: float
    supply_voltage_minus_12V: float
    relais_on: bool
    plug_temperature_C: float | UnsetType = UNSET


class Event(enum.StrEnum):
    """`PowerOn` and `PowerOff` are confirmed by feedback, never merely commanded."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"
    PowerOn = "PowerOn"
    PowerOff = "PowerOff"
    Disconnected = "Disconnected"


class BspEvent(Closed, frozen=True):
    """What a driver tells the core; `Disconnected` is for the car's side only."""

    event: Event


class Ampacity(enum.StrEnum):
    """What the resistor between proximity pin and earth allows."""

    NONE = "None"
    A_13 = "A_13"
    A_20 = "A_20"
    A_32 = "A_32"
    A_63_3ph_70_1ph = "A_63_3ph_70_1ph"


class ProximityPilot(Closed, frozen=True):
    ampacity: Ampacity


class BspMeasurement(Open, frozen=True):
    proximity_pilot: ProximityPilot
    rcd_current_mA: float | UnsetType = UNSET
    cp_pwm_duty_cycle: Percent | UnsetType = UNSET


class PowerReason(enum.StrEnum):
    DCCableCheck = "DCCableCheck"
    DCPreCharge = "DCPreCharge"
    FullPowerCharging = "FullPowerCharging"
    PowerOff = "PowerOff"


class PowerOnOff(Closed, frozen=True):
    allow_power_on: bool
    reason: PowerReason
