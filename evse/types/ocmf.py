"""Types of the `powermeter` page (spec B5): transactions of a meter that signs (OCMF)."""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from evse.types.base import Closed, DateTime
from evse.types.powermeter import SignedMeterValue


class OCMFUserIdentificationStatus(enum.StrEnum):
    ASSIGNED = "ASSIGNED"
    NOT_ASSIGNED = "NOT_ASSIGNED"


class OCMFIdentificationLevel(enum.StrEnum):
    NONE = "NONE"
    HEARSAY = "HEARSAY"
    TRUSTED = "TRUSTED"
    VERIFIED = "VERIFIED"
    CERTIFIED = "CERTIFIED"
    SECURE = "SECURE"
    MISMATCH = "MISMATCH"
    INVALID = "INVALID"
    OUTDATED = "OUTDATED"
    UNKNOWN = "UNKNOWN"


class OCMFIdentificationFlags(enum.StrEnum):
    RFID_NONE = "RFID_NONE"
    RFID_PLAIN = "RFID_PLAIN"
    RFID_RELATED = "RFID_RELATED"
    RFID_PSK = "RFID_PSK"
    OCPP_NONE = "OCPP_NONE"
    OCPP_RS = "OCPP_RS"
    OCPP_AUTH = "OCPP_AUTH"
    OCPP_RS_TLS = "OCPP_RS_TLS"
    OCPP_AUTH_TLS = "OCPP_AUTH_TLS"
    OCPP_CACHE = "OCPP_CACHE"
    OCPP_WHITELIST = "OCPP_WHITELIST"
    OCPP_CERTIFIED = "OCPP_CERTIFIED"
    ISO15118_NONE = "ISO15118_NONE"
    ISO15118_PNC = "ISO15118_PNC"
    PLMN_NONE = "PLMN_NONE"
    PLMN_RING = "PLMN_RING"
    PLMN_SMS = "PLMN_SMS"


class OCMFIdentificationType(enum.StrEnum):
    NONE = "NONE"
    DENIED = "DENIED"
    UNDEFINED = "UNDEFINED"
    ISO14443 = "ISO14443"
    ISO15693 = "ISO15693"
    EMAID = "EMAID"
    EVCCID = "EVCCID"
    EVCOID = "EVCOID"
    ISO7812 = "ISO7812"
    CARD_TXN_NR = "CARD_TXN_NR"
    CENTRAL = "CENTRAL"
    CENTRAL_1 = "CENTRAL_1"
    CENTRAL_2 = "CENTRAL_2"
    LOCAL = "LOCAL"
    LOCAL_1 = "LOCAL_1"
    LOCAL_2 = "LOCAL_2"
    PHONE_NUMBER = "PHONE_NUMBER"
    KEY_CODE = "KEY_CODE"


class TransactionReq(Closed, frozen=True):
    """Begins a transaction in the meter; what it then signs names the customer."""

    evse_id: str
    transaction_id: str
    identification_status: OCMFUserIdentificationStatus
    identification_flags: Annotated[tuple[OCMFIdentificationFlags, ...], Meta(max_length=4)]
    identification_type: OCMFIdentificationType
    identification_level: OCMFIdentificationLevel | UnsetType = UNSET
    identification_data: str | UnsetType = UNSET
    tariff_text: Annotated[str, Meta(max_length=250)] | UnsetType = UNSET


class TransactionRequestStatus(enum.StrEnum):
    OK = "OK"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    UNEXPECTED_ERROR = "UNEXPECTED_ERROR"


class TransactionStartResponse(Closed, frozen=True):
    status: TransactionRequestStatus
    error: str | UnsetType = UNSET
    transaction_min_stop_time: DateTime | UnsetType = UNSET
    transaction_max_stop_time: DateTime | UnsetType = UNSET
    signed_meter_value: SignedMeterValue | UnsetType = UNSET


class TransactionStopResponse(Closed, frozen=True):
    """`signed_meter_value` must be there when the status is `OK`."""

    status: TransactionRequestStatus
    start_signed_meter_value: SignedMeterValue | UnsetType = UNSET
    signed_meter_value: SignedMeterValue | UnsetType = UNSET
    error: str | UnsetType = UNSET
