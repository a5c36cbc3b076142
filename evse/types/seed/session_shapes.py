"""The session events of September 2023 (spec B1, column S)."""

from __future__ import annotations

import enum

from msgspec import UNSET, UnsetType

from evse.types.base import Closed, DateTime
from evse.types.seed.shapes import SeedPowermeter, SeedProvidedIdToken, SeedStopTransactionReason
from evse.types.session import StartSessionReason


class SeedSessionEventEnum(enum.StrEnum):
    """`ReplugStarted` and `ReplugFinished` are never emitted: there is no virtual replug."""

    Enabled = "Enabled"
    Disabled = "Disabled"
    SessionStarted = "SessionStarted"
    AuthRequired = "AuthRequired"
    TransactionStarted = "TransactionStarted"
    PrepareCharging = "PrepareCharging"
    ChargingStarted = "ChargingStarted"
    ChargingPausedEV = "ChargingPausedEV"
    ChargingPausedEVSE = "ChargingPausedEVSE"
    WaitingForEnergy = "WaitingForEnergy"
    ChargingResumed = "ChargingResumed"
    StoppingCharging = "StoppingCharging"
    ChargingFinished = "ChargingFinished"
    TransactionFinished = "TransactionFinished"
    SessionFinished = "SessionFinished"
    Error = "Error"
    AllErrorsCleared = "AllErrorsCleared"
    PermanentFault = "PermanentFault"
    ReservationStart = "ReservationStart"
    ReservationEnd = "ReservationEnd"
    ReplugStarted = "ReplugStarted"
    ReplugFinished = "ReplugFinished"


class ErrorEnum(enum.StrEnum):
    Car = "Car"
    CarDiodeFault = "CarDiodeFault"
    Relais = "Relais"
    RCD = "RCD"
    VentilationNotAvailable = "VentilationNotAvailable"
    OverCurrent = "OverCurrent"
    Internal = "Internal"
    SLAC = "SLAC"
    HLC = "HLC"
    Other = "Other"


class Error(Closed, frozen=True):
    """`vendor_error` is our code of the fault, `interface/Name`."""

    error_code: ErrorEnum
    vendor_error: str | UnsetType = UNSET


class SeedSessionStarted(Closed, frozen=True):
    timestamp: DateTime
    reason: StartSessionReason
    logging_path: str | UnsetType = UNSET


class SeedTransactionStarted(Closed, frozen=True):
    """`signed_meter_value` is the signed data alone."""

    timestamp: DateTime
    id_tag: SeedProvidedIdToken
    meter_value: SeedPowermeter
    signed_meter_value: str | UnsetType = UNSET
    reservation_id: int | UnsetType = UNSET


class SeedTransactionFinished(Closed, frozen=True):
    """`id_tag` is the bare token that stopped it."""

    timestamp: DateTime
    meter_value: SeedPowermeter
    signed_meter_value: str | UnsetType = UNSET
    reason: SeedStopTransactionReason | UnsetType = UNSET
    id_tag: str | UnsetType = UNSET


class SeedSessionEvent(Closed, frozen=True):
    """The instant is in the payload of those events that have one."""

    uuid: str
    event: SeedSessionEventEnum
    connector_id: int | UnsetType = UNSET
    session_started: SeedSessionStarted | UnsetType = UNSET
    transaction_started: SeedTransactionStarted | UnsetType = UNSET
    transaction_finished: SeedTransactionFinished | UnsetType = UNSET
    error: Error | UnsetType = UNSET
