"""Types of the `authorization` interface page (spec B2)."""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from evse.types.base import Closed, DateTime, Open
from evse.types.transfer_mode import EnergyTransferMode

ConnectorId = Annotated[int, Meta(ge=1)]
MAX_CONNECTION_TIMEOUT_S = 3_600
"""Longest time for a car to come that may be set at the door; the configuration allows 300 s."""


class IdTokenType(enum.StrEnum):
    Central = "Central"
    eMAID = "eMAID"
    MacAddress = "MacAddress"
    ISO14443 = "ISO14443"
    ISO15693 = "ISO15693"
    KeyCode = "KeyCode"
    Local = "Local"
    NoAuthorization = "NoAuthorization"


class AuthorizationType(enum.StrEnum):
    OCPP = "OCPP"
    RFID = "RFID"
    Autocharge = "Autocharge"
    PlugAndCharge = "PlugAndCharge"
    BankCard = "BankCard"


class AuthorizationStatus(enum.StrEnum):
    Accepted = "Accepted"
    Blocked = "Blocked"
    ConcurrentTx = "ConcurrentTx"
    Expired = "Expired"
    Invalid = "Invalid"
    NoCredit = "NoCredit"
    NotAllowedTypeEVSE = "NotAllowedTypeEVSE"
    NotAtThisLocation = "NotAtThisLocation"
    NotAtThisTime = "NotAtThisTime"
    Unknown = "Unknown"
    PinRequired = "PinRequired"
    Timeout = "Timeout"


class CertificateStatus(enum.StrEnum):
    Accepted = "Accepted"
    SignatureError = "SignatureError"
    CertificateExpired = "CertificateExpired"
    CertificateRevoked = "CertificateRevoked"
    NoCertificateAvailable = "NoCertificateAvailable"
    CertChainError = "CertChainError"
    ContractCancelled = "ContractCancelled"


class HashAlgorithm(enum.StrEnum):
    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"


class CustomIdToken(Closed, frozen=True):
    value: Annotated[str, Meta(max_length=36)]
    type: Annotated[str, Meta(max_length=50)]


class IdToken(Closed, frozen=True):
    """A token; its value is printable ASCII and compares without regard to case."""

    value: Annotated[str, Meta(max_length=36, pattern=r"^[\x20-\x7e]*\Z")]
    type: IdTokenType
    additional_info: tuple[CustomIdToken, ...] | UnsetType = UNSET

    def same_as(self, other: IdToken) -> bool:
        return self.value.casefold() == other.value.casefold()


class CertificateHashDataInfo(Closed, frozen=True):
    hashAlgorithm: HashAlgorithm
    issuerNameHash: Annotated[str, Meta(max_length=128)]
    issuerKeyHash: Annotated[str, Meta(max_length=128)]
    serialNumber: Annotated[str, Meta(max_length=40)]
    responderURL: Annotated[str, Meta(max_length=512)]


class ProvidedIdToken(Closed, frozen=True):
    """A token that somebody presented, and where."""

    id_token: IdToken
    authorization_type: AuthorizationType
    request_id: int | UnsetType = UNSET
    parent_id_token: IdToken | UnsetType = UNSET
    connectors: tuple[ConnectorId, ...] | UnsetType = UNSET
    """EVSEs that the token may be meant for."""
    prevalidated: bool | UnsetType = UNSET
    certificate: Annotated[str, Meta(max_length=5500)] | UnsetType = UNSET
    iso15118CertificateHashData: (
        Annotated[tuple[CertificateHashDataInfo, ...], Meta(min_length=1, max_length=4)] | UnsetType
    ) = UNSET


class MessageFormat(enum.StrEnum):
    ASCII = "ASCII"
    HTML = "HTML"
    URI = "URI"
    UTF8 = "UTF8"
    QRCODE = "QRCODE"


class MessageContent(Open, frozen=True):
    content: str
    format: MessageFormat | UnsetType = UNSET
    language: str | UnsetType = UNSET


class ValidationResult(Closed, frozen=True):
    """What a validator says of a provided token."""

    authorization_status: AuthorizationStatus
    tariff_messages: tuple[MessageContent, ...] = ()
    certificate_status: CertificateStatus | UnsetType = UNSET
    expiry_time: DateTime | UnsetType = UNSET
    parent_id_token: IdToken | UnsetType = UNSET
    evse_ids: tuple[ConnectorId, ...] | UnsetType = UNSET
    reservation_id: int | UnsetType = UNSET
    allowed_energy_transfer_modes: (
        Annotated[tuple[EnergyTransferMode, ...], Meta(min_length=1)] | UnsetType
    ) = UNSET


class TokenValidationStatus(enum.StrEnum):
    """How far a token that was presented has come."""

    Processing = "Processing"
    Accepted = "Accepted"
    Rejected = "Rejected"
    TimedOut = "TimedOut"
    UsedToStart = "UsedToStart"
    UsedToStop = "UsedToStop"
    Withdrawn = "Withdrawn"
    UsedToReauthorize = "UsedToReauthorize"


class TokenValidationStatusMessage(Closed, frozen=True):
    token: ProvidedIdToken
    status: TokenValidationStatus
    messages: tuple[MessageContent, ...] | UnsetType = UNSET


class WithdrawAuthorizationRequest(Open, frozen=True):
    """Which authorizations to take back; without a field, all."""

    evse_id: int | UnsetType = UNSET
    id_token: IdToken | UnsetType = UNSET


class WithdrawAuthorizationResult(enum.StrEnum):
    Accepted = "Accepted"
    AuthorizationNotFound = "AuthorizationNotFound"
    EvseNotFound = "EvseNotFound"
    Rejected = "Rejected"


class ValidationResultUpdate(Closed, frozen=True):
    """A later word on a token that an EVSE already used."""

    validation_result: ValidationResult
    connector_id: int


class SelectionAlgorithm(enum.StrEnum):
    """Which EVSE a token is meant for."""

    UserInput = "UserInput"
    PlugEvents = "PlugEvents"
    PlugEventsLIFO = "PlugEventsLIFO"
    FindFirst = "FindFirst"
