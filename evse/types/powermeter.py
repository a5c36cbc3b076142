"""Types of the `powermeter` and `units` pages (spec B5)."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from evse.types.base import Closed, DateTime


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
