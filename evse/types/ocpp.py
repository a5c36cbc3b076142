"""Types of the `ocpp` page (spec B8): transactions, availability, configuration keys, security.

Variables are in `ocpp_variables`, charging schedules in `ocpp_schedules`.
"""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from evse.types.authorization import MessageContent
from evse.types.base import Closed, DateTime, Open
from evse.types.ocpp_variables import EVSE, Name

SetKeyValue = Annotated[str, Meta(max_length=500)]


class CustomData(Open, frozen=True):
    """A vendor's own data; `data` is a JSON object as a string."""

    vendor_id: str
    data: str


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
