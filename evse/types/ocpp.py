"""Types of the `ocpp` page (spec B8): variables, transactions, availability, configuration keys.

Charging schedules are in `ocpp_schedules`.
"""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from evse.types.authorization import MessageContent
from evse.types.base import Closed, DateTime, Open

Name = Annotated[str, Meta(max_length=50)]
Value = Annotated[str, Meta(max_length=2500)]
SetValue = Annotated[str, Meta(max_length=1000)]
SetKeyValue = Annotated[str, Meta(max_length=500)]


class CustomData(Open, frozen=True):
    """A vendor's own data; `data` is a JSON object as a string."""

    vendor_id: str
    data: str


class EVSE(Open, frozen=True):
    """An EVSE, or one of its connectors."""

    id: Annotated[int, Meta(ge=1)]
    connector_id: Annotated[int, Meta(ge=1)] | UnsetType = UNSET


class TransactionEvent(enum.StrEnum):
    Started = "Started"
    Updated = "Updated"
    Ended = "Ended"


class OcppTransactionEvent(Open, frozen=True):
    """`transaction_id` is the CSMS's id; that of OCPP 1.6 in decimal digits."""

    transaction_event: TransactionEvent
    session_id: str
    evse: EVSE | UnsetType = UNSET
    transaction_id: str | UnsetType = UNSET


class OcppTransactionEventResponse(Open, frozen=True):
    original_transaction_event: OcppTransactionEvent
    total_cost: float | UnsetType = UNSET
    charging_priority: Annotated[int, Meta(ge=-9, le=9)] | UnsetType = UNSET
    personal_message: MessageContent | UnsetType = UNSET


class DataTransferStatus(enum.StrEnum):
    Accepted = "Accepted"
    Rejected = "Rejected"
    UnknownMessageId = "UnknownMessageId"
    UnknownVendorId = "UnknownVendorId"
    Offline = "Offline"


class DataTransferRequest(Closed, frozen=True):
    vendor_id: str
    message_id: str | UnsetType = UNSET
    data: str | UnsetType = UNSET
    custom_data: CustomData | UnsetType = UNSET


class DataTransferResponse(Closed, frozen=True):
    status: DataTransferStatus
    data: str | UnsetType = UNSET
    custom_data: CustomData | UnsetType = UNSET


class KeyValue(Closed, frozen=True):
    """A configuration key of OCPP 1.6."""

    key: Name
    read_only: bool
    value: Annotated[str, Meta(max_length=5000)] | UnsetType = UNSET


class GetConfigurationResponse(Open, frozen=True):
    configuration_keys: tuple[KeyValue, ...]
    unknown_keys: tuple[str, ...]


class ConfigurationStatus(enum.StrEnum):
    Accepted = "Accepted"
    Rejected = "Rejected"
    RebootRequired = "RebootRequired"
    NotSupported = "NotSupported"


class SecurityEventEnum(enum.StrEnum):
    """The types of security event that have a name; `SecurityEvent.type` may be another."""

    FirmwareUpdated = "FirmwareUpdated"
    FailedToAuthenticateAtCsms = "FailedToAuthenticateAtCsms"
    CsmsFailedToAuthenticate = "CsmsFailedToAuthenticate"
    SettingSystemTime = "SettingSystemTime"
    StartupOfTheDevice = "StartupOfTheDevice"
    ResetOrReboot = "ResetOrReboot"
    SecurityLogWasCleared = "SecurityLogWasCleared"
    ReconfigurationOfSecurityParameters = "ReconfigurationOfSecurityParameters"
    MemoryExhaustion = "MemoryExhaustion"
    InvalidMessages = "InvalidMessages"
    AttemptedReplayAttacks = "AttemptedReplayAttacks"
    TamperDetectionActivated = "TamperDetectionActivated"
    InvalidFirmwareSignature = "InvalidFirmwareSignature"
    InvalidFirmwareSigningCertificate = "InvalidFirmwareSigningCertificate"
    InvalidCsmsCertificate = "InvalidCsmsCertificate"
    InvalidChargingStationCertificate = "InvalidChargingStationCertificate"
    InvalidTLSVersion = "InvalidTLSVersion"
    InvalidTLSCipherSuite = "InvalidTLSCipherSuite"
    MaintenanceLoginAccepted = "MaintenanceLoginAccepted"
    MaintenanceLoginFailed = "MaintenanceLoginFailed"


class SecurityEvent(Open, frozen=True):
    """Without `critical`, the type decides; without `timestamp`, it is now."""

    type: str
    info: str | UnsetType = UNSET
    critical: bool | UnsetType = UNSET
    timestamp: DateTime | UnsetType = UNSET


class Variable(Open, frozen=True):
    """On OCPP 1.6, `name` is the configuration key and all there is."""

    name: Name
    instance: Name | UnsetType = UNSET


