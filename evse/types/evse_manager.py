"""Types of the `evse_manager` page (spec B1) beside the session and its events."""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from evse.types.base import Closed, DateTime, Open
from evse.types.quantities import Amps, Percent, Volts, WattHours, Watts

MacAddress = Annotated[str, Meta(pattern=r"^[A-Fa-f0-9]{2}(:[A-Fa-f0-9]{2}){5}\Z")]


class CarManufacturer(enum.StrEnum):
    """By the prefix of the car's MAC address."""

    VolkswagenGroup = "VolkswagenGroup"
    Tesla = "Tesla"
    Unknown = "Unknown"


class EVInfo(Closed, frozen=True):
    """What the car tells of itself; an empty object resets it (a session began or ended)."""

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
    target_energy_request: WattHours | UnsetType = UNSET
    max_energy_request: WattHours | UnsetType = UNSET
    min_energy_request: WattHours | UnsetType = UNSET
    ac_max_charge_power: Watts | UnsetType = UNSET
    ac_min_charge_power: Watts | UnsetType = UNSET
    ac_max_discharge_power: Watts | UnsetType = UNSET
    ac_min_discharge_power: Watts | UnsetType = UNSET
    ac_present_active_power: Watts | UnsetType = UNSET
    ac_present_reactive_power: Watts | UnsetType = UNSET


class SwitchThreePhasesWhileChargingResult(enum.StrEnum):
    Success = "Success"
    Error_NotSupported = "Error_NotSupported"
    Error_NotCharging = "Error_NotCharging"
    Error_Hardware = "Error_Hardware"


class ConnectorTypeEnum(enum.StrEnum):
    cCCS1 = "cCCS1"
    cCCS2 = "cCCS2"
    cG105 = "cG105"
    cMCS = "cMCS"
    cTesla = "cTesla"
    cType1 = "cType1"
    cType2 = "cType2"
    s309_1P_16A = "s309_1P_16A"
    s309_1P_32A = "s309_1P_32A"
    s309_3P_16A = "s309_3P_16A"
    s309_3P_32A = "s309_3P_32A"
    sBS1361 = "sBS1361"
    sCEE_7_7 = "sCEE_7_7"
    sType2 = "sType2"
    sType3 = "sType3"
    Other1PhMax16A = "Other1PhMax16A"
    Other1PhOver16A = "Other1PhOver16A"
    Other3Ph = "Other3Ph"
    Pan = "Pan"
    wInductive = "wInductive"
    wResonant = "wResonant"
    Undetermined = "Undetermined"
    Unknown = "Unknown"


class Connector(Closed, frozen=True):
    id: Annotated[int, Meta(ge=1)]
    type: ConnectorTypeEnum | UnsetType = UNSET


class Evse(Open, frozen=True):
    id: Annotated[int, Meta(ge=1, le=128)]
    connectors: Annotated[tuple[Connector, ...], Meta(min_length=1, max_length=128)]


class PlugAndChargeConfiguration(Open, frozen=True):
    """What is to change; an absent field stays as it is."""

    pnc_enabled: bool | UnsetType = UNSET
    central_contract_validation_allowed: bool | UnsetType = UNSET
    contract_certificate_installation_enabled: bool | UnsetType = UNSET


class UpdateAllowedEnergyTransferModesResult(enum.StrEnum):
    Accepted = "Accepted"
    IncompatibleEnergyTransfer = "IncompatibleEnergyTransfer"
    ServiceRenegotiationFailed = "ServiceRenegotiationFailed"
    NoHlc = "NoHlc"


class HlcSessionFailedReasonEnum(enum.StrEnum):
    """Why a session over ISO 15118 failed."""

    ProtocolNegotiationFailed = "ProtocolNegotiationFailed"
    AuthorizationFailed = "AuthorizationFailed"
    ChargingParametersNotAccepted = "ChargingParametersNotAccepted"
    EnergyTransferSetupFailed = "EnergyTransferSetupFailed"
    ChargingInterrupted = "ChargingInterrupted"
    FailedTLSHandshake = "FailedTLSHandshake"
    UnexpectedSessionEnd = "UnexpectedSessionEnd"
