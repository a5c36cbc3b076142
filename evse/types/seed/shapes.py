"""The types of September 2023 that differ from the present ones (spec B, marked [2023] or S)."""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from evse.types.authorization import (
    AuthorizationStatus,
    CertificateHashDataInfo,
    CertificateStatus,
    ConnectorId,
    IdTokenType,
)
from evse.types.base import Closed, DateTime, Open
from evse.types.energy import PhaseCount, PricePerkWh
from evse.types.evse_manager import MacAddress
from evse.types.iso15118 import CertificateActionEnum, ExiStatus, ExiStream, SchemaVersion
from evse.types.powermeter import Current, Energy, Frequency, Power, ReactivePower, Voltage
from evse.types.quantities import Amps, Percent, Volts, WattHours, Watts


class Request_Exi_Stream_Schema(Closed, frozen=True):  # noqa: N801 - the page's spelling
    """`iso15118_charger-Request_Exi_Stream_Schema`: what `evse_manager` publishes."""

    exiRequest: ExiStream
    iso15118SchemaVersion: SchemaVersion
    certificateAction: CertificateActionEnum


class Response_Exi_Stream_Status(Closed, frozen=True):  # noqa: N801 - the page's spelling
    """`iso15118_charger-Response_Exi_Stream_Status`: what `evse_manager` is given."""

    status: ExiStatus
    certificateAction: CertificateActionEnum
    exiResponse: ExiStream | UnsetType = UNSET


class SeedAuthorizationType(enum.StrEnum):
    OCPP = "OCPP"
    RFID = "RFID"
    Autocharge = "Autocharge"
    PlugAndCharge = "PlugAndCharge"


class SeedProvidedIdToken(Closed, frozen=True):
    """The token is a bare string and its type stands beside it."""

    id_token: Annotated[str, Meta(min_length=1, max_length=36)]
    authorization_type: SeedAuthorizationType
    id_token_type: IdTokenType | UnsetType = UNSET
    request_id: int | UnsetType = UNSET
    connectors: tuple[ConnectorId, ...] | UnsetType = UNSET
    prevalidated: bool | UnsetType = UNSET
    certificate: Annotated[str, Meta(max_length=5500)] | UnsetType = UNSET
    iso15118CertificateHashData: (
        Annotated[tuple[CertificateHashDataInfo, ...], Meta(min_length=1, max_length=4)] | UnsetType
    ) = UNSET


class SeedValidationResult(Closed, frozen=True):
    """Never `PinRequired` nor `Timeout`."""

    authorization_status: AuthorizationStatus
    certificate_status: CertificateStatus | UnsetType = UNSET
    expiry_time: DateTime | UnsetType = UNSET
    parent_id_token: Annotated[str, Meta(min_length=1, max_length=20)] | UnsetType = UNSET
    evse_ids: tuple[ConnectorId, ...] | UnsetType = UNSET
    reason: Annotated[str, Meta(min_length=5)] | UnsetType = UNSET


class SeedStopTransactionReason(enum.StrEnum):
    EmergencyStop = "EmergencyStop"
    EVDisconnected = "EVDisconnected"
    HardReset = "HardReset"
    Local = "Local"
    Other = "Other"
    PowerLoss = "PowerLoss"
    Reboot = "Reboot"
    Remote = "Remote"
    SoftReset = "SoftReset"
    UnlockCommand = "UnlockCommand"
    DeAuthorized = "DeAuthorized"
    EnergyLimitReached = "EnergyLimitReached"
    GroundFault = "GroundFault"
    LocalOutOfCredit = "LocalOutOfCredit"
    MasterPass = "MasterPass"
    OvercurrentFault = "OvercurrentFault"
    PowerQuality = "PowerQuality"
    SOCLimitReached = "SOCLimitReached"
    StoppedByEV = "StoppedByEV"
    TimeLimitReached = "TimeLimitReached"
    Timeout = "Timeout"


class SeedStopTransactionRequest(Open, frozen=True):
    reason: SeedStopTransactionReason
    id_tag: str | UnsetType = UNSET


class SeedEVInfo(Closed, frozen=True):
    soc: Percent | UnsetType = UNSET
    present_voltage: Volts | UnsetType = UNSET
    present_current: Amps | UnsetType = UNSET
    target_voltage: Volts | UnsetType = UNSET
    target_current: Amps | UnsetType = UNSET
    maximum_current_limit: Amps | UnsetType = UNSET
    minimum_current_limit: Amps | UnsetType = UNSET
    maximum_voltage_limit: Volts | UnsetType = UNSET
    maximum_power_limit: Watts | UnsetType = UNSET
    estimated_time_full: DateTime | UnsetType = UNSET
    departure_time: DateTime | UnsetType = UNSET
    estimated_time_bulk: DateTime | UnsetType = UNSET
    evcc_id: MacAddress | UnsetType = UNSET
    remaining_energy_needed: WattHours | UnsetType = UNSET
    battery_capacity: WattHours | UnsetType = UNSET
    battery_full_soc: Percent | UnsetType = UNSET
    battery_bulk_soc: Percent | UnsetType = UNSET


class SeedTelemetry(Closed, frozen=True):
    """`temperature` in °C, `rcd_current` in mA."""

    temperature: float
    fan_rpm: float
    supply_voltage_12V: float
    supply_voltage_minus_12V: float
    rcd_current: float
    relais_on: bool


class SeedHardwareCapabilities(Closed, frozen=True):
    max_current_A_import: float
    min_current_A_import: float
    max_phase_count_import: PhaseCount
    min_phase_count_import: PhaseCount
    max_current_A_export: float
    min_current_A_export: float
    max_phase_count_export: PhaseCount
    min_phase_count_export: PhaseCount
    supports_changing_phases_during_charging: bool


class SeedPowermeter(Closed, frozen=True):
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


class SeedLimitsReq(Closed, frozen=True):
    """Plain numbers, nobody's name beside them."""

    total_power_W: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    ac_max_current_A: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    ac_min_current_A: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    ac_max_phase_count: PhaseCount | UnsetType = UNSET
    ac_min_phase_count: PhaseCount | UnsetType = UNSET
    ac_supports_changing_phases_during_charging: bool | UnsetType = UNSET


class SeedScheduleReqEntry(Closed, frozen=True):
    timestamp: DateTime
    limits_to_root: SeedLimitsReq
    limits_to_leaves: SeedLimitsReq
    conversion_efficiency: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET
    price_per_kwh: PricePerkWh | UnsetType = UNSET


class SeedExternalLimits(Open, frozen=True):
    """An import that was left out ended the limits; it is refused today, for it may be a slip."""

    schedule_import: tuple[SeedScheduleReqEntry, ...] | UnsetType = UNSET
    schedule_export: tuple[SeedScheduleReqEntry, ...] | UnsetType = UNSET


class SeedLimitsRes(Closed, frozen=True):
    total_power_W: float | UnsetType = UNSET
    ac_max_current_A: float | UnsetType = UNSET
    ac_max_phase_count: PhaseCount | UnsetType = UNSET


class SeedScheduleResEntry(Closed, frozen=True):
    timestamp: DateTime
    limits_to_root: SeedLimitsRes
    price_per_kwh: PricePerkWh | UnsetType = UNSET


class SeedEnforcedLimits(Open, frozen=True):
    """Valid until an instant, where the present type says for how long."""

    uuid: str
    valid_until: DateTime
    limits_root_side: SeedLimitsRes | UnsetType = UNSET
    schedule: tuple[SeedScheduleResEntry, ...] | UnsetType = UNSET
