"""Types of the `iso15118` page (spec B7): certificates over ISO 15118 and the car's needs."""

from __future__ import annotations

import enum
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from evse.types.base import Closed, Open
from evse.types.quantities import Amps, Seconds, Volts, WattHours, Watts
from evse.types.transfer_mode import EnergyTransferMode

ExiStream = Annotated[str, Meta(max_length=5600, description="base64")]
SchemaVersion = Annotated[str, Meta(max_length=50)]
DerParameters = Annotated[dict[str, Any], Meta(description="passed through as it comes")]
"""Grid support of a discharging car: this product hands it on and reads nothing in it."""


class CertificateActionEnum(enum.StrEnum):
    Install = "Install"
    Update = "Update"


class ExiStatus(enum.StrEnum):
    """`status` of ResponseExiStreamStatus."""

    Accepted = "Accepted"
    Failed = "Failed"


class RequestExiStreamSchema(Closed, frozen=True):
    """The car asks for its contract certificate."""

    exi_request: ExiStream
    iso15118_schema_version: SchemaVersion
    certificate_action: CertificateActionEnum


class ResponseExiStreamStatus(Closed, frozen=True):
    """The answer to it; `exi_response` is there when `Accepted`, and only then."""

    status: ExiStatus
    certificate_action: CertificateActionEnum
    exi_response: ExiStream | UnsetType = UNSET


class ControlMode(enum.StrEnum):
    """`control_mode` of ChargingNeeds; absent is scheduled."""

    ScheduledControl = "ScheduledControl"
    DynamicControl = "DynamicControl"


class MobilityNeedsMode(enum.StrEnum):
    """`mobility_needs_mode` of ChargingNeeds."""

    EVCC = "EVCC"
    EVCC_SECC = "EVCC_SECC"


class ACChargingParameters(Open, frozen=True):
    """Currents are per phase."""

    energy_amount: WattHours
    ev_min_current: Amps
    ev_max_current: Amps
    ev_max_voltage: Volts


class DCChargingParameters(Open, frozen=True):
    ev_max_current: Amps
    ev_max_voltage: Volts
    ev_max_power: Watts | UnsetType = UNSET
    ev_energy_capacity: WattHours | UnsetType = UNSET
    energy_amount: WattHours | UnsetType = UNSET
    state_of_charge: int | UnsetType = UNSET
    full_soc: int | UnsetType = UNSET
    bulk_soc: int | UnsetType = UNSET


class V2XChargingParameters(Open, frozen=True):
    min_charge_power: Watts | UnsetType = UNSET
    min_charge_power_l2: Watts | UnsetType = UNSET
    min_charge_power_l3: Watts | UnsetType = UNSET
    max_charge_power: Watts | UnsetType = UNSET
    max_charge_power_l2: Watts | UnsetType = UNSET
    max_charge_power_l3: Watts | UnsetType = UNSET
    min_discharge_power: Watts | UnsetType = UNSET
    min_discharge_power_l2: Watts | UnsetType = UNSET
    min_discharge_power_l3: Watts | UnsetType = UNSET
    max_discharge_power: Watts | UnsetType = UNSET
    max_discharge_power_l2: Watts | UnsetType = UNSET
    max_discharge_power_l3: Watts | UnsetType = UNSET
    min_charge_current: Amps | UnsetType = UNSET
    max_charge_current: Amps | UnsetType = UNSET
    min_discharge_current: Amps | UnsetType = UNSET
    max_discharge_current: Amps | UnsetType = UNSET
    min_voltage: Volts | UnsetType = UNSET
    max_voltage: Volts | UnsetType = UNSET
    ev_target_energy_request: WattHours | UnsetType = UNSET
    ev_min_energy_request: WattHours | UnsetType = UNSET
    ev_max_energy_request: WattHours | UnsetType = UNSET
    ev_min_v2xenergy_request: WattHours | UnsetType = UNSET
    ev_max_v2xenergy_request: WattHours | UnsetType = UNSET
    target_soc: int | UnsetType = UNSET


class EVPowerScheduleEntry(Open, frozen=True):
    duration: Seconds
    power: Watts


class EVPowerSchedule(Open, frozen=True):
    time_anchor: str
    ev_power_schedule_entries: Annotated[
        tuple[EVPowerScheduleEntry, ...], Meta(min_length=1, max_length=1024)
    ]


class EVPriceRule(Open, frozen=True):
    energy_fee: float
    power_range_start: Watts


class EVAbsolutePriceScheduleEntry(Open, frozen=True):
    duration: Seconds
    ev_price_rule: Annotated[tuple[EVPriceRule, ...], Meta(min_length=1, max_length=8)]


class EVAbsolutePriceSchedule(Open, frozen=True):
    time_anchor: str
    currency: str
    price_algorithm: str
    ev_absolute_price_schedule_entries: Annotated[
        tuple[EVAbsolutePriceScheduleEntry, ...], Meta(min_length=1, max_length=1024)
    ]


class EVEnergyOffer(Open, frozen=True):
    ev_power_schedule: EVPowerSchedule
    ev_absolute_price_schedule: EVAbsolutePriceSchedule | UnsetType = UNSET


class ChargingNeeds(Open, frozen=True):
    """What the car wants, for NotifyEVChargingNeeds of OCPP 2.x."""

    requested_energy_transfer: EnergyTransferMode
    ac_charging_parameters: ACChargingParameters | UnsetType = UNSET
    dc_charging_parameters: DCChargingParameters | UnsetType = UNSET
    der_charging_parameters: DerParameters | UnsetType = UNSET
    ev_energy_offer: EVEnergyOffer | UnsetType = UNSET
    v2x_charging_parameters: V2XChargingParameters | UnsetType = UNSET
    available_energy_transfer: (
        Annotated[tuple[EnergyTransferMode, ...], Meta(min_length=1)] | UnsetType
    ) = UNSET
    control_mode: ControlMode | UnsetType = UNSET
    mobility_needs_mode: MobilityNeedsMode | UnsetType = UNSET
    departure_time: str | UnsetType = UNSET


class AppProtocol(Closed, frozen=True):
    protocol_namespace: Annotated[str, Meta(min_length=1, max_length=100)]
    version_number_major: Annotated[int, Meta(ge=0)]
    version_number_minor: Annotated[int, Meta(ge=0)]
    schema_id: Annotated[int, Meta(ge=0, le=255)]
    priority: Annotated[int, Meta(ge=1, le=20)]


class AppProtocols(Open, frozen=True):
    Protocols: Annotated[tuple[AppProtocol, ...], Meta(min_length=1, max_length=20)]


class EvInformation(Closed, frozen=True):
    """The car's protocols, its id, and the certificates of its TLS."""

    supported_protocols: AppProtocols
    selected_protocol: AppProtocol
    evcc_id: Annotated[str, Meta(pattern=r"^[A-F0-9]{2}(:[A-F0-9]{2}){5}\Z")]
    tls_leaf_certificate: str | UnsetType = UNSET
    tls_sub_ca_1_certificate: str | UnsetType = UNSET
    tls_sub_ca_2_certificate: str | UnsetType = UNSET
    tls_root_certificate: str | UnsetType = UNSET
