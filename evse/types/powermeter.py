"""Types of the `powermeter` and `units` pages (spec B5)."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from evse.types.base import Closed, DateTime, Open


class Energy(Closed, frozen=True):
    """Wh."""

    total: float
    L1: float | UnsetType = UNSET
    L2: float | UnsetType = UNSET
    L3: float | UnsetType = UNSET


class Power(Closed, frozen=True):
    """W; import is positive."""

    total: float
    L1: float | UnsetType = UNSET
    L2: float | UnsetType = UNSET
    L3: float | UnsetType = UNSET


class ReactivePower(Closed, frozen=True):
    """var."""

    total: float
    L1: float | UnsetType = UNSET
    L2: float | UnsetType = UNSET
    L3: float | UnsetType = UNSET


class Voltage(Closed, frozen=True):
    """V."""

    DC: float | UnsetType = UNSET
    L1: float | UnsetType = UNSET
    L2: float | UnsetType = UNSET
    L3: float | UnsetType = UNSET


class Current(Closed, frozen=True):
    """A."""

    DC: float | UnsetType = UNSET
    L1: float | UnsetType = UNSET
    L2: float | UnsetType = UNSET
    L3: float | UnsetType = UNSET
    N: float | UnsetType = UNSET


class Frequency(Closed, frozen=True):
    """Hz."""

    L1: float
    L2: float | UnsetType = UNSET
    L3: float | UnsetType = UNSET


class SignedMeterValue(Closed, frozen=True):
    signed_meter_data: str
    signing_method: str
    encoding_method: str
    public_key: str | UnsetType = UNSET
    timestamp: DateTime | UnsetType = UNSET


class SignedEnergy(Closed, frozen=True):
    """Energy, each value signed by the meter."""

    total: SignedMeterValue | UnsetType = UNSET
    L1: SignedMeterValue | UnsetType = UNSET
    L2: SignedMeterValue | UnsetType = UNSET
    L3: SignedMeterValue | UnsetType = UNSET


class SignedPower(Closed, frozen=True):
    """Power, each value signed by the meter."""

    total: SignedMeterValue | UnsetType = UNSET
    L1: SignedMeterValue | UnsetType = UNSET
    L2: SignedMeterValue | UnsetType = UNSET
    L3: SignedMeterValue | UnsetType = UNSET


class SignedReactivePower(Closed, frozen=True):
    """Reactive power, each value signed by the meter."""

    total: SignedMeterValue | UnsetType = UNSET
    L1: SignedMeterValue | UnsetType = UNSET
    L2: SignedMeterValue | UnsetType = UNSET
    L3: SignedMeterValue | UnsetType = UNSET


class SignedVoltage(Closed, frozen=True):
    """Voltage, each value signed by the meter."""

    DC: SignedMeterValue | UnsetType = UNSET
    L1: SignedMeterValue | UnsetType = UNSET
    L2: SignedMeterValue | UnsetType = UNSET
    L3: SignedMeterValue | UnsetType = UNSET


class SignedCurrent(Closed, frozen=True):
    """Current, each value signed by the meter."""

    DC: SignedMeterValue | UnsetType = UNSET
    L1: SignedMeterValue | UnsetType = UNSET
    L2: SignedMeterValue | UnsetType = UNSET
    L3: SignedMeterValue | UnsetType = UNSET
    N: SignedMeterValue | UnsetType = UNSET


class SignedFrequency(Closed, frozen=True):
    """Frequency, each value signed by the meter."""

    L1: SignedMeterValue | UnsetType = UNSET
    L2: SignedMeterValue | UnsetType = UNSET
    L3: SignedMeterValue | UnsetType = UNSET


class Temperature(Open, frozen=True):
    """°C, and which sensor."""

    temperature: float
    identification: str | UnsetType = UNSET
    location: str | UnsetType = UNSET


class Powermeter(Closed, frozen=True):
    """One measured data set of the billing meter."""

    timestamp: DateTime
    energy_Wh_import: Energy
    meter_id: str | UnsetType = UNSET
    phase_seq_error: bool | UnsetType = UNSET
    energy_Wh_export: Energy | UnsetType = UNSET
    power_W: Power | UnsetType = UNSET
    voltage_V: Voltage | UnsetType = UNSET
    VAR: ReactivePower | UnsetType = UNSET
    current_A: Current | UnsetType = UNSET
    frequency_Hz: Frequency | UnsetType = UNSET
    signed_meter_value: SignedMeterValue | UnsetType = UNSET
    energy_Wh_import_signed: SignedEnergy | UnsetType = UNSET
    energy_Wh_export_signed: SignedEnergy | UnsetType = UNSET
    power_W_signed: SignedPower | UnsetType = UNSET
    voltage_V_signed: SignedVoltage | UnsetType = UNSET
    VAR_signed: SignedReactivePower | UnsetType = UNSET
    current_A_signed: SignedCurrent | UnsetType = UNSET
    frequency_Hz_signed: SignedFrequency | UnsetType = UNSET
    temperatures: tuple[Temperature, ...] | UnsetType = UNSET