class Component(Open, frozen=True):
    """On OCPP 1.6 it says nothing and `name` may be empty."""

    name: Name
    instance: Name | UnsetType = UNSET
    evse: EVSE | UnsetType = UNSET


class ComponentVariable(Open, frozen=True):
    component: Component
    variable: Variable


class AttributeEnum(enum.StrEnum):
    Actual = "Actual"
    Target = "Target"
    MinSet = "MinSet"
    MaxSet = "MaxSet"


class GetVariableStatusEnumType(enum.StrEnum):
    Accepted = "Accepted"
    Rejected = "Rejected"
    UnknownComponent = "UnknownComponent"
    UnknownVariable = "UnknownVariable"
    NotSupportedAttributeType = "NotSupportedAttributeType"


class SetVariableStatusEnumType(enum.StrEnum):
    Accepted = "Accepted"
    Rejected = "Rejected"
    UnknownComponent = "UnknownComponent"
    UnknownVariable = "UnknownVariable"
    NotSupportedAttributeType = "NotSupportedAttributeType"
    RebootRequired = "RebootRequired"


class GetVariableRequest(Open, frozen=True):
    component_variable: ComponentVariable
    attribute_type: AttributeEnum | UnsetType = UNSET


class GetVariableResult(Open, frozen=True):
    """`value` is absent only where the status is not `Accepted`."""

    status: GetVariableStatusEnumType
    component_variable: ComponentVariable
    attribute_type: AttributeEnum | UnsetType = UNSET
    value: Value | UnsetType = UNSET


class SetVariableRequest(Open, frozen=True):
    component_variable: ComponentVariable
    value: SetValue
    attribute_type: AttributeEnum | UnsetType = UNSET


class SetVariableResult(Open, frozen=True):
    status: SetVariableStatusEnumType
    component_variable: ComponentVariable
    attribute_type: AttributeEnum | UnsetType = UNSET


class EventTriggerEnum(enum.StrEnum):
    Alerting = "Alerting"
    Delta = "Delta"
    Periodic = "Periodic"


class EventNotificationType(enum.StrEnum):
    HardWiredNotification = "HardWiredNotification"
    HardWiredMonitor = "HardWiredMonitor"
    PreconfiguredMonitor = "PreconfiguredMonitor"
    CustomMonitor = "CustomMonitor"


class EventData(Open, frozen=True):
    """A monitored variable changed; on OCPP 1.6 only the required fields are there."""

    component_variable: ComponentVariable
    event_id: int
    timestamp: DateTime
    trigger: EventTriggerEnum
    actual_value: Value
    event_notification_type: EventNotificationType
    cause: int | UnsetType = UNSET
    tech_code: Annotated[str, Meta(max_length=50)] | UnsetType = UNSET
    tech_info: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET
    cleared: bool | UnsetType = UNSET
    transaction_id: Annotated[str, Meta(max_length=36)] | UnsetType = UNSET
    variable_monitoring_id: int | UnsetType = UNSET


class OperationalStatusEnumType(enum.StrEnum):
    Inoperative = "Inoperative"
    Operative = "Operative"


class ChangeAvailabilityRequest(Open, frozen=True):
    """Without `evse` it is the whole station."""

    operational_status: OperationalStatusEnumType
    evse: EVSE | UnsetType = UNSET


class ChangeAvailabilityStatusEnumType(enum.StrEnum):
    Accepted = "Accepted"
    Rejected = "Rejected"
    Scheduled = "Scheduled"


class StatusInfoType(Open, frozen=True):
    reason_code: str
    additional_info: str | UnsetType = UNSET


class ChangeAvailabilityResponse(Open, frozen=True):
    status: ChangeAvailabilityStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class RegistrationStatus(enum.StrEnum):
    Accepted = "Accepted"
    Pending = "Pending"
    Rejected = "Rejected"


class BootNotificationResponse(Open, frozen=True):
    """`interval` in s: between heartbeats, or before the next try where not `Accepted`."""

    status: RegistrationStatus
    current_time: DateTime
    interval: int
    status_info: StatusInfoType | UnsetType = UNSET


class MessageDirection(enum.StrEnum):
    CSMSToChargingStation = "CSMSToChargingStation"
    ChargingStationToCSMS = "ChargingStationToCSMS"


class Message(Open, frozen=True):
    """One OCPP message as it went over the wire."""

    message: str
    direction: MessageDirection
    version: str | UnsetType = UNSET


class ConnectionStatus(Open, frozen=True):
    """What `is_connected` became in the present generation."""

    connected: bool
    csms_url: str | UnsetType = UNSET
    identity: str | UnsetType = UNSET
    security_profile: Annotated[int, Meta(ge=0, le=3)] | UnsetType = UNSET
    configuration_slot: int | UnsetType = UNSET
    ocpp_interface: str | UnsetType = UNSET
    ocpp_transport: str | UnsetType = UNSET
    ocpp_version: str | UnsetType = UNSET
